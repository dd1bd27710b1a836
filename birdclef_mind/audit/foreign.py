"""Foreign sounds, heard in the sound itself: the hum of the mains, and a human voice."""

from typing import Any

import numpy as np
import scipy.fft

from birdclef_mind.arrays import Array

# Mains of 50 or 60 hertz, and overtones; a line is seen against what stands from five to twenty hertz beside it.
_MAINS_HZ, _OVERTONES, _BEST = (50, 60), 8, 3
_BESIDE_HZ = (5, 20)
# Whatever comes and goes is no hum: it is there in four seconds of five.
_STEADY = 0.2
# A throat's pulses repeat at these rates, and their overtones reach this high; Noll 1967, cepstrum pitch.
_THROAT_HZ, _HIGHEST_HZ = (75, 300), 4000
_FRAME_S, _PEAK = 0.064, 0.12
# From frame to frame a voice's pitch moves by less than this, in octaves, and over a sentence by more than that.
_SMOOTH, _MOVES = 0.12, 0.02
_QUIET = 1e-3


def hum_db(samples: Array, rate_hz: int) -> Array:
    """How far lines at the mains' overtones stand above what is beside them, in decibels, (n,).

    Of whole seconds of samples (n, length), Hann windows: the mean of the three clearest lines of 50 or 60 hertz, of
    each the level that it keeps in four fifths of the time. 0 for what is shorter than a second.
    """
    seconds = samples.shape[1] // rate_hz
    if not seconds:
        return np.zeros(len(samples))
    parts = samples[:, : seconds * rate_hz].reshape(len(samples), seconds, rate_hz)
    highest = max(_MAINS_HZ) * _OVERTONES + _BESIDE_HZ[1] + 1
    windowed = np.asarray(parts * np.hanning(rate_hz), np.float32)
    power: Any = np.abs(scipy.fft.rfft(windowed, axis=-1)[..., :highest])
    levels = 20 * np.log10(power + 1e-5)
    return np.max([_comb(levels, base) for base in _MAINS_HZ], axis=0)


def _comb(levels: Array, base_hz: int) -> Array:
    """How clear the overtones of one base are in levels (n, seconds, hertz), decibels: (n,)."""
    near, far = _BESIDE_HZ
    lines = []
    for hz in range(base_hz, base_hz * _OVERTONES + 1, base_hz):
        beside = np.concatenate([levels[..., hz - far : hz - near], levels[..., hz + near + 1 : hz + far + 1]], axis=-1)
        above = levels[..., hz - 1 : hz + 2].max(axis=-1) - np.median(beside, axis=-1)
        lines.append(np.quantile(above, _STEADY, axis=-1))
    return np.asarray(np.sort(lines, axis=0)[-_BEST:].mean(axis=0))


def voiced_share(samples: Array, rate_hz: int) -> Array:
    """Share of the time in which a throat is heard, whose pitch glides, in samples (n, length): (n,), 0 to 1.

    A frame is voiced where the cepstrum of its spectrum up to 4 kHz peaks at a throat's rate. What keeps one pitch, as
    an engine does, is no voice.
    """
    size = round(_FRAME_S * rate_hz)
    if samples.shape[1] < 2 * size:
        return np.zeros(len(samples))
    frames = np.lib.stride_tricks.sliding_window_view(samples, size, axis=1)[:, :: size // 2]
    bins = round(_HIGHEST_HZ * _FRAME_S) + 1
    spectrum: Any = scipy.fft.rfft(np.asarray(frames * np.hanning(size), np.float32), axis=-1)[..., :bins]
    power = np.square(np.abs(spectrum))
    levels = np.log(power + power.max(axis=(1, 2), keepdims=True) * 1e-6 + 1e-12)
    levels -= levels.mean(axis=-1, keepdims=True)
    falling = np.cos(np.linspace(0, np.pi / 2, bins, dtype=np.float32)) ** 2
    cepstrum = scipy.fft.irfft(levels * falling, axis=-1)
    # A place of the cepstrum is a period, in halves of the highest frequency's.
    first, last = (round(2 * _HIGHEST_HZ / hz) for hz in reversed(_THROAT_HZ))
    throat = cepstrum[..., first:last]
    strength = throat.max(axis=-1) / np.maximum(np.sqrt(np.square(levels).mean(axis=-1)), 1e-6)
    octaves = np.log2(first + throat.argmax(axis=-1))
    total = power.sum(axis=-1)
    voiced = (strength > _PEAK) & (total > _QUIET * total.max(axis=1, keepdims=True))
    gliding = voiced[:, 1:] & voiced[:, :-1] & (np.abs(np.diff(octaves, axis=1)) < _SMOOTH)
    count = gliding.sum(axis=1)
    mean = (octaves[:, 1:] * gliding).sum(axis=1) / np.maximum(count, 1)
    spread = np.sqrt((np.square(octaves[:, 1:] - mean[:, None]) * gliding).sum(axis=1) / np.maximum(count, 1))
    return np.where(spread > _MOVES, count / gliding.shape[1], 0.0)
