"""Networks by name: picture (rows, frames, 1), values 0–255, to a score a class. No input or output here."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.applications import APPLICATIONS, application
from birdclef_mind.networks.classic import classic
from birdclef_mind.networks.layers import MOMENTS
from birdclef_mind.networks.resnet import resnet
from birdclef_mind.networks.settings import Network


def build(network: Network, rows: int, frames: int, classes: int) -> keras.Model:
    """Build an untrained network; its last layer gives probabilities, so nothing is applied after it.

    ConfigError for a name that there is no network of, and for pictures too small for it.
    """
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
    """A network that scores every moment of a picture, (moments, classes), with the weights of `model`; None without.

    A moment's score is what the whole answer would be if every moment were like it.
    """
    if MOMENTS not in [layer.name for layer in model.layers]:
        return None
    return keras.Model(model.inputs[0], model.get_layer("classes")(model.get_layer(MOMENTS).output))


NETWORKS: dict[str, Callable[[Any, bool], Any]] = {"classic": classic, "resnet": resnet}
