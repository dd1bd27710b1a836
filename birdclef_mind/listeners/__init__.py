"""Models that were trained elsewhere, heard with: BirdNET, Perch and others, each read from the user's own file.

listener       what a listener is, whatever it is made of
species_lists  what a model knows, as its makers list it
tflite_file    what a TFLite file says
interpreter    running a TFLite file as it is
birdnet_layers BirdNET's ears as layers
birdnet_twin   BirdNET as a Keras network, rebuilt from its TFLite file
birdnet        BirdNET as a listener
description    a model described in six lines
outputs        what a model gives, as ears
saved_model    running a SavedModel
tflite_model   running a TFLite file by the names of its outputs and tensors
keras_model    running what Keras saved
onnx_model     running an ONNX file
own_bundle     a network of our own as a listener
known_models   SavedModels that are known by name
described      a described model as a listener
terms          on what terms known models may be used
open_listener  a path to a listener: which kind it is
find_model     where Kaggle mounts a model
species_match  which of its species each class is, by scientific name
hearing        a listener on the segments of a recording
judge          a listener asked what it hears in whole sounds
embedding_files one recording's embeddings as a file
embeddings     embeddings of a competition as they are read
write_embeddings embeddings as they are made
head           a small network on embeddings, times the listener's own opinion
head_bundle    a trained head with all that is needed to use it, but the listener
"""
