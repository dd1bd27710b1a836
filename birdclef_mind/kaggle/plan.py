"""How thoroughly soundscapes are heard: from what the first ones took, as much as fits before the deadline."""

from collections import deque
from statistics import fmean
from typing import NamedTuple, Protocol

from birdclef_mind.kaggle.clock import SPARE, Clock
from birdclef_mind.storage.progress import Say

# What is left must fit so many times; more often where a more thorough way is gone back to, so that ways last.
_ROOM, _ROOM_TO_GO_BACK = 1.1, 1.4
# Of so many soundscapes before, the mean is what the next ones are thought to take.
_LATELY = 16


class Way(NamedTuple):
    """How a soundscape is heard: by how many networks or heads, and how often each row is covered."""

    members: int
    shifts: int

    def __str__(self) -> str:
        by = "one network" if self.members == 1 else f"{self.members} networks"
        return f"{by}, each row covered {'once' if self.shifts == 1 else f'{self.shifts} times'}"


class Planned(Protocol):
    """What can be heard in several ways."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """All ways, the most thorough first; each takes less time than the one before."""

    @property
    def way(self) -> Way:
        """The one that is taken."""

    def take(self, way: Way) -> None:
        """Take another from the next soundscape on."""

    def cost(self, way: Way) -> float:
        """What a soundscape takes in a way, in a unit of its own."""


class Plan:
    """Chooses a way after each of `count` soundscapes, so that `ending_s` stay free; `lines` tell what and when."""

    def __init__(self, planned: Planned, clock: Clock, count: int, ending_s: float, say: Say) -> None:
        self._planned, self._clock, self._count, self._say = planned, clock, count, say
        self.ending_s = ending_s
        self._done, self._slowest_s = 0, 0.0
        self._lately_s = deque[float](maxlen=_LATELY)
        self.lines: list[str] = []

    @property
    def slowest_s(self) -> float:
        """What the slowest soundscape so far would take in the way that is taken now."""
        return self._slowest_s * self._planned.cost(self._planned.way)

    def measured(self, took_s: float) -> None:
        """Learn what a soundscape took, and choose the way for those that are left, told where that is news."""
        planned, before = self._planned, self._planned.way
        a_unit_s = took_s / planned.cost(before)
        self._done += 1
        self._lately_s.append(a_unit_s)
        self._slowest_s = max(self._slowest_s, a_unit_s)
        left, left_s = self._count - self._done, self._clock.spare_s(self.ending_s)
        if left_s is None or not left:
            return
        expected_s = left * fmean(self._lately_s)
        way = self._fitting(expected_s, left_s, before)
        planned.take(way)
        if self._done > 1 and way == before:
            return
        minutes = expected_s * planned.cost(way) / 60
        self.lines.append(
            f"plan after {self._done} of {self._count} soundscapes: {way}; "
            f"{minutes:.1f} of the {left_s / 60:.1f} minutes that are left"
        )
        self._say(self.lines[-1])

    def _fitting(self, expected_s: float, left_s: float, before: Way) -> Way:
        """The most thorough way in which `expected_s`, times its cost, fits; else the quickest."""
        ways = self._planned.ways
        for place, way in enumerate(ways):
            room = _ROOM if place >= ways.index(before) else _ROOM_TO_GO_BACK
            # The last is begun only where what the slowest took fits with some to spare.
            if (room * expected_s + SPARE * self._slowest_s) * self._planned.cost(way) <= left_s:
                return way
        return ways[-1]
