"""Files on a disk or in a store: whole or absent, never somebody else's.

files         write a file whole or not at all; JSON, digests
tables        CSV: strangers' tables are read strictly, our own are written
folders       a folder that one process writes to, renewed as a whole
trees         folders below such a folder
levels        folders below any folder, the nearest first
folder_kinds  a cache, a bundle, an explanation told apart, in words for a message
checkpoint    how far long work is, to go on from
kept          pieces of long work, kept as each is done
ledger        `.birdclef_mind`, the list of what this program wrote, so that nothing else is replaced
locks         one writer at a time
archives      one archive for all pictures of a label
records       arrays of one size, appended to a file and read by their places
shelves       rows that memory has no room for, sorted on a disk
places        paths on a disk or in object storage
workers       processes, or a Dask cluster, for many small tasks
ahead         ask for the next things while one is worked on
interrupts    Ctrl-C kept for the end of a block
quiet         standard error held shut while a library writes to it
progress      how long work tells how far it is
"""
