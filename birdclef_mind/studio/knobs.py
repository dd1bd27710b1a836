"""What somebody may turn on a window of sound: gain, noise, a box cut out, kept or moved; and other features."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.sound.settings import KINDS, PRESETS, Features
from birdclef_mind.sound.spectrum import samples_to_spectra, spectra_to_samples
from birdclef_mind.studio import asked

CUT, KEEP, MOVE = "cut", "keep", "move"
_MOST_BANDS = 256


@dataclass(frozen=True, kw_only=True)
class Box:
    """A stretch of time and frequency of a window, and what becomes of it: `what` is "cut", "keep" or "move"."""

    from_s: float
    to_s: float
    low_hz: float
    high_hz: float
    what: str
    by_s: float = 0.0

    @classmethod
    def read(cls, values: Mapping[str, Any], length_s: float, highest_hz: float) -> "Box":
        """Read it from what a browser asks; ConfigError for one that cannot be."""
        first = asked.number(values, "from_s", 0, length_s)
        low = asked.number(values, "low_hz", 0, highest_hz)
        return cls(
            from_s=first,
            to_s=asked.number(values, "to_s", first, length_s),
            low_hz=low,
            high_hz=asked.number(values, "high_hz", low, highest_hz),
            what=asked.one_of(values, "what", (CUT, KEEP, MOVE)),
            by_s=asked.number(values, "by_s", -length_s, length_s, 0),
        )


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """How a window is changed: `gain_db`; noise so many decibels below the sound, None for none; a box."""

    gain_db: float = 0.0
    noise_db: float | None = None
    box: Box | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any], features: Features) -> "Knobs":
        """Read them from what a browser asks; ConfigError for what cannot be."""
        box = asked.inside(values, "box")
        length_s, highest_hz = features.windowing.length_s, features.sample_rate_hz / 2
        noisy = values.get("noise_db") is not None
        return cls(
            gain_db=asked.number(values, "gain_db", -60, 40, 0),
            noise_db=asked.number(values, "noise_db", -60, 60) if noisy else None,
            box=Box.read(box, length_s, highest_hz) if box else None,
        )


def turned(samples: Array, knobs: Knobs, features: Features) -> Array:
    """A window's samples (segment_samples,) with all knobs as they stand; the same knobs give the same noise."""
    found = _boxed(samples, knobs.box, features) if knobs.box else samples
    if knobs.noise_db is not None:
        level = float(np.sqrt(np.mean(np.square(found), dtype=np.float64))) or 1e-3
        noise = np.random.default_rng(0).standard_normal(found.size).astype(np.float32)
        found = found + noise * np.float32(level * 10 ** (-knobs.noise_db / 20))
    return np.asarray(found * np.float32(10 ** (knobs.gain_db / 20)), np.float32)


def _boxed(samples: Array, box: Box, features: Features) -> Array:
    spectra = samples_to_spectra(samples[None], features)
    _, frames, bins = spectra.shape
    hertz = np.linspace(0, features.sample_rate_hz / 2, bins)
    seconds = np.arange(frames) * features.hop_samples / features.sample_rate_hz
    inside = np.outer((seconds >= box.from_s) & (seconds <= box.to_s), (hertz >= box.low_hz) & (hertz <= box.high_hz))
    length = samples.size

    def heard(mask: Array) -> Array:
        return spectra_to_samples(spectra * mask, features, length)[0]

    if box.what == KEEP:
        return heard(inside)
    left = heard(~inside)
    if box.what == CUT:
        return left
    by = round(box.by_s * features.sample_rate_hz)
    moved = np.zeros_like(left)
    part = heard(inside)
    if abs(by) < length:
        moved[max(0, by) : length + min(0, by)] = part[max(0, -by) : length - max(0, by)]
    return np.asarray(left + moved)


def other_features(values: Mapping[str, Any], features: Features) -> Features:
    """Features as somebody set them, of windows as long as a network's own; ConfigError for what cannot be."""
    preset = asked.text(values, "preset", "")
    base = replace(PRESETS[preset], windowing=features.windowing) if preset in PRESETS else features
    kind = asked.one_of(values, "kind", KINDS, base.kind)
    bands = asked.whole(values, "n_mels", 1, _MOST_BANDS, base.n_mels)
    coefficients = asked.whole(values, "n_coeffs", 0, bands, min(base.n_coeffs or 16, bands)) if kind == "mfcc" else 0
    highest = features.sample_rate_hz / 2
    low = asked.number(values, "fmin_hz", 0, highest, base.fmin_hz)
    return replace(
        base,
        sample_rate_hz=features.sample_rate_hz,
        kind=kind,
        n_mels=bands,
        n_coeffs=coefficients,
        power=asked.number(values, "power", 0.1, 10, base.power),
        range_db=asked.number(values, "range_db", 1, 200, base.range_db),
        fmin_hz=low,
        fmax_hz=asked.number(values, "fmax_hz", low, highest, min(base.fmax_hz, highest)),
    )
