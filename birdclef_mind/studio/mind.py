"""One network that somebody looks into: its bundle, its ways back, and the training data that it learned from."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.nearest import Library, make_library
from birdclef_mind.backwards.reconstruction import answer_of
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import IndexRow
from birdclef_mind.explanation.examples import evenly
from birdclef_mind.explanation.reading import both_ways
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.studio.ears import NetworkEar, ear_name

# Real segments that a moment is compared with, at most, evenly from the cache: more would take longer than a click.
_MOST_KNOWN = 1024


class Mind:
    """One network, opened; what takes long is made when it is first wanted.

    `twin` is the same of random weights, a control. BundleError and the like where the folder is no whole bundle.
    """

    def __init__(self, folder: Path, cache: Cache | None) -> None:
        self.folder, self.bundle = folder, bundles.load(folder)
        self.name = ear_name(folder)
        # A network of other features is heard, but its training data is not this cache.
        fits = cache is not None and cache.features.fingerprint() == self.bundle.features.fingerprint()
        self.cache = cache if fits else None
        self.ear = NetworkEar(self.bundle, self.name)
        self.backwards, self.twin = both_ways(folder, self.bundle)
        self._library: Library | None = None
        self._lock = threading.Lock()
        self.known: tuple[IndexRow, ...] = ()

    @cached_property
    def answer(self) -> "Answering":
        """Birds and chances of pictures."""
        return Answering(self)

    def library(self, track: Track = untracked) -> Library | None:
        """Real segments by what its layers make of them, and `known`, their rows; None without a cache."""
        with self._lock:
            if self._library is None and self.cache is not None:
                self._make_library(self.cache, track)
            return self._library

    @property
    def control(self) -> Library | None:
        """The same where it is made already."""
        return self._library

    def _make_library(self, cache: Cache, track: Track) -> None:
        rows = [row for row in cache.rows if row.label and not row.silent]
        chosen = evenly(rows, _MOST_KNOWN)
        if chosen:
            pictures = cache.pictures(chosen, track)
            taps, anatomy = self.backwards.taps, self.backwards.anatomy
            self.known = tuple(chosen)
            self._library = make_library(anatomy, taps, pictures.pixels, [row.recording for row in chosen])


class Answering:
    """What a network names in pictures, in words."""

    def __init__(self, mind: Mind) -> None:
        self._mind, self._answer = mind, answer_of(mind.backwards.anatomy)

    def chances(self, pictures: Array) -> Array:
        """Chances (n, classes) in pictures (n, rows, frames), 0–255."""
        return np.asarray(self._mind.bundle.calibration.chances(self._answer(pictures)))

    def named(self, pictures: Array, most: int = 3) -> list[list[tuple[str, float]]]:
        """The likeliest birds of pictures (n, rows, frames), each with its chance."""
        return likeliest(self.chances(pictures), self._mind.ear.birds, most)


def likeliest(chances: Array, birds: Sequence[str], most: int) -> list[list[tuple[str, float]]]:
    """The likeliest birds, and their chances, of each row of chances (n, birds)."""
    order = np.argsort(-chances, axis=1, kind="stable")[:, :most]
    return [
        [(birds[bird], round(float(row[bird]), 3)) for bird in places]
        for places, row in zip(order, chances, strict=True)
    ]
