"""From a bare class back to a picture: what would the network like to hear for this bird?

Two ways without any input: by the weights alone (one-hot answer through the class weights, the dense weights and the
patches), and by a search for an embedding that the network is sure of and that stays where real embeddings lie, decoded
by the trained decoder. Their control is noise that is optimised in the same way, pixel by pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, as_input
from birdclef_mind.backwards.decoder_networks import Decoders
from birdclef_mind.backwards.graph import Tensor
from birdclef_mind.backwards.stamps import Chain, stamp_back
from birdclef_mind.backwards.transposed import raw_to_picture
from birdclef_mind.errors import ConfigError, Obstacle

_STEPS = 60
_RATE = 0.1
_NOISE_RATE = 4.0


@dataclass(frozen=True)
class EmbeddingRange:
    """Where real embeddings of each class lie: mean and deviation (classes, units); how many were seen, (classes,)."""

    mean: Array
    deviation: Array
    counts: Array

    @classmethod
    def of(cls, embeddings: Array, answered: Array, classes: int) -> "EmbeddingRange":
        """Measure embeddings (n, units) by the class they were answered with, (n,).

        A class that was answered fewer than two times gets the range of all. ConfigError without any embedding.
        """
        if not len(embeddings):
            raise ConfigError("answers: expected embeddings to tell where they lie, got none")
        counts = np.bincount(answered, minlength=classes)
        mean, deviation = np.tile(embeddings.mean(axis=0), (classes, 1)), np.tile(embeddings.std(axis=0), (classes, 1))
        for index in np.flatnonzero(counts >= 2):
            own = embeddings[answered == index]
            mean[index], deviation[index] = own.mean(axis=0), own.std(axis=0)
        return cls(mean, deviation, counts)


def stamped_answers(anatomy: Anatomy, chain: Chain, classes: Array) -> Array:
    """One-hot answers of classes (n,) to pictures (n, rows, frames), 0–255, by the weights alone.

    ConfigError for a class that the network does not have, Obstacle as in `stamp_back`.
    """
    _require_classes(anatomy, classes)
    one_hot = np.eye(anatomy.classes.shape[0], dtype=np.float32)[classes]
    return raw_to_picture(stamp_back(chain, anatomy.classes, one_hot, anatomy.rows_frames))


def searched_answers(
    anatomy: Anatomy, decoders: Decoders, classes: Array, within: EmbeddingRange, *, seed: int | Array = 0
) -> tuple[Array, Array]:
    """Search an embedding for each class and decode it.

    Each search starts at random where the class's real embeddings lie, and goes up the network's certainty of the
    class, both of the embedding itself and of its decoded picture; what goes further than one deviation from the mean
    costs its square. An answer does not depend on which others are searched beside it, but for rounding.

    Parameters
    ----------
    classes : (n,), places of the classes. seed : one for all, or one a class, (n,).

    Returns
    -------
    pictures (n, rows, frames), 0–255, and embeddings (n, units). ConfigError for a class that the network does not
    have, and for decoders without one of the embedding.
    """
    _require_classes(anatomy, classes)
    name = anatomy.embedding.name
    if name not in decoders.networks:
        raise ConfigError(f"answers: expected a decoder of {name}, got those of {', '.join(decoders.networks)}")
    decode = decoders.networks[name]
    sure_of_embedding = log_certainty(anatomy, anatomy.embedding.output)
    sure_of_picture = log_certainty(anatomy, anatomy.picture)
    mean, deviation = within.mean[classes], within.deviation[classes]
    seeds = np.broadcast_to(seed, len(classes)).tolist()
    drawn = (np.random.default_rng([own, int(index)]) for own, index in zip(seeds, classes, strict=True))
    noise = np.stack([rng.normal(size=mean.shape[1]) for rng in drawn])
    spread = np.maximum(deviation, 1e-3).astype(np.float32)
    start = (mean + np.clip(noise, -1, 1) * deviation).astype(np.float32)
    # Rectified units are never negative; others may be.
    lowest = 0.0 if within.mean.min() >= 0 else -np.inf
    embedding = tf.Variable(np.maximum(start, lowest))
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build([embedding])
    places = tf.constant(np.stack([np.arange(len(classes)), classes], axis=1))

    @tf.function  # type: ignore[untyped-decorator]
    def step() -> None:
        with tf.GradientTape() as tape:
            sure = tf.gather_nd(sure_of_embedding(embedding), places)
            again = tf.gather_nd(sure_of_picture(_clipped(decode(embedding, training=False))), places)
            deviations = tf.abs(embedding - mean.astype(np.float32)) / spread
            beyond = tf.reduce_mean(tf.square(tf.maximum(deviations - 1, 0)), axis=1)
            loss = tf.reduce_sum(beyond - sure - again)
        gradient = tape.gradient(loss, embedding) * tf.constant(spread)
        optimizer.apply_gradients([(gradient, embedding)])
        embedding.assign(tf.maximum(embedding, lowest))

    for _ in range(_STEPS):
        step()
    found = embedding.numpy()
    return decoders.pictures(name, found), found


def optimised_noise(anatomy: Anatomy, classes: Array, *, seed: int = 0) -> Array:
    """The control: noise pushed, pixel by pixel, towards each of some classes (n,): pictures (n, rows, frames), 0–255.

    ConfigError for a class that the network does not have, Obstacle where no gradient reaches the picture.
    """
    _require_classes(anatomy, classes)
    _require_gradient(anatomy)
    rows, frames = anatomy.rows_frames
    start = np.stack([np.random.default_rng([seed, int(c)]).uniform(0, 255, (rows, frames)) for c in classes])
    pictures = tf.Variable(as_input(start))
    certainty = log_certainty(anatomy, anatomy.picture)
    optimizer = keras.optimizers.Adam(_NOISE_RATE)
    optimizer.build([pictures])
    places = tf.constant(np.stack([np.arange(len(classes)), classes], axis=1))

    @tf.function  # type: ignore[untyped-decorator]
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(tf.gather_nd(certainty(pictures), places))
        optimizer.apply_gradients([(tape.gradient(loss, pictures), pictures)])
        pictures.assign(tf.clip_by_value(pictures, 0.0, 255.0))

    for _ in range(_STEPS):
        step()
    return pictures.numpy()[..., 0]


def log_certainty(anatomy: Anatomy, tensor: Tensor) -> Callable[[Any], Any]:
    """A function from the values of a tensor (n, ...) to the logarithm of the network's scores (n, classes).

    From the sums before the scores: where a score is nearly nothing its own gradient is lost.
    """
    return anatomy.head.log_scores(anatomy.flat, tensor)


def recognised(answer: Callable[[Array], Array], pictures: Array, classes: Array) -> Array:
    """Whether a network's surest class for each picture is the one it was made for, (n,), bool.

    Parameters
    ----------
    answer : from pictures (n, rows, frames) to scores (n, classes). pictures : (n, rows, frames). classes : (n,).
    """
    return np.asarray(answer(pictures).argmax(axis=1) == classes)


def _require_classes(anatomy: Anatomy, classes: Array) -> None:
    count = anatomy.head.units
    for place in np.asarray(classes).tolist():
        if not 0 <= place < count:
            raise ConfigError(f"answers: expected places of classes from 0 to {count - 1}, got {place}")


def _require_gradient(anatomy: Anatomy) -> None:
    """Raise Obstacle, naming the layer, where the answer's gradient ends before the picture, as it does at rounding."""
    if _gradient_reaches(anatomy, anatomy.picture):
        return
    for tensor in (*(step.output for step in reversed(anatomy.steps)), anatomy.picture):
        between = anatomy.flat.between(tensor, [anatomy.flat.answer])
        if between and tensor.dtype.is_floating and not _gradient_reaches(anatomy, tensor):
            raise Obstacle(f"{between[0].title} stands in the way: no gradient passes it")


def _gradient_reaches(anatomy: Anatomy, tensor: Tensor) -> bool:
    values = tf.zeros((1, *tensor.shape[1:]), tensor.dtype)
    with tf.GradientTape() as tape:
        tape.watch(values)
        (answer,) = anatomy.flat.walk(tensor, [anatomy.flat.answer])(values)
    return tape.gradient(answer, values) is not None


def _clipped(pictures: Any) -> Any:
    return tf.clip_by_value(pictures, 0.0, 255.0)
