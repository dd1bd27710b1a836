"""A small residual network for two processor cores, with batch normalisation and attention over time."""

from typing import Any

import keras
from keras import layers

from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.layers import NoiseFloor, listen

WIDTHS = (16, 32, 64, 128)
_BLOCKS = 2
# Batches are small and epochs few, so that running means must follow quickly.
_MOMENTUM = 0.9


def resnet(picture: Any, noise_floor: bool) -> Any:
    """From a picture (rows, frames, 1) to an embedding (128,).

    He, Zhang, Ren & Sun 2016, "Deep residual learning": four stages of two blocks, each stage half as high, half as
    long and twice as wide as the one before, so that all stages cost alike. ConfigError for a small picture.
    """
    rows, frames = picture.shape[1:3]
    if min(rows, frames) < 16:
        raise ConfigError(f"model resnet: expected pictures of at least 16 × 16, got {rows} × {frames}")
    value = layers.Rescaling(1 / 255, name="rescaling")(picture)
    if noise_floor:
        value = NoiseFloor(name="noise_floor")(value)
    value = _convolution(value, WIDTHS[0], 3, "stem", stride=2)
    value = layers.ReLU(name="stem_relu")(value)
    for stage, width in enumerate(WIDTHS, start=1):
        for block in range(1, _BLOCKS + 1):
            if stage > 1 and block == 1:
                value = layers.MaxPooling2D(2, name=f"stage_{stage}_pooling")(value)
            # A report names a stage by its last convolution.
            value = _block(value, width, f"stage_{stage}" + ("" if block == _BLOCKS else f"_block_{block}"))
    return listen(value)


def _block(value: Any, width: int, name: str) -> Any:
    shortcut = value
    if value.shape[-1] != width:
        shortcut = _convolution(value, width, 1, f"{name}_shortcut")
    value = layers.ReLU(name=f"{name}_relu_1")(_convolution(value, width, 3, f"{name}_first"))
    value = _convolution(value, width, 3, name)
    value = layers.Add(name=f"{name}_sum")([value, shortcut])
    return layers.ReLU(name=f"{name}_relu_2")(value)


def _convolution(value: Any, width: int, side: int, name: str, stride: int = 1) -> Any:
    convolution = layers.Conv2D(width, side, strides=stride, padding="same", use_bias=False, name=name)
    normalise: keras.layers.Layer = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_normalisation")
    return normalise(convolution(value))
