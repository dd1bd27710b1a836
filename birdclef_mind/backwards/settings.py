"""Settings of decoders: how they are trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from birdclef_mind.checks import is_number, is_whole, known, require


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How decoders are trained.

    Attributes
    ----------
    epochs : at most. steps : batches an epoch, at most, so that epochs stay short on large caches.
    answer_weight : of a term that keeps the network's answer, beside the picture error in units of variance, at the
        first tap; up to five times that at the last, which holds little else. With it decoders learn to be called the
        same, so that being called the same says nothing of what a layer holds, and an epoch takes several times longer.
    patience : epochs in which no decoder gets better before training stops.
    seed : of weights and order; the next one makes the random twin.
    """

    epochs: int = 30
    steps: int = 128
    batch_size: int = 8
    learning_rate: float = 2e-3
    answer_weight: float = 0.0
    patience: int = 6
    seed: int = 111

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch_size", "patience"):
            value = getattr(self, name)
            require(is_whole(value) and 0 < value < 2**31, name, "a whole number from 1 to 2147483647", value)
        rate, weight = self.learning_rate, self.answer_weight
        require(is_number(rate) and rate > 0, "learning_rate", "a number above 0", rate)
        require(is_number(weight) and weight >= 0, "answer_weight", "a number from 0", weight)
        # The random twin, whose decoders are the control, is made with the seed that follows.
        seed, most = self.seed, 2**31 - 3
        require(is_whole(seed) and 0 <= seed <= most, "seed", f"a whole number from 0 to {most}", seed)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))
