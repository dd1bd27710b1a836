"""Pictures and targets as a `tf.data` pipeline; a byte a pixel in memory, floats only a batch at a time."""

from functools import partial

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array, Pixels, Targets
from birdclef_mind.sound.pictures import roll_frames
from birdclef_mind.training.draws import Material, Plan, moved_windows, plan_epoch, step_frames
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.teacher import between

# There is nothing in the functions here that TensorFlow would have to rewrite as a graph.
_as_written = tf.autograph.experimental.do_not_convert


def picture_dataset(pixels: Pixels, targets: Targets, batch_size: int) -> tf.data.Dataset:
    """Batches of (pictures, targets) in the order given.

    Parameters
    ----------
    pixels : (segments, rows, frames), uint8. targets : (segments, classes), float32.

    Returns
    -------
    Batches of (batch, rows, frames, 1), float32, 0–255, and (batch, classes), float32, two prepared ahead.
    """

    def shaped(places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        take = partial(take_pictures, pixels, targets)
        pictures, wanted = tf.numpy_function(take, [places], [tf.float32, tf.float32], stateful=False)
        pictures.set_shape((None, *pixels.shape[1:], 1))
        wanted.set_shape((None, targets.shape[1]))
        return pictures, wanted

    return _untuned(tf.data.Dataset.range(len(pixels)).batch(batch_size).map(_as_written(shaped)).prefetch(2))


def take_pictures(pixels: Pixels, targets: Targets, places: Array) -> tuple[Array, Array]:
    """The pictures at some places, (n, rows, frames, 1), float32, and their targets (n, classes).

    Parameters
    ----------
    pixels : (segments, rows, frames), uint8. targets : (segments, classes). places : (n,).
    """
    return pixels[places][..., None].astype(np.float32), targets[places]


def training_dataset(material: Material, training: Training, epoch: int) -> tf.data.Dataset:
    """The batches of one epoch, the same for the same seed and epoch, as `Learner` takes them.

    Returns
    -------
    Batches of ({"pixels", "under", "seed", "strength"}, targets): (batch, rows, frames, 1), uint8, twice, (batch, 2),
    int32, and (batch,), float32, how strongly they are to be changed; with soundscapes "beside", as "under", too. What
    is done to pictures beyond choosing and
    moving windows is left to the device. A batch that would not be full is left out, other segments in every epoch: a
    few pictures alone would sway what a network normalises by.
    """
    plan = plan_epoch(material, training, epoch)
    shape = material.pictures.pixels.shape[1:]
    numbers = material.targets.shape[1] + (0 if material.lessons is None else material.lessons.shape[1])
    strength = training.augmentation.strength(epoch, training.epochs)

    def shaped(draws: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        names = ("pixels", "under", "beside") if material.beside else ("pixels", "under")
        types = [tf.int32, tf.float32, *[tf.uint8 for _ in names]]
        take = partial(take_draws, material, plan, training.seed * 10_007 + epoch)
        seeds, wanted, *pictures = tf.numpy_function(take, [draws], types, stateful=False)
        for one in pictures:
            one.set_shape((None, *shape, 1))
        seeds.set_shape((None, 2))
        wanted.set_shape((None, numbers))
        strengths = tf.fill(tf.shape(draws), tf.constant(strength, tf.float32))
        return {**dict(zip(names, pictures, strict=True)), "seed": seeds, "strength": strengths}, wanted

    size = min(training.batch_size, material.draws)
    draws = tf.data.Dataset.range(material.draws).batch(size, drop_remainder=True)
    return _untuned(draws.map(_as_written(shaped), num_parallel_calls=2, deterministic=True).prefetch(2))


def take_draws(material: Material, plan: Plan, seed: int, draws: Array) -> tuple[Array, ...]:
    """What `training_dataset` gives for some draws (n,) of an epoch, but for the strength.

    Returns
    -------
    Seeds (n, 2), int32; targets (n, classes), and behind them what a listener teaches, where there is one; pictures,
    those to lay under them and, with soundscapes, beside them, (n, rows, frames, 1), uint8.
    """
    places = plan.places[draws]
    pixels = moved_windows(material, places, plan.shifts[draws])
    if plan.turns[draws].any():
        pixels = roll_frames(pixels, plan.turns[draws])
    under = plan.under[draws]
    below = material.pixels(under) * (under >= 0)[:, None, None].astype(np.uint8)
    seeds = np.stack([np.full(len(draws), seed), draws], axis=1) % 2**31
    wanted = material.targets[places]
    if material.lessons is not None:
        share = plan.shifts[draws] / step_frames(material.features)
        taught = between(material.lessons, places, material.following[places], share)
        wanted = np.concatenate([wanted, taught], axis=1)
    pictures = [pixels, below]
    if material.beside:
        beside, some = plan.beside[draws], plan.beside[draws] >= 0
        pictures.append(material.beside.pictures.pixels[beside] * some[:, None, None].astype(np.uint8))
        # What either holds is heard in both together.
        wanted = np.where(some[:, None], np.maximum(wanted, material.beside.wanted[beside]), wanted)
    return (seeds.astype(np.int32), wanted, *(one[..., None] for one in pictures))


def _untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Without the thread that tunes a pipeline: nothing here is left to tune, and its end is waited for up to 10 s."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
