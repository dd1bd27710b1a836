"""Fitting heads on embeddings: which does best on recordings that it has not seen, and how it joins the listener."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from birdclef_mind.arrays import Array, Targets
from birdclef_mind.listeners.embeddings import Arrays
from birdclef_mind.listeners.head import EVEN, Head, HeadShape, Joining, build_head, log_shares, logits_of, parts_of
from birdclef_mind.storage.progress import Say, Track, untracked

# What is tried, in this order; the first of those that do as well is taken.
TRIED = (
    HeadShape(kind="logistic", decay=0.3), HeadShape(kind="logistic", decay=0.03),
    HeadShape(kind="logistic", decay=0.003), HeadShape(kind="attention", decay=0.001),
)  # fmt: skip
_STEPS, _RATE = 1_500, 2e-3
_LARGEST_BATCH = 1_024
_LEAST_EPOCHS, _MOST_EPOCHS = 8, 60
# Draws powers towards 0 where the segments do not decide.
_RIDGE = 1e-3


@dataclass(frozen=True)
class Heard:
    """Segments to learn from: what was heard, what is wanted (segments, classes), and a part (segments,) for each.

    Parts are whole numbers; segments of one recordist, and of recordings that are alike, have the same. Those of part
    -1 are learned from by all, and tried on none.
    """

    arrays: Arrays
    targets: Targets
    parts: Array

    def some(self, mask: Array) -> "Heard":
        """Those where a mask (segments,), bool, holds."""
        arrays = Arrays(self.arrays.embeddings[mask], self.arrays.opinion[mask])
        return Heard(arrays, self.targets[mask], self.parts[mask])


@dataclass(frozen=True)
class Choice:
    """A head that was tried: its shape, its loss alone and joined with the listener on what it had not seen."""

    shape: HeadShape
    alone: float
    joined: float
    joining: Joining


def fit_head(
    heard: Heard, known: Sequence[int], seed: int, *, say: Say = lambda line: None, track: Track = untracked
) -> tuple[Head, tuple[Choice, ...]]:
    """Try all heads, each on parts that it has not learned from, and fit the best one on all.

    `known` are the classes that the listener knows, by number. The choices come in the order of `TRIED`.
    """
    shapes = [
        replace(shape, windows=heard.arrays.embeddings.shape[1], numbers=heard.arrays.embeddings.shape[2])
        for shape in TRIED
    ]
    choices = [_tried(shape, heard, known, seed) for shape in track(shapes, len(shapes), "heads")]
    best = min(choices, key=lambda choice: round(choice.joined, 4))
    for choice in choices:
        mark = "  best" if choice is best else ""
        say(
            f"{choice.shape.kind}, decay {choice.shape.decay:g}: log loss {choice.alone:.3f} alone, "
            f"{choice.joined:.3f} with the listener's opinion{mark}"
        )
    learned = _Learner(best.shape, len(heard.targets), heard.targets.shape[1], seed).fit(heard)
    # Without its optimizer, whose state would triple the file.
    model = build_head(best.shape, heard.targets.shape[1])
    model.set_weights(learned.get_weights())
    return Head(model, best.shape, best.joining), tuple(choices)


def _tried(shape: HeadShape, heard: Heard, known: Sequence[int], seed: int) -> Choice:
    """A head's logits for each part by one that learned from the others, and how they are joined best."""
    logits = np.zeros(heard.targets.shape)
    learner = _Learner(shape, len(heard.targets), heard.targets.shape[1], seed)
    parts = [part for part in np.unique(heard.parts).tolist() if part >= 0]
    for part in parts:
        own = heard.parts == part
        logits[own] = logits_of(learner.fit(heard.some(~own)), heard.arrays.embeddings[own])
    tried, unseen = heard.some(heard.parts >= 0), logits[heard.parts >= 0]
    targets, opinion = tried.targets, tried.arrays.opinion
    joining = fit_joining(unseen, opinion, targets, known)
    alone = Joining(unknown=_fit([log_shares(unseen)], targets)).scores(unseen, opinion, ())
    return Choice(shape, _loss(targets, alone), _loss(targets, joining.scores(unseen, opinion, known)), joining)


