"""The network of the 2023 notebook."""

from typing import Any

from keras import layers

from birdclef_mind.errors import ConfigError


def classic(picture: Any, noise_floor: bool) -> Any:
    """From a picture (rows, frames, 1) to an embedding (64,).

    The plain chain of seven convolutions and two dense layers of Nussbaum's "Reading the Robot Mind" (2023). The first
    dense layer gives the embedding, the second the classes: `build` adds it. 1,316,009 parameters for 32 rows, 313
    frames and 9 classes. ConfigError for a small picture, and for a noise floor.
    """
    rows, frames = picture.shape[1:3]
    if noise_floor:
        raise ConfigError("noise_floor: expected false for the network classic, which sees one picture, got true")
    if min(rows, frames) < 4:
        raise ConfigError(f"model classic: expected pictures of at least 4 × 4, got {rows} × {frames}")

    def convolution(filters: int, side: int, number: int) -> layers.Layer:
        return layers.Conv2D(filters, side, padding="same", activation="relu", name=f"convolution_{number}")

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
    ]
    value = picture
    for layer in chain:
        value = layer(value)
    return value
