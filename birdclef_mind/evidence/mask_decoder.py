"""Masks by one decoder for all recordings, trained beside the frozen network: what `masks` searches for each anew.

Paissan, Ravanelli & Subakan 2024, "Listenable maps for audio classifiers" (L-MAC): the decoder reads the network's own
maps and is trained on what the part that is kept, and the part that is removed, are called.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.asked import Asked
from birdclef_mind.evidence.masks import USUAL, Wanted, as_masks, losses
from birdclef_mind.storage.progress import Track, untracked

_CHANNELS = 32
_AT_A_TIME = 16


@dataclass(frozen=True, kw_only=True)
class MaskTraining:
    """How a decoder of masks is trained: `epochs` over all recordings, in batches, by Adam.

    Attributes
    ----------
    wanted : what a mask is to be. seed : of weights and order.
    """

    epochs: int = 6
    batch_size: int = 8
    learning_rate: float = 2e-3
    wanted: Wanted = USUAL
    seed: int = 111


@dataclass(frozen=True)
class MaskDecoder:
    """A decoder from what a network's `taps` make of recordings to logits of their masks on a coarser grid."""

    anatomy: Anatomy
    taps: tuple[Stage, ...]
    network: keras.Model

    def masks(self, asked: Asked) -> Array:
        """A mask for each recording, 0–1, (n, n_mels, frames), of what the network calls it."""
        read = self._reader()
        starts = range(0, len(asked.bands), _AT_A_TIME)
        found = [read(asked.front, asked.bands[start : start + _AT_A_TIME]) for start in starts]
        return np.concatenate(found) if found else np.zeros(asked.bands.shape, np.float32)

    def _reader(self) -> Callable[..., Array]:
        maps_of = self.anatomy.reader(self.taps)

        def read(front: Any, bands: Array) -> Array:
            maps = maps_of(front.pictures(bands, np.ones_like(bands)))
            return np.asarray(as_masks(self.network(maps, training=False), bands.shape[1:]))

        return read


def train_mask_decoder(
    anatomy: Anatomy, asked: Asked, training: MaskTraining = MaskTraining(), track: Track = untracked
) -> MaskDecoder:
    """Train a decoder of masks on recordings and what they are called.

    Obstacle for a network without a map, from which no place could be read.
    """
    taps = tuple(tap for tap in anatomy.taps() if len(tap.shape) == 3)
    if not taps:
        raise Obstacle("it has no layer with a map")
    keras.utils.set_random_seed(training.seed)
    shape = asked.bands.shape[1:]
    grid = tuple(min(size, count) for size, count in zip(shape, training.wanted.cells, strict=True))
    decoder = MaskDecoder(anatomy, taps, build_mask_decoder([tap.shape for tap in taps], grid))
    step, rng = _step(decoder, asked, training), np.random.default_rng(training.seed)
    size, count = training.batch_size, len(asked.bands)
    batches = [
        order[start : start + size]
        for order in (rng.permutation(count) for _ in range(training.epochs))
        for start in range(0, count, size)
    ]
    for own in track(batches, len(batches), "masks, batches"):
        step(asked.bands[own], asked.wanted[own])
    return decoder


def build_mask_decoder(shapes: Sequence[tuple[int, ...]], grid: Sequence[int]) -> keras.Model:
    """A network from maps of these shapes (rows, columns, channels) to logits (n, *grid, 1)."""
    maps = [keras.Input(shape) for shape in shapes]
    seen = []
    for one in maps:
        # Layers differ in scale by orders of magnitude.
        alike = layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False)(one)
        seen.append(layers.Resizing(*grid)(layers.Conv2D(_CHANNELS, 1)(alike)))
    together = layers.Add()(seen) if len(seen) > 1 else seen[0]
    # The same shape is another sound where it is higher.
    own = layers.EinsumDense("nhwc,cd->nhwd", (*grid, _CHANNELS), bias_axes="hd")(together)
    hidden = layers.ReLU()(own)
    for _ in range(2):
        hidden = layers.Conv2D(_CHANNELS, 3, padding="same", activation="relu")(hidden)
    return keras.Model(maps, layers.Conv2D(1, 3, padding="same")(hidden), name="masks")


def _step(decoder: MaskDecoder, asked: Asked, training: MaskTraining) -> Callable[[Any, Any], None]:
    optimizer = keras.optimizers.Adam(training.learning_rate)
    weights = decoder.network.trainable_weights
    optimizer.build(weights)
    maps_of = decoder.anatomy.reader(decoder.taps)

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(bands: Any, wanted: Any) -> None:
        own = replace(asked, bands=bands, wanted=wanted)
        maps = maps_of(own.front.pictures(bands, tf.ones_like(bands)))
        with tf.GradientTape() as tape:
            masks = as_masks(decoder.network(maps, training=True), asked.bands.shape[1:])
            lost = tf.reduce_mean(losses(own, training.wanted, masks))
        optimizer.apply(tape.gradient(lost, weights), weights)

    return step
