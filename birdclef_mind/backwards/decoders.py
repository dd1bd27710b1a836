"""Training decoders, which `decoder_networks` builds, beside the frozen network they read.

Dosovitskiy & Brox 2016, "Inverting visual representations with convolutional networks"; for audio Mishra, Sturm & Dixon
2018. Besides the picture error, where that is asked for, counts the divergence of the network's answer to the
reconstruction from its answer to the input.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input
from birdclef_mind.backwards.decoder_networks import Decoders, build_decoders
from birdclef_mind.backwards.redrawing import Lessons, Redrawing, showing_something, some_showing
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import ConfigError
from birdclef_mind.sound.pictures import roll_frames
from birdclef_mind.storage.progress import Say, Track, untracked

# How much more the answer counts at the last tap than at the first: deep layers hold little else.
_DEEPEST_WEIGHT = 5.0


class DecoderTraining(Redrawing[Pixels]):
    """Training decoders beside a frozen network, on pictures (n, rows, frames), uint8, which are turned in time."""

    def __init__(self, anatomy: Anatomy, taps: Sequence[Stage], pixels: Pixels, decoding: Decoding) -> None:
        """Build decoders and measure what they read, of pixels (n, rows, frames), uint8.

        ConfigError when the pictures do not fit, or show nothing.
        """
        anatomy.require(pixels)
        keras.utils.set_random_seed(decoding.seed)
        self.taps, self._anatomy = tuple(taps), anatomy
        super().__init__(build_decoders(taps, anatomy.rows_frames), decoding)
        some = pixels[some_showing(showing_something(pixels, "to learn from"))]
        self.measure(some, anatomy.activations(self.taps, some))
        deeper = np.linspace(1, _DEEPEST_WEIGHT, len(self.taps))
        self._answer_weights = (decoding.answer_weight * deeper).astype(np.float32)
        self._reader = anatomy.reader([*self.taps, anatomy.classes])
        self._answer = anatomy.reader([anatomy.classes])
        self._probabilities = anatomy.head.probabilities

    def require(self, lessons: Pixels) -> None:
        """Raise ConfigError unless lessons, pictures (n, rows, frames), are of the network's size."""
        self._anatomy.require(lessons)

    def pixels(self, lessons: Pixels) -> Pixels:
        """The lessons themselves, (n, rows, frames)."""
        return lessons

    def batch(self, lessons: Pixels, places: Array, rng: np.random.Generator | None) -> tuple[Array, ...]:
        """Some of the lessons (n, rows, frames), by places (m,), as the network reads them: (m, rows, frames, 1)."""
        own = lessons[places]
        return (as_input(own if rng is None else roll_frames(own, rng.integers(0, own.shape[2], len(own)))),)

    def losses(self, batch: Sequence[Any], training: bool) -> Any:
        """Picture errors, and where that is asked for how much of the network's answer is lost."""
        (pictures,) = batch
        *activations, answer = self._reader(pictures)
        rebuilt = self.redrawn(activations, training)
        errors = self.errors(pictures, rebuilt)
        if self.decoding.answer_weight == 0:
            return errors
        clipped = tf.clip_by_value(tf.concat(rebuilt, axis=0), -20, 275)
        again = tf.reshape(self._answer(clipped)[0], (len(rebuilt), -1, answer.shape[1]))
        wanted, got = self._probabilities(answer), self._probabilities(again)
        divergence = tf.reduce_mean(_divergence(wanted, got), axis=1)
        return errors + self._answer_weights * divergence


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
    training: Redrawing[Lessons],
    lessons: Lessons,
    validation: Lessons,
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
    save: Callable[[Redrawing[Lessons]], None] = lambda training: None,
) -> Decoders:
    """Train until the epochs are over or no decoder has got better for `patience` of them.

    A decoder that diverges ends it, and every decoder is given back as it was at its best. ConfigError when one that
    diverged never had a finite loss, and where no picture shows anything, to learn from or to hold out.

    Parameters
    ----------
    lessons, validation : of recordings apart from each other.
    save : called after every epoch, to keep the state.
    """
    decoding = training.decoding
    for own, purpose in ((lessons, "to learn from"), (validation, "to hold out")):
        training.require(own)
        training.showing(own, purpose)
    while training.current.epochs < decoding.epochs and training.stale < decoding.patience:
        losses = training.epoch(lessons, validation, track)
        if lost := training.lost(losses):
            say(f"{_lost(training, lost)}; every decoder is kept as it was at its best")
            break
        save(training)
        figures = "  ".join(f"{value:.3f}" for value in losses.values())
        say(f"decoders epoch {training.current.epochs}/{decoding.epochs}  validation loss {figures}")
    return training.finish()


def _lost(training: Redrawing[Lessons], taps: Sequence[str]) -> str:
    """What happened to decoders that diverged; ConfigError when there is no epoch of one of them to go back to."""
    where = f"in epoch {training.current.epochs} at learning rate {training.decoding.learning_rate:g}"
    what = f"the decoder of {', '.join(taps)} diverged {where}"
    if never := [name for name in taps if name not in training.current.best_losses]:
        raise ConfigError(f"decoders: expected a finite loss, but the decoder of {', '.join(never)} diverged {where}")
    return what
