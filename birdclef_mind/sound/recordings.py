"""One recording to its pictures: a few windows at a time, so that only pictures are held whole, not its sound."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import AudioError, BirdclefMindError, reason_of
from birdclef_mind.sound.audio import Window, loudness_dbfs, read_windows
from birdclef_mind.sound.pictures import Pictures, PixelScale, samples_to_pictures
from birdclef_mind.sound.settings import Features

_AT_A_TIME = 8


@dataclass(frozen=True)
class Pictured:
    """All segments of one recording as pictures, in order of their number, and what was measured of their sound.

    Attributes
    ----------
    starts_s : start of each in the recording. loudness_dbfs : root mean square, (segments,).
    clipped : share of each segment's samples at full scale, (segments,).
    """

    starts_s: tuple[float, ...]
    pictures: Pictures
    loudness_dbfs: Array
    clipped: Array


def picture(path: Path, features: Features, moved: Mapping[int, float] = MappingProxyType({})) -> Pictured:
    """The pictures of a sound file; `moved` gives some windows, by number, another start in seconds.

    Raises
    ------
    AudioError : whatever is wrong with the file, or with what it holds. MemoryError : there is too little memory.
    """
    try:
        return picture_windows(read_windows(path, features, moved), features)
    except (BirdclefMindError, MemoryError):
        raise
    except Exception as error:  # One recording, whatever a library makes of it, does not end work on many.
        raise AudioError(reason_of(error)) from error


def picture_windows(windows: Iterable[Window], features: Features) -> Pictured:
    """The pictures of windows that come in any order, each number once from 0."""
    found = sorted(_pictures(windows, features), key=lambda pair: pair[0].number)
    measured = [measures for measures, _ in found]
    pictures = [own for _, own in found]
    scale = PixelScale(
        np.concatenate([own.scale.low for own in pictures]), np.concatenate([own.scale.width for own in pictures])
    )
    return Pictured(
        tuple(own.start_s for own in measured),
        Pictures(np.concatenate([own.pixels for own in pictures]), scale),
        np.array([own.loudness_dbfs for own in measured]),
        np.array([own.clipped for own in measured]),
    )


@dataclass(frozen=True)
class _Measures:
    number: int
    start_s: float
    loudness_dbfs: float
    clipped: float


def _pictures(windows: Iterable[Window], features: Features) -> Iterator[tuple[_Measures, Pictures]]:
    waiting = iter(windows)
    while some := list(islice(waiting, _AT_A_TIME)):
        samples = np.stack([window.samples for window in some])
        pictures = samples_to_pictures(samples, features)
        for place, (window, loudness) in enumerate(zip(some, loudness_dbfs(samples).tolist(), strict=True)):
            own = slice(place, place + 1)
            measures = _Measures(window.number, window.start_s, loudness, window.clipped)
            yield measures, Pictures(pictures.pixels[own], pictures.scale[own])
