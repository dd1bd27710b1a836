"""Networks by name, the folder that one is kept in, and what it says of a recording.

settings       which network is built, and what its answer means
build          networks by name, and where another is added
classic        the chain of convolutions of the 2023 notebook
resnet         residual blocks
applications   networks of keras.applications
layers         our own layers: pooling over time, the noise floor
weights        weights on disk, known by their digests
bundle         a trained network with all that is needed to use it
record         how a network was trained
bundle_tables  its history, scores and measures as tables
bundle_folder  what a bundle's folder holds, and how it is written
calibration    temperature and thresholds: scores that can be believed
predictor      pictures and recordings to scores
runtime        what computes scores on processors, the quickest that agrees
habits         where and when birds were heard, and what that makes likelier
events         when each bird sings
"""
