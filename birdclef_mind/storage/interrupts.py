"""Ctrl-C kept for the end of a block in which it would be lost or do harm."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def later() -> Iterator[None]:
    """Take Ctrl-C when the block ends, as whoever else handles it would.

    A library that is called and calls back into Python has nobody to hand a KeyboardInterrupt to: it drops it, and goes
    on with half of what was to be read or written. In other threads than the main one nothing is to be kept.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if heard:
            signal.raise_signal(signal.SIGINT)
