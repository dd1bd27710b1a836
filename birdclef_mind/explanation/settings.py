"""Settings of an explanation: how much it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from birdclef_mind.checks import is_whole, known, require


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How much an explanation shows: `examples` worked through, `seeds` searches a bird, `sheets` training segments."""

    examples: int = 12
    seeds: int = 3
    sheets: int = 500

    def __post_init__(self) -> None:
        for name in ("examples", "seeds", "sheets"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))
