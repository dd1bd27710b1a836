"""Networks by name: picture (rows, frames, 1), values 0–255, to a score a class. No input or output here."""

from collections.abc import Callable

import keras
from keras import layers

from birdclef_mind.errors import ConfigError


def build(name: str, rows: int, frames: int, classes: int) -> keras.Model:
    """Build an untrained network; its last layer gives probabilities, so no softmax is applied after it."""
    if name not in NETWORKS:
        raise ConfigError(f"model: expected one of {', '.join(NETWORKS)}, got {name!r}")
    return NETWORKS[name](rows, frames, classes)


def classic(rows: int, frames: int, classes: int) -> keras.Model:
    """The plain chain of seven convolutions and two dense layers of Nussbaum's "Reading the Robot Mind" (2023).

    1,316,009 parameters for 32 rows, 313 frames and 9 classes. The embedding is the first dense layer.
    """
    if min(rows, frames) < 4:
        raise ConfigError(f"model classic: expected pictures of at least 4 × 4, got {rows} × {frames}")

    def convolution(filters: int, side: int, number: int) -> layers.Layer:
        return layers.Conv2D(filters, side, padding="same", activation="relu", name=f"convolution_{number}")

    picture = keras.Input((rows, frames, 1), name="picture")
    chain = [
        layers.Rescaling(1 / 255, name="rescaling"),
        convolution(16, 3, 1),
        convolution(16, 3, 2),
        layers.MaxPooling2D(2, name="pooling_1"),
        convolution(32, 5, 3),
        layers.Dropout(0.2, name="dropout_1"),
        convolution(16, 3, 4),
        layers.Dropout(0.2, name="dropout_2"),
        convolution(16, 3, 5),
        convolution(16, 3, 6),
        layers.MaxPooling2D(2, name="pooling_2"),
        convolution(32, 5, 7),
        layers.Flatten(name="flatten"),
        layers.Dense(64, activation="relu", name="embedding"),
        layers.Dense(classes, activation="softmax", dtype="float32", name="classes"),
    ]
    value = picture
    for layer in chain:
        value = layer(value)
    return keras.Model(picture, value, name="classic")


NETWORKS: dict[str, Callable[[int, int, int], keras.Model]] = {"classic": classic}
