"""Samples ↔ short-time spectra, and the mel bands; all batched, one segment never depending on another."""

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse

from birdclef_mind.arrays import Array
from birdclef_mind.sound.settings import Features


def samples_to_spectra(samples: Array, features: Features) -> Array:
    """Centred short-time Fourier transform with a periodic Hann window; `spectra_to_samples` undoes it.

    Parameters
    ----------
    samples : (segments, n), float32; taken as zero outside.

    Returns
    -------
    (segments, frames, bins), complex64.
    """
    half, hop = features.n_fft // 2, features.hop_samples
    padded = np.pad(samples, ((0, 0), (half, half)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, features.n_fft, axis=-1)[:, ::hop]
    return np.asarray(scipy.fft.rfft(frames * hann(features.n_fft), axis=-1, overwrite_x=True))


def spectra_to_samples(spectra: Array, features: Features, length: int) -> Array:
    """Undo `samples_to_spectra`; of spectra that belong to no sound, give the nearest sound.

    Weighted overlap-add, the least-squares inverse of Griffin & Lim 1984, equation 6.

    Parameters
    ----------
    spectra : (segments, frames, bins), complex. length : samples wanted, at most what the frames cover.

    Returns
    -------
    (segments, length), float32.
    """
    window = hann(features.n_fft)
    frames = scipy.fft.irfft(spectra, n=features.n_fft, axis=-1, overwrite_x=True) * window
    half = features.n_fft // 2
    inner = slice(half, half + length)
    total = _overlap_add(frames, features.hop_samples)[:, inner]
    return np.asarray(total * one_over_weight(features.n_fft, features.hop_samples, frames.shape[1])[inner], np.float32)


@lru_cache(maxsize=8)
def one_over_weight(n_fft: int, hop: int, frames: int) -> Array:
    """What each sample of overlapping windows, twice applied, has to be multiplied with, (samples,)."""
    weight = _overlap_add(np.broadcast_to(np.square(hann(n_fft)), (1, frames, n_fft)), hop)[0]
    return 1 / np.maximum(weight, np.float32(1e-8))


@lru_cache
def hann(length: int) -> Array:
    """Periodic Hann window, (length,), float32."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window.astype(np.float32)


@lru_cache
def mel_filters(features: Features) -> scipy.sparse.csr_array:
    """Triangular filters on the Slaney mel scale, each of unit area in hertz: (n_mels, bins), float32, sparse.

    Slaney 1998, "Auditory Toolbox"; the same numbers as `librosa.filters.mel`.
    """
    low, high = hz_to_mel(np.array([features.fmin_hz, features.fmax_hz]))
    edges_hz = mel_to_hz(np.linspace(low, high, features.n_mels + 2))
    bins_hz = np.linspace(0, features.sample_rate_hz / 2, features.bins)
    slopes = (edges_hz[:, None] - bins_hz) / np.diff(edges_hz, append=np.inf)[:, None]
    rising = -slopes[:-2]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    areas = 2 / (edges_hz[2:] - edges_hz[:-2])
    return scipy.sparse.csr_array((triangles * areas[:, None]).astype(np.float32))


def hz_to_mel(hz: Array) -> Array:
    """Slaney's scale, of hz (…), (…): linear below 1 kHz, logarithmic above; `mel_to_hz` undoes it.

    >>> hz_to_mel(np.array([200.0, 1000.0, 6400.0])).tolist()
    [3.0, 15.0, 42.0]
    """
    hz = np.asarray(hz, float)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def mel_to_hz(mel: Array) -> Array:
    """Undo `hz_to_mel`: of mel (…), (…)."""
    mel = np.asarray(mel, float)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.maximum(mel, 15) - 15) * np.log(6.4) / 27))


def bands_to_hz(bands: Array, features: Features) -> Array:
    """Frequencies of the middles of mel bands, of numbers (…) from 0 which may be fractions, (…)."""
    low, high = hz_to_mel(np.array([features.fmin_hz, features.fmax_hz]))
    return mel_to_hz(low + (np.asarray(bands) + 1) * (high - low) / (features.n_mels + 1))


def hz_to_height(hz: Array, features: Features) -> Array:
    """How high frequencies hz (…) stand in a picture of mel bands, as shares of its height, (…)."""
    low, high = hz_to_mel(np.array([features.fmin_hz, features.fmax_hz]))
    # A band's middle stands half a row above its edge; there is an edge more than there are bands.
    return np.asarray(((hz_to_mel(hz) - low) / (high - low) * (features.n_mels + 1) - 0.5) / features.n_mels)


def sum_bands(power: Array, features: Features) -> Array:
    """Sum power (segments, frames, bins) by mel band: (segments, n_mels, frames); `spread_bands` is its adjoint."""
    segments, frames, bins = power.shape
    bands = mel_filters(features) @ power.reshape(-1, bins).T
    return np.ascontiguousarray(bands.reshape(-1, segments, frames).transpose(1, 0, 2))


def spread_bands(bands: Array, features: Features) -> Array:
    """Spread band values over their bins: (segments, n_mels, frames) → (segments, frames, bins)."""
    segments, n_mels, frames = bands.shape
    spread = _transposed_filters(features) @ bands.transpose(1, 0, 2).reshape(n_mels, -1)
    return np.ascontiguousarray(spread.reshape(-1, segments, frames).transpose(1, 2, 0))


@lru_cache
def _transposed_filters(features: Features) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(mel_filters(features).T)


def _overlap_add(frames: Array, hop: int) -> Array:
    segments, count, length = frames.shape
    steps = length // hop
    total = np.zeros((segments, count + steps - 1, hop), frames.dtype)
    pieces = frames.reshape(segments, count, steps, hop)
    for step in range(steps):
        total[:, step : step + count] += pieces[:, :, step]
    return total.reshape(segments, -1)
