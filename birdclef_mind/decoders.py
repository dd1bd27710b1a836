"""Trained decoders: one small up-convolution network a tap, from a layer's activation back to the picture.

Dosovitskiy & Brox 2016, "Inverting visual representations with convolutional networks"; for audio Mishra, Sturm & Dixon
2018. All are trained together beside the frozen network: squared picture error, plus the divergence of the network's
answer to the reconstruction from its answer to the input.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from birdclef_mind.anatomy import Anatomy, Stage, as_input
from birdclef_mind.dataset import roll_frames
from birdclef_mind.recipes import Decoding

Array = np.ndarray[Any, Any]

_WIDE, _NARROW = 32, 16
# Maps of a vector's decoder begin this many times smaller than the picture.
_SHRINK = 8
# How much more the answer counts at the last tap than at the first: deep layers hold little else.
_DEEPEST_WEIGHT = 5.0
# The first epoch's share of the learning rate: beginning at full speed can kill a decoder's rectified units for good.
_WARM_UP = 0.3


class RowMeans(layers.Layer):  # type: ignore[misc]
    """Add a level a row, begun at the mean picture's: most of a picture is dark, and a decoder need not learn that."""

    def build(self, shape: Any) -> None:
        """Make the levels."""
        self.levels = self.add_weight(name="levels", shape=(shape[1], 1, 1), initializer="zeros")

    def call(self, values: Any) -> Any:
        """Add them."""
        return values + self.levels


class Normalise(layers.Layer):  # type: ignore[misc]
    """Bring each channel to mean 0 and deviation 1, as measured once on training pictures."""

    def build(self, shape: Any) -> None:
        """Make room for what is measured."""
        self.mean = self.add_weight(name="mean", shape=(shape[-1],), initializer="zeros", trainable=False)
        self.gain = self.add_weight(name="gain", shape=(shape[-1],), initializer="ones", trainable=False)

    def measure(self, activation: Array) -> None:
        """Take mean and deviation from activations (n, ..., channels)."""
        flat = activation.reshape(-1, activation.shape[-1])
        self.mean.assign(flat.mean(axis=0))
        self.gain.assign(1 / np.maximum(flat.std(axis=0), 1e-3))

    def call(self, values: Any) -> Any:
        """Bring them there."""
        return (values - self.mean) * self.gain


@dataclass
class Decoders:
    """A decoder a tap, by the tap's name, and how far they are trained."""

    networks: dict[str, keras.Model]
    best_losses: dict[str, float] = field(default_factory=dict)
    epochs: int = 0

    def pictures(self, name: str, activation: Array, batch_size: int = 64) -> Array:
        """Reconstructions (n, rows, frames), 0–255, of a tap's activation (n, *shape)."""
        network = self.networks[name]
        parts = [
            np.asarray(network(activation[start : start + batch_size], training=False))[..., 0]
            for start in range(0, len(activation), batch_size)
        ]
        return np.clip(np.concatenate(parts), 0, 255)


def build_decoder(shape: Sequence[int], rows_frames: tuple[int, int], name: str) -> keras.Model:
    """An untrained decoder from an activation of `shape` to a picture (rows, frames, 1)."""
    rows, frames = rows_frames
    given = keras.Input(tuple(shape), name=f"{name}_activation")
    value = Normalise(name=f"{name}_normalise")(given)
    if len(shape) == 1:
        height, width = -(-rows // _SHRINK), -(-frames // _SHRINK)
        value = layers.Dense(height * width * _NARROW, activation="leaky_relu", name=f"{name}_unfold")(value)
        value = layers.Reshape((height, width, _NARROW), name=f"{name}_reshape")(value)
    else:
        height, width = int(shape[0]), int(shape[1])
    number = 1
    value = _convolution(_WIDE if height < rows else _NARROW, f"{name}_convolution_{number}")(value)
    while (height, width) != (rows, frames):
        height, width = min(2 * height, rows), min(2 * width, frames)
        # A last row or frame that halving has rounded away is stretched back, not doubled once more.
        height, width = rows if rows - height < 2 else height, frames if frames - width < 2 else width
        number += 1
        value = layers.Resizing(height, width, interpolation="bilinear", name=f"{name}_enlarge_{number}")(value)
        value = _convolution(_WIDE if 2 * height <= rows else _NARROW, f"{name}_convolution_{number}")(value)
    value = layers.Conv2D(1, 3, padding="same", name=f"{name}_picture", kernel_initializer="zeros")(value)
    value = RowMeans(name=f"{name}_row_means")(value)
    return keras.Model(given, layers.Rescaling(255.0, name=f"{name}_levels")(value), name=name)


def _convolution(filters: int, name: str) -> layers.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)


