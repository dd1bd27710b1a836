"""Landmarks: moments by which a sound is known again wherever it was cut.

A moment is where a fixed pattern answers most within its surroundings, so that a copy has it too, whatever window it
fell into (as winnowing chooses places of a text: Schleimer, Wilkerson & Aiken 2003). Its landmark is the signs of
fixed random projections of the picture around it (Charikar 2002).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.storage.ahead import ahead
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.shelves import Shelves, open_shelves

# Landmarks are read from a coarser picture than the cached one: so many bands, so many frames taken together.
_BANDS, _TOGETHER = 16, 2
# In coarse frames: what is smoothed over, the surroundings that levels are seen against, a pattern, a landmark.
_SMOOTH, _WIDE, _PATTERN, _LONG = 3, 25, 5, 16
# A moment is the best answer to one of so many patterns among so many frames on either side.
_PATTERNS, _APART = 3, 8
# Beside the variation around it, and that of the whole picture, what is weaker counts little; the rest is limited.
_WEAK, _LIMIT = 0.5, 2.0
# Below this a picture shows nothing at that time.
_LEAST = 0.005
SIGNS = 128
_CHUNK = 64


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of many segments, on a disk.

    Attributes
    ----------
    rows : of each, the number of its moment, then its 128 signs as four numbers; 32 bits number the moments of nine
        million segments of five seconds.
    each : moments that a segment has.
    """

    rows: Shelves
    each: int

    def places(self, moments: Array) -> tuple[Array, Array]:
        """Of moments (n,) the segments, and the frames of the cached picture where landmarks begin: (n,), int64."""
        segments, within = np.divmod(moments.astype(np.int64), self.each)
        return segments, within // _PATTERNS * _TOGETHER


def in_threads(work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """What `work` gives for each item, in order, by as many threads as there are cores, few results ahead."""
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        for _, result in ahead(pool, work, items, 2 * cores):
            yield result.result()


@contextmanager
def find_landmarks(
    read: Callable[[Array], Array], places: Array, frames: int, track: Track = untracked
) -> Iterator[Landmarks]:
    """Landmarks of the pictures at some places (n,), of so many frames, until the context ends.

    `read` gives a few at a time, (few, rows, frames), uint8. OSError where the disk has no room for them: twenty bytes
    a landmark, of which a segment of five seconds has twenty.
    """
    starts = range(0, len(places), _CHUNK)
    parts = in_threads(lambda start: _landmarks(read(places[start : start + _CHUNK]), start), starts)
    with open_shelves(1 + SIGNS // 32) as rows:
        for part in track(parts, len(starts), "listening for copies"):
            rows.put(part, np.zeros(len(part), np.uint8))
        yield Landmarks(rows, max(1, _moments(frames)))


def _moments(frames: int) -> int:
    """How many moments a picture of so many frames may have: each coarse frame with each pattern."""
    return frames // _TOGETHER * _PATTERNS


def _landmarks(pixels: Pixels, first: int) -> Array:
    """Rows of `Landmarks`, of a few pictures, the first of which is number `first`: (n, 5), uint32."""
    count = pixels.shape[2] // _TOGETHER - _LONG + 1
    if count < 1 or not len(pixels) or pixels.shape[1] < 2:
        return np.zeros((0, 1 + SIGNS // 32), np.uint32)
    levels = _levels(pixels)
    n, bands, _ = levels.shape
    patterns, projections = _projections(bands)
    begin = (_LONG - _PATTERN) // 2
    answers = np.zeros((n, _PATTERNS, count), np.float32)
    for frame, pattern in enumerate(patterns):
        answers += pattern @ levels[:, :, begin + frame : begin + frame + count]
    # The picture's own edges answer as well, and belong to no sound.
    shown = sliding_window_view(np.square(levels).mean(axis=1), _LONG, axis=1).mean(axis=2) > _LEAST
    shown[:, :2] = shown[:, -2:] = False
    best = answers >= maximum_filter1d(answers, 2 * _APART + 1, axis=2)
    segments, kinds, places = np.nonzero(best & shown[:, None])
    around = sliding_window_view(levels, _LONG, axis=2)[..., ::2][segments, :, places]
    around = around.reshape(len(segments), projections.shape[1])
    signs = np.empty((len(segments), SIGNS), bool)
    for kind in range(_PATTERNS):
        signs[kinds == kind] = around[kinds == kind] @ projections[kind] > 0
    moments = (segments + first) * _moments(pixels.shape[2]) + places * _PATTERNS + kinds
    return np.column_stack([moments.astype(np.uint32), np.packbits(signs, axis=1).view(np.uint32)])


@cache
def _projections(bands: int) -> tuple[Array, Array]:
    """Patterns (frames, patterns, bands), and projections (patterns, bands · frames, signs) of what is around each.

    What all answers to a pattern share, which is the pattern, is taken out of its projections, so that each sign is as
    often one as the other.
    """
    rng = np.random.default_rng(2003)
    patterns = rng.normal(size=(_PATTERN, _PATTERNS, bands)).astype(np.float32)
    begin = (_LONG - _PATTERN) // 2
    shared = np.zeros((_PATTERNS, bands, _LONG), np.float32)
    shared[:, :, begin : begin + _PATTERN] = patterns.transpose(1, 2, 0)
    own = shared[:, :, ::2].reshape(_PATTERNS, -1)
    projections = rng.normal(size=(_PATTERNS, own.shape[1], SIGNS)).astype(np.float32)
    along = np.einsum("pi,pis->ps", own, projections) / np.square(own).sum(axis=1, keepdims=True)
    return patterns, projections - own[:, :, None] * along[:, None]


def _levels(pixels: Pixels) -> Array:
    """Pictures (n, rows, frames), uint8, as coarse levels (n, bands, frames), float32, seen against their surroundings.

    What all bands do at once is taken out: a click is a click, whoever made it.
    """
    n, rows, frames = pixels.shape
    bands = min(_BANDS, rows)
    together, count = rows // bands, frames // _TOGETHER
    parts = pixels[:, : bands * together, : count * _TOGETHER].reshape(n, bands, together, count, _TOGETHER)
    # Squares: what a codec leaves out is what is quiet.
    levels = np.square(parts.sum(axis=4, dtype=np.uint16).sum(axis=2, dtype=np.uint32), dtype=np.float32)
    levels = uniform_filter1d(levels, _SMOOTH, axis=2)
    levels -= uniform_filter1d(levels, _WIDE, axis=2)
    around = np.sqrt(np.maximum(uniform_filter1d(np.square(levels), _WIDE, axis=2), 0))
    whole = np.sqrt(np.square(levels).mean(axis=(1, 2), keepdims=True))
    levels = np.clip(levels / np.maximum(around + _WEAK * whole, 1), -_LIMIT, _LIMIT)
    return np.asarray(levels - levels.mean(axis=1, keepdims=True))
