"""What a layer insists on: pictures made from noise until the layer cannot tell them from the recording's.

Feather, Durango, Gonzalez & McDermott 2019, "Metamers of neural networks reveal divergence from human perceptual
systems"; Feather, Leclerc, Mądry & McDermott 2023. What differs between two seeds the layer does not pin down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input
from birdclef_mind.errors import ConfigError, Obstacle

# Of the squared distance that lies between two recordings in the layer; 1 would be any other recording.
TOLERANCE = 0.1
# A picture that is so near is near enough, and its search ends; after two rounds the tolerance is.
_ENOUGH, _PATIENT_ROUNDS = 0.01, 2
# So does one that after a round gets no nearer than to this share of what it was a look before.
_STALLED = 0.98
# Steps of a round, and rounds at most: a picture that has not reached the tolerance after one goes on. From round to
# round the rate falls to this share.
STEPS, ROUNDS = 60, 3
_FALLING = 0.4
# After so many steps each it is seen which pictures are near enough.
_LOOK = 10
# How long Adam remembers slopes and their squares: as the slopes fall by far, squares of long ago would hold it up.
_MEMORY, _SQUARES_MEMORY, _LEAST_SLOPE = 0.9, 0.9, 1e-7
# A map pins every place down and forgives large steps, a vector does not.
_MAP_RATE, _VECTOR_RATE = 0.07, 0.05
# Noise begins as dark as most of a picture is.
_LEVEL, _SPREAD = 0.3, 0.1
# Of what a layer does not pin down the smoothest is taken, so that it is no noise of the search.
_SMOOTHNESS = 0.1
# A picture that begins near is changed by small steps, and stays the smoother the farther it begins: where a decoder
# knows little, a judge hears fewer birds in one that is free to agree by noise.
_NEAR_RATE, _NEAR_SMOOTHNESS = 0.02, 8.0
NEAR_STEPS = 25
_TOGETHER, _AT_A_TIME = 16, 64


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
    usual, least = _usual(wanted, _read(read, others), tap)
    made = np.concatenate([_noise(anatomy, len(pictures), seed) for seed in seeds])
    targets, scales = np.tile(wanted, (len(seeds), *[1] * (wanted.ndim - 1))), np.tile(usual, len(seeds))
    _require_gradient(read, made[:1], tap)
    step = _step(read, _MAP_RATE if wanted.ndim > 2 else _VECTOR_RATE)
    smoothness = np.full(len(made), _SMOOTHNESS, np.float32)
    for start in range(0, len(made), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        made[some] = _descended(step, made[some], [targets[some], scales[some], smoothness[some]], steps)
    errors = np.square(_flat(_read(read, made)) - _flat(targets)).sum(axis=1) / scales
    shape = (len(seeds), len(pictures))
    return Metamers(made.reshape(*shape, *anatomy.rows_frames), errors.reshape(shape), least / usual)


def bring_near(
    anatomy: Anatomy, tap: Stage, begun: Array, pictures: Array, others: Array, *, steps: int | None = None
) -> Array:
    """Change pictures a little, until a layer takes them nearly for those given, and as smooth as that allows.

    Mahendran & Vedaldi 2015, "Understanding deep image representations by inverting them", from a decoder's picture in
    the place of noise: what somebody knows who has seen many recordings, made to agree with what the layer says.

    Parameters
    ----------
    begun : what is changed, (n, rows, frames), 0–255. pictures : those to be taken for, (n, rows, frames), 0–255.
    others : of other recordings, (m, rows, frames), as of `make_metamers`.

    Returns
    -------
    (n, rows, frames), 0–255. Errors are those of `make_metamers`.
    """
    for given in (begun, pictures, others):
        anatomy.require(given)
    read = _reader(anatomy, tap)
    wanted = _read(read, pictures)
    usual, _ = _usual(wanted, _read(read, others), tap)
    found = np.array(begun, np.float32)
    _require_gradient(read, found[:1], tap)
    step = _step(read, _NEAR_RATE)
    begin = np.square(_flat(_read(read, found)) - _flat(wanted)).sum(axis=1) / usual
    smoothness = (_NEAR_SMOOTHNESS * begin).astype(np.float32)
    steps = NEAR_STEPS if steps is None else steps
    for start in range(0, len(found), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        found[some] = _descended(step, found[some], [wanted[some], usual[some], smoothness[some]], steps)
    return found


def _usual(wanted: Array, others: Array, tap: Stage) -> tuple[Array, Array]:
    """Of activations (n, …) and others' (m, …): the usual squared distance, and the least, (n,) each."""
    apart = _distances(wanted, others)
    if np.isnan(apart).all(axis=1).any():
        raise ConfigError(f"metamers: expected recordings that differ at {tap.name}, found the same activation for all")
    return np.nanmedian(apart, axis=1), np.nanmin(apart, axis=1)


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