def build_decoders(taps: Sequence[Stage], rows_frames: tuple[int, int]) -> Decoders:
    """Untrained decoders for all taps."""
    return Decoders({tap.name: build_decoder(tap.shape, rows_frames, f"decoder_{i}") for i, tap in enumerate(taps)})


class DecoderTraining:
    """Training decoders beside a frozen network; its state can be taken out and put back between epochs."""

    def __init__(self, anatomy: Anatomy, taps: Sequence[Stage], pixels: Array, decoding: Decoding) -> None:
        keras.utils.set_random_seed(decoding.seed)
        self.decoding, self.taps = decoding, tuple(taps)
        self.current = build_decoders(taps, anatomy.rows_frames)
        some = pixels[:: max(1, len(pixels) // 256)]
        levels = some.mean(axis=(0, 2))[:, None, None] / 255
        for network, activation in zip(
            self.current.networks.values(), anatomy.activations(self.taps, some), strict=True
        ):
            network.get_layer(f"{network.name}_normalise").measure(activation)
            network.get_layer(f"{network.name}_row_means").levels.assign(levels)
        self.best = {name: network.get_weights() for name, network in self.current.networks.items()}
        self.optimizer = keras.optimizers.Adam(decoding.learning_rate)
        self.variables = [v for network in self.current.networks.values() for v in network.trainable_variables]
        self.optimizer.build(self.variables)
        weight = decoding.answer_weight
        deeper = np.linspace(1, _DEEPEST_WEIGHT, len(self.taps))
        self._answer_weights = (weight * deeper).astype(np.float32)
        self._reader = anatomy.reader([*self.taps, anatomy.classes])
        self._answer = anatomy.reader([anatomy.classes])
        self._step = tf.function(self._learn, reduce_retracing=True)
        self._check = tf.function(self._losses, reduce_retracing=True)

    def epoch(self, pixels: Array, validation: Array) -> dict[str, float]:
        """One pass over (a share of) the training pictures, then the validation losses by tap; the best are kept."""
        rate = self.decoding.learning_rate
        done = self.current.epochs / max(1, self.decoding.epochs)
        share = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))
        self.optimizer.learning_rate.assign(rate * (share if self.current.epochs else _WARM_UP))
        for batch in self._batches(pixels):
            self._step(tf.constant(batch))
        losses = self.validate(validation)
        self.current.epochs += 1
        for name, loss in losses.items():
            if loss < self.current.best_losses.get(name, np.inf):
                self.current.best_losses[name] = loss
                self.best[name] = self.current.networks[name].get_weights()
        return losses

    def validate(self, pixels: Array) -> dict[str, float]:
        """Mean loss by tap."""
        size = self.decoding.batch_size
        batches = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        totals = sum(self._check(tf.constant(as_input(batch)), False).numpy() * len(batch) for batch in batches)
        return {tap.name: float(total) for tap, total in zip(self.taps, totals / len(pixels), strict=True)}

    def finish(self) -> Decoders:
        """The decoders as they were at their best."""
        for name, weights in self.best.items():
            self.current.networks[name].set_weights(weights)
        return self.current

    def state(self) -> dict[str, Array]:
        """All that is needed to go on: weights now and at their best, the optimizer's, the epoch."""
        arrays = {"epochs": np.array(self.current.epochs)}
        for index, tap in enumerate(self.taps):
            arrays[f"loss_{index}"] = np.array(self.current.best_losses.get(tap.name, np.inf))
            now = self.current.networks[tap.name].get_weights()
            arrays |= {f"now_{index}_{i}": value for i, value in enumerate(now)}
            arrays |= {f"best_{index}_{i}": value for i, value in enumerate(self.best[tap.name])}
        return arrays | {f"optimizer_{i}": np.asarray(v) for i, v in enumerate(self.optimizer.variables)}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Go on from a state; KeyError or ValueError when it is not of these decoders."""
        self.current.epochs = int(arrays["epochs"])
        for index, tap in enumerate(self.taps):
            network = self.current.networks[tap.name]
            count = len(network.weights)
            self.current.best_losses[tap.name] = float(arrays[f"loss_{index}"])
            network.set_weights([arrays[f"now_{index}_{i}"] for i in range(count)])
            self.best[tap.name] = [arrays[f"best_{index}_{i}"] for i in range(count)]
        for i, variable in enumerate(self.optimizer.variables):
            variable.assign(arrays[f"optimizer_{i}"])

    def _batches(self, pixels: Array) -> Iterator[Array]:
        # The order follows from seed and epoch alone, so a resumed training sees what an undisturbed one would.
        rng = np.random.default_rng([self.decoding.seed, self.current.epochs])
        size = min(self.decoding.batch_size, len(pixels))
        order = rng.permutation(len(pixels))[: size * self.decoding.steps]
        for start in range(0, len(order) - size + 1, size):
            batch = pixels[order[start : start + size]]
            yield as_input(roll_frames(batch, rng.integers(0, batch.shape[2], size)))

    def _losses(self, pictures: Any, training: bool) -> Any:
        *activations, answer = self._reader(pictures)
        rebuilt = [
            network(tf.stop_gradient(activation), training=training)
            for network, activation in zip(self.current.networks.values(), activations, strict=True)
        ]
        spread = tf.math.reduce_variance(pictures)
        errors = [tf.reduce_mean(tf.square(pictures - one)) / spread for one in rebuilt]
        if self.decoding.answer_weight == 0:
            return tf.stack(errors)
        clipped = tf.clip_by_value(tf.concat(rebuilt, axis=0), -20, 275)
        again = tf.reshape(self._answer(clipped)[0], (len(rebuilt), -1, answer.shape[1]))
        divergence = tf.reduce_mean(_divergence(answer, again), axis=1)
        return tf.stack(errors) + self._answer_weights * divergence

    def _learn(self, pictures: Any) -> None:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self.variables])
            loss = tf.reduce_sum(self._losses(pictures, True))
        gradients = tape.gradient(loss, [variable.value for variable in self.variables])
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))


def _divergence(answer: Any, again: Any) -> Any:
    """Cross-entropy of an answer with another, above the answer's own: softmax or sigmoid heads alike."""
    tiny = 1e-6
    wanted, got = tf.clip_by_value(answer, tiny, 1 - tiny), tf.clip_by_value(again, tiny, 1 - tiny)
    for_it = wanted * (tf.math.log(wanted) - tf.math.log(got))
    against = (1 - wanted) * (tf.math.log(1 - wanted) - tf.math.log(1 - got))
    return tf.reduce_sum(for_it + against, axis=-1)


def train_decoders(
    training: DecoderTraining,
    pixels: Array,
    validation: Array,
    *,
    say: Callable[[str], None] = lambda line: None,
    save: Callable[[DecoderTraining], None] = lambda training: None,
) -> Decoders:
    """Train until the epochs are over or no decoder has got better for `patience` of them.

    Parameters
    ----------
    pixels, validation : (n, rows, frames), uint8, of recordings apart from each other.
    save : called after every epoch, to keep the state.
    """
    decoding, stale = training.decoding, 0
    while training.current.epochs < decoding.epochs and stale < decoding.patience:
        before = dict(training.current.best_losses)
        losses = training.epoch(pixels, validation)
        better = sum(training.current.best_losses[name] < before.get(name, np.inf) for name in losses)
        stale = 0 if better else stale + 1
        save(training)
        figures = "  ".join(f"{value:.3f}" for value in losses.values())
        say(f"decoders epoch {training.current.epochs}/{decoding.epochs}  validation loss {figures}")
    return training.finish()