def fit_joining(logits: Array, opinion: Array, targets: Targets, known: Sequence[int]) -> Joining:
    """The powers, none below 0, of the least log loss on segments that the head has not seen.

    Parameters
    ----------
    logits : of the head, (segments, classes). opinion : of the listener, (segments, windows, known).
    targets : (segments, classes).
    """
    share, own = log_shares(logits), list(known)
    others = [place for place in range(targets.shape[1]) if place not in set(own)]
    joining = Joining()
    if own:
        parts = parts_of(share[:, own], opinion)
        joining = replace(joining, known=_fit(np.moveaxis(parts, -1, 0), targets[:, own]))
    if others:
        joining = replace(joining, unknown=_fit([share[:, others]], targets[:, others]))
    return joining


def _fit(parts: Sequence[Array] | Array, targets: Targets) -> tuple[float, ...]:
    """Powers of parts, each (segments, classes), and the constant, by logistic regression with powers from 0 on."""
    given = np.stack(list(parts), axis=-1).reshape(-1, len(parts))
    wanted = targets.reshape(-1).astype(np.float64)

    def loss(powers: Array) -> tuple[float, Array]:
        logits = given @ powers[:-1] + powers[-1]
        apart = 1 / (1 + np.exp(-np.clip(logits, -60, 60))) - wanted
        slope = np.append(given.T @ apart / len(wanted), apart.mean())
        slope[:-1] += 2 * _RIDGE / targets.shape[1] * powers[:-1]
        mean = float((np.logaddexp(0, logits) - wanted * logits).mean())
        return mean + _RIDGE / targets.shape[1] * float(powers[:-1] @ powers[:-1]), slope

    begin = np.append(np.full(len(parts), 0.5), 0.0)
    bounds = [(0.0, None)] * len(parts) + [(None, None)]
    found = minimize(loss, begin, jac=True, bounds=bounds, method="L-BFGS-B")
    return tuple(round(float(value), 6) for value in found.x)


def _loss(targets: Targets, scores: Array) -> float:
    """Log loss a segment of scores (segments, classes), summed over the classes."""
    sure = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-(targets * np.log(sure) + (1 - targets) * np.log(1 - sure)).sum(axis=1).mean())


class _Learner:
    """A head that begins anew for each part; it is compiled once. The same seed gives the same one."""

    def __init__(self, shape: HeadShape, count: int, classes: int, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        self._seed, self._batch = seed, min(_LARGEST_BATCH, max(16, count // 8))
        steps = -(-count // self._batch)
        self._epochs = int(np.clip(_STEPS // steps, _LEAST_EPOCHS, _MOST_EPOCHS))
        self.model = build_head(shape, classes)
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(_RATE, self._epochs * steps))
        optimizer.build(self.model.trainable_variables)
        self.model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
        self._variables = [*self.model.variables, *optimizer.variables]
        self._begin = [np.array(value) for value in self._variables]

    def fit(self, heard: Heard) -> keras.Model:
        """The head when it has learned from some segments; the next call changes it."""
        for variable, value in zip(self._variables, self._begin, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(self._seed)
        flat = heard.arrays.embeddings.reshape(-1, heard.arrays.embeddings.shape[-1])
        gain = 1 / np.maximum(flat.std(axis=0), 1e-3)
        self.model.get_layer(EVEN).set_weights([gain, -gain * flat.mean(axis=0)])
        self.model.fit(self._batches(heard), shuffle=False, verbose=0)
        return self.model

    def _batches(self, heard: Heard) -> tf.data.Dataset:
        """All epochs one after the other, each in another order, as one pass: beginning one takes Keras long."""
        chance, count = np.random.default_rng(self._seed), len(heard.targets)
        order = np.concatenate([chance.permutation(count) for _ in range(self._epochs)])
        embeddings, targets = tf.constant(heard.arrays.embeddings), tf.constant(_shares(heard.targets))
        places = tf.data.Dataset.from_tensor_slices(order).batch(self._batch)
        return places.map(lambda some: (tf.gather(embeddings, some), tf.gather(targets, some)))


def _shares(targets: Targets) -> Targets:
    """Targets (segments, classes) as shares of one; without any, all classes have the same."""
    total = targets.sum(axis=1, keepdims=True)
    return np.where(total > 0, targets / np.maximum(total, 1e-6), 1 / targets.shape[1]).astype(np.float32)
