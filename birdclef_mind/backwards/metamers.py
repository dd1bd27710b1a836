"""What a layer insists on: pictures made from noise until the layer cannot tell them from the recording's.

Feather, Durango, Gonzalez & McDermott 2019, "Metamers of neural networks reveal divergence from human perceptual
systems"; Feather, Leclerc, Mądry & McDermott 2023. What differs between two seeds the layer does not pin down.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input
from birdclef_mind.errors import ConfigError, Obstacle

# Of the squared distance that lies between two recordings in the layer; 1 would be any other recording.
TOLERANCE = 0.1
# Steps of a round, and rounds at most: where one of the pictures has not reached the tolerance, they go on. From round
# to round the rate falls to this share.
STEPS, ROUNDS = 60, 5
_FALLING = 0.6
# A map pins every place down and forgives large steps, a vector does not.
_MAP_RATE, _VECTOR_RATE = 0.1, 0.03
# Noise begins as dark as most of a picture is.
_LEVEL, _SPREAD = 0.3, 0.1
# Of what a layer does not pin down the smoothest is taken, so that it is no noise of the search.
_SMOOTHNESS = 0.1
_CHUNK, _AT_A_TIME = 16, 64


@dataclass(frozen=True)
class Metamers:
    """Pictures that one layer takes for given ones.

    Attributes
    ----------
    pictures : (seeds, n, rows, frames), 0–255.
    errors : squared distance to the given picture's activation, 1 for the median of the other recordings', (seeds, n).
    nearest_other : the same of the nearest other recording, (n,); in a deep layer one of the same bird may be nearer
        than any metamer.
    """

    pictures: Array
    errors: Array
    nearest_other: Array

    @property
    def reached(self) -> Array:
        """Which are within the tolerance, (seeds, n), bool."""
        return np.asarray(self.errors <= TOLERANCE)


def make_metamers(
    anatomy: Anatomy,
    tap: Stage,
    pictures: Array,
    others: Array,
    *,
    seeds: Sequence[int] = (0, 1),
    steps: int | None = None,
) -> Metamers:
    """Pictures that a layer takes for the pictures given, one from each seed's noise.

    A picture's metamer does not depend on which others are made beside it, but for rounding.

    Parameters
    ----------
    pictures : (n, rows, frames), 0–255. others : of other recordings, which tell how far apart two lie in the layer,
        (m, rows, frames); the same picture among them is passed over.

    steps : of the search; None to go on until the tolerance is reached, for some rounds.

    ConfigError for a layer that takes all the others for the same, Obstacle where no gradient reaches the picture.
    """
    anatomy.require(pictures)
    anatomy.require(others)
    read = _reader(anatomy, tap)
    wanted = _read(read, pictures)
    apart = _distances(wanted, _read(read, others))
    if np.isnan(apart).all(axis=1).any():
        raise ConfigError(f"metamers: expected recordings that differ at {tap.name}, found the same activation for all")
    usual = np.nanmedian(apart, axis=1)
    made = np.stack([_noise(anatomy, len(pictures), seed) for seed in seeds])
    errors = np.full(made.shape[:2], np.inf)
    rate = _MAP_RATE if wanted.ndim > 2 else _VECTOR_RATE
    for seed, places in _chunks(*made.shape[:2]):
        distance = _distance(read, tf.constant(wanted[places]), tf.constant(usual[places], tf.float32))
        values = tf.Variable(as_input(made[seed, places]) / 255)
        _require_gradient(distance, values, tap)
        made[seed, places] = 255 * _descended(values, distance, rate, steps)[..., 0]
        again = _flat(_read(read, made[seed, places]))
        errors[seed, places] = np.square(again - _flat(wanted[places])).sum(axis=1) / usual[places]
    return Metamers(made, errors, np.nanmin(apart, axis=1) / usual)


def _chunks(seeds: int, count: int) -> Iterator[tuple[int, slice]]:
    """Each seed and some of the pictures, a few at a time."""
    for seed in range(seeds):
        yield from ((seed, slice(start, start + _CHUNK)) for start in range(0, count, _CHUNK))


def _reader(anatomy: Anatomy, tap: Stage) -> Callable[[Any], Any]:
    """What a tap makes of pictures (n, rows, frames, 1); of the classes the logarithms of the scores.

    A score that is nearly nothing, or nearly all, has no gradient.
    """
    if tap.kind == "classes":
        return anatomy.head.log_scores(anatomy.flat, anatomy.picture)
    reader = anatomy.reader([tap])
    return lambda values: reader(values)[0]


def _read(read: Callable[[Any], Any], pictures: Array) -> Array:
    parts = [read(as_input(pictures[start : start + _AT_A_TIME])) for start in range(0, len(pictures), _AT_A_TIME)]
    return np.concatenate(parts).astype(np.float32)


def _noise(anatomy: Anatomy, count: int, seed: int) -> Array:
    """What the search begins with, each picture's own: (count, rows, frames), 0–255."""
    drawn = [np.random.default_rng([seed, place]).normal(size=anatomy.rows_frames) for place in range(count)]
    return np.asarray(255 * np.clip(_LEVEL + _SPREAD * np.stack(drawn), 0, 1), np.float32)


def _distance(read: Callable[[Any], Any], target: Any, scale: Any) -> Callable[[Any], Any]:
    """From values in [0, 1] to their squared distance from the target in the layer, (n,)."""
    axes = tuple(range(1, len(target.shape)))
    return lambda values: tf.reduce_sum(tf.square(read(255 * values) - target), axis=axes) / scale


def _require_gradient(distance: Callable[[Any], Any], values: Any, tap: Stage) -> None:
    with tf.GradientTape() as tape:
        apart = distance(values)
    if tape.gradient(apart, values) is None:
        raise Obstacle(f"metamers: no gradient reaches the picture from {tap.name}")


def _descended(values: Any, distance: Callable[[Any], Any], rate: float, steps: int | None) -> Array:
    """Go down a distance from some values in [0, 1] with Adam, by ever smaller steps."""
    schedule = keras.optimizers.schedules.ExponentialDecay(rate, STEPS, _FALLING)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build([values])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step() -> None:
        with tf.GradientTape() as tape:
            lost = tf.reduce_sum(distance(values) + _SMOOTHNESS * _variation(values))
        optimizer.apply_gradients([(tape.gradient(lost, values), values)])
        values.assign(tf.clip_by_value(values, 0.0, 1.0))

    for number in range(STEPS * ROUNDS if steps is None else steps):
        if steps is None and number and number % STEPS == 0 and bool(tf.reduce_all(distance(values) <= TOLERANCE)):
            break
        step()
    return values.numpy()


def _variation(values: Any) -> Any:
    """Mean difference of neighbours in frequency and in time, (n,)."""
    axes = (1, 2, 3)
    up, on = tf.abs(values[:, 1:] - values[:, :-1]), tf.abs(values[:, :, 1:] - values[:, :, :-1])
    return tf.reduce_mean(up, axis=axes) + tf.reduce_mean(on, axis=axes)


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1).astype(np.float64)


def _distances(one: Array, other: Array) -> Array:
    """Squared distances of activations (n, …) and (m, …), (n, m); NaN where both are the same."""
    one, other = _flat(one), _flat(other)
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1) - 2 * one @ other.T
    return np.where(squares > 1e-6 * np.square(one).sum(axis=1)[:, None], squares, np.nan)
