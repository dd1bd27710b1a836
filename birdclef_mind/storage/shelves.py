"""Rows of numbers that memory has no room for, put down on a disk as they come and taken up in another order."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from birdclef_mind.arrays import Array


class Shelves:
    """Rows of uint32 in a file, each on one of several shelves.

    Parameters
    ----------
    file : empty and without a buffer, so that nothing is left to be written where the disk is full.
    columns : numbers of a row. count : shelves.
    """

    def __init__(self, file: io.FileIO, columns: int, count: int) -> None:
        self._file, self._columns, self._count = file, columns, count
        # Of each lot that was put: the rows in the file at which its shelves begin, and the one at which it ends.
        self._edges: list[Array] = []
        self._end = 0

    def put(self, rows: Array, shelves: Array) -> None:
        """Put down rows (n, columns), uint32, each on one of the shelves (n,), int; OSError where there is no room."""
        order = np.argsort(shelves, kind="stable")
        self._edges.append(self._end + np.searchsorted(shelves[order], np.arange(self._count + 1)))
        self._end += len(rows)
        left = memoryview(np.asarray(rows[order], np.uint32).tobytes())
        try:
            self._file.seek(0, 2)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            # A disk that is full does not say where.
            error.filename = error.filename or tempfile.gettempdir()
            raise

    def take(self, most: int, *, whole: bool) -> Iterator[Array]:
        """Rows (n, columns), uint32, of shelves side by side that hold at most so many together, as they came.

        One shelf that holds more comes at once when it has to stay `whole`, and otherwise in parts of so many rows.
        All rows stay where they are.
        """
        edges = np.array(self._edges, np.int64).reshape(-1, self._count + 1)
        sizes = np.diff(edges, axis=1).sum(axis=0)
        for first, after in _side_by_side(sizes, most):
            begins, counts = edges[:, first], edges[:, after] - edges[:, first]
            before, total = np.cumsum(counts) - counts, int(counts.sum())
            step = total if whole else most
            for start in range(0, total, step):
                begin, end = (np.clip(place - before, 0, counts) for place in (start, start + step))
                yield self._read(begins + begin, end - begin)

    def _read(self, begins: Array, counts: Array) -> Array:
        """Rows from some places in the file, (lots,), so many from each, (lots,): (n, columns)."""
        rows = np.empty((counts.sum(), self._columns), np.uint32)
        held = 0
        for begin, count in zip(begins[counts > 0].tolist(), counts[counts > 0].tolist(), strict=True):
            self._file.seek(begin * self._columns * rows.itemsize)
            self._file.readinto(rows[held : held + count].data)
            held += count
        return rows


@contextmanager
def open_shelves(columns: int, count: int = 1) -> Iterator[Shelves]:
    """Shelves that are there until the context ends, in a file without a name, or the process, however it does.

    The file lies where `tempfile` puts it, and takes four bytes a number.
    """
    with tempfile.TemporaryFile(buffering=0) as file:
        yield Shelves(file, columns, count)


def _side_by_side(sizes: Array, most: int) -> Iterator[tuple[int, int]]:
    """First shelf and the one after the last of those that together hold at most so many rows, or of a fuller one.

    >>> list(_side_by_side(np.array([2, 0, 3, 9, 1, 0]), 5))
    [(0, 3), (3, 4), (4, 6)]
    """
    first, held = 0, 0
    for shelf, size in enumerate(sizes.tolist()):
        if held and held + size > most:
            yield first, shelf
            first, held = shelf, 0
        held += size
    if held:
        yield first, len(sizes)
