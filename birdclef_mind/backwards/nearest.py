"""Which real recordings a layer finds most alike: no phase and no picture is invented.

Activations are compared by the cosine of their means and largest values over time, so that it does not matter when in a
segment a bird sings. On real birds the largest values find more of the same species than means or whole maps do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage

_AT_A_TIME = 64


@dataclass(frozen=True)
class Neighbours:
    """The nearest of a library's segments: places in it and their cosine, both (n, count), nearest first.

    Where a library holds fewer of other recordings, places are -1 and cosines NaN.
    """

    places: Array
    cosines: Array


@dataclass(frozen=True)
class Library:
    """Real segments by what a network's layers make of them.

    Attributes
    ----------
    recordings : of each segment. pixels : (segments, rows, frames), 0–255.
    outlines : for each tap, by name, (segments, numbers), float32, of length 1.
    """

    recordings: tuple[str, ...]
    pixels: Array
    outlines: dict[str, Array]

    def nearest(self, tap: str, wanted: Array, recordings: Sequence[str], count: int) -> Neighbours:
        """The segments of other recordings that a tap finds most alike, each recording once.

        Parameters
        ----------
        wanted : the tap's activation, (n, …). recordings : of each, whose own segments are passed over.
        """
        own, names = outline(wanted), np.array(self.recordings)
        cosines = own @ self.outlines[tap].T
        found = [_best(row, names, name, count) for row, name in zip(cosines, recordings, strict=True)]
        return Neighbours(np.stack([places for places, _ in found]), np.stack([cosines for _, cosines in found]))


def make_library(anatomy: Anatomy, taps: Sequence[Stage], pictures: Array, recordings: Sequence[str]) -> Library:
    """What some taps make of real pictures (n, rows, frames), 0–255; one pass, a few at a time."""
    parts: dict[str, list[Array]] = {tap.name: [] for tap in taps}
    for start in range(0, len(pictures), _AT_A_TIME):
        activations = anatomy.activations(taps, pictures[start : start + _AT_A_TIME])
        for tap, activation in zip(taps, activations, strict=True):
            parts[tap.name].append(outline(activation))
    return Library(tuple(recordings), pictures, {name: np.concatenate(found) for name, found in parts.items()})


def _best(cosines: Array, names: Array, own: str, count: int) -> tuple[Array, Array]:
    """The best segment of each of the best recordings but one's own: places (count,), and their cosines."""
    order = np.argsort(-np.where(names == own, -np.inf, cosines), kind="stable")
    order = order[names[order] != own]
    _, first = np.unique(names[order], return_index=True)
    best = order[np.sort(first)][:count]
    missing = count - len(best)
    found = np.pad(cosines[best].astype(float), (0, missing), constant_values=np.nan)
    return np.pad(best, (0, missing), constant_values=-1), found


def outline(activation: Array) -> Array:
    """Activations (n, height, width, channels), or (n, units), as vectors of length 1, (n, numbers).

    Of a map the means and the largest values over time.
    """
    flat = np.asarray(activation, np.float32)
    if flat.ndim == 4:
        flat = np.concatenate([flat.mean(axis=2), flat.max(axis=2)], axis=1)
    flat = flat.reshape(len(flat), -1)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(lengths, 1e-9), np.float32)
