"""Controls beside a mask: what says nothing of the answer must do worse than what does."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import scipy.ndimage

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import shuffled
from birdclef_mind.sound.settings import Features

# How smooth a random mask is, in bands and frames: about as smooth as those that are found.
_SMOOTH = (3, 6)


def random_maps(shape: Sequence[int], seed: int = 0) -> Array:
    """Smooth noise, (n, bands, frames), each recording's own."""
    drawn = [np.random.default_rng([seed, place]).normal(size=tuple(shape[1:])) for place in range(shape[0])]
    return np.stack([scipy.ndimage.gaussian_filter(one, _SMOOTH) for one in drawn]).astype(np.float32)


def loudness_maps(bands: Array, features: Features) -> Array:
    """How loud each place is, (n, n_mels, frames), of mel bands' power of the same shape."""
    return np.asarray(bands ** (1 / features.power), np.float32)


def anothers(maps: Array, groups: Sequence[str]) -> Array:
    """Each one's map taken from the next recording, (n, bands, frames); where there is one alone, its own."""
    return maps[shuffled(len(maps), groups)] if len(set(groups)) > 1 else maps


def cascading(model: keras.Model, seed: int = 0) -> list[tuple[str, keras.Model]]:
    """Networks of which more and more layers, from the last to the first, have their weights put in random order.

    Adebayo et al. 2018, "Sanity checks for saliency maps". Each with the name of the layer that was put out of order
    last; what each weight's numbers are stays, so that a network's sums stay as large as they were.
    """
    rng = np.random.default_rng(seed)
    mixed, found = keras.models.clone_model(model), []
    mixed.set_weights(model.get_weights())
    for layer in reversed(mixed.layers):
        kernels: list[Any] = [weight for weight in layer.trainable_weights if len(weight.shape) > 1]
        if not kernels:
            continue
        for weight in kernels:
            values = np.asarray(weight)
            weight.assign(rng.permutation(values.ravel()).reshape(values.shape))
        copy = keras.models.clone_model(model)
        copy.set_weights(mixed.get_weights())
        found.append((str(layer.name), copy))
    return found
