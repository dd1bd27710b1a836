"""What is asked: why recordings are given those answers, and what they would be given of a part of themselves.

`share` is the share of each place that is kept, 1 in the recording itself.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, Self

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.front import Front

_AT_A_TIME = 32


class Asking(Protocol):
    """Whatever is asked why it gives some recordings their answers, of which a share of each place can be kept."""

    @property
    def bands(self) -> Array:
        """Power a mel band and frame of the recordings, (n, n_mels, frames)."""

    @property
    def together(self) -> int:
        """How many are asked about at once where gradients are wanted."""

    def odds(self, shares: Any) -> tuple[Any, Any]:
        """Logarithms of the chances that the answers are right, and that they are not, (n,) each, with gradients."""

    def scores(self, shares: Any) -> Any:
        """The difference of the two, log odds, (n,)."""

    def scores_of_each(self, shares: Array) -> Array:
        """Log odds of each recording with each of its own shares (n, tries, n_mels, frames), (n, tries)."""

    def chances(self, shares: Array) -> Array:
        """Chances that the answers are right, (n,), of what shares (n, n_mels, frames) keep, without gradients."""

    def slopes(self, shares: Array) -> Array:
        """Slopes of the log odds by the share of each place, (n, n_mels, frames), where shares of that shape are kept.

        Obstacle where no gradient reaches a place.
        """

    def some(self, places: Any) -> Self:
        """The same of some of the recordings."""

    def later(self, frames: int) -> Self:
        """The same of the recordings when they come so many frames later; what runs over their end is their start."""

    def compiled(self, name: Hashable, method: Callable[..., Any]) -> Callable[..., Any]:
        """`method(asking, …)` of tensors, compiled once under this name for whatever is asked alike."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a network: why it gives some recordings those answers; an `Asking`.

    Attributes
    ----------
    front : how it sees bands. log_scores : from pictures (n, rows, frames, 1) to (n, classes).
    log_absence : from log scores (n, classes) and classes (n,) to log chances that these are not there, (n,).
    bands : of the recordings, (n, n_mels, frames). wanted : the class that is asked about, (n,).
    together : see `Asking`.
    """

    front: Front
    log_scores: Callable[[Any], Any]
    log_absence: Callable[[Any, Any], Any]
    bands: Array
    wanted: Array
    together: int = 16
    # Compiled once for these recordings, all parts of them, and the same later.
    _graphs: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

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

    def scores_of_each(self, shares: Array) -> Array:
        """Log odds of each recording with each of its own shares (n, tries, n_mels, frames), (n, tries)."""
        found = np.empty(shares.shape[:2])
        for place in range(len(shares)):
            for start in range(0, shares.shape[1], _AT_A_TIME):
                some = shares[place, start : start + _AT_A_TIME]
                found[place, start : start + _AT_A_TIME] = self.some(np.full(len(some), place))._run(Asked.scores, some)
        return found

    def chances(self, shares: Array) -> Array:
        """Scores of the wanted classes, (n,), of what shares (n, n_mels, frames) keep, without gradients."""
        return np.asarray(np.exp(self._run(Asked.odds, shares)[0]))

    def slopes(self, shares: Array) -> Array:
        """Slopes of the log odds by the share of each place, (n, n_mels, frames), where shares of that shape are kept.

        Obstacle where no gradient reaches a place.
        """
        return np.asarray(self._run(slopes_of, shares))

    def some(self, places: Any) -> "Asked":
        """The same of some of the recordings."""
        return replace(self, bands=self.bands[places], wanted=self.wanted[places])

    def later(self, frames: int) -> "Asked":
        """The same of the recordings turned by so many frames."""
        return replace(self, bands=np.roll(self.bands, frames, axis=2))

    def compiled(self, name: Hashable, method: Callable[..., Any]) -> Callable[..., Any]:
        """`method(asked, …)` of tensors, compiled once under this name for whatever is asked alike."""
        if name not in self._graphs:
            self._graphs[name] = tf.function(
                lambda bands, wanted, *given: method(replace(self, bands=bands, wanted=wanted), *given), autograph=False
            )
        return partial(self._graphs[name], tf.constant(self.bands), tf.constant(self.wanted))

    def _run(self, method: Callable[["Asked", Any], Any], shares: Array) -> Any:
        return self.compiled(method.__name__, method)(np.asarray(shares, np.float32))


def slopes_of(asking: Asking, shares: Any) -> Any:
    """Slopes of the log odds by the share of each place, tensors (n, n_mels, frames) both.

    Obstacle where no gradient reaches a place.
    """
    with tf.GradientTape() as tape:
        tape.watch(shares)
        score = asking.scores(shares)
    slope = tape.gradient(score, shares)
    if slope is None:
        raise Obstacle("evidence: no gradient reaches the picture")
    return slope


def asked_of(anatomy: Anatomy, front: Front, bands: Array, wanted: Array) -> Asked:
    """Why a network calls recordings with these bands (n, n_mels, frames) the classes `wanted` (n,)."""
    head = anatomy.head
    return Asked(front, head.log_scores(anatomy.flat, anatomy.picture), head.log_absence, bands, np.asarray(wanted))
