"""The submission, and the way of four kernels to Kaggle and back.

write_submission     soundscapes to submission.csv, in time, whatever happens
outputs              where submission, log and events may be written
settings             what is done with scores: shifts, smoothing, blending
smoothing            rows of a soundscape in the light of each other
blending             several bundles by ranks
answer               what is known beforehand, and an answer
answering            what answers for soundscapes: networks, heads on listeners, several of them
plan                 how thoroughly soundscapes are heard, by the time that is left
clock                time that is left before the deadline
submission_table     rows, columns, priors
submission_words     what is told beside them
submission_check     a file that Kaggle would take, or not
constant_submission  equal scores, when there is no network to ask
mounts               where Kaggle mounts competition, dataset and other kernels' output
staging              dataset and kernels as they are sent
program              Kaggle's own command line, called and understood
program_words        what it says, and what that means
pushing              dataset and kernels to Kaggle, and outputs back
pushed               which push is still the current one
patience             waiting without asking too often
kernel_logs          what a kernel printed
rehearsal            the whole day on this machine
rehearsal_mounts     Kaggle's folders and its missing network, made here
stand_in             a server that answers as Kaggle's does
"""
