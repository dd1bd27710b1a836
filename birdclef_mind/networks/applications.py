"""Networks of `keras.applications` by name, on one channel, with weights from a file where somebody has some."""

import warnings
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.layers import NoiseFloor, listen

# All of them rescale pixels of 0–255 by themselves, and end in maps.
APPLICATIONS = {
    name.lower(): name
    for name in (
        *(f"EfficientNetB{size}" for size in range(8)),
        *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
        "MobileNetV3Small",
        "MobileNetV3Large",
        "ConvNeXtTiny",
        "ConvNeXtSmall",
    )
}
_LEAST_SIDE = 32
BASE = "base"


def application(name: str, picture: Any, noise_floor: bool) -> Any:
    """From a picture (rows, frames, 1) to an embedding (128,), with random weights; ConfigError for a small picture."""
    rows, frames = picture.shape[1:3]
    if min(rows, frames) < _LEAST_SIDE:
        raise ConfigError(
            f"model {name}: expected pictures of at least {_LEAST_SIDE} × {_LEAST_SIDE}, got {rows} × {frames}"
        )
    channels = [picture] * 3
    if noise_floor:
        both = NoiseFloor(name="noise_floor")(picture)
        channels = [both, picture]
    colours = layers.Concatenate(name="colours")(channels)
    build = getattr(keras.applications, APPLICATIONS[name])
    base = build(include_top=False, weights=None, input_shape=(rows, frames, 3))
    # Some look up their own sizes by the name that they are given.
    base.name = BASE
    return listen(base(colours))


def load_base(model: keras.Model, path: Path) -> None:
    """Load weights of the maps' part, as `keras.applications` saves them without a top, from a file on this machine.

    ConfigError when the network has no such part, or the file is missing, none of Keras' weights, or of other shapes.
    """
    try:
        base = model.get_layer(BASE)
    except ValueError as error:
        raise ConfigError(
            f"weights: expected a network of keras.applications to load them into, got {model.name}"
        ) from error
    if not path.is_file() or not h5py.is_hdf5(path):
        found = "another kind of file" if path.is_file() else "nothing"
        raise ConfigError(f"{path}: expected Keras weights (.h5), found {found}")
    before = base.get_weights()
    try:
        # Keras leaves what it does not find as it was and only warns; what is left is looked for below.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            base.load_weights(path)
    except (ValueError, KeyError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"{path}: expected weights of {model.name} without its top, got others ({reason})") from error
    kept = [
        weight.path
        for weight, old, new in zip(base.weights, before, base.get_weights(), strict=True)
        if old.ndim > 1 and np.array_equal(old, new)
    ]
    if kept:
        raise ConfigError(f"{path}: expected weights of {model.name} without its top, found none for {kept[0]}")
