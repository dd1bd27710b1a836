"""How alike pictures are, wherever in time their songs stand."""

import numpy as np
import scipy.fft

from birdclef_mind.arrays import Array

# Sixty milliseconds or so: no song is lost, and there is less to compare.
_FRAMES_TOGETHER = 4
_CHUNK = 64


def likeness(one: Array, other: Array) -> Array:
    """The best correlation of each of one's pictures (n, rows, frames) with each other's (m, rows, frames): (n, m).

    That over all turns in time, at most 1.

    Every band's mean over time and every frame's mean over the bands is taken out first, so that neither a steady hum
    nor the silence after a recording's end makes pictures alike. 0 where a picture shows nothing.
    """
    spectra, others = _spectra(one), _spectra(other).conj().transpose(0, 2, 1)
    frames = one.shape[2] // _FRAMES_TOGETHER
    best = np.empty((len(one), len(other)), np.float32)
    for start in range(0, len(one), _CHUNK):
        # Frequencies of time first, so that each is one product of matrices.
        crossed = spectra[:, start : start + _CHUNK] @ others
        best[start : start + _CHUNK] = scipy.fft.irfft(crossed, n=frames, axis=0).max(axis=0)
    return best


def _spectra(pictures: Array) -> Array:
    """Of each band over time, with unit length a picture: (frequencies, n, rows), complex64."""
    n, rows, frames = pictures.shape
    count = frames // _FRAMES_TOGETHER
    pooled = np.empty((n, rows, count), np.float32)
    for start in range(0, n, _CHUNK):
        chunk = pictures[start : start + _CHUNK, :, : count * _FRAMES_TOGETHER].astype(np.float32)
        pooled[start : start + _CHUNK] = chunk.reshape(len(chunk), rows, count, -1).mean(axis=3)
    pooled -= pooled.mean(axis=2, keepdims=True)
    pooled -= pooled.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.square(pooled).sum(axis=(1, 2), keepdims=True))
    pooled /= np.where(lengths > 1e-3, lengths, np.inf)
    return np.ascontiguousarray(scipy.fft.rfft(pooled, axis=2).transpose(2, 0, 1))
