"""Which segments share landmarks, and how the sound of one is shifted in the other.

As in Wang, "An Industrial-Strength Audio Search Algorithm", ISMIR 2003, landmarks are joined by sorting, and each match
votes for two segments and a shift. Only those that come next to each other in one of several orders are looked at, and
what is as near to them as the match takes from its vote, so that what sounds everywhere costs no more than what is
rare, and says less.

Sorting goes block by block, as the first byte tells them apart, and counting by the first of the two segments. What
waits lies on the disk, so that memory does not grow with it; neighbours on both sides of a block's end are not seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.sound.landmarks import SIGNS, Landmarks, in_threads
from birdclef_mind.storage.shelves import open_shelves

_BYTES = SIGNS // 8
# Orders of the bytes of a landmark, by first byte and step: no two begin with the same three.
_FIRSTS, _STEPS = range(0, _BYTES, 4), (1, 3, 5)
# So many landmarks after each are looked at. By chance 64 signs differ; the most alike has to stand out from the least,
# or from as many different signs as most copies' landmarks have at most, by so many.
_NEIGHBOURS, _DIFFERENT, _CLEAR = 12, 40, 10
# Shifts are told apart to so many frames of the cached picture.
SHIFT = 4
_SHIFTS = 2**18
# So many landmarks are sorted together, and so many pairs counted, unless a shelf of them holds more.
_BLOCK, _SHELVES = 2**16, 2**10


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


def match_landmarks(landmarks: Landmarks, owners: Array, least: int = 0) -> Iterator[Matches]:
    """Segments that share landmarks and belong to different owners, which are given as (segments,), int.

    Yields
    ------
    Matches of so many votes at least, in order of the first segment; all of one are together.

    Notes
    -----
    OSError where the disk has no room for what was found: twelve bytes a pair of landmarks, at most twelve pairs a
    landmark, besides another twenty bytes a landmark.
    """

    def count(pairs: Array) -> Matches:
        return _matches(pairs, landmarks, len(owners), least)

    with open_shelves(3, _SHELVES) as found:
        for first in _FIRSTS:
            for pairs in _neighbours_by(first, landmarks, owners):
                found.put(pairs, landmarks.places(pairs[:, 0])[0] * _SHELVES // len(owners))
        yield from in_threads(count, found.take(_BLOCK, whole=True))


def _neighbours_by(first: int, landmarks: Landmarks, owners: Array) -> Iterator[Array]:
    """Pairs of neighbours, block by block, in all orders that begin with one of the bytes."""

    def look(rows: Array) -> Array:
        words = np.ascontiguousarray(rows[:, 1:]).view(np.uint64)
        own = owners[landmarks.places(rows[:, 0])[0]]
        looked = [_neighbours(words, own, first, step) for step in _STEPS]
        one, other, clear = (np.concatenate(part) for part in zip(*looked, strict=True))
        moments = np.sort(rows[:, 0][np.stack([one, other])], axis=0)
        return np.column_stack([*moments, clear.astype(np.uint32)])

    with open_shelves(1 + SIGNS // 32, 256) as ordered:
        for rows in landmarks.rows.take(_BLOCK, whole=False):
            ordered.put(rows, np.ascontiguousarray(rows[:, 1:]).view(np.uint8)[:, first])
        yield from in_threads(look, ordered.take(_BLOCK, whole=False))


def _neighbours(words: Array, owners: Array, first: int, step: int) -> tuple[Array, Array, Array]:
    """Landmarks whose most alike, of those that follow in an order of the bytes, stands out, and by how much.

    Parameters
    ----------
    words : their signs (n, 2), uint64. owners : of each, (n,), int. first, step : of the order.

    Returns
    -------
    Places of the one and of its most alike, (found,), int, and signs, (found,), uint8.
    """
    columns = (first + step * np.arange(8)) % _BYTES
    keys = np.ascontiguousarray(words.view(np.uint8)[:, columns]).view(">u8")[:, 0].astype(np.uint64)
    order = np.argsort(keys, kind="stable")
    words, own = words[order], owners[order]
    fewest, most = np.full(len(order), SIGNS, np.uint8), np.zeros(len(order), np.uint8)
    nearest = np.zeros(len(order), np.uint8)
    for away in range(1, min(_NEIGHBOURS + 1, len(order))):
        here = slice(len(order) - away)
        different = _ones(words[here] ^ words[away:]).sum(axis=1, dtype=np.uint8)
        better = (different < fewest[here]) & (own[here] != own[away:])
        fewest[here] = np.where(better, different, fewest[here])
        nearest[here] = np.where(better, away, nearest[here])
        most[here] = np.maximum(most[here], different)
    clear = np.minimum(most, _DIFFERENT).astype(np.int16) - fewest
    found = np.flatnonzero(clear >= _CLEAR)
    return order[found], order[found + nearest[found]], clear[found].astype(np.uint8)


def _matches(pairs: Array, landmarks: Landmarks, segments: int, least: int) -> Matches:
    """Pairs of landmarks (n, 3) as votes; those that are found several times, in several orders, count once."""
    both = pairs[:, 0].astype(np.uint64) << 32 | pairs[:, 1]
    order = np.argsort(both, kind="stable")
    begins = np.flatnonzero(np.diff(both[order], prepend=~both[order[:1]]))
    clear = np.maximum.reduceat(pairs[order, 2], begins)
    (first, one), (second, other) = (landmarks.places(pairs[order[begins], side]) for side in range(2))
    shifts = np.rint((one - other) / SHIFT).astype(np.int64) + _SHIFTS // 2
    kinds, places = np.unique((first * segments + second) * _SHIFTS + shifts, return_inverse=True)
    votes = np.bincount(places, clear, len(kinds)).astype(np.int64)
    both, shifts = np.divmod(kinds[votes >= least], _SHIFTS)
    return Matches(*np.divmod(both, segments), (shifts - _SHIFTS // 2) * SHIFT, votes[votes >= least])


def _ones(words: Array) -> Array:
    """How many bits are set in each of these, uint64."""
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(words)
    # NumPy 1 has no such function: bits are summed in pairs, fours and eights of them, side by side in the word.
    words = words - (words >> 1 & 0x5555555555555555)
    words = (words & 0x3333333333333333) + (words >> 2 & 0x3333333333333333)
    return (((words + (words >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101 >> 56).astype(np.uint8)
