"""Time that is left: work is begun only where it will likely be done by the deadline."""

from collections.abc import Callable
from dataclasses import dataclass

# Work is begun only when so many times what it took at its slowest fits before the deadline.
SPARE = 1.5


@dataclass(frozen=True)
class Clock:
    """What time it is by `now`, when time began to count, and how many minutes there are; None without a deadline."""

    now: Callable[[], float]
    started: float
    deadline_minutes: float | None

    def spare_s(self, needed_s: float) -> float | None:
        """Seconds to spare before `needed_s` of work must begin; None without a deadline, below 0 when too late."""
        if self.deadline_minutes is None:
            return None
        return self.deadline_minutes * 60 - (self.now() - self.started) - needed_s
