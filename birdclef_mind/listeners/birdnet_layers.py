"""BirdNET's ears as layers: a window is brought to one range, and two pictures are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array

# Below this a power counts as nothing, so that its root has a slope wherever it is asked for.
_FAINTEST = 1e-30


@dataclass(frozen=True)
class MelPicture:
    """How one picture is made of a window, as the file says.

    Attributes
    ----------
    window : (n_fft,), what a frame is multiplied with. hop_samples : from frame to frame.
    mel : (bands, n_fft // 2 + 1). exponent : of the power in each band.
    """

    window: Array
    hop_samples: int
    mel: Array
    exponent: float

    @property
    def kernel(self) -> Array:
        """What takes a frame to its bands at once, (n_fft, bands), float32.

        The real part of a Fourier transform is a product with cosines, and so is all that stands before the square.
        """
        n_fft = self.window.size
        angles = 2 * np.pi / n_fft * (np.outer(np.arange(n_fft), np.arange(self.mel.shape[1])) % n_fft)
        cosines = np.cos(angles) @ self.mel.T.astype(np.float64)
        return (self.window[:, None] * cosines).astype(np.float32)


@keras.saving.register_keras_serializable("birdclef_mind")
class OneRange(keras.layers.Layer):  # type: ignore[misc]
    """Samples (n, samples), of whatever loudness, between -1 and 1: by the least and the largest of each window."""

    def __init__(self, constants: Sequence[float], name: str) -> None:
        super().__init__(name=name)
        # What is added to the spread, what is taken away, and what is multiplied with.
        self._floor, self._middle, self._gain = constants

    def call(self, samples: tf.Tensor) -> tf.Tensor:
        """The samples as they are heard."""
        raised = samples - tf.reduce_min(samples, axis=1, keepdims=True)
        share = raised / (tf.reduce_max(raised, axis=1, keepdims=True) + self._floor)
        return (share - self._middle) * self._gain


@keras.saving.register_keras_serializable("birdclef_mind")
class SignedMel(keras.layers.Layer):  # type: ignore[misc]
    """Samples (n, samples) to a picture (n, bands, frames, 1), the highest band first.

    The mel bands sum the real part of the spectrum, with its sign, before the square; the exponent comes last.
    """

    def __init__(self, how: MelPicture, name: str) -> None:
        super().__init__(name=name)
        self._how = how
        self.exponent = self.add_weight(shape=(), name="exponent")
        self.mel = self.add_weight(shape=how.kernel.shape, name="mel")
        self.set_weights([np.float32(how.exponent), how.kernel])

    def call(self, samples: tf.Tensor) -> tf.Tensor:
        """The picture of each window.

        Samples are moved about zero first, and what that takes from the bands is given back: in bands where hardly
        anything is, rounding of a constant would be heard as sound.
        """
        kernel = tf.convert_to_tensor(self.mel)[:, ::-1]
        level = tf.reduce_mean(samples, axis=1, keepdims=True)
        moved = tf.nn.conv1d((samples - level)[..., None], kernel[:, None], self._how.hop_samples, "VALID")
        constant = tf.cast(tf.reduce_sum(tf.cast(kernel, tf.float64), axis=0), tf.float32)
        bands = moved + level[..., None] * constant
        powers = tf.maximum(tf.square(bands), _FAINTEST) ** tf.convert_to_tensor(self.exponent)
        return tf.transpose(powers, (0, 2, 1))[..., None]


@keras.saving.register_keras_serializable("birdclef_mind")
class Scaled(keras.layers.Layer):  # type: ignore[misc]
    """Each channel times its own gain, and plus its own level: a batch normalisation that has been settled."""

    def __init__(self, gain: Array, level: Array, name: str) -> None:
        super().__init__(name=name)
        self.gain = self.add_weight(shape=gain.shape, name="gain")
        self.level = self.add_weight(shape=level.shape, name="level")
        self.set_weights([gain, level])

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Values (n, …, channels) of the same shape."""
        return values * self.gain + self.level
