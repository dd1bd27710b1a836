"""Whole recordings for a browser: as they are where every browser plays them, or as MP3."""

import shutil
from pathlib import Path

import numpy as np
import soundfile

from birdclef_mind.sound import audio
from birdclef_mind.sound.sound_files import streams
from birdclef_mind.storage.places import at_hand

# By libsndfile's names for container and coding; the endings that web servers know.
_PLAYED = {
    ("OGG", "VORBIS"): ".ogg",
    ("OGG", "OPUS"): ".ogg",
    ("MP3", "MPEG_LAYER_III"): ".mp3",
    ("FLAC", "PCM_16"): ".flac",
    ("WAV", "PCM_16"): ".wav",
    ("WAV", "PCM_U8"): ".wav",
}
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 8_000, 48_000


def browser_suffix(path: Path) -> str | None:
    """The ending of what a sound file holds, whatever its name, where every browser plays it; None where some do not.

    Files other than MP3 whose header tells no length, chains of several streams, more than two channels and uncommon
    rates are not played everywhere. AudioError when it is no sound.
    """
    with at_hand(path) as own:
        found = streams(own)
    header = found[0].header
    # Guessing the length of an MP3 without a table of its frames is a browser's daily work.
    common = len(found) == 1 and (header.duration_s is not None or header.kind == "MP3")
    if not common or header.channels > 2 or not _LOWEST_RATE_HZ <= header.sample_rate_hz <= _HIGHEST_RATE_HZ:
        return None
    return _PLAYED.get((header.kind, header.subtype))


def put(source: Path, target: Path) -> None:
    """Write the file `target` from the recording `source`: a copy where browsers play it by that ending, else MP3.

    AudioError when the recording cannot be read.
    """
    if browser_suffix(source) == target.suffix:
        with at_hand(source) as own:
            shutil.copyfile(own, target)
    else:
        _write_mp3(source, target)


def _write_mp3(source: Path, target: Path) -> None:
    """Read twice, since how loud its peak is is known at its end only; quieter as a whole where that would clip."""
    with at_hand(source) as own:
        rate_hz = audio.mp3_rate_hz(streams(own)[0].header.sample_rate_hz)
        peak = max(float(np.abs(block).max(initial=0)) for block in audio.read_blocks(own, rate_hz))
        with soundfile.SoundFile(target, "w", rate_hz, 1, format="MP3", subtype="MPEG_LAYER_III") as file:
            for block in audio.read_blocks(own, rate_hz):
                file.write(block / np.float32(max(1.0, peak)))
