"""Settings of an explanation: how much it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from birdclef_mind.checks import is_whole, known, require


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How much an explanation shows.

    Attributes
    ----------
    examples : segments that are worked through. seeds : draws of each bird's answer. metamers : noises that each
        layer's metamers of an example begin with; none for 0.
    sheets : segments of the training data shown, at most.
    judge : path of a listener that judges every sound; none where it is left out.
    """

    examples: int = 12
    seeds: int = 3
    metamers: int = 2
    sheets: int = 500
    judge: Path | None = None

    def __post_init__(self) -> None:
        for name in ("examples", "seeds", "sheets"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)
        value = self.metamers
        require(is_whole(value) and value >= 0, "metamers", "a whole number from 0", value)
        require(self.judge is None or isinstance(self.judge, Path), "judge", "a path", self.judge)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        values = known(cls, values)
        judge = values.get("judge")
        if isinstance(judge, str) and judge and "\0" not in judge:
            values["judge"] = Path(judge)
        return cls(**values)
