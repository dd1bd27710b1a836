"""Samples to pictures and back: one path, used by caching, training, answering and explaining alike.

settings     how a recording is cut and drawn: windows, features, presets, the fingerprint of both
sound_files  what a sound file holds, read piece by piece, whatever is wrong with it
parts        a sound file, or a part of it, opened to be read once
ogg_pages    where sound is missing in the midst of an Ogg file
channels     many channels to one, without cancelling
audio        samples at one rate: read, resampled, cut, written
recordings   a recording to the pictures of its segments
spectrum     samples to spectra and mel bands; spectra back to samples
pictures     samples to levels to 8-bit pictures, and back
split        what a mask keeps of a sound, and what it leaves
mixing       a recording to which sounds are added, of any length
cues         foreign sounds with known times and frequencies: hum, beep, voice, click, band
song         pitch, onsets and the like of what stands out, and how much of them is kept
playable     a copy of a recording that every browser plays
likeness     how alike two pictures are
copies       which recordings hold the same sound
matches      which segments share landmarks
landmarks    moments by which a sound is known again
"""
