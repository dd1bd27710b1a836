"""Networks by name: picture (rows, frames, 1), values 0–255, to a score a class. No input or output here."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.applications import APPLICATIONS, application
from birdclef_mind.networks.layers import MOMENTS
from birdclef_mind.networks.resnet import resnet
from birdclef_mind.networks.settings import Network


def build(network: Network, rows: int, frames: int, classes: int) -> keras.Model:
    """Build an untrained network; its last layer gives probabilities, so nothing is applied after it."""
    picture = keras.Input((rows, frames, 1), name="picture")
    if network.name in NETWORKS:
        embedding = NETWORKS[network.name](picture, network.noise_floor)
    elif network.name in APPLICATIONS:
        embedding = application(network.name, picture, network.noise_floor)
    else:
        raise _unknown(network.name)
    answer = layers.Dense(classes, activation=network.answer, dtype="float32", name="classes")(embedding)
    return keras.Model(picture, answer, name=network.name)


def require_known(name: str) -> None:
    """Raise ConfigError for the name of a network that there is none of."""
    if name not in NETWORKS and name not in APPLICATIONS:
        raise _unknown(name)


def _unknown(name: str) -> ConfigError:
    return ConfigError(f"model: expected one of {', '.join((*NETWORKS, *APPLICATIONS))}, got {name!r}")


def moments(model: keras.Model) -> keras.Model | None:
    """A network that scores every moment of a picture, (frames, classes), with the weights of `model`; None without.

    A moment's score is what the whole answer would be if nothing else were heard.
    """
    if MOMENTS not in [layer.name for layer in model.layers]:
        return None
    return keras.Model(model.inputs[0], model.get_layer("classes")(model.get_layer(MOMENTS).output))


def classic(picture: Any, noise_floor: bool) -> Any:
    """The plain chain of seven convolutions and two dense layers of Nussbaum's "Reading the Robot Mind" (2023).

    1,316,009 parameters for 32 rows, 313 frames and 9 classes. The embedding is the first dense layer.
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


NETWORKS: dict[str, Callable[[Any, bool], Any]] = {"classic": classic, "resnet": resnet}
