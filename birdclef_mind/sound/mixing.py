"""A recording to which sounds are added: on a disk meanwhile, so that memory does not grow with its length."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.sound import audio

_FULL_SCALE = 0.99
_AT_ONCE = 1 << 20
_BYTES = np.dtype(np.float32).itemsize


class Mixing:
    """A sound as samples of a rate, that can be read, added to and written.

    Attributes
    ----------
    size : samples that it holds. rate_hz : how many of them a second has.
    """

    def __init__(self, file: IO[bytes], rate_hz: int) -> None:
        self._file, self.rate_hz = file, rate_hz
        self.size = file.seek(0, 2) // _BYTES

    def level(self, start: int, length: int) -> float:
        """Root mean square of some samples about their mean."""
        sums = np.zeros(2)
        for part in self._parts(start, length, _AT_ONCE):
            wide = part.astype(np.float64)
            sums += wide.sum(), np.square(wide).sum()
        mean, square = sums / max(1, length)
        return float(np.sqrt(max(0.0, square - mean**2)))

    def add(self, start: int, samples: Array) -> None:
        """Add a sound, its samples (n,), from the sample `start` on."""
        (own,) = self._parts(start, samples.size, samples.size)
        self._file.seek(start * _BYTES)
        self._file.write((own + samples).astype(np.float32).tobytes())

    def ogg_bytes(self) -> bytes:
        """Ogg Vorbis of it, quieter as a whole where its peak would clip."""
        peak = max(float(np.abs(part).max()) for part in self._parts(0, self.size, _AT_ONCE))
        gain = np.float32(min(1.0, _FULL_SCALE / max(peak, 1e-9)))
        seconds = self._parts(0, self.size, self.rate_hz)
        return audio.ogg_of_blocks((second * gain for second in seconds), self.rate_hz)

    def _parts(self, start: int, length: int, at_once: int) -> Iterator[Array]:
        for place in range(start, start + length, at_once):
            self._file.seek(place * _BYTES)
            count = min(at_once, start + length - place)
            yield np.frombuffer(self._file.read(count * _BYTES), np.float32)


@contextmanager
def mixed(source: Path, rate_hz: int, folder: Path) -> Iterator[Mixing]:
    """A recording to be added to, at a rate; what it needs meanwhile of the disk of `folder` has no name.

    AudioError where it cannot be read, as `audio.read_blocks`; OSError names the folder where its disk is full.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        for block in audio.read_blocks(source, rate_hz):
            try:
                file.write(block.tobytes())
                file.flush()
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(folder)) from error
        yield Mixing(file, rate_hz)
