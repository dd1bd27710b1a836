"""What ways back are called on a page, in a few words, and in a sentence beside a bird's bare name."""

WAY_WORDS = {
    "weights": "by the weights alone",
    "transposed": "by the transposed pass",
    "metamer": "what it insists on",
    "nearest": "a real recording that it takes for the same",
    "drawn": "one recording it could have been",
    "decoder": "what could be recovered",
    "refined": "what could be recovered, refined",
    "search": "by search and decoder",
    "noise": "control: noise pushed until it is called the bird",
}
EVIDENCE_WORDS = {
    "mask": "the part that was looked for",
    "where": "that part, weighed by loudness and Grad-CAM",
    "gradient_times_input": "gradient × input",
    "integrated_gradients": "integrated gradients",
    "grad_cam": "Grad-CAM",
    "surrogate": "a linear model of its parts",
    "twin": "the part that a twin with random weights rests on",
    "another": "the part of another recording",
    "loudness": "the loudest places",
    "random": "random places",
}
EVIDENCE_MEASURES = {
    "same": "called the same",
    "same_by_second": "by the independent network",
    "drop": "lost",
    "gain": "gained",
    "increase": "surer than the whole",
    "removed": "cost of taking it away",
    "deletion": "left as the highest go first (deletion)",
    "insertion": "reached as they come first (insertion)",
    "gini": "in few places (Gini)",
    "entropy": "spread (entropy)",
    "stability": "moves with the sound (correlation)",
}
TYPICAL = "a real one: of its recordings one of the nearest to what the network takes for this bird"
ANSWER_WORDS = {
    "drawn": "one it could have been: noise settled into pieces of real recordings like an embedding it is sure of",
    "metamer": "what the name insists on: noise changed until it is answered as the most typical real one is",
    "search": "what could be recovered: an embedding it is sure of, redrawn by the decoder",
    "weights": "the weights alone: the name sent back through every layer's filters",
    "noise": "a control: noise pushed until it is called this bird; what this reaches too is no sign of a bird",
}
