"""A network read backwards, to pictures: mathematics only.

layer_kinds       what each kind of layer does, and whether it can be undone
graph             a network as a graph of layers, whatever made it
head              how moments become an answer
anatomy           the layers that are read, by name, with their activations
inversion         an activation back through its layer: stamps, guided gradients
filters           what a layer's filters look for
decoder_networks  one small network a layer that redraws the input
decoders          decoders as they are trained and kept
bundle_decoders   decoders of a bundle, and those of its twin of random weights
settings          how decoders are trained
answers           from a bare class name to a picture
reconstruction    one layer, one method, one picture
fidelity          how much of the input, and of the answer, is in it
"""