def _require_gradient(read: Callable[[Any], Any], pictures: Array, tap: Stage) -> None:
    values = tf.constant(as_input(pictures))
    with tf.GradientTape() as tape:
        tape.watch(values)
        activation = read(values)
    if tape.gradient(activation, values) is None:
        raise Obstacle(f"metamers: no gradient reaches the picture from {tap.name}")


def _step(read: Callable[[Any], Any], rate: float) -> Callable[..., Any]:
    """One step of Adam for any number of searches: from its number, their state and their goals.

    The state is values, slopes and squares, the goals are targets, scales and how much smoothness counts. It gives the
    state anew, and how far the values it was given are from their targets, (n,). Adam is written out, since Keras' own
    holds a state for a fixed number of pictures.
    """

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(number: Any, state: Any, goals: Any) -> Any:
        (values, slopes, squares), (targets, scales, smoothness) = state, goals
        with tf.GradientTape() as tape:
            tape.watch(values)
            squares_apart = tf.square(read(255 * values) - targets)
            apart = tf.reduce_sum(squares_apart, axis=tuple(range(1, targets.shape.rank))) / scales
            lost = tf.reduce_sum(apart + smoothness * _variation(values))
        slope = tape.gradient(lost, values)
        slopes += (1 - _MEMORY) * (slope - slopes)
        squares += (1 - _SQUARES_MEMORY) * (tf.square(slope) - squares)
        own = rate * _FALLING ** (number / STEPS)
        own *= tf.sqrt(1 - _SQUARES_MEMORY ** (number + 1)) / (1 - _MEMORY ** (number + 1))
        values = tf.clip_by_value(values - own * slopes / (tf.sqrt(squares) + _LEAST_SLOPE), 0.0, 1.0)
        return (values, slopes, squares), apart

    return step


def _descended(step: Callable[..., Any], pictures: Array, goals: Sequence[Array], steps: int | None) -> Array:
    """Go down from pictures (n, rows, frames), 0–255, by ever smaller steps; each ends when it is near enough."""
    values = tf.constant(as_input(pictures) / 255)
    state = values, tf.zeros_like(values), tf.zeros_like(values)
    goals = [goal.astype(np.float32) for goal in goals]
    found, under_way = pictures.copy(), np.arange(len(pictures))
    before = np.full(len(pictures), np.inf)
    for number in range(STEPS * ROUNDS if steps is None else steps):
        further, apart = step(tf.constant(number, tf.float32), state, tuple(map(tf.constant, goals)))
        if steps is None and number and number % _LOOK == 0:
            now = apart.numpy()
            left = now > (_ENOUGH if number < STEPS * _PATIENT_ROUNDS else TOLERANCE)
            left &= (number < STEPS) | (now < _STALLED * before)
            found[under_way[~left]] = 255 * state[0].numpy()[~left, ..., 0]
            under_way, before, goals = under_way[left], now[left], [goal[left] for goal in goals]
            further = tuple(tf.boolean_mask(each, left) for each in further)
        state = further
        if not len(under_way):
            break
    found[under_way] = 255 * state[0].numpy()[..., 0]
    return found


def _variation(values: Any) -> Any:
    """Mean difference of neighbours in frequency and in time, (n,)."""
    axes = (1, 2, 3)
    up, on = tf.abs(values[:, 1:] - values[:, :-1]), tf.abs(values[:, :, 1:] - values[:, :, :-1])
    return tf.reduce_mean(up, axis=axes) + tf.reduce_mean(on, axis=axes)


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1).astype(np.float64)


def _distances(one: Array, other: Array) -> Array:
    """Squared distances of activations (n, …) and (m, …), (n, m); NaN where both are the same."""
    one, other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    # One at a time: as products of all of them, in the precision that takes, it would last longer.
    squares = np.stack([np.square(other - own).sum(axis=1) for own in one]).astype(np.float64)
    return np.where(squares > 1e-6 * np.square(one).sum(axis=1)[:, None], squares, np.nan)
