"""A listener: ears that were trained elsewhere, in one shape whatever they are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ListenerError

# Windows that are heard together.
BATCH = 8
EMBEDDING = "embedding"


@dataclass(frozen=True)
class Heard:
    """What a listener makes of windows.

    Attributes
    ----------
    logits : (windows, species), float32. activations : by tap, (windows, …), float32.
    """

    logits: Array
    activations: Mapping[str, Array] = field(default_factory=dict)


class Ears(Protocol):
    """A model behind a listener."""

    @property
    def taps(self) -> Mapping[str, tuple[int, ...]]:
        """Where one may listen in: names, and shapes for one window."""

    def hear(self, samples: Array, taps: Sequence[str]) -> Heard:
        """Hear some windows: samples (windows, samples), float32."""


@runtime_checkable
class Sloping(Protocol):
    """Ears through which gradients may flow."""

    def reader(self, tap: str) -> Callable[[Any], Any] | None:
        """From samples (windows, samples), a tensor, to a tap's; None where gradients do not flow there."""

    def logits_reader(self) -> Callable[[Any], Any] | None:
        """From samples (windows, samples), a tensor, to logits; None where gradients do not flow there."""


@runtime_checkable
class Adding(Protocol):
    """Ears whose logits are sums over moments."""

    def sums_a_moment(self, samples: Array) -> Array:
        """What each moment of samples (windows, samples) adds to each logit, (windows, moments, species)."""


@dataclass(frozen=True)
class Terms:
    """On what terms a model's weights may be used: the licence's name, and a sentence on a run for a prize."""

    licence: str = "unknown"
    prize: str = "nobody has said whether it may be used in a run for a prize"


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Ears that were trained elsewhere.

    Attributes
    ----------
    name : what people call the model. kind : what it is made of, as `open_listener` knows it.
    rate_hz, window_s : of what it hears at once. hop_s : from frame to frame of its own pictures.
    species : what it names, in the order of its logits; `label` is the model's own word for each.
    answer : "sigmoid" where each species has a chance of its own, "softmax" where they share one.
    peak : each window is scaled to this peak before it is heard; 0 leaves it as it is.
    digest : SHA-256 of the model's files, and of what is said of how it hears. ears : the model.
    """

    name: str
    kind: str
    rate_hz: int
    window_s: float
    hop_s: float
    species: tuple[Species, ...]
    digest: str
    terms: Terms
    ears: Ears
    answer: str = "sigmoid"
    peak: float = 0.0

    @property
    def window_samples(self) -> int:
        """Samples in a window."""
        return round(self.window_s * self.rate_hz)

    @property
    def taps(self) -> Mapping[str, tuple[int, ...]]:
        """Where one may listen in: names, and shapes for one window, from the sound upwards."""
        return self.ears.taps

    def hear(self, samples: Array, taps: Sequence[str] = ()) -> Heard:
        """Logits and activations of windows, some at a time.

        Parameters
        ----------
        samples : (windows, window_samples), float32, at `rate_hz`. ListenerError for another length, and for a tap
            that it does not have.
        """
        unknown = [tap for tap in taps if tap not in self.taps]
        if unknown:
            raise ListenerError(f"{self.name}: expected one of its taps {', '.join(self.taps)}, got {unknown[0]}")
        if samples.ndim != 2 or samples.shape[1] != self.window_samples:
            raise ListenerError(
                f"{self.name}: expected windows of {self.window_samples} samples, got an array of {samples.shape}"
            )
        own = self._scaled(np.asarray(samples, np.float32))
        parts = [self.ears.hear(own[start : start + BATCH], taps) for start in range(0, len(own), BATCH)]
        if not parts:
            empty = {tap: np.zeros((0, *self.taps[tap]), np.float32) for tap in taps}
            return Heard(np.zeros((0, len(self.species)), np.float32), empty)
        return Heard(
            np.concatenate([part.logits for part in parts]),
            {tap: np.concatenate([part.activations[tap] for part in parts]) for tap in taps},
        )

    def scores(self, samples: Array) -> Array:
        """Chances of each species, (windows, species), 0 to 1, in samples (windows, window_samples)."""
        return self.chances(self.hear(samples).logits)

    def activations(self, samples: Array, taps: Sequence[str]) -> Mapping[str, Array]:
        """What is inside the model while it hears samples (windows, window_samples): by tap, (windows, …)."""
        return self.hear(samples, taps).activations

    def reader(self, tap: str) -> Callable[[Any], Any] | None:
        """From samples (windows, window_samples), a tensor, to a tap's, with gradients; None where there are none."""
        return self._at_peak(self.ears.reader(tap) if isinstance(self.ears, Sloping) else None)

    def logits_reader(self) -> Callable[[Any], Any] | None:
        """From samples (windows, window_samples), a tensor, to logits, with gradients; None where there are none."""
        return self._at_peak(self.ears.logits_reader() if isinstance(self.ears, Sloping) else None)

    def _at_peak(self, read: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
        """Whatever reads samples, of windows scaled to the peak that the model expects."""
        if read is None or not self.peak:
            return read
        from keras import ops

        def scaled(samples: Any) -> Any:
            peaks = ops.max(ops.abs(samples), axis=1, keepdims=True)
            return read(samples * (self.peak / ops.maximum(peaks, 1e-12)))

        return scaled

    def sums_a_moment(self, samples: Array) -> Array | None:
        """What each moment adds to each logit, exactly, (windows, moments, species); None where logits are no sums.

        Of samples (windows, window_samples); moments are equally long and cover the window.
        """
        if not isinstance(self.ears, Adding):
            return None
        own = self._scaled(np.asarray(samples, np.float32))
        parts = [self.ears.sums_a_moment(own[start : start + BATCH]) for start in range(0, len(own), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, 1, len(self.species)), np.float32)

    def chances(self, logits: Array) -> Array:
        """Logits (…, species) as chances, 0 to 1."""
        return chances_of(logits, self.answer)

    def _scaled(self, samples: Array) -> Array:
        """Windows (windows, samples) at the peak that the model expects; silence stays silence."""
        if not self.peak:
            return samples
        peaks = np.abs(samples).max(axis=1, keepdims=True)
        return np.where(peaks > 0, samples * (self.peak / np.maximum(peaks, 1e-12)), samples).astype(np.float32)


def chances_of(logits: Array, answer: str) -> Array:
    """Logits (…, species) as chances of the same shape: one each where the answer is "sigmoid", else one shared."""
    if answer == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
