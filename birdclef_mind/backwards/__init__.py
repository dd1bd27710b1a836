"""A network read backwards, to pictures, and how much of the input these still hold.

layer_kinds       what each kind of layer does to maps and vectors
graph             a network as a graph of layers, whatever made it
head              where a network ends: the class layer, what it reads, and how its sums become scores
anatomy           the layers that are read, by name, with their activations
stamps            an activation back to a picture by the weights alone: patches, stamped where filters are active
transposed        an activation back to a picture by the transposed pass
filters           what a layer's filters look for
decoder_networks  one small network a layer that redraws the input
redrawing         decoders as they are trained, whatever reads for them
decoders          decoders trained beside a frozen network
pair_decoders     decoders trained on what was heard elsewhere
kept_decoders     decoders in a folder
bundle_decoders   decoders of a bundle, and those of its twin of random weights: trained and kept in its folder
settings          how decoders are trained
metamers          pictures that a layer takes for the given one: what it insists on
sound_metamers    the same for a model that hears samples: sounds
nearest           real recordings that a layer finds most alike
drawn             one recording it could have been, in pieces of real ones that a layer finds alike
answers           from a bare class name to a picture
reconstruction    pictures from every layer by every method, measured
insisted          what each layer insists on, measured
refined           what decoders redraw of maps, until the layer agrees, measured
imagined          what its vectors could have been, measured
fidelity          how much of the input, and of the answer, is in it
"""
