"""From mel bands to a network's pictures as a function with gradients: what it would see of a part of a sound."""

from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.sound.pictures import Pictures, levels_to_bands, pixels_to_levels
from birdclef_mind.sound.settings import Features

# Power below this counts as none, as where pictures are made; the same of a band's share.
_LEAST_POWER, _LEAST_SHARE = 1e-10, 1e-4


class Front:
    """Pictures of what a mask keeps, as `sound.pictures` would make them, but for rounding to whole levels.

    A band that is kept by a share loses as much of its magnitude. What `sound.split` keeps of a recording differs where
    the mask has edges inside a spectrum's window.
    """

    def __init__(self, features: Features) -> None:
        self.features = features

    def bands(self, pictures: Pictures) -> Array:
        """Power a mel band and frame of pictures, (n, n_mels, frames), float32; of "mfcc" an outline of it."""
        return levels_to_bands(pixels_to_levels(pictures.pixels, pictures.scale), self.features).astype(np.float32)

    def pictures(self, bands: Any, masks: Any) -> Any:
        """Pictures (n, rows, frames, 1), 0–255, of bands (n, n_mels, frames) times masks (n, n_mels, frames), 0–1."""
        kept = bands * tf.pow(tf.maximum(masks, _LEAST_SHARE), self.features.power)
        levels = self._levels(kept)
        low, width = self._scale(levels)
        return 255 * tf.clip_by_value(tf.math.divide_no_nan(levels - low, width), 0.0, 1.0)[..., None]

    def _levels(self, bands: Any) -> Any:
        if self.features.kind == "mel":
            return bands
        decibels = 10 / np.log(10) * tf.math.log(tf.maximum(bands, _LEAST_POWER))
        if self.features.kind == "logmel":
            return decibels
        floor = tf.reduce_max(decibels, axis=(1, 2), keepdims=True) - self.features.range_db
        along = tf.transpose(tf.maximum(decibels, floor), (0, 2, 1))
        return tf.transpose(tf.signal.dct(along, type=2, norm="ortho")[..., : self.features.n_coeffs], (0, 2, 1))

    def _scale(self, levels: Any) -> tuple[Any, Any]:
        highest = tf.reduce_max(levels, axis=(1, 2), keepdims=True)
        lowest = tf.reduce_min(levels, axis=(1, 2), keepdims=True)
        if self.features.kind != "logmel":
            return lowest, highest - lowest
        width = tf.where(highest > lowest, np.float32(self.features.range_db), 0.0)
        return highest - width, width
