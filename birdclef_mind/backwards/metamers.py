"""What a layer insists on: pictures made from noise until the layer cannot tell them from the recording's.

Feather, Durango, Gonzalez & McDermott 2019, "Metamers of neural networks reveal divergence from human perceptual
systems"; Feather, Leclerc, Mądry & McDermott 2023. What differs between two seeds the layer does not pin down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input
from birdclef_mind.errors import ConfigError, Obstacle

# Of the squared distance that lies between two recordings in the layer; 1 would be any other recording.
TOLERANCE = 0.2
STEPS = 60
# A map pins every place down and forgives large steps, a vector does not.
_MAP_RATE, _VECTOR_RATE = 0.1, 0.03
# Noise begins as dark as most of a picture is.
_LEVEL, _SPREAD = 0.3, 0.1
# Of what a layer does not pin down the smoothest is taken, so that it is no noise of the search.
_SMOOTHNESS = 0.1
_CHUNK = 16


@dataclass(frozen=True)
class Metamers:
    """Pictures that one layer takes for given ones.

    Attributes
    ----------
    pictures : (seeds, n, rows, frames), 0–255.
    errors : squared distance to the given picture's activation, 1 for the median of the other recordings', (seeds, n).
    nearest_other : the same of the nearest other recording, (n,).
    """

    pictures: Array
    errors: Array
    nearest_other: Array

    @property
    def reached(self) -> Array:
        """Which are within the tolerance, and nearer than any other recording, (seeds, n), bool."""
        return np.asarray((self.errors <= TOLERANCE) & (self.errors < self.nearest_other))


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

    steps : of the search; None for as many as reach the tolerance in networks of this program.

    ConfigError for a layer that takes all the others for the same, Obstacle where no gradient reaches the picture.
    """
    wanted = anatomy.activations([tap], pictures)[0]
    apart = _distances(wanted, anatomy.activations([tap], others)[0])
    if np.isnan(apart).all(axis=1).any():
        raise ConfigError(f"metamers: expected recordings that differ at {tap.name}, found the same activation for all")
    usual = np.nanmedian(apart, axis=1)
    found = [
        _searched(anatomy, tap, wanted[part], usual[part], seed, np.arange(len(pictures))[part], steps or STEPS)
        for seed in seeds
        for part in (slice(start, start + _CHUNK) for start in range(0, len(pictures), _CHUNK))
    ]
    shape = (len(seeds), *pictures.shape)
    made = np.concatenate(found).reshape(shape)
    again = anatomy.activations([tap], made.reshape(-1, *pictures.shape[1:]))[0]
    errors = _squares(again.reshape(len(seeds), len(pictures), -1) - wanted.reshape(len(pictures), -1)) / usual
    return Metamers(made, errors, np.nanmin(apart, axis=1) / usual)


def _searched(anatomy: Anatomy, tap: Stage, wanted: Array, usual: Array, seed: int, places: Array, steps: int) -> Array:
    reader, axes = anatomy.reader([tap]), tuple(range(1, wanted.ndim))
    target, scale = tf.constant(wanted), tf.constant(usual, tf.float32)

    def apart(values: Any) -> Any:
        (activation,) = reader(255 * values)
        return tf.reduce_sum(tf.square(activation - target), axis=axes) / scale

    rows, frames = anatomy.rows_frames
    drawn = [np.random.default_rng([seed, place]).normal(size=(rows, frames)) for place in places.tolist()]
    start = np.clip(_LEVEL + _SPREAD * np.stack(drawn), 0, 1)
    rate = _MAP_RATE if wanted.ndim > 2 else _VECTOR_RATE
    values = tf.Variable(as_input(start))
    with tf.GradientTape() as tape:
        probe = apart(values)
    if tape.gradient(probe, values) is None:
        raise Obstacle(f"metamers: no gradient reaches the picture from {tap.name}")
    return 255 * _descended(values, lambda at: apart(at) + _SMOOTHNESS * _variation(at), rate, steps)[..., 0]


def _descended(values: Any, loss: Callable[[Any], Any], rate: float, steps: int) -> Array:
    """Go down a loss from some values in [0, 1] with Adam, its rate along half a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.05)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build([values])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step() -> None:
        with tf.GradientTape() as tape:
            lost = tf.reduce_sum(loss(values))
        optimizer.apply_gradients([(tape.gradient(lost, values), values)])
        values.assign(tf.clip_by_value(values, 0.0, 1.0))

    for _ in range(steps):
        step()
    return values.numpy()


def _variation(values: Any) -> Any:
    """Mean difference of neighbours in frequency and in time, (n,)."""
    axes = (1, 2, 3)
    up, on = tf.abs(values[:, 1:] - values[:, :-1]), tf.abs(values[:, :, 1:] - values[:, :, :-1])
    return tf.reduce_mean(up, axis=axes) + tf.reduce_mean(on, axis=axes)


def _squares(values: Array) -> Array:
    return np.square(values, dtype=np.float64).sum(axis=-1)


def _distances(one: Array, other: Array) -> Array:
    """Squared distances of activations (n, …) and (m, …), (n, m); NaN where both are the same."""
    one, other = (value.reshape(len(value), -1).astype(np.float64) for value in (one, other))
    squares = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1) - 2 * one @ other.T
    return np.where(squares > 1e-6 * np.square(one).sum(axis=1)[:, None], squares, np.nan)
