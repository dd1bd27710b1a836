"""Standard error held shut while a library writes to it, past Python's own streams, what nobody asked for."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Drop what this process, its libraries of C++ included, writes to standard error until the block ends."""
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
