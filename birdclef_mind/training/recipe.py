"""How a network is trained: every setting, and recipes of them by name."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import resources
from typing import Any, Self

from birdclef_mind.checks import is_number, is_whole, known, require, table_of
from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.settings import Network

LOSSES = ("cross_entropy", "binary", "focal", "soft_auc")
SECONDARY = ("weight", "mask")
# A target of which nothing is learned. No other is this number: labels are 0, 1 or a share, soft labels of four digits.
MASKED = 2.0**-20
OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("constant", "cosine")
MONITORS = ("val_accuracy", "val_loss", "last")
RECIPES = ("classic", "modern")


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to training pictures whenever they are seen; each part is off at false or 0. Never a flip.

    Attributes
    ----------
    roll : turn a picture in time by a random amount, where its window cannot be moved.
    shift : move a window inside its recording; it takes a cache whose windows overlap.
    prefer_sound : how much likelier a window with sound is drawn than a quiet one of its recording; 0 for alike.
    gain_db : a level up to so much up or down.
    noise, mixup, background : share of the pictures that get noise, a second song (its birds are wanted too), or a
        segment without a bird.
    soundscapes : share of the pictures over which a window of soundscapes is laid, whose soft labels are wanted too;
        only where soundscapes are given.
    time_mask, frequency_mask : two stripes of up to this share of the frames, or the bands, are blackened.
    ease_in : share of the epochs over which gain, noise, mixing and masks grow from nothing; hidden under all of them,
        quiet songs take a network long to find.
    """

    roll: bool = True
    shift: bool = False
    prefer_sound: float = 0.0
    gain_db: float = 0.0
    noise: float = 0.0
    mixup: float = 0.0
    background: float = 0.0
    soundscapes: float = 0.0
    time_mask: float = 0.0
    frequency_mask: float = 0.0
    ease_in: float = 0.0

    def __post_init__(self) -> None:
        for name in ("roll", "shift"):
            require(isinstance(getattr(self, name), bool), name, "true or false", getattr(self, name))
        for name in ("prefer_sound", "gain_db"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, name, "a number from 0", value)
        for name in ("noise", "mixup", "background", "soundscapes", "time_mask", "frequency_mask", "ease_in"):
            value = getattr(self, name)
            require(is_number(value) and 0 <= value <= 1, name, "a share from 0 to 1", value)

    def strength(self, epoch: int, epochs: int) -> float:
        """How much of it an epoch, counted from 0, is given: 0 to 1.

        >>> [Augmentation(ease_in=0.5).strength(epoch, 8) for epoch in (0, 1, 4, 7)]
        [0.0, 0.25, 1.0, 1.0]
        """
        return min(1.0, epoch / (self.ease_in * epochs)) if self.ease_in else 1.0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps its default."""
        return cls(**known(cls, values))


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    model : name of the network. epochs : passes over the training segments, at most.
    patience : epochs without a better `monitor` before training stops early.
    validation_share : share of the recordings held out, in [0, 0.5]; nothing is measured at 0.
    monitor : the validation measure whose best epoch is kept: "val_accuracy" or "val_loss"; "last" keeps the last.
    seed, split_seed : of weights and order, and of which recordings are held out.
    loss : "cross_entropy" (one bird a segment), "binary" or "focal" (any number of birds), or "soft_auc": that of every
        two segments the one that holds a bird is given the higher score, with `entropy_share` times the binary one.
    label_smoothing : how far targets are drawn towards an even share of all birds.
    secondary : what is learned of a bird that may be somewhere in the recording: "weight" for a target of
        `secondary_weight`, "mask" for nothing at all.
    balance : a recording is drawn with a weight of its bird's number of recordings to the power of minus this.
    optimizer : "adam", or "adamw" with its `weight_decay`. schedule : of the learning rate, "constant" or "cosine",
        after `warmup_epochs` of climbing.
    noise_floor : whether the network also sees each band without its steady part.
    teacher_embedding, teacher_opinion : how much it counts, beside the labels, that the network's embedding leads to a
        listener's (cosine), and that it answers as the listener does; only where a teacher is given.
    unlabelled_share : of an epoch's draws, sounds without labels that the teacher has heard, where they are given.
    label_power : chances that networks give for soundscapes are raised to this power before they are learned from.
    """

    model: str = "classic"
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 1e-3
    patience: int = 5
    validation_share: float = 0.2
    monitor: str = "val_accuracy"
    seed: int = 111
    split_seed: int = 111
    loss: str = "cross_entropy"
    entropy_share: float = 0.25
    label_smoothing: float = 0.0
    secondary: str = "weight"
    secondary_weight: float = 0.0
    balance: float = 0.0
    optimizer: str = "adam"
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup_epochs: int = 0
    noise_floor: bool = False
    teacher_embedding: float = 2.0
    teacher_opinion: float = 8.0
    unlabelled_share: float = 0.5
    label_power: float = 1.0
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            require(is_whole(value) and 0 < value < 2**31, name, "a whole number from 1 to 2147483647", value)
        rate, share = self.learning_rate, self.validation_share
        require(is_number(rate) and rate > 0, "learning_rate", "a number above 0", rate)
        require(is_number(share) and 0 <= share <= 0.5, "validation_share", "a share from 0 to 0.5", share)
        for name in ("seed", "split_seed"):
            value = getattr(self, name)
            require(is_whole(value) and 0 <= value < 2**31, name, "a whole number from 0 to 2147483647", value)
        for name, choices in (
            ("monitor", MONITORS), ("loss", LOSSES), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES),
            ("secondary", SECONDARY),
        ):  # fmt: skip
            value = getattr(self, name)
            require(value in choices, name, f"one of {', '.join(choices)}", value)
        for name in ("label_smoothing", "secondary_weight", "unlabelled_share"):
            value = getattr(self, name)
            require(is_number(value) and 0 <= value < 1, name, "a share from 0 to below 1", value)
        for name in ("balance", "weight_decay", "teacher_embedding", "teacher_opinion", "entropy_share", "label_power"):
            value = getattr(self, name)
            require(is_number(value) and value >= 0, name, "a number from 0", value)
        fits = self.secondary == "weight" or self.loss != "cross_entropy"
        require(fits, "secondary", "weight, where the loss is cross_entropy", self.secondary)
        warmup = self.warmup_epochs
        require(is_whole(warmup) and 0 <= warmup < self.epochs, "warmup_epochs", "fewer than the epochs", warmup)
        require(isinstance(self.model, str), "model", "the name of a network", self.model)
        require(isinstance(self.noise_floor, bool), "noise_floor", "true or false", self.noise_floor)

    def refuse_rounds(self) -> None:
        """Refuse rounds with soundscapes that nobody labelled where nothing could be learned from them: ConfigError."""
        if self.network.answer != "sigmoid":
            raise ConfigError(
                "loss: expected binary, focal or soft_auc, since soundscapes hold any number of birds, "
                f"got {self.loss!r}"
            )
        if not self.augmentation.soundscapes:
            raise ConfigError("soundscapes: expected a share above 0 under [training.augmentation], got 0")

    @property
    def network(self) -> Network:
        """The network this trains."""
        answer = "softmax" if self.loss == "cross_entropy" else "sigmoid"
        return Network(name=self.model, answer=answer, noise_floor=self.noise_floor)

    @property
    def secondary_target(self) -> float:
        """What is wanted of a bird that may be somewhere in the recording."""
        return MASKED if self.secondary == "mask" else self.secondary_weight

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values; what is left out keeps the default, or what the named `recipe` says."""
        values = table_of(cls, values)
        base = asdict(recipe(values.pop("recipe"))) if "recipe" in values else {}
        values = {**base, **known(cls, values)}
        own = table_of(Augmentation, values.pop("augmentation", {}))
        augmentation = {**base.get("augmentation", {}), **own}
        return cls(**values, augmentation=Augmentation.from_dict(augmentation))


# Parts of a recipe that can be left out, and what they are then.
PARTS: dict[str, Any] = {
    "label_smoothing": 0.0,
    "secondary_weight": 0.0,
    "balance": 0.0,
    "noise_floor": False,
    "schedule": "constant",
    "warmup_epochs": 0,
    "weight_decay": 0.0,
    "teacher_embedding": 0.0,
    "teacher_opinion": 0.0,
}


def without(training: Training, names: Iterable[str]) -> Training:
    """A recipe with some of its parts, or of its augmentation's, left out; ConfigError for what is no part.

    >>> without(recipe("modern"), ["mixup", "noise_floor"]).augmentation.mixup
    0.0
    """
    plain = Augmentation(roll=False)
    augmentations = [item.name for item in fields(Augmentation)]
    for name in names:
        if name in PARTS:
            training = replace(training, **{name: PARTS[name]})
        elif name in augmentations:
            augmentation = replace(training.augmentation, **{name: getattr(plain, name)})
            training = replace(training, augmentation=augmentation)
        else:
            raise ConfigError(f"without: expected one of {', '.join((*PARTS, *augmentations))}, got {name!r}")
    return training


def recipe(name: object) -> Training:
    """A training recipe by its name: one of the TOML files in `recipes/`; ConfigError for another name."""
    if name not in RECIPES:
        raise ConfigError(f"recipe: expected one of {', '.join(RECIPES)}, got {name!r}")
    text = resources.files(__package__).joinpath("recipes", f"{name}.toml").read_text(encoding="utf-8")
    return Training.from_dict(tomllib.loads(text))
