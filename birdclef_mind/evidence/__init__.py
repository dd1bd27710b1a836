"""What an answer rests on: when, and which part of the sound; measured, with controls, and proved on known causes.

front         a network's pictures of a part of a sound, with gradients
moments       when: what each moment adds to an answer, exactly
asked         what is asked: recordings, of which a share of each place can be kept
asked_ears    the same of ears that hear samples
maps          what, by cheap methods: gradients, occlusion, a linear surrogate
masks         what: the part of the sound that an answer rests on
where         the places that speak most for it, by mask, loudness and Grad-CAM together
mask_decoder  the same by one decoder for all recordings
measures      how well a mask says it
controls      what says nothing, beside it
proof         whether it points at a cause that is known
"""
