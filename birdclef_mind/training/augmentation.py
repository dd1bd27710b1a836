"""What is done to training pictures, a batch at a time, on the device that trains.

Pictures are (n, rows, frames), float32, 0–255, in decibels over a fixed range (see `pictures`), targets (n, classes).
Sounds that meet add their powers: a mixed picture is the one their sum would have, but for phase.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from birdclef_mind.training.recipe import Augmentation

NOTHING_LAID: Mapping[str, Any] = MappingProxyType({})
_STRIPES = 2
# How much quieter than a picture's loudest place a second song, sound without a bird and noise may be laid over it, and
# how noise may fall or rise with pitch.
_SECOND_DB = (-10.0, 0.0)
_UNDER_DB = (-12.0, 0.0)
# How much quieter or louder a window of soundscapes is than the picture that it is laid over.
_BESIDE_DB = (-6.0, 6.0)
_NOISE_DB = (-70.0, -15.0)
_NOISE_TILT_DB = (-30.0, 10.0)


class Draws:
    """Random numbers of one batch: the same seed, the same numbers, in the order they are asked for."""

    def __init__(self, seed: Any, count: Any) -> None:
        self._seed, self._count, self._asked = tf.cast(seed, tf.int32), count, 0

    def uniform(self, lowest: float, highest: float, *shape: int) -> Any:
        """(n, *shape), float32, in [lowest, highest)."""
        return tf.random.stateless_uniform((self._count, *shape), self._next(), lowest, highest)

    def chosen(self, share: float) -> Any:
        """(n, 1, 1), true for about this share."""
        return self.uniform(0.0, 1.0, 1, 1) < share

    def others(self) -> Any:
        """(n,), a picture's partner: every one is a partner once."""
        return tf.argsort(self.uniform(0.0, 1.0))

    def _next(self) -> Any:
        self._asked += 1
        return self._seed + tf.constant([0, self._asked], tf.int32)


def augment(
    pictures: Any,
    targets: Any,
    seed: Any,
    augmentation: Augmentation,
    range_db: float,
    *,
    laid: Mapping[str, Any] = NOTHING_LAID,
    strength: Any = 1.0,
) -> tuple[Any, Any]:
    """Pictures (n, rows, frames) and their targets, changed as `augmentation` says.

    Parameters
    ----------
    seed : (2,), int. range_db : decibels from 0 to 255.
    laid : pictures to mix in, each (n, rows, frames), black for none: "under", without a bird, and "beside", of
        soundscapes, whose birds the targets have already.
    strength : 0 to 1, how much of gain, noise, mixing and masks is wanted; what is laid over is chosen elsewhere.
    """
    draws = Draws(seed, tf.shape(pictures)[0])
    steps_per_db = 255 / range_db
    if "beside" in laid:
        pictures = lay_over(pictures, laid["beside"], draws, steps_per_db, _BESIDE_DB)
    if augmentation.mixup:
        pictures, targets = mix_up(pictures, targets, draws, augmentation.mixup * strength, steps_per_db)
    if augmentation.background and "under" in laid:
        pictures = lay_over(pictures, laid["under"], draws, steps_per_db)
    if augmentation.noise:
        pictures = add_noise(pictures, draws, augmentation.noise * strength, steps_per_db)
    if augmentation.gain_db:
        change = augmentation.gain_db * strength * steps_per_db
        pictures = tf.clip_by_value(pictures + change * draws.uniform(-1.0, 1.0, 1, 1), 0, 255)
    if augmentation.time_mask:
        pictures = mask(pictures, draws, augmentation.time_mask * strength, axis=2)
    if augmentation.frequency_mask:
        pictures = mask(pictures, draws, augmentation.frequency_mask * strength, axis=1)
    return pictures, targets


def sum_of_powers(one: Any, other: Any, steps_per_db: float) -> Any:
    """The picture of two sounds together, its loudest place at 255 as in every picture; darker than 0 is 0."""
    steps_per_neper = steps_per_db * 10 / math.log(10)
    # 0 stands for nothing, and nothing beside nothing stays so.
    power = tf.exp(tf.nn.relu(one) / steps_per_neper) + tf.exp(tf.nn.relu(other) / steps_per_neper) - 1
    both = steps_per_neper * tf.math.log(power)
    return tf.clip_by_value(both - tf.reduce_max(both, axis=(1, 2), keepdims=True) + 255, 0, 255)


def mix_up(pictures: Any, targets: Any, draws: Draws, share: float, steps_per_db: float) -> tuple[Any, Any]:
    """Lay another picture of the batch over about `share` of them; what either has is wanted of both (their maximum).

    An OR instead of the weighted mean of Zhang and others 2018, "mixup": a quiet bird is as present as a loud one.
    """
    others, chosen = draws.others(), draws.chosen(share)
    level = draws.uniform(*_SECOND_DB, 1, 1) * steps_per_db
    second = tf.where(chosen, tf.gather(pictures, others) + level, 0.0)
    wanted = tf.where(chosen[:, :, 0], tf.gather(targets, others), 0.0)
    return tf.where(chosen, sum_of_powers(pictures, second, steps_per_db), pictures), tf.maximum(targets, wanted)


def lay_over(
    pictures: Any, others: Any, draws: Draws, steps_per_db: float, louder_db: tuple[float, float] = _UNDER_DB
) -> Any:
    """Lay other sound over pictures, both (n, rows, frames), where there is some; targets stay."""
    some = tf.reduce_max(others, axis=(1, 2), keepdims=True) > 0
    level = draws.uniform(*louder_db, 1, 1) * steps_per_db
    mixed = sum_of_powers(pictures, tf.where(some, others + level, 0.0), steps_per_db)
    return tf.where(some, mixed, pictures)


def add_noise(pictures: Any, draws: Draws, share: float, steps_per_db: float) -> Any:
    """Add noise of any loudness that rises or falls with pitch to about `share` of pictures; its powers scatter."""
    rows, frames = pictures.shape[1:3]
    level = 255 + draws.uniform(*_NOISE_DB, 1, 1) * steps_per_db
    slope = draws.uniform(*_NOISE_TILT_DB, 1, 1) * steps_per_db * tf.linspace(0.0, 1.0, rows)[None, :, None]
    # Power of noise in one place is exponentially distributed; its decibels scatter by 5.6.
    power = -tf.math.log(draws.uniform(1e-6, 1.0, rows, frames))
    scatter = steps_per_db * 10 / math.log(10) * tf.math.log(power + 1e-6)
    chosen = draws.chosen(share)
    noisy = sum_of_powers(pictures, level + slope + scatter, steps_per_db)
    return tf.where(chosen, noisy, pictures)


def mask(pictures: Any, draws: Draws, share: float, axis: int) -> Any:
    """Blacken two stripes of up to `share` of an axis: Park and others 2019, "SpecAugment", without time warping."""
    size = pictures.shape[axis]
    places = tf.range(size, dtype=tf.float32)[None, :]
    for _ in range(_STRIPES):
        width = share * size * draws.uniform(0.0, 1.0, 1)
        start = draws.uniform(0.0, 1.0, 1) * (size - width)
        kept = tf.cast((places < start) | (places >= start + width), tf.float32)
        pictures *= kept[:, None, :] if axis == 2 else kept[:, :, None]
    return pictures
