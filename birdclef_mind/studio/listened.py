"""Recordings that are listened to: decoded block by block into a file of samples, read wherever somebody looks.

Nothing is held whole in memory, so that an hour costs no more than a minute.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soxr

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ConfigError, reason_of
from birdclef_mind.sound.audio import read_blocks

MOST_S = 6 * 3600.0
# At once; the first that no microphone fills gives way, as it can be dropped again.
MOST_RECORDINGS = 8
_FULL = 32767
_PREFIX = "birdclef-mind-studio-"
# A microphone that is silent for so long was left, as by a browser that was closed.
_LEFT_S = 30.0
_BYTES = 2


class Recording:
    """One recording: as many samples as there are so far.

    `is_whole` says that no more will come, `why` why not all of it could be read; `loudest` is how loud its loudest
    tenth of a second is so far, as the amplitude of a pure tone, 0 to 1.
    """

    def __init__(self, number: int, name: str, file: Path, rate_hz: int, *, live: bool) -> None:
        self.number, self.name, self.rate_hz, self.live = number, name, rate_hz, live
        self.is_whole, self.why, self.gone = False, "", threading.Event()
        self.loudest = 0.0
        self.file, self._count = file, 0
        self._last = time.monotonic()
        self._lock = threading.Lock()
        self._stream: soxr.ResampleStream | None = None
        self._stream_hz = 0
        file.touch()

    @property
    def seconds(self) -> float:
        """How much of it there is."""
        return self._count / self.rate_hz

    def append(self, samples: Array) -> None:
        """Add samples (n,), −1 to 1, at its rate; what is beyond `MOST_S` is left."""
        room = round(MOST_S * self.rate_hz) - self._count
        taken = np.clip(samples[: max(0, room)], -1, 1)
        own, louder = np.rint(taken * _FULL).astype("<i2"), _loudest(taken, self.rate_hz // 10)
        with self._lock, self.file.open("ab") as file:
            file.write(own.tobytes())
            self._count += own.size
            self.loudest = max(self.loudest, louder)

    def take(self, samples: Array, rate_hz: int) -> None:
        """Add samples (n,), −1 to 1, of a microphone at another rate, as they come."""
        self._last = time.monotonic()
        if rate_hz != self._stream_hz:
            self._stream_hz = rate_hz
            self._stream = soxr.ResampleStream(rate_hz, self.rate_hz, 1, dtype="float32", quality="HQ")
        if rate_hz != self.rate_hz and self._stream is not None:
            samples = self._stream.resample_chunk(samples)
        self.append(samples)

    def end_if_left(self) -> None:
        """End a recording whose microphone sends nothing any more."""
        if self.live and not self.is_whole and time.monotonic() - self._last > _LEFT_S:
            self.is_whole = True

    def samples(self, start_s: float, length_s: float) -> Array:
        """A stretch of it, (samples,), float32; zeros before its beginning and behind its end."""
        first, length = round(start_s * self.rate_hz), round(length_s * self.rate_hz)
        begin, end = max(0, first), min(self._count, first + length)
        found = np.zeros(length, np.float32)
        if begin < end:
            own = np.fromfile(self.file, "<i2", end - begin, offset=begin * _BYTES)
            found[begin - first : begin - first + own.size] = own.astype(np.float32) / _FULL
        return found

    def window(self, start_s: float, length_s: float) -> Array:
        """The same, (samples,), as networks want it and `audio.Window` has it: without the mean of what there is."""
        found = self.samples(start_s, length_s)
        first = round(start_s * self.rate_hz)
        there = slice(max(0, -first), max(0, min(found.size, self._count - first)))
        if found[there].size:
            found[there] -= np.float32(found[there].mean(dtype=np.float64))
        return found


class Recordings:
    """All that are listened to; their files lie in a folder of their own, which goes when the studio does."""

    def __init__(self, rate_hz: int, begun: Callable[[Recording], None]) -> None:
        self._rate_hz, self._begun = rate_hz, begun
        _clear_left()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._held: OrderedDict[int, Recording] = OrderedDict()
        self._lock = threading.Lock()
        self._number = 0

    def new(self, name: str, *, live: bool = False) -> Recording:
        """An empty recording that people call `name`."""
        with self._lock:
            self._number += 1
            file = self._folder / f"{self._number}.samples"
            recording = Recording(self._number, name, file, self._rate_hz, live=live)
            self._held[recording.number] = recording
            done = [one for one in self._held.values() if one is not recording and not (one.live and not one.is_whole)]
            leaving = done[: max(0, len(self._held) - MOST_RECORDINGS)]
        for one in leaving:
            self._drop(one)
        self._begun(recording)
        return recording

    def read(self, recording: Recording, path: Path, *, remove: bool = False) -> None:
        """Decode a sound file into a recording, beside other work; `remove` it afterwards."""

        def work() -> None:
            try:
                fill(recording, read_blocks(path, recording.rate_hz, MOST_S))
            finally:
                if remove:
                    path.unlink(missing_ok=True)

        threading.Thread(target=work, daemon=True).start()

    def take(self, number: int) -> Recording:
        """A recording by its number; ConfigError where there is none, or none any more."""
        with self._lock:
            if number not in self._held:
                raise ConfigError(f"recording: expected one that is open, got number {number}")
            return self._held[number]

    def open(self) -> list[Recording]:
        """All that are open, the oldest first."""
        with self._lock:
            return list(self._held.values())

    def room(self) -> Path:
        """A new file for what somebody sends."""
        with self._lock:
            self._number += 1
            return self._folder / f"{self._number}.sent"

    def close(self) -> None:
        """Let go of all of them."""
        for one in list(self._held.values()):
            one.gone.set()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _drop(self, recording: Recording) -> None:
        with self._lock:
            self._held.pop(recording.number, None)
        recording.gone.set()
        recording.file.unlink(missing_ok=True)


def _clear_left() -> None:
    """Remove folders of studios that were killed: they are named by their process, which is no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}[0-9]*-*"):
        with contextlib.suppress(OSError, ValueError):
            process = int(folder.name.removeprefix(_PREFIX).partition("-")[0])
            if not folder.is_symlink() and folder.stat().st_uid == os.getuid():
                _remove_where_gone(folder, process)


def _remove_where_gone(folder: Path, process: int) -> None:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        shutil.rmtree(folder, ignore_errors=True)


def _loudest(samples: Array, part: int) -> float:
    """The amplitude of a tone as loud as the loudest part of so many of the samples (n,), 0 for none."""
    parts = np.pad(np.square(samples), (0, -samples.size % part)).reshape(-1, part)
    return float(np.sqrt(2 * parts.mean(axis=1).max(initial=0.0)))


def fill(recording: Recording, blocks: Iterable[Array]) -> None:
    """Add all blocks (samples,) to a recording; what cannot be read is said in `why`, and what came before stays."""
    try:
        for block in blocks:
            if recording.gone.is_set() or recording.seconds >= MOST_S:
                break
            recording.append(block)
    except Exception as error:
        recording.why = reason_of(error)
    recording.is_whole = True
