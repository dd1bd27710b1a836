"""Decoders as they are trained, whatever reads for them: steps, epochs, the best of each, and what it takes to go on.

All are trained together, by the squared picture error alone unless who reads for them adds something. A picture of a
single shade holds nothing to redraw and weighs nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.decoder_networks import Decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.progress import Track, untracked

# The first epoch's share of the learning rate: beginning at full speed can kill a decoder's rectified units for good.
_WARM_UP = 0.3
# Pictures have whole levels: where they differ by less than one, an error in units of their variance means nothing.
_LEAST_VARIANCE = 1.0
_LEAST_DEVIATION = 1e-3
# Pictures that the usual range of what a decoder reads is measured on.
MEASURED = 256

Lessons = TypeVar("Lessons")


class Redrawing(ABC, Generic[Lessons]):
    """Training decoders; its state can be taken out and put back between epochs.

    Attributes
    ----------
    current : the decoders as they are now. best : the weights of each when its validation loss was lowest.
    stale : epochs since a decoder got better.
    """

    def __init__(self, current: Decoders, decoding: Decoding) -> None:
        self.decoding, self.current, self.stale = decoding, current, 0
        self.best = {name: network.get_weights() for name, network in current.networks.items()}
        self.optimizer = keras.optimizers.Adam(decoding.learning_rate)
        self.variables = [v for network in current.networks.values() for v in network.trainable_variables]
        self.optimizer.build(self.variables)
        self._step = tf.function(self._learn, autograph=False, reduce_retracing=True)
        self._check = tf.function(lambda *batch: self.losses(batch, False), autograph=False, reduce_retracing=True)

    @abstractmethod
    def require(self, lessons: Lessons) -> None:
        """Raise ConfigError unless lessons fit the decoders."""

    @abstractmethod
    def pixels(self, lessons: Lessons) -> Pixels:
        """The pictures of lessons, (n, rows, frames), uint8."""

    @abstractmethod
    def batch(self, lessons: Lessons, places: Array, rng: np.random.Generator | None) -> tuple[Array, ...]:
        """What a step takes of some lessons, by places (n,): arrays (n, …) each; nothing is varied without `rng`."""

    @abstractmethod
    def losses(self, batch: Sequence[Any], training: bool) -> Any:
        """The loss of every decoder, (decoders,), over what `batch` gave."""

    def epoch(self, lessons: Lessons, validation: Lessons, track: Track = untracked) -> dict[str, float]:
        """One pass over (a share of) the lessons, then the validation losses by tap.

        Weights of a decoder are kept as its best when its loss is the lowest so far; weights that are not finite, or
        have a loss that is not, never are. ConfigError when no picture shows something.
        """
        rate = self.decoding.learning_rate
        done = self.current.epochs / max(1, self.decoding.epochs)
        share = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))
        self.optimizer.learning_rate.assign(rate * (share if self.current.epochs else _WARM_UP))
        batches = self._batches(lessons)
        for batch in track(batches, self._steps(lessons), f"decoders epoch {self.current.epochs + 1}, batches"):
            self._step(*map(tf.constant, batch))
        losses = self.validate(validation)
        self.current.epochs += 1
        self.stale += 1
        for name, loss in losses.items():
            if loss < self.current.best_losses.get(name, np.inf) and not self._is_lost(name, loss):
                self.current.best_losses[name], self.stale = loss, 0
                self.best[name] = self.current.networks[name].get_weights()
        return losses

    def lost(self, losses: dict[str, float]) -> list[str]:
        """Taps whose loss or weights are no longer finite."""
        return [name for name, loss in losses.items() if self._is_lost(name, loss)]

    def validate(self, lessons: Lessons) -> dict[str, float]:
        """Mean loss by tap of the lessons whose pictures show something; ConfigError when none do."""
        self.require(lessons)
        showing, size = self.showing(lessons, "to hold out"), self.decoding.batch_size
        parts = [showing[start : start + size] for start in range(0, len(showing), size)]
        totals = sum(
            self._check(*map(tf.constant, self.batch(lessons, part, None))).numpy() * len(part) for part in parts
        )
        return {name: float(total) for name, total in zip(self.current.networks, totals / len(showing), strict=True)}

    def showing(self, lessons: Lessons, purpose: str) -> Array:
        """Places (n,) of the lessons whose pictures are not of a single shade; ConfigError when there are none."""
        return showing_something(self.pixels(lessons), purpose)

    def finish(self) -> Decoders:
        """The decoders as they were at their best."""
        for name, weights in self.best.items():
            self.current.networks[name].set_weights(weights)
        return self.current

    def state(self) -> dict[str, Array]:
        """All that is needed to go on, by name: weights now and at their best, the optimizer's, losses and counts.

        Each array has its own shape, that of its variable.
        """
        arrays = {"epochs": np.array(self.current.epochs), "stale": np.array(self.stale)}
        for index, (name, network) in enumerate(self.current.networks.items()):
            arrays[f"loss_{index}"] = np.array(self.current.best_losses.get(name, np.inf))
            arrays |= {f"now_{index}_{i}": value for i, value in enumerate(network.get_weights())}
            arrays |= {f"best_{index}_{i}": value for i, value in enumerate(self.best[name])}
        return arrays | {f"optimizer_{i}": np.asarray(v) for i, v in enumerate(self.optimizer.variables)}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Go on from a state: arrays as `state` gave them, each of the same shape.

        KeyError or ValueError, and nothing changed, when it is not of these decoders.
        """
        networks = self.current.networks
        now, best = (
            [_fitting(arrays, f"{when}_{index}", network.weights) for index, network in enumerate(networks.values())]
            for when in ("now", "best")
        )
        optimizer = _fitting(arrays, "optimizer", self.optimizer.variables)
        losses = {name: float(arrays[f"loss_{index}"]) for index, name in enumerate(networks)}
        epochs, stale = int(arrays["epochs"]), int(arrays["stale"])
        if any(map(np.isnan, losses.values())) or min(epochs, stale) < 0:
            raise ValueError(f"expected losses and counts, got {losses}, {epochs} and {stale}")
        self.current.epochs, self.stale, self.current.best_losses = epochs, stale, losses
        for (name, network), weights, at_best in zip(networks.items(), now, best, strict=True):
            network.set_weights(weights)
            self.best[name] = at_best
        for variable, value in zip(self.optimizer.variables, optimizer, strict=True):
            variable.assign(value)

    def measure(self, pixels: Pixels, activations: Sequence[Array], *, least_share: float = 0.0) -> None:
        """Give each decoder the mean picture's levels by row to begin with, and the usual range of what it reads.

        Parameters
        ----------
        pixels : some pictures that show something, (n, rows, frames). activations : of them, a tap each, (n, …).
        least_share : of the deviation of all channels, which one is taken to have at least: a channel that hardly ever
            answers would else be a thousand times too loud where it does.
        """
        levels = pixels.mean(axis=(0, 2))[:, None, None] / 255
        for network, activation in zip(self.current.networks.values(), activations, strict=True):
            network.get_layer(f"{network.name}_normalise").measure(
                activation, max(_LEAST_DEVIATION, least_share * float(activation.std()))
            )
            network.get_layer(f"{network.name}_row_means").levels.assign(levels)
        self.best = {name: network.get_weights() for name, network in self.current.networks.items()}

    def errors(self, pictures: Any, rebuilt: Sequence[Any]) -> Any:
        """Squared errors of rebuilt pictures (n, rows, frames, 1), (decoders,), in units of the pictures' variance."""
        spread = tf.maximum(tf.math.reduce_variance(pictures), _LEAST_VARIANCE)
        return tf.stack([tf.reduce_mean(tf.square(pictures - one)) / spread for one in rebuilt])

    def redrawn(self, activations: Sequence[Any], training: bool) -> list[Any]:
        """Every decoder's pictures (n, rows, frames, 1) of its tap's activation."""
        return [
            network(tf.stop_gradient(activation), training=training)
            for network, activation in zip(self.current.networks.values(), activations, strict=True)
        ]

    def _is_lost(self, name: str, loss: float) -> bool:
        weights = self.current.networks[name].get_weights()
        return not (np.isfinite(loss) and all(np.isfinite(value).all() for value in weights))

    def _batches(self, lessons: Lessons) -> Iterator[tuple[Array, ...]]:
        # The order follows from seed and epoch alone, so a resumed training sees what an undisturbed one would.
        rng = np.random.default_rng([self.decoding.seed, self.current.epochs])
        showing = self.showing(lessons, "to learn from")
        size = min(self.decoding.batch_size, len(showing))
        order = showing[rng.permutation(len(showing))[: size * self.decoding.steps]]
        for start in range(0, len(order) - size + 1, size):
            yield self.batch(lessons, order[start : start + size], rng)

    def _steps(self, lessons: Lessons) -> int:
        showing = len(self.showing(lessons, "to learn from"))
        size = min(self.decoding.batch_size, showing)
        return min(showing // size, self.decoding.steps)

    def _learn(self, *batch: Any) -> None:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self.variables])
            loss = tf.reduce_sum(self.losses(batch, True))
        gradients = tape.gradient(loss, [variable.value for variable in self.variables])
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))


def some_showing(showing: Array) -> Array:
    """Of places that show something, `showing` (n,), about so many as `Redrawing.measure` needs, evenly, (m,)."""
    return showing[:: max(1, len(showing) // MEASURED)]


def showing_something(pixels: Pixels, purpose: str) -> Array:
    """Places of the pixels (n, rows, frames) that are not of a single shade; ConfigError when there are none."""
    showing = np.flatnonzero(pixels.max(axis=(1, 2)) > pixels.min(axis=(1, 2)))
    if not len(showing):
        found = f"{len(pixels)} blank ones" if len(pixels) else "none"
        raise ConfigError(f"decoders: expected pictures {purpose}, got {found}")
    return showing


def _fitting(arrays: dict[str, Array], prefix: str, variables: Sequence[Any]) -> list[Array]:
    """Values for variables from a state; ValueError for one of another shape, or that is no number."""
    found = [arrays[f"{prefix}_{place}"] for place in range(len(variables))]
    for value, variable in zip(found, variables, strict=True):
        if value.shape != tuple(variable.shape) or not np.isfinite(value).all():
            raise ValueError(f"{prefix}: expected finite values of shape {tuple(variable.shape)}, got {value.shape}")
    return found
