"""A cache to a bundle, in the order of a step.

recipe       every setting of a training; `recipes/` holds whole recipes by name
folds        which recordings are held out: whole ones, grouped by author
held_out     segments to train on and held out, and what is said of them
draws        which windows an epoch sees, and where they are cut
augmentation what is done to pictures when they are seen
batches      pictures and targets to the network, in order
teacher      what a listener teaches besides the labels
unlabelled   sounds without labels, of which the teacher alone tells
soft_labels  what networks, and a listener, think is in soundscapes
soft_page    the same as a page, to look at and play
losses       what answers lose against labels
learner      one step: losses, optimizer, schedule
epochs       epoch by epoch; stopped, it goes on
results      what a training leaves: measures, tables, figures
fold_measures what folds say together
improvement  better than the network before the corrections, or not
plots        figures of numbers
words        what a training says before it begins
origin       what else a network is given, every setting, version and digest
train        one network
train_rounds soundscapes teach, a network a round, and the best is kept
train_folds  one network a fold, and what they say together
fit_heads    heads on a listener's embeddings: which does best, and how it joins the listener
train_head   one head, or one a fold
"""
