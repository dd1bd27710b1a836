"""Work that takes longer than a click: one after the other in a thread of its own, with its progress, to be stopped.

What a work finds is given as soon as it is found.
"""

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from birdclef_mind.errors import BirdclefMindError, reason_of
from birdclef_mind.storage.progress import Track

WAITING, RUNNING, DONE, STOPPED, FAILED = "waiting", "running", "done", "stopped", "failed"
_ENDED = (DONE, STOPPED, FAILED)
# Of works that ended so many are remembered, for tabs that ask late.
_REMEMBERED = 64
# A browser asks many times a second, one that is out of sight once a minute; one that was closed never again.
_FORGOTTEN_S = 150.0


class StoppedError(Exception):
    """Somebody no longer wants what is being made."""


@dataclass
class Work:
    """One piece of work.

    `what` says what is being done, `done` of `total` how far it is; `found` is what it gave, in order; `why` says what
    went wrong.
    """

    number: int
    make: Callable[["Work"], Iterable[Any]]
    state: str = WAITING
    what: str = ""
    done: int = 0
    total: int = 0
    found: list[Any] = field(default_factory=list)
    why: str = ""
    unwanted: threading.Event = field(default_factory=threading.Event)
    last_asked: float = field(default_factory=time.monotonic)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in _ENDED

    @property
    def track(self) -> Track:
        """Counts what it iterates over, and ends the work where it was stopped."""

        def tracked(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
            self.what, self.done, self.total = what, 0, total
            for item in items:
                self.check()
                yield item
                self.done += 1

        return tracked

    def asked(self) -> None:
        """Somebody still wants it."""
        self.last_asked = time.monotonic()

    def check(self) -> None:
        """Raise StoppedError where somebody stopped it, or nobody has asked for it for long."""
        if self.unwanted.is_set() or time.monotonic() - self.last_asked > _FORGOTTEN_S:
            raise StoppedError


class Works:
    """Works of one thread, in the order they were asked for."""

    def __init__(self) -> None:
        self._works: OrderedDict[int, Work] = OrderedDict()
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._number = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def begin(self, make: Callable[[Work], Iterable[Any]]) -> Work:
        """Do this when all before it is done: `make` gives what it finds, one after the other."""
        with self._lock:
            self._number += 1
            work = Work(self._number, make)
            self._works[work.number] = work
            ended = [number for number, one in self._works.items() if one.ended]
            for number in ended[: max(0, len(ended) - _REMEMBERED)]:
                del self._works[number]
        self._waiting.put(work)
        return work

    def take(self, number: int) -> Work | None:
        """A work by its number; None where there is none, or it is long over."""
        with self._lock:
            return self._works.get(number)

    def close(self) -> None:
        """Stop all works, and wait for the one at hand."""
        with self._lock:
            for work in self._works.values():
                work.unwanted.set()
        self._waiting.put(None)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            _do(work)


def _do(work: Work) -> None:
    """Do a work; whatever goes wrong ends this work alone."""
    try:
        work.check()
        work.state = RUNNING
        for found in work.make(work):
            work.found.append(found)
            work.check()
        work.state = DONE
    except StoppedError:
        work.state = STOPPED
    except BirdclefMindError as error:
        work.why, work.state = reason_of(error), FAILED
    except Exception as error:
        # A fault of this program is said where it can be reported, and the studio goes on.
        traceback.print_exc()
        work.why, work.state = f"a fault of this program, {reason_of(error)}", FAILED
