"""What: how much each place of a picture has to do with an answer, by cheap methods; (n, bands, frames), any sign.

A place is always a band and a moment, whatever a picture's rows are. `share` below is the share of each place that is
kept, 1 in the recording itself.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.asked import Asked, Asking

_STEPS = 16
_AT_A_TIME = 32
# Parts of the picture that are taken away at a time, each a sixteenth as high and a thirty-second as long.
_PATCHES = (16, 32)
# Pieces of a window of which each is silenced in turn.
_SILENCED = 20
# Which parts a surrogate is asked about: each is kept in half of so many tries.
_TRIES, _RIDGE = 256, 1.0


_Asking = TypeVar("_Asking", bound=Asking)


def gradient_times_input(asked: Asking) -> Array:
    """The slope of the log odds by each place's share, (n, n_mels, frames).

    Shrikumar et al. 2017, "Not just a black box": gradient times input, as a share is 1 for the input, 0 for nothing.
    """
    return _in_parts(asked, lambda part: part.slopes(np.ones_like(part.bands)))


def integrated_gradients(asked: Asking, steps: int = _STEPS) -> Array:
    """Slopes averaged on the way from nothing to the recording, (n, n_mels, frames).

    Sundararajan, Taly & Yan 2017, equation 1, by the midpoint rule. The way is one of shares of magnitude; its
    beginning is the least that a picture shows.
    """
    ways = [(step + 0.5) / steps for step in range(steps)]
    return _in_parts(
        asked, lambda part: sum(part.slopes(np.full_like(part.bands, way)) for way in ways) / np.float32(steps)
    )


def grad_cam(asked: Asked, anatomy: Anatomy, tap: Stage) -> Array:
    """Channels of a layer's map weighed by their mean slopes, what is above 0 of it, (n, n_mels, frames).

    Selvaraju et al. 2017, equations 1 and 2. The rows of cepstra are no bands: of them it is each moment's mean.
    Obstacle for a layer without a map.
    """
    if len(tap.shape) != 3:
        raise Obstacle(f"grad_cam: expected a layer with a map, got {tap.name} of shape {tap.shape}")
    read, onward = anatomy.reader([tap]), anatomy.head.log_scores(anatomy.flat, tap.output)

    def cam(part: Asked) -> Array:
        (maps,) = read(part.front.pictures(part.bands, np.ones_like(part.bands)))
        with tf.GradientTape() as tape:
            tape.watch(maps)
            logs = onward(maps)
            score = tf.gather(logs, part.wanted, batch_dims=1) - part.log_absence(logs, part.wanted)
        slopes = tape.gradient(score, maps)
        weighed = tf.nn.relu(tf.reduce_sum(maps * tf.reduce_mean(slopes, axis=(1, 2), keepdims=True), axis=-1))
        if part.front.features.kind == "mfcc":
            weighed = tf.reduce_mean(weighed, axis=1, keepdims=True)
        return tf.image.resize(weighed[..., None], part.bands.shape[1:])[..., 0].numpy()

    return _in_parts(asked, cam)


def occlusion(asked: Asking, patches: tuple[int, int] = _PATCHES) -> Array:
    """What the log odds lose when a part of the picture is taken away, (n, n_mels, frames); Zeiler & Fergus 2014."""
    numbers = _numbered(asked.bands.shape[1:], patches)
    whole = asked.scores_of_each(np.ones((len(asked.bands), 1, *numbers.shape), np.float32))
    shares = np.stack([numbers != number for number in range(numbers.max() + 1)]).astype(np.float32)
    without = asked.scores_of_each(np.broadcast_to(shares, (len(asked.bands), *shares.shape)))
    return np.asarray((whole - without)[:, numbers], np.float32)


def silenced(asked: Asking, pieces: int = _SILENCED) -> Array:
    """What the log odds lose when each of so many pieces of a recording is silenced, (n, pieces)."""
    lost = occlusion(asked, (1, pieces))[:, 0]
    return lost[:, np.linspace(0, lost.shape[1] - 1, pieces).astype(int)]


def surrogate(asked: Asking, patches: tuple[int, int] = _PATCHES, *, tries: int = _TRIES, seed: int = 0) -> Array:
    """How much each part adds in a linear model of the log odds, (n, n_mels, frames); needs no gradients.

    Ribeiro, Singh & Guestrin 2016; for sound Mishra, Sturm & Dixon 2017, "SoundLIME": the answers to recordings of
    which a random half of the parts is kept, by ridge regression.
    """
    numbers = _numbered(asked.bands.shape[1:], patches)
    kept = np.random.default_rng(seed).integers(0, 2, (tries, numbers.max() + 1)).astype(np.float32)
    answers = asked.scores_of_each(np.broadcast_to(kept[:, numbers], (len(asked.bands), tries, *numbers.shape)))
    centred = kept - kept.mean(axis=0)
    normal = centred.T @ centred + _RIDGE * np.eye(centred.shape[1])
    adds = np.linalg.solve(normal, centred.T @ (answers - answers.mean(axis=1, keepdims=True)).T).T
    return np.asarray(adds[:, numbers], np.float32)


def _numbered(shape: Sequence[int], patches: tuple[int, int]) -> Array:
    """The number of the part that each place of a map belongs to, in rows of parts, (n_mels, frames)."""
    up, on = (np.arange(size) * min(count, size) // size for size, count in zip(shape, patches, strict=True))
    return np.asarray(up[:, None] * (on.max() + 1) + on[None])


def _in_parts(asked: _Asking, method: Callable[[_Asking], Any]) -> Array:
    """A method's maps of a few recordings at a time, one after the other."""
    starts = range(0, len(asked.bands), _AT_A_TIME)
    return np.concatenate([method(asked.some(slice(start, start + _AT_A_TIME))) for start in starts])
