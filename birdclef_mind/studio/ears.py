"""Who listens: networks of this program, and a listener made elsewhere, all asked in the same way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr

from birdclef_mind.arrays import Array
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.sound.pictures import samples_to_pictures


class Ear(Protocol):
    """Somebody who hears windows of sound and names birds.

    Attributes
    ----------
    name : what people call it. birds : what people call what it names, in its order. length_s : of a window.
    """

    name: str
    birds: tuple[str, ...]
    length_s: float

    def chances(self, samples: Array, rate_hz: int) -> Array:
        """Chances (windows, birds), 0 to 1, of `samples` (windows, n), float32; none where there is silence."""


class NetworkEar:
    """A network that reads pictures."""

    def __init__(self, bundle: Bundle, name: str) -> None:
        self.name, self.length_s = name, bundle.features.windowing.length_s
        self.birds = shown_names(bundle.classes.names, bundle.common_names)
        self._bundle, self._predictor = bundle, Predictor(bundle)

    def chances(self, samples: Array, rate_hz: int) -> Array:
        """Chances (windows, birds) of samples (windows, n) at any rate, as of `Ear`."""
        features = self._bundle.features
        own = fitted(at_rate(samples, rate_hz, features.sample_rate_hz), features.segment_samples)
        pictures = samples_to_pictures(own, features)
        found = self._bundle.calibration.chances(self._predictor.scores(pictures.pixels))
        return np.where(pictures.scale.width[:, None] > 0, found, 0.0)


class ListenerEar:
    """A listener that was made elsewhere."""

    def __init__(self, listener: Listener) -> None:
        self.name, self.length_s, self._listener = listener.name, listener.window_s, listener
        self.birds = tuple(one.common_name or one.scientific_name or one.label for one in listener.species)

    def chances(self, samples: Array, rate_hz: int) -> Array:
        """Chances (windows, birds) of samples (windows, n) at any rate, as of `Ear`."""
        own = fitted(at_rate(samples, rate_hz, self._listener.rate_hz), self._listener.window_samples)
        return self._listener.scores(own) * (np.ptp(own, axis=1) > 0)[:, None]


def shown_names(labels: tuple[str, ...], common: Mapping[str, str]) -> tuple[str, ...]:
    """What people call birds: their common names, where there are any."""
    return tuple(common.get(label) or label for label in labels)


def ear_name(folder: Path) -> str:
    """What people call a bundle: its folder's name, with the one above where that says nothing."""
    path = folder.resolve()
    return path.name if path.name not in ("bundle", "network") else f"{path.parent.name}/{path.name}"


def at_rate(samples: Array, from_hz: int, to_hz: int) -> Array:
    """Samples (windows, n) at another rate, (windows, m)."""
    if from_hz == to_hz:
        return samples
    return np.asarray(soxr.resample(samples.T, from_hz, to_hz).T, np.float32)


def fitted(samples: Array, length: int) -> Array:
    """Samples (windows, n) with exactly so many, (windows, length): rounding leaves one more or fewer."""
    short = max(0, length - samples.shape[1])
    return np.ascontiguousarray(np.pad(samples, ((0, 0), (0, short)))[:, :length])
