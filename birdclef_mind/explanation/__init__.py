"""A bundle to facts, pictures and sounds, and these to a page.

settings       how much an explanation shows
explain        the whole of it
folder         an explanation's folder: facts, pictures, sounds
facts          what stands in explanation.json, name by name
card_facts     what an example, or a bird's name, worked backwards is in it
judge_facts    what a judge says of sounds is in it
evidence_facts what an answer rests on is in it
judging        a listener that judges sounds, and what it made of those that were written
judge_sounds   every sound judged, beside ceiling and floor
reading        one network as it is read: what all parts share
examples       which segments are worked through
bounds         what each layer insists on, and which real recordings look the same to it
real_segments  real segments that are shown beside an example, each written once
example_cards  an example at every layer
resting        how well a mask says what answers rest on, whoever gave them
decided        what an example's answer rests on: the part that is kept, and when
answer_cards   a bird's bare name, worked backwards
suspects       what may be wrong with the training data
suspect_facts  how that is told
auditing       the whole of an audit: a folder and a page of its own
data_sheets    training segments to look through, with flags on the strange ones
comparison     features side by side on the same segments
network_facts  the network in numbers and pictures
listener_mind      a model from elsewhere: the whole of its explanation
listener_reading   one listener as it is read
listener_windows   windows cut for it: to learn from, and held out
listener_decoders  what its decoders learn, kept beside the explanation
sound_judges       who judges what its taps give back, as sound
listener_ways      its taps read backwards, measured
listener_cards     an example at every tap
listener_decided   what its answers rest on
listener_facts     what stands in explanation.json of it
blind_test     which sound is which, to try one's own ears
notes          what a reader must know of how it was made
report/        the page: facts to HTML, and what it does in a browser
"""
