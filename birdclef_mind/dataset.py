"""Pictures and targets as a `tf.data` pipeline; a byte a pixel in memory, floats only a batch at a time."""

from typing import Any

import numpy as np
import tensorflow as tf

Array = np.ndarray[Any, Any]


def picture_dataset(pixels: Array, targets: Array, batch_size: int) -> tf.data.Dataset:
    """Batches of (pictures, targets) in the order given.

    Parameters
    ----------
    pixels : (segments, rows, frames), uint8. targets : (segments, classes), float32.

    Returns
    -------
    Batches of (batch, rows, frames, 1), float32, 0–255, and (batch, classes), float32, two prepared ahead.
    """
    places = tf.data.Dataset.range(len(pixels))
    return _batches(pixels, targets, tf.data.Dataset.zip(places, places.map(tf.zeros_like)), batch_size)


def training_dataset(
    pixels: Array, targets: Array, batch_size: int, *, seed: int, roll: bool = False
) -> tf.data.Dataset:
    """Like `picture_dataset`, in a new order every epoch; the same orders for the same seed.

    With `roll` each picture is turned in time by a random number of frames, its end joined to its beginning: a song
    may stand anywhere in a segment.
    """
    places = tf.data.Dataset.range(len(pixels)).shuffle(len(pixels), seed=seed, reshuffle_each_iteration=True)
    turns = places.map(tf.zeros_like)
    if roll:
        frames = pixels.shape[2]
        turns = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).map(lambda value: value % frames)
    return _batches(pixels, targets, tf.data.Dataset.zip(places, turns), batch_size)


def roll_frames(pixels: Array, turns: Array) -> Array:
    """Turn each picture (segments, rows, frames) in time by its own number of frames, around the end."""
    frames = (np.arange(pixels.shape[2]) - turns[:, None]) % pixels.shape[2]
    return np.take_along_axis(pixels, np.broadcast_to(frames[:, None, :], pixels.shape), axis=2)


def _batches(pixels: Array, targets: Array, places_and_turns: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    def take(places: Array, turns: Array) -> tuple[Array, Array]:
        pictures = pixels[places]
        if turns.any():
            pictures = roll_frames(pictures, turns)
        return pictures[..., None].astype(np.float32), targets[places]

    def shaped(places: tf.Tensor, turns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pictures, wanted = tf.numpy_function(take, [places, turns], [tf.float32, tf.float32], stateful=False)
        pictures.set_shape((None, *pixels.shape[1:], 1))
        wanted.set_shape((None, targets.shape[1]))
        return pictures, wanted

    return places_and_turns.batch(batch_size).map(shaped).prefetch(2)
