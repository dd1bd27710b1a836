"""Words at a terminal, or a kernel on Kaggle, to calls into the package.

cli           `birdclef-mind`: words to a command, errors to one sentence and a status
data          sample, collect, cache, embed
auditing      audit: what may be wrong with the training data
hosting       studio: the web application of an expert
proving       plant: a case whose truth is known
training      train, runs
decoders      train-decoders: what redraws the input from layers
heads         train --listener
explaining    explain, compare, report
competing     dry-run, infer, score, rehearse
pushing       `scripts/push-dataset` and `scripts/push-kernel`
listening     what the kernels do with a listener
teaching      what the kernels do with soundscapes that nobody labelled
kernels       what each of the four Kaggle kernels does
dry_run       the whole way once, on the invented sample
runs          trainings side by side
config        all settings, as a file of TOML gives them
parsers       what the parsers of all commands have in common
arguments     words to checked values
terminal      what a person sees: progress, last words, errors
words         results as lines
surroundings  variables, locales and streams as they may be found
variables     which variables of libraries are dropped, and why
"""
