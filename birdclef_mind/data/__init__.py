"""The competition as it is given, and the cache of pictures that is made of it.

labels       which birds, by name or number
competition  the competition's folder: training table, recordings, soundscapes
soundscapes  test soundscapes matched with the rows of the submission
overrides    the expert's corrections, read and laid over a cache
sample       a small invented competition whose truth is known
strips       pictures of a recording side by side in one PNG
cache        a cache as it is read: facts, index, pictures, targets
write_cache  a cache as it is made: recordings to pictures, in many processes
cache_folder what of a cache's folder may be written, kept or removed
metrics      padded cmAP, average precision, top-1
scoring      a submission against the truth
"""
