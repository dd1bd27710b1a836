"""Landmarks: moments by which a sound is known again wherever it was cut, and which segments share some.

A moment is where a fixed pattern answers most within its surroundings, so that a copy has it too, whatever window it
fell into (as winnowing chooses places of a text: Schleimer, Wilkerson & Aiken 2003). Its landmark is the signs of
fixed random projections of the picture around it (Charikar 2002). As in Wang, "An Industrial-Strength Audio Search
Algorithm", ISMIR 2003, landmarks are joined by sorting, and each match votes for two segments and a shift. Only those
that come next to each other in one of several orders are looked at, and what is as near to them as the match takes from
its vote, so that what sounds everywhere costs no more than what is rare, and says less.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.storage.ahead import ahead
from birdclef_mind.storage.progress import Track, untracked

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
_SIGNS, _BYTES = 128, 16
# Orders of the bytes of a landmark, by first byte and step: no two begin with the same three.
_ORDERS = tuple((first, step) for step in (1, 3, 5) for first in range(0, _BYTES, 4))
# So many landmarks after each are looked at. By chance 64 signs differ; the most alike has to stand out from the least,
# or from as many different signs as most copies' landmarks have at most, by so many.
_NEIGHBOURS, _DIFFERENT, _CLEAR = 12, 40, 10
# Shifts are told apart to so many frames of the cached picture.
SHIFT = 4
_SHIFTS = 2**18
# Orders whose pairs wait together to be counted.
_AT_ONCE = 3
_CHUNK, _LOOKED_AT = 64, 2**16


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of many segments.

    Attributes
    ----------
    segments : (n,), int32, whose each is. frames : (n,), int32, of the cached picture, where it begins.
    signs : (n, 16), uint8: 128 signs.
    """

    segments: Array
    frames: Array
    signs: Array


@dataclass(frozen=True)
class Matches:
    """Segments that share landmarks: each two, and each shift between them, once.

    Attributes
    ----------
    first, second : (n,), int64, places of segments, first < second.
    shifts : (n,), int64, frames by which what both hold stands later in the first, a multiple of `SHIFT`.
    votes : (n,), int64, by how many signs landmarks that say so stand out, all together.
    """

    first: Array
    second: Array
    shifts: Array
    votes: Array


def in_threads(work: Callable[[int], Any], starts: range) -> Iterator[Any]:
    """What `work` gives for each start, in order, by as many threads as there are cores, few results ahead."""
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        for _, result in ahead(pool, work, starts, 2 * cores):
            yield result.result()


def find_landmarks(read: Callable[[Array], Array], places: Array, track: Track = untracked) -> Landmarks:
    """Landmarks of the pictures at some places (n,); `read` gives a few at a time, (few, rows, frames), uint8."""
    starts = range(0, len(places), _CHUNK)
    parts = in_threads(lambda start: _landmarks(read(places[start : start + _CHUNK]), start), starts)
    found = [_landmarks(np.zeros((0, 2, _LONG), np.uint8), 0), *track(parts, len(starts), "listening for copies")]
    segments, frames, signs = (
        np.concatenate([getattr(part, name) for part in found]) for name in ("segments", "frames", "signs")
    )
    return Landmarks(segments, frames, signs)


