"""When: how much each moment adds to a network's answer, exactly, where the answer is a sum over moments.

Where moments are averaged, or weighed by attention, and nothing but an affine map lies between that and the sums that
scores are made of, the sums are shared out among the moments without any approximation.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, as_input
from birdclef_mind.backwards.graph import Step
from birdclef_mind.backwards.layer_kinds import is_idle, is_layer
from birdclef_mind.errors import Obstacle
from birdclef_mind.networks.layers import AttentionPooling

_AT_A_TIME = 64
_MEANS = (layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D)


def evidence_a_moment(anatomy: Anatomy, pictures: Array) -> Array:
    """What each moment adds to every class's sum, (n, moments, classes), float32, of pictures (n, rows, frames), 0–255.

    Over the moments it adds up to the sum that the class's score is made of: before the softmax, or the sigmoid. A
    constant of the class layer is shared out as the moments are weighed. Moments are equally long and cover the
    picture. Obstacle, naming the layer, where an answer is no sum over moments.
    """
    anatomy.require(pictures)
    share = _sharing(anatomy)
    parts = [share(as_input(pictures[at : at + _AT_A_TIME])) for at in range(0, len(pictures), _AT_A_TIME)]
    return np.concatenate(parts) if parts else np.zeros((0, 1, anatomy.head.units), np.float32)


def _sharing(anatomy: Anatomy) -> Callable[[Any], Array]:
    """A function from pictures (n, rows, frames, 1) to each moment's part of the sums."""
    pool = _pool(anatomy)
    sums = anatomy.head.sums(anatomy.flat, pool.output)
    if sums is None:
        raise Obstacle(f"moments: the sums of {anatomy.head.last.title} cannot be had")
    read = anatomy.flat.walk(anatomy.picture, [pool.inputs[0]])

    def share(values: Any) -> Array:
        (maps,) = read(values)
        moments = maps if len(maps.shape) == 3 else tf.reduce_mean(maps, axis=1)
        weights = _weights(pool.layer, moments)
        count, channels = moments.shape[1:]
        alone = sums(tf.reshape(moments, (-1, channels)))
        return np.asarray(weights * tf.reshape(alone, (-1, count, alone.shape[-1])))

    return share


def _weights(layer: Any, moments: Any) -> Any:
    """How much each moment counts, (n, moments, 1), adding up to 1."""
    if isinstance(layer, AttentionPooling):
        return tf.cast(layer.weights_over_time(moments), tf.float32)
    return tf.fill((len(moments), moments.shape[1], 1), 1 / moments.shape[1])


def _pool(anatomy: Anatomy) -> Step:
    """The step that makes one vector of all moments; Obstacle where there is none, or no affine map behind it."""
    steps = anatomy.flat.by_output()
    tensor = anatomy.head.classes.inputs[0]
    while tensor in steps:
        step = steps[tensor]
        if isinstance(step.layer, AttentionPooling) or _is_mean_over_time(step):
            return step
        if not _is_affine(step):
            raise Obstacle(f"moments: what {step.title} gives is no sum over moments")
        tensor = step.inputs[0]
    raise Obstacle("moments: the answer is no sum over moments")


def _is_mean_over_time(step: Step) -> bool:
    if isinstance(step.layer, _MEANS):
        return len(step.output.shape) == 2
    # A mean by `keras.ops` tells its axes; those of one that does not are not guessed.
    axes = getattr(step.layer, "axis", None) if type(step.layer).__name__ == "Mean" else None
    places = len(step.inputs[0].shape) - 2
    given = tuple(axes) if isinstance(axes, list | tuple) else (axes,)
    return axes is not None and places in (1, 2) and sorted(given) == list(range(1, places + 1))


def _is_affine(step: Step) -> bool:
    """Whether a vector (n, c) is mapped by a matrix and a constant at most, as the network answers."""
    if len(step.inputs) != 1 or len(step.inputs[0].shape) != 2 or len(step.output.shape) != 2:
        return False
    if isinstance(step.layer, layers.Dense):
        return getattr(step.layer.activation, "__name__", "") == "linear"
    return is_idle(step.layer) or (
        is_layer(step.layer) and isinstance(step.layer, layers.BatchNormalization | layers.Rescaling | layers.Flatten)
    )
