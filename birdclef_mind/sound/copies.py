"""Recordings that hold the same sound under two names, so that they never fall on both sides of a split."""

from collections.abc import Sequence

import numpy as np
import scipy.fft

from birdclef_mind.arrays import Array
from birdclef_mind.sound.likeness import COPY, likeness

# A picture's outline: so many bands, and so many slow waves of each over time.
_BANDS, _WAVES = 16, 24
# Outlines of copies are more alike than this; what else is, is looked at closely.
_OUTLINE = 0.9
_CHUNK = 512


def alike_recordings(pixels: Array, recordings: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of recordings with segments that are copies of each other, shifted in time or not, loud or quiet.

    Every two segments are compared by outlines that a shift does not change; the few that are close, by `likeness`.

    Parameters
    ----------
    pixels : (segments, rows, frames), uint8. recordings : whose each segment is.
    """
    outlines, own = _outlines(pixels), np.unique(recordings, return_inverse=True)[1]
    pairs: dict[tuple[str, str], None] = {}
    for start in range(0, len(pixels), _CHUNK):
        close = outlines[start : start + _CHUNK] @ outlines.T > _OUTLINE
        close &= own[start : start + _CHUNK, None] < own[None, :]
        for one, other in np.argwhere(close) + np.array([start, 0]):
            pair = recordings[one], recordings[other]
            if pair not in pairs and likeness(pixels[one : one + 1], pixels[other : other + 1])[0, 0] >= COPY:
                pairs[pair] = None
    return list(pairs)


def _outlines(pixels: Array) -> Array:
    """Strength of slow waves in each band, of unit length: (segments, bands · waves), float32."""
    found = np.empty((len(pixels), min(_BANDS, pixels.shape[1]) * _WAVES), np.float32)
    for start in range(0, len(pixels), _CHUNK):
        chunk = pixels[start : start + _CHUNK].astype(np.float32)
        bands = np.stack([part.mean(axis=1) for part in np.array_split(chunk, min(_BANDS, chunk.shape[1]), 1)], 1)
        bands -= bands.mean(axis=1, keepdims=True)
        waves = np.abs(scipy.fft.rfft(bands, axis=2))[:, :, 1 : _WAVES + 1]
        found[start : start + _CHUNK] = _padded(waves).reshape(len(chunk), -1)
    lengths = np.sqrt(np.square(found).sum(axis=1, keepdims=True))
    return found / np.where(lengths > 1e-3, lengths, np.inf)


def _padded(waves: Array) -> Array:
    return np.pad(waves, ((0, 0), (0, 0), (0, _WAVES - waves.shape[2])))