def match_landmarks(landmarks: Landmarks, owners: Array) -> Matches:
    """Segments that share landmarks and belong to different owners, which are given as (segments,), int."""
    count = max(1, len(landmarks.segments))
    both, clear = np.zeros(0, np.int64), np.zeros(0, np.uint8)
    for begin in range(0, len(_ORDERS), _AT_ONCE):
        looked = [_neighbours(landmarks, owners, *order) for order in _ORDERS[begin : begin + _AT_ONCE]]
        both, clear = (
            np.concatenate([own, *new]) for own, new in zip((both, clear), zip(*looked, strict=True), strict=True)
        )
        both, clear = _clearest(both, clear, count)
    one, other = np.divmod(both, count)
    shifts = np.rint((landmarks.frames[one] - landmarks.frames[other]) / SHIFT).astype(np.int64) + _SHIFTS // 2
    segments = max(1, len(owners))
    pairs = landmarks.segments[one].astype(np.int64) * segments + landmarks.segments[other]
    kinds, places = np.unique(pairs * _SHIFTS + shifts, return_inverse=True)
    votes = np.bincount(places, clear, len(kinds)).astype(np.int64)
    pairs, shifts = kinds // _SHIFTS, kinds % _SHIFTS - _SHIFTS // 2
    return Matches(pairs // segments, pairs % segments, shifts * SHIFT, votes)


def _clearest(both: Array, clear: Array, most: int) -> tuple[Array, Array]:
    """Pairs that are found several times, in several orders, once; at most so many, those that stand out most."""
    order = np.argsort(both, kind="stable")
    begins = np.flatnonzero(np.diff(both[order], prepend=-1))
    if not len(begins):
        return both, clear
    both, clear = both[order[begins]], np.maximum.reduceat(clear[order], begins)
    if len(both) > most:
        kept = np.sort(np.argsort(-clear.astype(np.int16), kind="stable")[:most])
        both, clear = both[kept], clear[kept]
    return both, clear


def _neighbours(landmarks: Landmarks, owners: Array, first: int, step: int) -> tuple[Array, Array]:
    """Landmarks whose most alike, of those that follow in an order of the bytes, stands out, and by how much.

    Returns
    -------
    Each such two as one number, the earlier place · landmarks + the later, (n,), int64, and signs, (n,), uint8.
    """
    columns = (first + step * np.arange(8)) % _BYTES
    keys = np.ascontiguousarray(landmarks.signs[:, columns]).view(">u8")[:, 0].astype(np.uint64)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    words = landmarks.signs[order].view(np.uint64)
    own = owners[landmarks.segments[order]].astype(np.int32)

    def look(start: int) -> tuple[Array, Array]:
        end = min(start + _LOOKED_AT, len(order))
        fewest, most = np.full(end - start, _SIGNS, np.uint8), np.zeros(end - start, np.uint8)
        nearest = np.zeros(end - start, np.uint8)
        for away in range(1, _NEIGHBOURS + 1):
            here = slice(start, max(start, min(end, len(order) - away)))
            there = slice(here.start + away, here.stop + away)
            different = _ones(words[here] ^ words[there]).sum(axis=1, dtype=np.uint8)
            part = slice(0, len(different))
            better = (different < fewest[part]) & (own[here] != own[there])
            fewest[part] = np.where(better, different, fewest[part])
            nearest[part] = np.where(better, away, nearest[part])
            most[part] = np.maximum(most[part], different)
        clear = np.minimum(most, _DIFFERENT).astype(np.int16) - fewest
        found = np.flatnonzero(clear >= _CLEAR)
        one, other = (order[start + found + away].astype(np.int64) for away in (0, nearest[found]))
        return np.minimum(one, other) * len(order) + np.maximum(one, other), clear[found].astype(np.uint8)

    looked = [(np.zeros(0, np.int64), np.zeros(0, np.uint8)), *in_threads(look, range(0, len(order), _LOOKED_AT))]
    both, clear = (np.concatenate(part) for part in zip(*looked, strict=True))
    return both, clear


def _ones(words: Array) -> Array:
    """How many bits are set in each of these, uint64."""
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(words)
    # NumPy 1 has no such function: bits are summed in pairs, fours and eights of them, side by side in the word.
    words = words - (words >> 1 & 0x5555555555555555)
    words = (words & 0x3333333333333333) + (words >> 2 & 0x3333333333333333)
    return (((words + (words >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101 >> 56).astype(np.uint8)


def _landmarks(pixels: Pixels, first: int) -> Landmarks:
    """Landmarks of a few pictures, the first of which is number `first`."""
    count = pixels.shape[2] // _TOGETHER - _LONG + 1
    if count < 1 or not len(pixels) or pixels.shape[1] < 2:
        return Landmarks(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, _BYTES), np.uint8))
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
    signs = np.empty((len(segments), _SIGNS), bool)
    for kind in range(_PATTERNS):
        signs[kinds == kind] = around[kinds == kind] @ projections[kind] > 0
    places = (places * _TOGETHER).astype(np.int32)
    return Landmarks((segments + first).astype(np.int32), places, np.packbits(signs, axis=1))


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
    projections = rng.normal(size=(_PATTERNS, own.shape[1], _SIGNS)).astype(np.float32)
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
