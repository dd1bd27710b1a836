"""The one path samples → levels → 8-bit picture, and back.

Axis order is (segments, rows, frames) everywhere; row 0 is the lowest frequency (or coefficient).
Levels are what a picture shows before it is quantised: mel magnitudes ("mel"), decibels ("logmel"), or cepstral
coefficients ("mfcc").
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import (
    mel_filters,
    samples_to_spectra,
    spectra_to_samples,
    spread_bands,
    sum_bands,
)

# Band power below this counts as none, as in librosa's `power_to_db`.
_LEAST_POWER = 1e-10
# Segments worked on at a time: few enough to stay in the processor's caches, where larger batches are slower.
_FORWARD_CHUNK = 2
_INVERSE_CHUNK = 1
# Twelve leave twice the error, still less than a step of 255.
ROUNDS = 32
_MOMENTUM = 0.99


@dataclass(frozen=True)
class PixelScale:
    """What pixel 0 and the step to pixel 255 stand for, one pair a segment.

    Attributes
    ----------
    low : (segments,), float32, the level of pixel 0.
    width : (segments,), float32, >= 0: pixel 255 is `low + width`; 0 for a segment without any variation.
    """

    low: Array
    width: Array

    def __len__(self) -> int:
        return len(self.low)

    def __getitem__(self, index: Any) -> "PixelScale":
        return PixelScale(np.atleast_1d(self.low[index]), np.atleast_1d(self.width[index]))


@dataclass(frozen=True)
class Pictures:
    """8-bit pictures and how to read them: pixels (segments, rows, frames), uint8, and their scale."""

    pixels: Pixels
    scale: PixelScale

    def __len__(self) -> int:
        return len(self.pixels)


def samples_to_pictures(samples: Array, features: Features) -> Pictures:
    """Samples (segments, segment_samples) to 8-bit pictures; phase and what quantising drops are lost."""
    levels = samples_to_levels(samples, features)
    scale = levels_to_scale(levels, features)
    return Pictures(levels_to_pixels(levels, scale), scale)


def pictures_to_samples(
    pictures: Pictures, features: Features, *, seed: int = 0, threads: int = 1, rounds: int = ROUNDS
) -> Array:
    """Pictures back to sound, (segments, segment_samples), float32; the phase is invented.

    A picture whose scale has no width was silent, and is again.
    """
    bands = levels_to_bands(pixels_to_levels(pictures.pixels, pictures.scale), features)
    sounds = bands_to_samples(bands, features, seed=seed, threads=threads, rounds=rounds)
    return sounds * (pictures.scale.width > 0)[:, None]


def samples_to_levels(samples: Array, features: Features) -> Array:
    """Samples (segments, segment_samples) to levels (segments, rows, frames), float32.

    A segment whose samples are all equal holds no sound and is taken as zeros. `levels_to_bands` and
    `bands_to_samples` lead back.
    """
    samples = np.asarray(samples, np.float32)
    levels = np.empty((len(samples), features.rows, features.frames), np.float32)
    for start in range(0, len(samples), _FORWARD_CHUNK):
        chunk = samples[start : start + _FORWARD_CHUNK]
        moving = np.ptp(chunk, axis=1, keepdims=True) > 0
        spectra = samples_to_spectra(chunk * moving, features)
        bands = sum_bands(_magnitude_to_power(np.abs(spectra), features.power), features)
        levels[start : start + _FORWARD_CHUNK] = bands_to_levels(bands, features)
    return levels


def bands_to_levels(bands: Array, features: Features) -> Array:
    """Mel band power (segments, n_mels, frames) to levels (segments, rows, frames)."""
    if features.kind == "mel":
        return bands
    decibels = 10 * np.log10(np.maximum(bands, np.float32(_LEAST_POWER)))
    if features.kind == "logmel":
        return np.asarray(decibels)
    floor_db = decibels.max(axis=(1, 2), keepdims=True) - np.float32(features.range_db)
    coefficients = scipy.fft.dct(np.maximum(decibels, floor_db), axis=1, type=2, norm="ortho")
    # Silence has no outline; its coefficients are not all alike, which a picture would show as a pattern.
    audible = decibels.max(axis=(1, 2), keepdims=True) > 10 * np.log10(_LEAST_POWER)
    return np.asarray(coefficients[:, : features.n_coeffs] * audible)


def levels_to_bands(levels: Array, features: Features) -> Array:
    """Undo `bands_to_levels`: levels (segments, rows, frames) to mel band power (segments, n_mels, frames).

    Of "mfcc" only a smooth outline over the bands comes back.
    """
    if features.kind == "mel":
        return np.maximum(levels, 0)
    decibels = levels
    if features.kind == "mfcc":
        decibels = scipy.fft.idct(levels, axis=1, type=2, norm="ortho", n=features.n_mels)
    # Reconstructions may ask for more than any sound has; float32 overflows beyond this.
    return np.asarray(10 ** (np.minimum(decibels, 200) / 10))


def levels_to_scale(levels: Array, features: Features) -> PixelScale:
    """The scale that levels (segments, rows, frames) are quantised with, from each segment alone.

    "logmel" takes the fixed window below the segment's peak; the others the segment's minimum and maximum.
    """
    highest = levels.max(axis=(1, 2))
    lowest = levels.min(axis=(1, 2))
    if features.kind == "logmel":
        width = np.where(highest > lowest, features.range_db, 0).astype(np.float32)
        return PixelScale(highest - width, width)
    return PixelScale(lowest, highest - lowest)


def levels_to_pixels(levels: Array, scale: PixelScale) -> Array:
    """Quantise levels to 8 bits; `pixels_to_levels` undoes it to within half a step.

    Parameters
    ----------
    levels : (segments, rows, frames), float; values outside the scale saturate.
    scale : one pair a segment; a width of 0 gives zeros.

    Returns
    -------
    (segments, rows, frames), uint8.

    >>> scale = PixelScale(np.float32([-80]), np.float32([80]))
    >>> pixels = levels_to_pixels(np.float32([[[-90, -80, -40, 0, 10]]]), scale)
    >>> pixels.tolist()
    [[[0, 0, 128, 255, 255]]]
    >>> np.round(pixels_to_levels(pixels, scale).astype(float), 1).tolist()
    [[[-80.0, -80.0, -39.8, 0.0, 0.0]]]
    """
    width = scale.width[:, None, None]
    steps_per_level = np.divide(255, width, out=np.zeros_like(width), where=width > 0)
    steps = np.rint((levels - scale.low[:, None, None]) * steps_per_level)
    return np.asarray(np.clip(steps, 0, 255), np.uint8)


def pixels_to_levels(pixels: Pixels, scale: PixelScale) -> Array:
    """Undo `levels_to_pixels`: |error| <= width / 510 for levels inside the scale.

    Pixels (segments, rows, frames) may be fractions, or lie outside 0–255, as a network's reconstructions do; levels
    are of the same shape, float32.
    """
    step = (scale.width / 255).astype(np.float32)[:, None, None]
    return np.asarray(scale.low[:, None, None] + np.asarray(pixels, np.float32) * step)


def bands_to_samples(
    bands: Array, features: Features, *, seed: int = 0, threads: int = 1, rounds: int = ROUNDS
) -> Array:
    """Find a sound whose mel bands are those given: (segments, n_mels, frames) → (segments, segment_samples).

    Griffin & Lim 1984 with the momentum of Perraudin, Balazs & Søndergaard 2013, except that each round scales the
    spectrum so that its *bands* take the wanted power instead of forcing every bin to a magnitude chosen beforehand:
    how power lies inside a band is left to the sound. The phase is invented, from `seed`, alike for each segment.
    """
    bands = np.asarray(bands, np.float32)
    noise = np.random.default_rng(seed).random((features.frames, features.bins), np.float32)
    phases = np.exp(2j * np.pi * noise).astype(np.complex64)
    samples = np.empty((len(bands), features.segment_samples), np.float32)

    def invert(start: int) -> None:
        chunk = slice(start, start + _INVERSE_CHUNK)
        samples[chunk] = _sound_of(bands[chunk], phases, features, rounds)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(invert, range(0, len(bands), _INVERSE_CHUNK)))
    return samples


def _sound_of(bands: Array, phases: Array, features: Features, rounds: int) -> Array:
    length = features.segment_samples
    lag = np.float32(_MOMENTUM / (1 + _MOMENTUM))
    spectra = _scale_to_bands(np.tile(phases, (len(bands), 1, 1)), bands, features)
    before = np.zeros_like(spectra)
    for _ in range(rounds):
        possible = samples_to_spectra(spectra_to_samples(spectra, features, length), features)
        before *= -lag
        before += possible
        spectra = _scale_to_bands(before, bands, features)
        before = possible
    return spectra_to_samples(spectra, features, length)


def _scale_to_bands(spectra: Array, bands: Array, features: Features) -> Array:
    """Multiply each bin by the mean of what its bands lack, in place, so that the bands come near the wanted power."""
    has = sum_bands(_magnitude_to_power(np.abs(spectra), features.power), features)
    lacks = np.minimum(bands / np.maximum(has, np.float32(1e-14)), np.float32(1e4))
    filters_a_bin = np.maximum(np.asarray(mel_filters(features).sum(axis=0), np.float32), np.float32(1e-9))
    gain = spread_bands(lacks, features) / filters_a_bin
    spectra *= _power_to_magnitude(gain, features.power)
    return spectra


def _magnitude_to_power(magnitude: Array, power: float) -> Array:
    if power == 1:
        return magnitude
    return np.square(magnitude) if power == 2 else magnitude**power


def _power_to_magnitude(power_values: Array, power: float) -> Array:
    if power == 1:
        return power_values
    return np.sqrt(power_values) if power == 2 else np.asarray(power_values ** (1 / power), np.float32)


def roll_frames(pixels: Pixels, turns: Array) -> Array:
    """Turn pixels (segments, rows, frames) in time by their own turns (segments,), in frames, around the end."""
    frames = (np.arange(pixels.shape[2]) - turns[:, None]) % pixels.shape[2]
    return np.take_along_axis(pixels, np.broadcast_to(frames[:, None, :], pixels.shape), axis=2)
