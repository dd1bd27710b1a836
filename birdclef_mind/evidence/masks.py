"""The part of a sound that an answer rests on: a mask found for each recording by going down a slope.

What is kept shall still be called the same, what is removed no longer, and little shall be kept: Fong & Vedaldi 2017,
"Interpretable explanations of black boxes by meaningful perturbation", with the two-sided goal of Paissan, Ravanelli &
Subakan 2024, "Listenable maps for audio classifiers".
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.evidence.asked import Asking
from birdclef_mind.evidence.maps import gradient_times_input
from birdclef_mind.evidence.measures import strongest
from birdclef_mind.sound.settings import Features

# How far masks would reach beyond nothing and all.
_BEYOND = 0.1
# Shares of a picture of which the smallest is sought that leaves so much of an answer's chance.
_SHARES, _ENOUGH = (0.02, 0.05, 0.1, 0.2, 0.4), 0.9
# Of intensity, as people hear it.
_LOUDNESS = 0.25


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a mask is to be.

    Attributes
    ----------
    removed : how much it counts that what is removed is no longer called the same; that of the kept part counts 1.
    little : how much the share of the picture counts that is kept. smooth : how much its edges do.
    cells : how many pieces the bands, and the frames, are cut into that are kept or removed together.
    rate, steps : of Adam.
    """

    removed: float = 1.0
    little: float = 5.0
    smooth: float = 0.5
    cells: tuple[int, int] = (32, 80)
    rate: float = 0.3
    steps: int = 40


USUAL = Wanted()


def find_masks(asked: Asking, wanted: Wanted | None = None, begin: Array | None = None) -> Array:
    """A mask for each recording, 0–1, (n, n_mels, frames).

    Obstacle, from `gradient_times_input`, where no gradient reaches the picture: nothing would be kept.

    Parameters
    ----------
    wanted : of the masks; None for the usual.
    begin : masks to begin with, (n, n_mels, frames); None for half of everything.
    """
    wanted = USUAL if wanted is None else wanted
    if len(asked.bands):
        gradient_times_input(asked.some(slice(0, asked.together)))
    parts = [slice(start, start + asked.together) for start in range(0, len(asked.bands), asked.together)]
    found = [_found(asked.some(part), wanted, None if begin is None else begin[part]) for part in parts]
    return np.concatenate(found) if found else np.zeros(asked.bands.shape, np.float32)


def _found(asked: Asking, wanted: Wanted, begin: Array | None) -> Array:
    shape = asked.bands.shape[1:]
    grid = [min(size, count) for size, count in zip(shape, wanted.cells, strict=True)]
    begun = np.full((len(asked.bands), *shape), 0.5, np.float32) if begin is None else begin
    small = tf.image.resize(begun[..., None], grid, antialias=True)
    logits = _logit(tf.clip_by_value(small, 0.02, 0.98))
    step = asked.compiled(wanted, partial(_stepped, wanted=wanted, shape=shape))
    state = logits, tf.zeros_like(logits), tf.zeros_like(logits)
    for number in range(wanted.steps):
        state = step(*state, tf.constant(number, tf.float32))
    return np.asarray(as_masks(state[0], shape))


def least_masks(asked: Asking, maps: Array) -> Array:
    """Of the highest places of maps (n, n_mels, frames) the fewest that are believed like the whole: masks, 0 or 1.

    Of the shares that are tried, for ears through which no gradient flows; the largest where none is enough.
    """
    whole = asked.chances(np.ones_like(maps, np.float32))
    masks = strongest(maps, _SHARES[-1])
    for share in _SHARES[-2::-1]:
        fewer = strongest(maps, share)
        enough = asked.chances(fewer) >= _ENOUGH * whole
        masks[enough] = fewer[enough]
    return masks


def as_masks(logits: Any, shape: tuple[int, ...]) -> Any:
    """Masks (n, n_mels, frames), 0–1, of logits on a coarser grid, (n, rows, columns, 1).

    Nothing and all are reached, as in Louizos, Welling & Kingma 2018: of a tenth that were left of a loud bird a
    network that hears decibels would still hear most.
    """
    share = (1 + 2 * _BEYOND) * tf.sigmoid(tf.image.resize(logits, shape)) - _BEYOND
    return tf.clip_by_value(share, 0.0, 1.0)[..., 0]


def as_heard(masks: Array, bands: Array) -> Array:
    """Masks weighed by how loud each place is heard: where a listener finds what is kept, (n, n_mels, frames).

    A mask says nothing of how much there is to keep. Specific loudness grows about as the fourth root of intensity;
    Zwicker & Fastl 1999, "Psychoacoustics", section 8.7: to the power of 0.23.

    Parameters
    ----------
    masks : shares that are kept, (n, n_mels, frames). bands : power of the same shape.
    """
    return np.asarray(masks * bands**_LOUDNESS, np.float32)


def intensity(bands: Array, features: Features) -> Array:
    """Power of mel bands (n, n_mels, frames), of the same shape, whatever power of the magnitude the features keep."""
    return np.asarray(bands ** (2 / features.power))


def losses(asked: Asking, wanted: Wanted, masks: Any) -> Any:
    """What masks (n, n_mels, frames) fall short by, a recording each, (n,)."""
    kept, _ = asked.odds(masks)
    _, removed = asked.odds(1 - masks)
    up, on = tf.abs(masks[:, 1:] - masks[:, :-1]), tf.abs(masks[:, :, 1:] - masks[:, :, :-1])
    edges = tf.reduce_mean(up, axis=(1, 2)) + tf.reduce_mean(on, axis=(1, 2))
    share = tf.reduce_mean(masks, axis=(1, 2))
    return -kept - wanted.removed * removed + wanted.little * share + wanted.smooth * edges


def _stepped(asked: Asking, *state: Any, wanted: Wanted, shape: tuple[int, ...]) -> Any:
    """Logits, and their slopes and squares as Adam keeps them, after another step; `state` ends with its number."""
    logits, slopes, squares, number = state
    with tf.GradientTape() as tape:
        tape.watch(logits)
        lost = tf.reduce_sum(losses(asked, wanted, as_masks(logits, shape)))
    slope = tape.gradient(lost, logits)
    slopes = 0.9 * slopes + 0.1 * slope
    squares = 0.99 * squares + 0.01 * tf.square(slope)
    rate = wanted.rate * tf.sqrt(1 - 0.99 ** (number + 1)) / (1 - 0.9 ** (number + 1))
    return logits - rate * slopes / (tf.sqrt(squares) + 1e-7), slopes, squares


def _logit(share: Any) -> Any:
    return tf.math.log(share) - tf.math.log(1 - share)
