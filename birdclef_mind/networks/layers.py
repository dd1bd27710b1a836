"""Layers of networks that listen for events: floors taken away, bands told apart, moments weighed."""

from typing import Any

import keras
from keras import layers, ops

_PACKAGE = "birdclef_mind"


@keras.saving.register_keras_serializable(_PACKAGE)
class NoiseFloor(layers.Layer):  # type: ignore[misc]
    """A picture beside itself without each band's mean over time: (n, rows, frames, 1) → (n, rows, frames, 2).

    In decibels a steady noise adds the same to all frames of a band, so what is left is what moves. The picture itself
    stays beside it, since rain is steady too.
    """

    def call(self, pictures: Any) -> Any:
        """Take the floors away."""
        return ops.concatenate([pictures, pictures - ops.mean(pictures, axis=2, keepdims=True)], axis=-1)


@keras.saving.register_keras_serializable(_PACKAGE)
class FrequencyPooling(layers.Layer):  # type: ignore[misc]
    """Weighted sum over the bands, each channel with weights of its own: (n, rows, frames, c) → (n, frames, c).

    A mean would forget at which pitch something was heard; this begins as the mean and learns to tell.
    """

    def build(self, shape: Any) -> None:
        """Make the weights."""
        start = keras.initializers.Constant(1 / shape[1])
        self.bands = self.add_weight(name="bands", shape=(shape[1], shape[3]), initializer=start)

    def call(self, maps: Any) -> Any:
        """Sum the bands."""
        return ops.sum(maps * self.bands[:, None, :], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """(n, frames, c)."""
        return (shape[0], shape[2], shape[3])


@keras.saving.register_keras_serializable(_PACKAGE)
class AttentionPooling(layers.Layer):  # type: ignore[misc]
    """Weigh the moments and sum: (n, frames, c) → (n, c), with weights that are positive and sum to 1.

    Ilse, Tomczak & Welling 2018, "Attention-based deep multiple instance learning", equations 7 and 8.
    """

    def __init__(self, units: int = 32, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, shape: Any) -> None:
        """Make the weights."""
        self.look = self.add_weight(name="look", shape=(shape[-1], self.units))
        # At first all moments count alike.
        self.rate = self.add_weight(name="rate", shape=(self.units, 1), initializer="zeros")

    def weights_over_time(self, moments: Any) -> Any:
        """How much each moment counts: (n, frames, 1)."""
        return ops.softmax(ops.matmul(ops.tanh(ops.matmul(moments, self.look)), self.rate), axis=1)

    def call(self, moments: Any) -> Any:
        """Weigh and sum."""
        return ops.sum(self.weights_over_time(moments) * moments, axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """(n, c)."""
        return (shape[0], shape[2])

    def get_config(self) -> dict[str, Any]:
        """Its settings."""
        return {**super().get_config(), "units": self.units}


MOMENTS = "moments"


def listen(maps: Any, channels: int = 128, dropout: float = 0.3) -> Any:
    """From maps (n, rows, frames, c) to an embedding (n, channels) that weighs the moments named `MOMENTS`."""
    value = FrequencyPooling(name="frequency_pooling", dtype="float32")(maps)
    value = layers.Dropout(dropout, name="dropout_1")(value)
    value = layers.Dense(channels, use_bias=False, name="moment_mix")(value)
    value = layers.BatchNormalization(momentum=0.9, name="moment_normalisation")(value)
    value = layers.ReLU(name=MOMENTS)(value)
    value = AttentionPooling(name="embedding")(value)
    return layers.Dropout(dropout, name="dropout_2")(value)
