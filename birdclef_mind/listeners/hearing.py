"""A listener on the segments of a recording: its own windows laid over each, at several shifts, a few at a time."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import is_whole, require
from birdclef_mind.listeners.listener import BATCH, EMBEDDING, Listener
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.sound.audio import Window, loudness_dbfs
from birdclef_mind.sound.settings import Cutting, Windowing

_MOST_SHIFTS = 16


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """How a listener hears segments.

    Attributes
    ----------
    windowing : how a recording is cut into segments. shifts : how often each window is heard, every time a little later
        within a hop of the listener's own frames, whose places its answers depend on.
    """

    windowing: Windowing = field(default_factory=Windowing)
    shifts: int = 1

    def __post_init__(self) -> None:
        good = is_whole(self.shifts) and 1 <= self.shifts <= _MOST_SHIFTS
        require(good, "shifts", f"a whole number from 1 to {_MOST_SHIFTS}", self.shifts)

    def windows(self, listener: Listener) -> int:
        """How many windows of the listener cover a segment."""
        return math.ceil(self.windowing.length_s / listener.window_s - 1e-9)

    def offsets(self, listener: Listener) -> Array:
        """Where windows begin in a segment, in samples, (windows, shifts), whole numbers.

        They are spread evenly from its start to its end; one that is longer than the segment begins with it.
        """
        spread = max(0.0, self.windowing.length_s - listener.window_s)
        starts = np.linspace(0, spread, self.windows(listener)) * listener.rate_hz
        later = np.arange(self.shifts) / self.shifts * listener.hop_s * listener.rate_hz
        return np.rint(starts).astype(int)[:, None] + np.rint(later).astype(int)

    def cutting(self, listener: Listener) -> Cutting:
        """How a recording is cut so that all windows of a segment are in its sound."""
        reach = int(self.offsets(listener).max()) + listener.window_samples
        least = round(self.windowing.length_s * listener.rate_hz)
        return Cutting(
            sample_rate_hz=listener.rate_hz, windowing=self.windowing, reach_s=max(reach, least) / listener.rate_hz
        )


@dataclass(frozen=True)
class HeardRecording:
    """What a listener makes of all segments of a recording, in order of their number.

    Attributes
    ----------
    starts_s : start of each. loudness_dbfs : root mean square, (segments,).
    clipped : share at full scale of what was heard, (segments,).
    embeddings : (segments, windows, numbers), float32, means over the shifts.
    opinion : logits of the classes that it knows, (segments, windows, known), float32, means over the shifts.
    """

    starts_s: tuple[float, ...]
    loudness_dbfs: Array
    clipped: Array
    embeddings: Array
    opinion: Array


def hear_windows(windows: Iterable[Window], listener: Listener, hearing: Hearing, match: Match) -> HeardRecording:
    """Hear the segments of a recording, cut as `Hearing.cutting` says, that come in any order."""
    found = sorted(_heard(windows, listener, hearing, match), key=lambda own: own.number)
    return HeardRecording(
        tuple(own.start_s for own in found),
        np.array([own.loudness_dbfs for own in found]),
        np.array([own.clipped for own in found]),
        np.stack([own.embeddings for own in found]),
        np.stack([own.opinion for own in found]),
    )


@dataclass(frozen=True)
class _Heard:
    number: int
    start_s: float
    loudness_dbfs: float
    clipped: float
    embeddings: Array
    opinion: Array


def _heard(windows: Iterable[Window], listener: Listener, hearing: Hearing, match: Match) -> Iterator[_Heard]:
    offsets = hearing.offsets(listener)
    length = round(hearing.windowing.length_s * listener.rate_hz)
    waiting, at_a_time = iter(windows), max(1, BATCH // offsets.size)
    while some := list(islice(waiting, at_a_time)):
        samples = np.stack([window.samples for window in some])
        cut = np.stack([samples[:, begin : begin + listener.window_samples] for begin in offsets.ravel().tolist()], 1)
        heard = listener.hear(cut.reshape(-1, listener.window_samples), [EMBEDDING])
        shape = (len(some), *offsets.shape)
        embeddings = _flat(heard.activations[EMBEDDING]).reshape(*shape, -1).mean(axis=2)
        opinion = match.opinion(heard.logits.reshape(*shape, -1).mean(axis=2))
        # What is heard beyond a segment moved its mean too.
        own = samples[:, :length]
        loudness = loudness_dbfs(own - own.mean(axis=1, keepdims=True)).tolist()
        for place, window in enumerate(some):
            yield _Heard(
                window.number, window.start_s, loudness[place], window.clipped, embeddings[place], opinion[place]
            )


def _flat(embeddings: Array) -> Array:
    """Embeddings (windows, …, numbers) without places, (windows, numbers)."""
    return embeddings.reshape(len(embeddings), -1, embeddings.shape[-1]).mean(axis=1)
