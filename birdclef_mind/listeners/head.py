"""A head on a listener: a small network on its embeddings, times the listener's own opinion of the classes it knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import keras
import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import is_number, is_whole, require
from birdclef_mind.listeners.birdnet_layers import Scaled
from birdclef_mind.listeners.embeddings import Arrays

KINDS = ("logistic", "attention")
# The layer that brings every number of an embedding to one range.
EVEN = "even"
_HIDDEN = 256
_DROPOUT = 0.4
_BATCH = 1_024
# What the joined answer is made of: the head, and the listener's opinion taken alone and among the classes.
PARTS = ("head", "alone", "among")


@dataclass(frozen=True, kw_only=True)
class HeadShape:
    """Which head is built.

    Attributes
    ----------
    kind : "logistic", on the mean over a segment's windows, or "attention", a layer on each and a weighted mean.
    windows, numbers : of a segment's embeddings. decay : how strongly weights are drawn to 0.
    """

    kind: str = "logistic"
    windows: int = 1
    numbers: int = 1
    decay: float = 0.03

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "kind", f"one of {', '.join(KINDS)}", self.kind)
        for name in ("windows", "numbers"):
            value = getattr(self, name)
            require(is_whole(value) and value > 0, name, "a whole number above 0", value)
        require(is_number(self.decay) and self.decay >= 0, "decay", "a number from 0 on", self.decay)


def build_head(shape: HeadShape, classes: int) -> keras.Model:
    """A head from embeddings (n, windows, numbers) to logits (n, classes), of which a softmax gives shares."""
    layers, own = keras.layers, keras.regularizers.L2(shape.decay)
    given = keras.Input((shape.windows, shape.numbers), name="embeddings")
    even = Scaled(np.ones(shape.numbers, np.float32), np.zeros(shape.numbers, np.float32), name=EVEN)
    even.trainable = False
    value = even(given)
    if shape.kind == "logistic":
        value = layers.GlobalAveragePooling1D(name="mean")(value)
        return keras.Model(given, layers.Dense(classes, kernel_regularizer=own, name="classes")(value), name="head")
    value = layers.Dropout(_DROPOUT, name="dropout_1")(value)
    value = layers.Dense(_HIDDEN, "gelu", kernel_regularizer=own, name="hidden")(value)
    value = layers.Dropout(_DROPOUT, name="dropout_2")(value)
    logits = layers.Dense(classes, kernel_regularizer=own, name="classes")(value)
    asked = layers.Dense(classes, kernel_regularizer=own, name="asked")(value)
    weights = layers.Softmax(axis=1, name="attention")(asked)
    weighted = layers.Multiply(name="weighted")([logits, weights])
    return keras.Model(given, keras.ops.sum(weighted, axis=1), name="head")


@dataclass(frozen=True, kw_only=True)
class Joining:
    """How a head and a listener's opinion become chances: a product, each part to a power of its own, times a constant.

    Attributes
    ----------
    known : powers of `PARTS` for classes that the listener knows, and the logarithm of the constant.
    unknown : power of the head, and the logarithm of the constant, for the others.
    """

    known: Sequence[float] = field(default=(1.0, 1.0, 0.0, 0.0))
    unknown: Sequence[float] = field(default=(1.0, 0.0))

    def __post_init__(self) -> None:
        for name, count in (("known", len(PARTS) + 1), ("unknown", 2)):
            values = getattr(self, name)
            good = len(values) == count and all(map(is_number, values))
            require(good, name, f"{count} numbers", values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as `dataclasses.asdict` gives them."""
        return cls(known=tuple(values["known"]), unknown=tuple(values["unknown"]))

    def scores(self, head: Array, opinion: Array, known: Sequence[int]) -> Array:
        """Chances (n, classes), 0 to 1.

        Parameters
        ----------
        head : logits of the head, (n, classes). opinion : of the listener, (n, windows, known). known : the classes
            that it knows, by number.
        """
        share = log_shares(head)
        logits = self.unknown[0] * share + self.unknown[1]
        if len(known):
            parts = parts_of(share[:, list(known)], opinion)
            logits[:, list(known)] = parts @ np.array(self.known[:-1]) + self.known[-1]
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), np.float32)


def parts_of(share: Array, opinion: Array) -> Array:
    """The parts of the product as logarithms, (n, known, parts), in the order of `PARTS`.

    Parameters
    ----------
    share : logarithms of the head's shares, (n, known). opinion : of the listener, (n, windows, known).
    """
    most = opinion.max(axis=1)
    return np.stack([share, -np.logaddexp(0, -most), log_shares(most)], axis=-1)


def log_shares(logits: Array) -> Array:
    """Logarithms of the softmax of logits (n, classes), of the same shape, float64."""
    own = logits.astype(np.float64)
    own -= own.max(axis=1, keepdims=True)
    return np.asarray(own - np.log(np.exp(own).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class Head:
    """A trained head, and how it is joined with what the listener says itself."""

    model: keras.Model
    shape: HeadShape
    joining: Joining

    def scores(self, heard: Arrays, known: Sequence[int]) -> Array:
        """Chances (segments, classes), 0 to 1, of segments that a listener heard."""
        return self.joining.scores(self.logits(heard.embeddings), heard.opinion, known)

    def logits(self, embeddings: Array) -> Array:
        """Logits (segments, classes) of the head alone, of embeddings (segments, windows, numbers)."""
        return logits_of(self.model, embeddings)


def logits_of(model: keras.Model, embeddings: Array) -> Array:
    """Logits (segments, classes) of a head that `build_head` made, of embeddings (segments, windows, numbers)."""
    parts = [
        np.asarray(model(embeddings[at : at + _BATCH], training=False)) for at in range(0, len(embeddings), _BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, model.output.shape[-1]), np.float32)
