"""Training decoders, which `decoder_networks` builds, beside the frozen network they read.

Dosovitskiy & Brox 2016, "Inverting visual representations with convolutional networks"; for audio Mishra, Sturm & Dixon
2018. All are trained together by the squared picture error alone; where asked for, also by the divergence of the
network's answer to the reconstruction from its answer to the input. A picture of a single shade holds nothing to redraw
and weighs nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input
from birdclef_mind.backwards.decoder_networks import Decoders, build_decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import ConfigError
from birdclef_mind.sound.pictures import roll_frames
from birdclef_mind.storage.progress import Say, Track, untracked

# How much more the answer counts at the last tap than at the first: deep layers hold little else.
_DEEPEST_WEIGHT = 5.0
# The first epoch's share of the learning rate: beginning at full speed can kill a decoder's rectified units for good.
_WARM_UP = 0.3
# Pictures have whole levels: where they differ by less than one, an error in units of their variance means nothing.
_LEAST_VARIANCE = 1.0


class DecoderTraining:
    """Training decoders beside a frozen network; its state can be taken out and put back between epochs.

    Attributes
    ----------
    current : the decoders as they are now. best : the weights of each when its validation loss was lowest.
    stale : epochs since a decoder got better.
    """

    def __init__(self, anatomy: Anatomy, taps: Sequence[Stage], pixels: Pixels, decoding: Decoding) -> None:
        """Build decoders and measure what they read, of pixels (n, rows, frames), uint8.

        ConfigError when the pictures do not fit, or show nothing.
        """
        anatomy.require(pixels)
        keras.utils.set_random_seed(decoding.seed)
        self.decoding, self.taps = decoding, tuple(taps)
        self.current, self.stale = build_decoders(taps, anatomy.rows_frames), 0
        self._measure(anatomy, pixels)
        self.best = {name: network.get_weights() for name, network in self.current.networks.items()}
        self.optimizer = keras.optimizers.Adam(decoding.learning_rate)
        self.variables = [v for network in self.current.networks.values() for v in network.trainable_variables]
        self.optimizer.build(self.variables)
        deeper = np.linspace(1, _DEEPEST_WEIGHT, len(self.taps))
        self._answer_weights = (decoding.answer_weight * deeper).astype(np.float32)
        self._reader = anatomy.reader([*self.taps, anatomy.classes])
        self._answer = anatomy.reader([anatomy.classes])
        self._probabilities = anatomy.head.probabilities
        self.require = anatomy.require
        self._step = tf.function(self._learn, reduce_retracing=True)
        self._check = tf.function(self._losses, reduce_retracing=True)

    def epoch(self, pixels: Pixels, validation: Array, track: Track = untracked) -> dict[str, float]:
        """One pass over (a share of) the training pictures, then the validation losses by tap.

        Weights of a decoder are kept as its best when its loss is the lowest so far; weights that are not finite, or
        have a loss that is not, never are. ConfigError when no picture shows something.

        Parameters
        ----------
        pixels, validation : (n, rows, frames), uint8.
        """
        rate = self.decoding.learning_rate
        done = self.current.epochs / max(1, self.decoding.epochs)
        share = 0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, done)))
        self.optimizer.learning_rate.assign(rate * (share if self.current.epochs else _WARM_UP))
        batches = self._batches(pixels)
        for batch in track(batches, self._steps(pixels), f"decoders epoch {self.current.epochs + 1}, batches"):
            self._step(tf.constant(batch))
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

    def validate(self, pixels: Pixels) -> dict[str, float]:
        """Mean loss by tap of the pixels (n, rows, frames) that show something; ConfigError when none do."""
        self.require(pixels)
        showing, size = showing_something(pixels, "to hold out"), self.decoding.batch_size
        batches = [pixels[showing[start : start + size]] for start in range(0, len(showing), size)]
        totals = sum(self._check(tf.constant(as_input(batch)), False).numpy() * len(batch) for batch in batches)
        return {tap.name: float(total) for tap, total in zip(self.taps, totals / len(showing), strict=True)}

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
        for index, tap in enumerate(self.taps):
            arrays[f"loss_{index}"] = np.array(self.current.best_losses.get(tap.name, np.inf))
            now = self.current.networks[tap.name].get_weights()
            arrays |= {f"now_{index}_{i}": value for i, value in enumerate(now)}
            arrays |= {f"best_{index}_{i}": value for i, value in enumerate(self.best[tap.name])}
        return arrays | {f"optimizer_{i}": np.asarray(v) for i, v in enumerate(self.optimizer.variables)}

    def restore(self, arrays: dict[str, Array]) -> None:
        """Go on from a state: arrays as `state` gave them, each of the same shape.

        KeyError or ValueError, and nothing changed, when it is not of these decoders.
        """
        networks = [self.current.networks[tap.name] for tap in self.taps]
        now, best = (
            [_fitting(arrays, f"{when}_{index}", network.weights) for index, network in enumerate(networks)]
            for when in ("now", "best")
        )
        optimizer = _fitting(arrays, "optimizer", self.optimizer.variables)
        losses = {tap.name: float(arrays[f"loss_{index}"]) for index, tap in enumerate(self.taps)}
        epochs, stale = int(arrays["epochs"]), int(arrays["stale"])
        if any(map(np.isnan, losses.values())) or min(epochs, stale) < 0:
            raise ValueError(f"expected losses and counts, got {losses}, {epochs} and {stale}")
        self.current.epochs, self.stale, self.current.best_losses = epochs, stale, losses
        for tap, network, weights, at_best in zip(self.taps, networks, now, best, strict=True):
            network.set_weights(weights)
            self.best[tap.name] = at_best
        for variable, value in zip(self.optimizer.variables, optimizer, strict=True):
            variable.assign(value)

    def _measure(self, anatomy: Anatomy, pixels: Pixels) -> None:
        """Give each decoder the mean picture's levels by row to begin with, and the usual range of what it reads."""
        showing = showing_something(pixels, "to learn from")
        some = pixels[showing[:: max(1, len(showing) // 256)]]
        levels = some.mean(axis=(0, 2))[:, None, None] / 255
        for network, activation in zip(
            self.current.networks.values(), anatomy.activations(self.taps, some), strict=True
        ):
            network.get_layer(f"{network.name}_normalise").measure(activation)
            network.get_layer(f"{network.name}_row_means").levels.assign(levels)

    def _is_lost(self, name: str, loss: float) -> bool:
        weights = self.current.networks[name].get_weights()
        return not (np.isfinite(loss) and all(np.isfinite(value).all() for value in weights))

    def _batches(self, pixels: Pixels) -> Iterator[Array]:
        # The order follows from seed and epoch alone, so a resumed training sees what an undisturbed one would.
        rng = np.random.default_rng([self.decoding.seed, self.current.epochs])
        showing = showing_something(pixels, "to learn from")
        size = min(self.decoding.batch_size, len(showing))
        order = showing[rng.permutation(len(showing))[: size * self.decoding.steps]]
        for start in range(0, len(order) - size + 1, size):
            batch = pixels[order[start : start + size]]
            yield as_input(roll_frames(batch, rng.integers(0, batch.shape[2], size)))

    def _steps(self, pixels: Pixels) -> int:
        showing = len(showing_something(pixels, "to learn from"))
        size = min(self.decoding.batch_size, showing)
        return min(showing // size, self.decoding.steps)

    def _losses(self, pictures: Any, training: bool) -> Any:
        *activations, answer = self._reader(pictures)
        rebuilt = [
            network(tf.stop_gradient(activation), training=training)
            for network, activation in zip(self.current.networks.values(), activations, strict=True)
        ]
        spread = tf.maximum(tf.math.reduce_variance(pictures), _LEAST_VARIANCE)
        errors = [tf.reduce_mean(tf.square(pictures - one)) / spread for one in rebuilt]
        if self.decoding.answer_weight == 0:
            return tf.stack(errors)
        clipped = tf.clip_by_value(tf.concat(rebuilt, axis=0), -20, 275)
        again = tf.reshape(self._answer(clipped)[0], (len(rebuilt), -1, answer.shape[1]))
        wanted, got = self._probabilities(answer), self._probabilities(again)
        divergence = tf.reduce_mean(_divergence(wanted, got), axis=1)
        return tf.stack(errors) + self._answer_weights * divergence

    def _learn(self, pictures: Any) -> None:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in self.variables])
            loss = tf.reduce_sum(self._losses(pictures, True))
        gradients = tape.gradient(loss, [variable.value for variable in self.variables])
        self.optimizer.apply_gradients(zip(gradients, self.variables, strict=True))


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


def _divergence(answer: Any, again: Any) -> Any:
    """Kullback–Leibler divergence of each class's chance to be there or not, summed over the classes.

    The same for classes of which one is there and for those of which any may be.
    """
    tiny = 1e-6
    wanted, got = tf.clip_by_value(answer, tiny, 1 - tiny), tf.clip_by_value(again, tiny, 1 - tiny)
    for_it = wanted * (tf.math.log(wanted) - tf.math.log(got))
    against = (1 - wanted) * (tf.math.log(1 - wanted) - tf.math.log(1 - got))
    return tf.reduce_sum(for_it + against, axis=-1)


def train_decoders(
    training: DecoderTraining,
    pixels: Pixels,
    validation: Array,
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
    save: Callable[[DecoderTraining], None] = lambda training: None,
) -> Decoders:
    """Train until the epochs are over or no decoder has got better for `patience` of them.

    A decoder that diverges ends it, and every decoder is given back as it was at its best. ConfigError when one that
    diverged never had a finite loss, and where no picture shows anything, to learn from or to hold out.

    Parameters
    ----------
    pixels, validation : (n, rows, frames), uint8, of recordings apart from each other.
    save : called after every epoch, to keep the state.
    """
    decoding = training.decoding
    for pictures, purpose in ((pixels, "to learn from"), (validation, "to hold out")):
        training.require(pictures)
        showing_something(pictures, purpose)
    while training.current.epochs < decoding.epochs and training.stale < decoding.patience:
        losses = training.epoch(pixels, validation, track)
        if lost := training.lost(losses):
            say(f"{_lost(training, lost)}; every decoder is kept as it was at its best")
            break
        save(training)
        figures = "  ".join(f"{value:.3f}" for value in losses.values())
        say(f"decoders epoch {training.current.epochs}/{decoding.epochs}  validation loss {figures}")
    return training.finish()


def _lost(training: DecoderTraining, taps: Sequence[str]) -> str:
    """What happened to decoders that diverged; ConfigError when there is no epoch of one of them to go back to."""
    where = f"in epoch {training.current.epochs} at learning rate {training.decoding.learning_rate:g}"
    what = f"the decoder of {', '.join(taps)} diverged {where}"
    if never := [name for name in taps if name not in training.current.best_losses]:
        raise ConfigError(f"decoders: expected a finite loss, but the decoder of {', '.join(never)} diverged {where}")
    return what
