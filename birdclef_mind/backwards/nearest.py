"""Which real recordings a layer finds most alike: no phase and no picture is invented.

Activations are compared by the cosine of their means and largest values over time, so that it does not matter when in a
segment a bird sings. On real birds the largest values find more of the same species than means or whole maps do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage

_AT_A_TIME = 64
# From cosines (m,), recordings (m,) and one's own recording to places, best first.
_Choose = Callable[[Array, Array, str], Array]


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
        return self._found(tap, wanted, recordings, count, _best)

    def segments(self, tap: str, wanted: Array, recordings: Sequence[str], count: int) -> Neighbours:
        """The same without regard to whether several are of one recording.

        Parameters
        ----------
        wanted : the tap's activation, (n, …). recordings : of each, whose own segments are passed over.
        """
        return self._found(tap, wanted, recordings, count, _ordered)

    def _found(self, tap: str, wanted: Array, recordings: Sequence[str], count: int, choose: _Choose) -> Neighbours:
        names = np.array(self.recordings)
        cosines = outline(wanted) @ self.outlines[tap].T
        chosen = [choose(row, names, name)[:count] for row, name in zip(cosines, recordings, strict=True)]
        places = np.stack([np.pad(row, (0, count - len(row)), constant_values=-1) for row in chosen])
        found = np.take_along_axis(cosines, np.maximum(places, 0), axis=1).astype(float)
        return Neighbours(places, np.where(places < 0, np.nan, found))


def make_library(anatomy: Anatomy, taps: Sequence[Stage], pictures: Array, recordings: Sequence[str]) -> Library:
    """What some taps make of real pictures (n, rows, frames), 0–255; one pass, a few at a time."""
    parts: dict[str, list[Array]] = {tap.name: [] for tap in taps}
    for start in range(0, len(pictures), _AT_A_TIME):
        activations = anatomy.activations(taps, pictures[start : start + _AT_A_TIME])
        for tap, activation in zip(taps, activations, strict=True):
            parts[tap.name].append(outline(activation))
    return Library(tuple(recordings), pictures, {name: np.concatenate(found) for name, found in parts.items()})


def _ordered(cosines: Array, names: Array, own: str) -> Array:
    """Segments of other recordings than one's own, most alike first."""
    order = np.argsort(-cosines, kind="stable")
    return np.asarray(order[names[order] != own])


def _best(cosines: Array, names: Array, own: str) -> Array:
    """The best segment of each other recording, most alike first."""
    order = _ordered(cosines, names, own)
    _, first = np.unique(names[order], return_index=True)
    return np.asarray(order[np.sort(first)])


def is_vector(activation: Array) -> bool:
    """Whether activations (n, …) no longer tell where anything was."""
    return activation[:1].size <= activation.shape[-1]


def outline(activation: Array) -> Array:
    """Activations (n, height, width, channels), or (n, units), as vectors of length 1, (n, numbers).

    Of a map the means and the largest values over time.
    """
    flat = np.asarray(activation, np.float32)
    if flat.ndim == 4 and not is_vector(flat):
        flat = np.concatenate([flat.mean(axis=2), flat.max(axis=2)], axis=1)
    flat = flat.reshape(len(flat), -1)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(lengths, 1e-9), np.float32)


def most_typical(outlines: Array, truth: Array, named: Array, recordings: Sequence[str], count: int) -> list[list[int]]:
    """For each class the places of the segments nearest to the mean of its own, each recording once.

    Parameters
    ----------
    outlines : of all segments, (n, numbers), of length 1. truth : class of each, (n,).
    named : what the network calls each, (n,): those that it names right come before the others. recordings : of each.
    """
    found: list[list[int]] = []
    for index in range(count):
        own = np.flatnonzero(truth == index)
        right = own[named[own] == index]
        middle = outlines[right if len(right) else own].sum(axis=0)
        order = own[np.lexsort((-(outlines[own] @ middle), named[own] != index))]
        _, first = np.unique(np.array(recordings)[order], return_index=True)
        found.append(order[np.sort(first)].tolist())
    return found
