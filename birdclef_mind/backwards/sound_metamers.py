"""What a layer insists on in sound: waveforms made from noise until the layer cannot tell them from the recording's.

As `metamers`, for a model that hears samples: nothing is invented but what the layer does not ask for, no picture and
no phase. McDermott & Simoncelli 2011 and Feather, Durango, Gonzalez & McDermott 2019 make sounds in this way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.metamers import TOLERANCE
from birdclef_mind.errors import ConfigError, Obstacle

# As of `metamers`: steps of a round, rounds at most, and the share to which the rate falls from round to round.
STEPS, ROUNDS = 60, 5
_FALLING = 0.6
# Of the noise that a sound begins as, which is as loud as the recording.
_RATE = 0.1
# Sounds at a time, and steps from one look at the tolerance to the next.
_CHUNK, _LOOK = 4, 20
# Two activations nearer than this share of one's own square are of the same sound.
_SAME = 1e-6

Reader = Callable[[Any], Any]


@dataclass(frozen=True)
class SoundMetamers:
    """Sounds that one layer takes for given ones.

    Attributes
    ----------
    samples : (seeds, n, samples), float32.
    errors : squared distance to the given sound's activation, 1 for the median of the other recordings', (seeds, n).
    """

    samples: Array
    errors: Array

    @property
    def reached(self) -> Array:
        """Which are within the tolerance, (seeds, n), bool."""
        return np.asarray(self.errors <= TOLERANCE)


def make_sound_metamers(
    read: Reader, samples: Array, others: Array, *, seeds: tuple[int, ...] = (0,), name: str = "the layer"
) -> SoundMetamers:
    """Sounds that a layer takes for the sounds given, one from each seed's noise.

    A sound's metamer does not depend on which others are made beside it, but for rounding.

    Parameters
    ----------
    read : from samples (n, samples) to the layer's activation (n, …), both tensors.
    samples : (n, samples), float32. others : the layer's activations of other recordings, (m, …), which tell how far
        apart two lie in it; the same among them is passed over.

    ConfigError for a layer that takes all the others for the same, Obstacle where no gradient reaches the sound.
    """
    wanted = np.concatenate([np.asarray(read(tf.constant(part))) for part in _parts(samples)])
    usual = _usual(_flat(wanted), _flat(others), name)
    made = np.stack([_noise(samples, seed) for seed in seeds])
    errors = np.full(made.shape[:2], np.inf)
    for seed in range(len(seeds)):
        for start in range(0, len(samples), _CHUNK):
            own = slice(start, start + _CHUNK)
            loudness = np.maximum(samples[own].std(axis=1, keepdims=True), 1e-6).astype(np.float32)
            distance = _distance(read, wanted[own], usual[own], loudness)
            values = tf.Variable(made[seed, own] / loudness)
            _require_slope(distance, values, name)
            _descend(values, distance)
            errors[seed, own] = distance(values).numpy()
            made[seed, own] = values.numpy() * loudness
    return SoundMetamers(made, errors)


def _parts(samples: Array) -> list[Array]:
    return [np.asarray(samples[start : start + _CHUNK], np.float32) for start in range(0, len(samples), _CHUNK)]


def _flat(values: Array) -> Array:
    return np.asarray(values, np.float32).reshape(len(values), -1)


def _usual(wanted: Array, others: Array, name: str) -> Array:
    """Median squared distance of each activation (n, numbers) from others (m, numbers), (n,)."""
    apart = np.stack([np.square(others - one).sum(axis=1, dtype=np.float64) for one in wanted])
    apart[apart <= _SAME * np.square(wanted).sum(axis=1, dtype=np.float64)[:, None]] = np.nan
    if np.isnan(apart).all(axis=1).any():
        raise ConfigError(f"metamers: expected recordings that differ at {name}, found the same activation for all")
    return np.asarray(np.nanmedian(apart, axis=1), np.float32)


def _noise(samples: Array, seed: int) -> Array:
    """What the search begins with, each sound's own, as loud as it: (n, samples), float32."""
    drawn = np.stack(
        [np.random.default_rng([seed, place]).normal(size=samples.shape[1]) for place in range(len(samples))]
    )
    return np.asarray(drawn * np.maximum(samples.std(axis=1, keepdims=True), 1e-6), np.float32)


def _distance(read: Reader, wanted: Array, usual: Array, loudness: Array) -> Reader:
    """From values (n, samples), in units of the recording's loudness, to their squared distance in the layer, (n,)."""
    target, scale, loud = tf.constant(wanted), tf.constant(usual), tf.constant(loudness)
    axes = tuple(range(1, wanted.ndim))
    return lambda values: tf.reduce_sum(tf.square(read(loud * values) - target), axis=axes) / scale


def _require_slope(distance: Reader, values: Any, name: str) -> None:
    with tf.GradientTape() as tape:
        apart = distance(values)
    if tape.gradient(apart, values) is None:
        raise Obstacle(f"metamers: no gradient reaches the sound from {name}")


def _descend(values: Any, distance: Reader) -> None:
    """Go down a distance from some values with Adam, by ever smaller steps."""
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(_RATE, STEPS, _FALLING))
    optimizer.build([values])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step() -> Any:
        with tf.GradientTape() as tape:
            apart = distance(values)
            lost = tf.reduce_sum(apart)
        slope = tape.gradient(lost, values)
        # Where a band of a spectrum is nothing, its root has no slope.
        optimizer.apply_gradients([(tf.where(tf.math.is_finite(slope), slope, 0), values)])
        return apart

    for number in range(STEPS * ROUNDS):
        apart = step()
        if number % _LOOK == _LOOK - 1 and bool(tf.reduce_all(apart <= TOLERANCE)):
            break
