"""What: how much each place of a picture has to do with an answer, by cheap methods; (n, bands, frames), any sign.

All work on what `Front` makes of mel bands, so that a place is always a band and a moment, whatever a picture's rows
are. `share` below is the share of each place that is kept, 1 in the recording itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.front import Front

_STEPS = 16
_AT_A_TIME = 32
# Parts of the picture that are taken away at a time, each a sixteenth as high and a thirty-second as long.
_PATCHES = (16, 32)
# Which parts a surrogate is asked about: each is kept in half of so many tries.
_TRIES, _RIDGE = 256, 1.0


@dataclass(frozen=True)
class Asked:
    """What is asked of a network: why it gives some recordings those answers.

    Attributes
    ----------
    front : how it sees bands. log_scores : from pictures (n, rows, frames, 1) to (n, classes).
    log_absence : from log scores (n, classes) and classes (n,) to log chances that these are not there, (n,).
    bands : of the recordings, (n, n_mels, frames). wanted : the class that is asked about, (n,).
    """

    front: Front
    log_scores: Callable[[Any], Any]
    log_absence: Callable[[Any, Any], Any]
    bands: Array
    wanted: Array

    def odds(self, shares: Any) -> tuple[Any, Any]:
        """Logarithms of the chances that the wanted classes are there, and that they are not, (n,) each.

        Of what shares (n, n_mels, frames) keep of each recording.
        """
        logs = self.log_scores(self.front.pictures(self.bands, shares))
        return tf.gather(logs, self.wanted, batch_dims=1), self.log_absence(logs, self.wanted)

    def scores(self, shares: Any) -> Any:
        """Log odds of the wanted classes, (n,), of what `shares` (n, n_mels, frames) keep of each recording.

        Unlike a score, they go on rising where a network is sure already.
        """
        there, absent = self.odds(shares)
        return there - absent

    def some(self, places: Any) -> "Asked":
        """The same of some of the recordings."""
        return replace(self, bands=self.bands[places], wanted=self.wanted[places])


def asked_of(anatomy: Anatomy, front: Front, bands: Array, wanted: Array) -> Asked:
    """Why a network calls recordings with these bands (n, n_mels, frames) the classes `wanted` (n,)."""
    head = anatomy.head
    return Asked(front, head.log_scores(anatomy.flat, anatomy.picture), head.log_absence, bands, np.asarray(wanted))


def gradient_times_input(asked: Asked) -> Array:
    """The slope of the log odds by each place's share, (n, n_mels, frames).

    Shrikumar et al. 2017, "Not just a black box": gradient times input, as a share is 1 for the input, 0 for nothing.
    """
    return _in_parts(asked, lambda part: _slopes(part, np.ones_like(part.bands)))


def integrated_gradients(asked: Asked, steps: int = _STEPS) -> Array:
    """Slopes averaged on the way from nothing to the recording, (n, n_mels, frames).

    Sundararajan, Taly & Yan 2017, equation 1, by the midpoint rule. The way is one of shares of magnitude; its
    beginning is the least that a picture shows.
    """
    ways = [(step + 0.5) / steps for step in range(steps)]
    return _in_parts(
        asked, lambda part: sum(_slopes(part, np.full_like(part.bands, way)) for way in ways) / np.float32(steps)
    )


def grad_cam(asked: Asked, anatomy: Anatomy, tap: Stage) -> Array:
    """Channels of a layer's map weighed by their mean slopes, what is above 0 of it, (n, n_mels, frames).

    Selvaraju et al. 2017, equations 1 and 2. Obstacle for a layer without a map.
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
        return tf.image.resize(weighed[..., None], part.bands.shape[1:])[..., 0].numpy()

    return _in_parts(asked, cam)


def occlusion(asked: Asked, patches: tuple[int, int] = _PATCHES) -> Array:
    """What the log odds lose when a part of the picture is taken away, (n, n_mels, frames); Zeiler & Fergus 2014."""
    numbers = _numbered(asked.bands.shape[1:], patches)
    whole = np.asarray(_scored(asked, np.ones((len(asked.bands), 1, *numbers.shape), np.float32)))
    shares = np.stack([numbers != number for number in range(numbers.max() + 1)]).astype(np.float32)
    without = _scored(asked, np.broadcast_to(shares, (len(asked.bands), *shares.shape)))
    return np.asarray((whole - without)[:, numbers], np.float32)


def surrogate(asked: Asked, patches: tuple[int, int] = _PATCHES, *, tries: int = _TRIES, seed: int = 0) -> Array:
    """How much each part adds in a linear model of the log odds, (n, n_mels, frames); needs no gradients.

    Ribeiro, Singh & Guestrin 2016; for sound Mishra, Sturm & Dixon 2017, "SoundLIME": the answers to recordings of
    which a random half of the parts is kept, by ridge regression.
    """
    numbers = _numbered(asked.bands.shape[1:], patches)
    kept = np.random.default_rng(seed).integers(0, 2, (tries, numbers.max() + 1)).astype(np.float32)
    answers = _scored(asked, np.broadcast_to(kept[:, numbers], (len(asked.bands), tries, *numbers.shape)))
    centred = kept - kept.mean(axis=0)
    normal = centred.T @ centred + _RIDGE * np.eye(centred.shape[1])
    adds = np.linalg.solve(normal, centred.T @ (answers - answers.mean(axis=1, keepdims=True)).T).T
    return np.asarray(adds[:, numbers], np.float32)


def _numbered(shape: Sequence[int], patches: tuple[int, int]) -> Array:
    """The number of the part that each place of a map belongs to, in rows of parts, (n_mels, frames)."""
    up, on = (np.arange(size) * min(count, size) // size for size, count in zip(shape, patches, strict=True))
    return np.asarray(up[:, None] * (on.max() + 1) + on[None])


def _scored(asked: Asked, shares: Array) -> Array:
    """The log odds of each recording with each of its own shares (n, tries, n_mels, frames): (n, tries)."""
    found = np.empty(shares.shape[:2])
    score = tf.function(
        lambda bands, wanted, share: replace(asked, bands=bands, wanted=wanted).scores(share),
        reduce_retracing=True,
    )
    for place in range(len(shares)):
        for start in range(0, shares.shape[1], _AT_A_TIME):
            some = shares[place, start : start + _AT_A_TIME]
            own = np.full(len(some), place)
            found[place, start : start + _AT_A_TIME] = score(asked.bands[own], asked.wanted[own], some)
    return found


def _slopes(part: Asked, shares: Array) -> Array:
    """The slope of the log odds by the share of each place, at some shares, (n, n_mels, frames)."""
    given = tf.constant(shares)
    with tf.GradientTape() as tape:
        tape.watch(given)
        score = part.scores(given)
    slope = tape.gradient(score, given)
    if slope is None:
        raise Obstacle("evidence: no gradient reaches the picture")
    return slope.numpy()


def _in_parts(asked: Asked, method: Callable[[Asked], Any]) -> Array:
    """A method's maps of a few recordings at a time, one after the other."""
    starts = range(0, len(asked.bands), _AT_A_TIME)
    return np.concatenate([method(asked.some(slice(start, start + _AT_A_TIME))) for start in starts])
