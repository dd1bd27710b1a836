"""From a layer's activation back to a picture by the transposed pass: what was read is sent back the way it came."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input

_AT_A_TIME = 32


def transposed_pass(anatomy: Anatomy, taps: Sequence[Stage], pictures: Array) -> list[Array]:
    """Send each tap's own activation for pictures (n, rows, frames) back to them: the vector–Jacobian product.

    Deconvolution with pooling switches (Zeiler & Fergus 2014) without its rectification of the signal going back; the
    gradient of half the squared activation. Works for every differentiable network; what does not depend on the picture
    sends nothing.

    Returns
    -------
    A raw picture (n, rows, frames), float32, for each tap.
    """
    reader = anatomy.reader(taps)

    # As a graph, which leaves out the slopes by weights that nobody asks for.
    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def sent_back(given: Any) -> list[Any]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(given)
            values = reader(given)
        return [_sent_back(tape, value, given) for value in values]

    starts = range(0, len(pictures), _AT_A_TIME)
    parts = [sent_back(tf.constant(as_input(pictures[start : start + _AT_A_TIME]))) for start in starts]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def _sent_back(tape: tf.GradientTape, value: Any, given: Any) -> Any:
    """A tap's own values sent back to the pictures; on the way none is larger than 1, which half precision holds."""
    axes = tuple(range(1, len(value.shape)))
    length = tf.maximum(tf.reduce_max(tf.abs(value), axis=axes, keepdims=True), 1e-30)
    gradient = tape.gradient(value, given, output_gradients=value / length)
    if gradient is None:
        return tf.zeros(tf.shape(given)[:3])
    return gradient[..., 0] * tf.reshape(length, (-1, 1, 1))


def raw_to_picture(raw: Array) -> Array:
    """Stretch each of raw pictures (n, rows, frames) to 0–255, float32; below zero is nothing, a flat one is black."""
    positive = np.maximum(raw, 0)
    lowest = positive.min(axis=(1, 2), keepdims=True)
    width = positive.max(axis=(1, 2), keepdims=True) - lowest
    return np.divide((positive - lowest) * 255, width, out=np.zeros(raw.shape, np.float32), where=width > 0)
