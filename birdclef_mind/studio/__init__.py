"""The studio: a bird expert alone with the robot, in a browser on this machine.

serve          serve it, to this machine alone
app            its address: the page behind a token, and who answers
listen_routes  addresses of what is listened to
teach_routes   addresses of what is taught
studio         all that is open: networks, recordings, what is taught
again          training anew and the report, as commands
blind          test yourself
lessons        segments to listen to next, and more like one
marks          what an expert said, on disk at once
steps          commands in the background, that survive a kill
moments        a moment looked into, layer by layer
quick          what a layer still knows, by the best of the quick ways
mind           one network, opened to be looked into
knobs          gain, noise, a box, other features
following      what is heard in a recording, moment by moment
views          a recording's spectrogram in tiles
ears           networks and listeners, asked alike
at_hand        recordings below the folders that were given
listened       sounds that are listened to, on disk
works          work that takes longer than a click
shelf          pictures and sounds that were made
sent           what a browser sends, read with bounds
slowly         what takes long, done in its turn
asked          values that a browser gives, checked
languages      every word shown, in four languages
"""
