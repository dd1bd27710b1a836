"""Waiting for somebody else's answers: a few that are lost are borne, and nobody waits for ever."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from birdclef_mind.errors import KaggleError
from birdclef_mind.storage.progress import Say

T = TypeVar("T")

# Pauses after lost answers double up to so many times the usual one.
_LONGEST = 16


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How to wait.

    Attributes
    ----------
    every_s : seconds from one question to the next. most_s : how long to wait in all. bears : answers lost in a row.
    """

    every_s: float = 20.0
    most_s: float = 12 * 3600.0
    bears: int = 10

    def ask(self, question: Callable[[], T], say: Say, lost: type[KaggleError]) -> T:
        """The answer to a question, asked again while it raises `lost`, with growing pauses; then that is raised."""
        for number in range(self.bears):
            try:
                return question()
            except lost as error:
                if number == 0:
                    what = str(error).partition("; ")[0]
                    say(f"no answer ({what}); asking again, up to {self.bears} times")
            time.sleep(self.every_s * min(2 ** (number + 1), _LONGEST))
        return question()

    def wait(self, question: Callable[[], T | None], say: Say, otherwise: Callable[[], str]) -> T:
        """The first answer that is not None; KaggleError with the words of `otherwise` when none comes in time.

        Whatever Kaggle does not answer is borne as long as it is no more than `bears` in a row.
        """
        until = time.monotonic() + self.most_s
        while (found := self.ask(question, say, KaggleError)) is None:
            if time.monotonic() >= until:
                raise KaggleError(otherwise())
            time.sleep(self.every_s)
        return found
