"""Settings of a network: which one is built, and what its answer means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from birdclef_mind.checks import known, require


@dataclass(frozen=True, kw_only=True)
class Network:
    """Which network is built, and what its answer means.

    Attributes
    ----------
    name : in `build.NETWORKS`, or one of keras.applications.
    answer : "softmax", one bird a segment, or "sigmoid", any number of birds.
    noise_floor : whether it also sees each band without its steady part.
    """

    name: str = "classic"
    answer: str = "softmax"
    noise_floor: bool = False

    def __post_init__(self) -> None:
        require(isinstance(self.name, str), "model", "the name of a network", self.name)
        require(self.answer in ("softmax", "sigmoid"), "answer", "softmax or sigmoid", self.answer)
        require(isinstance(self.noise_floor, bool), "noise_floor", "true or false", self.noise_floor)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))
