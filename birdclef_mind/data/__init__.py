"""The competition as it is given, and the cache of pictures that is made of it.

form              which year's competition it is: the only file that knows a year
labels            which birds, by name or number
competition       the competition's folder, opened
training_table    its recordings, read row by row
labelled          its soundscapes to learn from, and their labels
marked            tables of Raven and Audacity that stand beside them
taxonomy          what the labels stand for
sample_submission which rows it asks for
answers           how rows are answered in each year's form
soundscapes       test soundscapes matched with the rows of the submission
collect           a folder a species becomes a competition of links
hold_back         which recordings of a collection are held out
authors           who recorded the sounds of a collection: tags, or a table
collection        how such a competition is known, whose links are followed
override          one correction
spans             what was marked in a sound, as corrections of windows
event_tables      who sings when: CSV, Raven, Audacity
overrides         the expert's corrections, read and laid over a cache
sample            a small invented competition whose truth is known
sample_sounds     its invented songs and places
sample_tables     its tables, as each year writes them
planting          what is planted in it
plant             a copy of a competition with a known foreign cue in one species' sounds
real_sounds       the sound of segments as it was recorded
strips            pictures of a recording side by side in one PNG
index             the segments of a store, a row each: labels, sides, targets
cache             a cache as it is read: facts, index, pictures
store_kind        what tells one kind of store from another: pictures, or what others make of a recording
store_folder      what of a store's folder may be written, kept or removed
write_index       a store's index as it is made: a row a segment, from its files themselves
write_store       a store as it is made: recordings to files, in many processes
write_cache       a cache as it is made: a store of pictures
metrics           the measures of every year, average precision, top-1
scoring           a submission against the truth
"""
