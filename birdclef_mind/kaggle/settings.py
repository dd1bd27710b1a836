"""Settings of a submission: what is done with scores once they are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from birdclef_mind.checks import is_number, is_whole, known, require

MEAN, RANKS = "mean", "ranks"
_MOST_SHIFTS = 4
_MOST_WEIGHTS, _LARGEST = 9, 1000


@dataclass(frozen=True, kw_only=True)
class Submitting:
    """How windows of soundscapes are heard, and what is done with their scores.

    Attributes
    ----------
    shifts : how often each row is covered by windows of a network that reads pictures, every time later by as large a
        part of a window; fewer where time is short.
    smoothing : weights of a row and its neighbours before and after, an odd number of them, such as (0.1, 0.8, 0.1);
        none for rows as they are.
    file_power : scores are multiplied by the mean of the three highest of their class in the soundscape to this power.
    habits : how much it counts where and at which hour a soundscape was recorded, as its file's name tells: the power
        of the odds that a class has there by the labelled soundscapes a network learned from; winners take 0.4.
    blend : of several bundles "mean" takes their chances' mean, "ranks" the mean of their places among all rows.
    """

    shifts: int = 1
    smoothing: tuple[float, ...] = ()
    file_power: float = 0.0
    habits: float = 0.0
    blend: str = MEAN

    def __post_init__(self) -> None:
        shifts, weights = self.shifts, self.smoothing
        good = is_whole(shifts) and 1 <= shifts <= _MOST_SHIFTS
        require(good, "shifts", f"a whole number from 1 to {_MOST_SHIFTS}", shifts)
        numbers = isinstance(weights, tuple) and all(is_number(one) and 0 <= one <= _LARGEST for one in weights)
        odd = numbers and (not weights or (len(weights) % 2 == 1 and weights[len(weights) // 2] > 0))
        wanted = f"an odd number of weights from 0 to {_LARGEST}, at most {_MOST_WEIGHTS}, the row's own above 0"
        require(bool(odd and len(weights) <= _MOST_WEIGHTS), "smoothing", wanted, weights)
        for name in ("file_power", "habits"):
            value = getattr(self, name)
            require(is_number(value) and 0 <= value <= 1, name, "a number from 0 to 1", value)
        require(self.blend in (MEAN, RANKS), "blend", f"{MEAN} or {RANKS}", self.blend)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        values = known(cls, values)
        if isinstance(values.get("smoothing"), list):
            values["smoothing"] = tuple(values["smoothing"])
        return cls(**values)
