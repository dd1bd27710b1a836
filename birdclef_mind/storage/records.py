"""Records of one size, each of some arrays, in one file: appended as they come, read by their places.

A process that is killed while it appends leaves the records before whole; what it had begun is passed over.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array

_MOST = float(np.finfo(np.float16).max)


class Records:
    """Arrays of numbers by name, kept in half precision; larger ones than that has become its largest."""

    def __init__(self, path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Open the file at `path`, or begin it; `shapes` of the arrays of one record, by name."""
        self.path, self._shapes = path, dict(shapes)
        self._sizes = {name: int(np.prod(shape)) for name, shape in self._shapes.items()}
        self._bytes = 2 * sum(self._sizes.values())
        path.touch()
        with path.open("r+b") as file:
            file.truncate(len(self) * self._bytes)

    def __len__(self) -> int:
        return self.path.stat().st_size // self._bytes

    def append(self, arrays: Mapping[str, Array]) -> None:
        """Add records, whose arrays are (n, …) each, behind those that are there."""
        flat = [np.clip(arrays[name].reshape(len(arrays[name]), -1), -_MOST, _MOST) for name in self._shapes]
        with self.path.open("ab") as file:
            file.write(np.concatenate(flat, axis=1).astype(np.float16).tobytes())

    def read(self, places: Array) -> dict[str, Array]:
        """The records at some places (n,): arrays (n, …) by name, float32."""
        found = np.empty((len(places), self._bytes // 2), np.float16)
        with self.path.open("rb") as file:
            for row, place in enumerate(places):
                file.seek(int(place) * self._bytes)
                found[row] = np.frombuffer(file.read(self._bytes), np.float16)
        parts = np.split(found, np.cumsum(list(self._sizes.values()))[:-1], axis=1)
        return {
            name: part.astype(np.float32).reshape(len(places), *shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }
