"""Ears that hear samples are asked: a share of each place is kept of the sound itself, with its own phase."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.asked import slopes_of
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import hann, one_over_weight, samples_to_spectra, sum_bands
from birdclef_mind.sound.split import bands_of_bins, split_samples

# Sounds that are split and heard at a time.
_AT_A_TIME = 32


@dataclass(frozen=True, kw_only=True)
class AskedEars:
    """What is asked of ears: why they give some recordings those answers; an `Asking`.

    Attributes
    ----------
    hear : from samples (n, samples) to logits (n, classes), both arrays.
    read : the same of tensors, with gradients; None of a black box.
    exclusive : whether one of the classes is there, as after a softmax; otherwise each has a chance of its own.
    samples : of the recordings, (n, samples). wanted : the class that is asked about, (n,).
    features : of the pictures whose bands and frames are places. together : see `Asking`.
    """

    hear: Callable[[Array], Array]
    read: Callable[[Any], Any] | None
    exclusive: bool
    samples: Array
    wanted: Array
    features: Features
    together: int = 4
    # Compiled once for these recordings, all parts of them, and the same later.
    _graphs: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    # Of the samples, where a graph is given them.
    _given: Any = field(default=None, repr=False, compare=False)

    @cached_property
    def bands(self) -> Array:
        """Power a mel band and frame, (n, n_mels, frames), float32."""
        return np.asarray(sum_bands(np.square(np.abs(self._spectra)), self.features), np.float32)

    @cached_property
    def _spectra(self) -> Any:
        if self._given is not None:
            return self._given
        return samples_to_spectra(np.asarray(self.samples, np.float32), self.features)

    def odds(self, shares: Any) -> tuple[Any, Any]:
        """Logarithms of the chances that the wanted classes are there, and that they are not, (n,) each.

        Of what shares (n, n_mels, frames) keep of each recording. Obstacle where no gradients flow.
        """
        if self.read is None:
            raise Obstacle("no gradient flows through these ears")
        return self._odds(self.read(self._kept(shares)), self.wanted)

    def scores(self, shares: Any) -> Any:
        """Log odds of the wanted classes, (n,), of what `shares` (n, n_mels, frames) keep of each recording."""
        there, absent = self.odds(shares)
        return there - absent

    def scores_of_each(self, shares: Array) -> Array:
        """Log odds of each recording with each of its own shares (n, tries, n_mels, frames), (n, tries)."""
        found = np.empty(shares.shape[:2])
        for place, own in enumerate(shares):
            for start in range(0, len(own), _AT_A_TIME):
                some = own[start : start + _AT_A_TIME]
                sound = np.broadcast_to(self.samples[place], (len(some), self.samples.shape[1]))
                heard = self.hear(split_samples(sound, some, self.features)[0])
                there, absent = self._odds(heard, np.full(len(some), self.wanted[place]))
                found[place, start : start + _AT_A_TIME] = there - absent
        return found

    def chances(self, shares: Array) -> Array:
        """Chances of the wanted classes, (n,), of what shares (n, n_mels, frames) keep, without gradients."""
        heard = self.hear(split_samples(self.samples, shares, self.features)[0])
        return np.asarray(np.exp(self._odds(heard, self.wanted)[0]))

    def slopes(self, shares: Array) -> Array:
        """Slopes of the log odds by the share of each place, (n, n_mels, frames), where shares of that shape are kept.

        Obstacle where no gradient reaches a place.
        """
        return np.asarray(self.compiled("slopes", slopes_of)(np.asarray(shares, np.float32)))

    def some(self, places: Any) -> "AskedEars":
        """The same of some of the recordings."""
        return replace(self, samples=self.samples[places], wanted=self.wanted[places])

    def later(self, frames: int) -> "AskedEars":
        """The same of the recordings turned by so many frames."""
        return replace(self, samples=np.roll(self.samples, frames * self.features.hop_samples, axis=1))

    def compiled(self, name: Hashable, method: Callable[..., Any]) -> Callable[..., Any]:
        """`method(asked, …)` of tensors, compiled once under this name for whatever is asked alike."""
        if name not in self._graphs:
            self._graphs[name] = tf.function(
                lambda spectra, wanted, *given: method(replace(self, wanted=wanted, _given=spectra), *given),
                autograph=False,
            )
        return partial(self._graphs[name], tf.constant(self._spectra), tf.constant(self.wanted))

    def _odds(self, logits: Any, wanted: Any) -> tuple[Any, Any]:
        own = tf.gather(tf.cast(logits, tf.float32), wanted, batch_dims=1)
        if not self.exclusive:
            return tf.math.log_sigmoid(own), tf.math.log_sigmoid(-own)
        logs = tf.nn.log_softmax(logits)
        others = tf.reduce_logsumexp(logs - 1e30 * tf.one_hot(wanted, logs.shape[-1]), axis=1)
        return tf.gather(logs, wanted, batch_dims=1), others

    def _kept(self, shares: Any) -> Any:
        """What shares (n, n_mels, frames) keep of the samples, (n, samples), as `sound.split` keeps it."""
        features, length = self.features, self.samples.shape[1]
        spectra = self._spectra
        gains = tf.einsum("kb,nbt->ntk", np.asarray(bands_of_bins(features).toarray(), np.float32), shares)
        frames = tf.signal.irfft(spectra * tf.cast(gains, tf.complex64), [features.n_fft]) * hann(features.n_fft)
        half = features.n_fft // 2
        inner = slice(half, half + length)
        weight = one_over_weight(features.n_fft, features.hop_samples, spectra.shape[1])[inner]
        return tf.signal.overlap_and_add(frames, features.hop_samples)[:, inner] * weight
