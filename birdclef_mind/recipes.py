"""How a network, and the decoders beside it, are trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from birdclef_mind.checks import is_number, is_whole, known, require


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    model : name of the network. epochs : passes over the training segments, at most.
    patience : epochs without a better `monitor` before training stops early.
    validation_share : share of the recordings held out, in (0, 0.5].
    roll : whether every picture is turned in time by a random amount each time it is seen.
    seed, split_seed : of weights and order, and of which recordings are held out.
    monitor : the validation measure whose best epoch is kept: "val_accuracy" or "val_loss".
    """

    model: str = "classic"
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    patience: int = 5
    validation_share: float = 0.2
    monitor: str = "val_accuracy"
    roll: bool = True
    seed: int = 111
    split_seed: int = 111

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)
        rate, share = self.learning_rate, self.validation_share
        require(is_number(rate) and rate > 0, "learning_rate", "a number above 0", rate)
        require(
            is_number(share) and 0 < share <= 0.5,
            "validation_share",
            "a share above 0 and at most 0.5",
            share,
        )
        for name in ("seed", "split_seed"):
            value = getattr(self, name)
            require(is_whole(value) and 0 <= value < 2**31, name, "a whole number from 0 to 2147483647", value)
        monitors = ("val_accuracy", "val_loss")
        require(self.monitor in monitors, "monitor", f"one of {', '.join(monitors)}", self.monitor)
        require(isinstance(self.roll, bool), "roll", "true or false", self.roll)
        require(isinstance(self.model, str), "model", "the name of a network", self.model)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How decoders are trained.

    Attributes
    ----------
    epochs : at most. steps : batches an epoch, at most, so that epochs stay short on large caches.
    answer_weight : of the term that keeps the network's answer, beside the picture error in units of variance, at the
        first tap; up to five times that at the last, which holds little else.
    patience : epochs in which no decoder gets better before training stops.
    """

    epochs: int = 30
    steps: int = 128
    batch_size: int = 8
    learning_rate: float = 2e-3
    answer_weight: float = 0.1
    patience: int = 6
    seed: int = 111

    def __post_init__(self) -> None:
        for name in ("epochs", "steps", "batch_size", "patience"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)
        rate, weight = self.learning_rate, self.answer_weight
        require(is_number(rate) and rate > 0, "learning_rate", "a number above 0", rate)
        require(is_number(weight) and weight >= 0, "answer_weight", "a number from 0", weight)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How much an explanation shows: `examples` worked through, `seeds` searches a bird, `sheets` training segments."""

    examples: int = 12
    seeds: int = 3
    sheets: int = 300

    def __post_init__(self) -> None:
        for name in ("examples", "seeds", "sheets"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))
