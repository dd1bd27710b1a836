"""Standard error held shut while a library writes to it, past Python's own streams, what nobody asked for."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOCK = threading.Lock()


class _Shut:
    """How many hold standard error shut in this process, and a copy of it to open it again."""

    holders = 0
    kept = -1


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what this process, its libraries of C++ included, writes to standard error until the block ends.

    Several threads may do so at once: it is open again when the last of them is done. Where there is no standard error
    nothing has to be dropped.
    """
    _shut()
    try:
        yield
    finally:
        _open()


def _shut() -> None:
    with _LOCK:
        _Shut.holders += 1
        if _Shut.holders > 1:
            return
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
        _Shut.kept = -1
        with suppress(OSError):
            _Shut.kept = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)


def _open() -> None:
    with _LOCK:
        _Shut.holders -= 1
        if not _Shut.holders and _Shut.kept >= 0:
            os.dup2(_Shut.kept, 2)
            os.close(_Shut.kept)
