"""What every ear makes of a recording, moment by moment, as far as there is sound, in a thread of its own."""

import threading
from collections.abc import Sequence

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import reason_of
from birdclef_mind.studio.ears import Ear
from birdclef_mind.studio.listened import Recording

# Of each moment so many birds are remembered: all that is shown, and little to hold of the longest recording.
MOST_BIRDS = 5
# Seconds from one moment to the next: what somebody plays into a microphone is to be named at once.
LIVE_HOP_S, FILE_HOP_S = 0.5, 1.0
_TOGETHER = 16
_PAUSE_S = 0.1
_PATIENCE_S = 10.0


class Following:
    """One recording followed by several ears.

    A moment is the end of a window: row `n` of an ear is what it hears in the `length_s` that end at `(n + 1) · hop_s`.
    """

    def __init__(self, recording: Recording, ears: Sequence[Ear]) -> None:
        self.recording, self.ears = recording, tuple(ears)
        self.hop_s = LIVE_HOP_S if recording.live else FILE_HOP_S
        self.why = ""
        self._rows: list[list[tuple[Array, Array]]] = [[] for _ in self.ears]
        self._counts = [0 for _ in self.ears]
        self._most = [np.zeros(len(ear.birds), np.float32) for ear in self.ears]
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether all of it is heard, or nobody wants it any more."""
        return bool(self.why) or self.recording.gone.is_set() or (self.recording.is_whole and not self._left())

    def join(self) -> None:
        """Wait until the moments at hand are heard, of a recording that is gone."""
        self._thread.join(_PATIENCE_S)

    def heard(self, ear: int, first: int, most: int = 600) -> tuple[int, list[list[tuple[int, float]]]]:
        """Moments of an ear from `first` on, at most so many: birds and chances of each, likeliest first.

        Gives also how many moments it has heard by now.
        """
        with self._lock:
            held, count = list(self._rows[ear]), self._counts[ear]
        places, chances = _joined(held, first, min(first + most, count))
        rows = [
            [(int(bird), round(float(chance), 3)) for bird, chance in zip(*row, strict=True) if chance >= 0.01]
            for row in zip(places, chances, strict=True)
        ]
        return count, rows

    def loudest(self, ear: int, count: int = 6) -> list[int]:
        """The birds that an ear is surest of anywhere by now."""
        most = self._most[ear]
        order = np.argsort(-most, kind="stable")[:count]
        return [int(bird) for bird in order if most[bird] >= 0.05]

    def _left(self) -> int:
        """Moments that are not heard yet by all."""
        seconds = self.recording.seconds
        whole = seconds / self.hop_s
        # The end of a recording that is whole is a moment too.
        there = int(np.ceil(whole - 1e-9)) if self.recording.is_whole else int(whole)
        return there - min(self._counts, default=there)

    def _run(self) -> None:
        try:
            while not self.ended:
                self.recording.end_if_left()
                if not self._step():
                    self.recording.gone.wait(_PAUSE_S)
        except Exception as error:
            self.why = reason_of(error)

    def _step(self) -> int:
        """Hear some more moments; how many."""
        some = min(self._left(), _TOGETHER)
        for number, ear in enumerate(self.ears):
            first = self._counts[number]
            if not some or self.recording.gone.is_set():
                break
            ends = (np.arange(first, first + some) + 1) * self.hop_s
            windows = np.stack([self.recording.window(end - ear.length_s, ear.length_s) for end in ends])
            chances = ear.chances(windows, self.recording.rate_hz)
            order = np.argsort(-chances, axis=1, kind="stable")[:, :MOST_BIRDS]
            best = np.take_along_axis(chances, order, axis=1)
            with self._lock:
                self._rows[number].append((order.astype(np.uint16), best.astype(np.float16)))
                self._counts[number] += some
                self._most[number] = np.maximum(self._most[number], chances.max(axis=0))
        return some


def _joined(parts: Sequence[tuple[Array, Array]], first: int, end: int) -> tuple[Array, Array]:
    """Rows from `first` to `end` of parts that follow each other."""
    found, begin = [], 0
    for places, chances in parts:
        cut = slice(max(0, first - begin), max(0, end - begin))
        found.append((places[cut], chances[cut]))
        begin += len(places)
    if not found:
        return np.zeros((0, 0)), np.zeros((0, 0))
    return np.concatenate([places for places, _ in found]), np.concatenate([chances for _, chances in found])
