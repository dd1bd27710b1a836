"""From a bare class back to a picture: what would the network like to hear for this bird?

Ways without any input: by the weights alone (one-hot answer through the class weights, the dense weights and the
patches), and by a search for an embedding that the network is sure of and that stays where real embeddings lie, which
is decoded, or drawn. Their control is noise that is optimised in the same way, pixel by pixel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, as_input
from birdclef_mind.backwards.decoder_networks import Decoders
from birdclef_mind.backwards.drawn import draw
from birdclef_mind.backwards.graph import Tensor
from birdclef_mind.backwards.nearest import Library
from birdclef_mind.backwards.stamps import Chain, stamp_back
from birdclef_mind.backwards.transposed import raw_to_picture
from birdclef_mind.errors import ConfigError, Obstacle

_STEPS = 60
_RATE = 0.1
_NOISE_RATE = 4.0
# So many searches at a time bound memory.
_CHUNK = 32


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


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Pictures of some classes, all found in one way.

    Attributes
    ----------
    way : "weights", "search", "drawn", "metamer" or "noise".
    seed : of what the search began with; None without a search.
    classes : place of each picture's class, (n,). pictures : (n, rows, frames), 0–255.
    embeddings : those that a search for embeddings found, (n, units), else None.
    """

    way: str
    seed: int | None = None
    classes: Array
    pictures: Array
    embeddings: Array | None = None


def stamped_answers(anatomy: Anatomy, chain: Chain, classes: Array) -> Answered:
    """One-hot answers of classes (n,) to pictures, by the weights alone.

    ConfigError for a class that the network does not have, Obstacle as in `stamp_back`.
    """
    _require_classes(anatomy, classes)
    one_hot = np.eye(anatomy.classes.shape[0], dtype=np.float32)[classes]
    pictures = raw_to_picture(stamp_back(chain, anatomy.classes, one_hot, anatomy.rows_frames))
    return Answered(way="weights", classes=classes, pictures=pictures)


def searched_answers(
    anatomy: Anatomy, decoders: Decoders, classes: Array, within: EmbeddingRange, seeds: Sequence[int] = (0,)
) -> list[Answered]:
    """Search an embedding for each class and decode it, once with each seed.

    Each search starts at random where the class's real embeddings lie, and goes up the network's certainty of the
    class, both of the embedding itself and of its decoded picture; what goes further than one deviation from the mean
    costs its square. An answer does not depend on which others are searched beside it, but for rounding.

    Parameters
    ----------
    classes : (n,), places of the classes.

    Returns
    -------
    Answers of all classes, one a seed. ConfigError for a class that the network does not have, and for decoders without
    one of the embedding.
    """
    _require_classes(anatomy, classes)
    name = anatomy.embedding.name
    if name not in decoders.networks:
        raise ConfigError(f"answers: expected a decoder of {name}, got those of {', '.join(decoders.networks)}")
    found = _searched(anatomy, decoders.networks[name], classes, within, seeds)
    return [
        Answered(way="search", seed=seed, classes=classes, pictures=decoders.pictures(name, at), embeddings=at)
        for seed, at in zip(seeds, found, strict=True)
    ]


def drawn_answers(
    anatomy: Anatomy, library: Library, classes: Array, within: EmbeddingRange, seeds: Sequence[int] = (0,)
) -> list[Answered]:
    """Recordings that each class could have been, drawn from embeddings that the network is sure of.

    The embedding is searched as in `searched_answers`, but by its own certainty alone. One a seed; none for a library
    that holds nothing.

    Parameters
    ----------
    classes : (n,), places of the classes; ConfigError for one that the network does not have.
    """
    _require_classes(anatomy, classes)
    tap, found = anatomy.embedding, list[Answered]()

    def read(pictures: Array) -> Array:
        return anatomy.activations([tap], pictures)[0]

    for seed, sure in zip(seeds, _searched(anatomy, None, classes, within, seeds), strict=True):
        pictures = draw(library, tap.name, sure, [""] * len(classes), read=read, seed=seed)
        if pictures is not None:
            found.append(Answered(way="drawn", seed=seed, classes=classes, pictures=pictures, embeddings=sure))
    return found


def optimised_noise(anatomy: Anatomy, classes: Array, *, seed: int = 0) -> Answered:
    """The control: noise pushed, pixel by pixel, towards each of some classes (n,).

    ConfigError for a class that the network does not have, Obstacle where no gradient reaches the picture.
    """
    _require_classes(anatomy, classes)
    _require_gradient(anatomy)
    pushed = [_pushed_noise(anatomy, classes[part], seed) for part in _slices(len(classes))]
    return Answered(way="noise", seed=seed, classes=classes, pictures=np.concatenate(pushed))


def _searched(
    anatomy: Anatomy, decode: keras.Model | None, classes: Array, within: EmbeddingRange, seeds: Sequence[int]
) -> list[Array]:
    """Embeddings (classes, units) that the network is sure of, once for each seed."""
    # All seeds in one row, so that the searches at a time are as many as may be.
    every, drawn = np.tile(classes, len(seeds)), np.repeat(seeds, len(classes))
    found = [_search(anatomy, decode, every[part], within, drawn[part]) for part in _slices(len(every))]
    return np.split(np.concatenate(found), len(seeds))


def _search(
    anatomy: Anatomy, decode: keras.Model | None, classes: Array, within: EmbeddingRange, seeds: Array
) -> Array:
    sure_of_embedding = log_certainty(anatomy, anatomy.embedding.output)
    sure_of_picture = log_certainty(anatomy, anatomy.picture)
    mean, deviation = within.mean[classes], within.deviation[classes]
    drawn = (np.random.default_rng([seed, place]) for seed, place in zip(seeds.tolist(), classes.tolist(), strict=True))
    noise = np.stack([rng.normal(size=mean.shape[1]) for rng in drawn])
    spread = np.maximum(deviation, 1e-3).astype(np.float32)
    start = (mean + np.clip(noise, -1, 1) * deviation).astype(np.float32)
    places = _places(classes)

    def loss(embeddings: Any) -> Any:
        sure = tf.gather_nd(sure_of_embedding(embeddings), places)
        if decode is not None:
            sure += tf.gather_nd(sure_of_picture(_clipped(decode(embeddings, training=False))), places)
        deviations = tf.abs(embeddings - mean.astype(np.float32)) / spread
        beyond = tf.reduce_mean(tf.square(tf.maximum(deviations - 1, 0)), axis=1)
        return tf.reduce_sum(beyond - sure)

    # Rectified units are never negative; others may be.
    lowest = 0.0 if within.mean.min() >= 0 else -np.inf
    return _descend(np.maximum(start, lowest), loss, rate=_RATE, scale=spread, keep=lambda at: tf.maximum(at, lowest))


def _pushed_noise(anatomy: Anatomy, classes: Array, seed: int) -> Array:
    rows, frames = anatomy.rows_frames
    start = np.stack([np.random.default_rng([seed, int(c)]).uniform(0, 255, (rows, frames)) for c in classes])
    certainty, places = log_certainty(anatomy, anatomy.picture), _places(classes)
    found = _descend(
        as_input(start),
        lambda pictures: -tf.reduce_sum(tf.gather_nd(certainty(pictures), places)),
        rate=_NOISE_RATE,
        scale=np.float32(1),
        keep=_clipped,
    )
    return found[..., 0]


def _descend(
    start: Array, loss: Callable[[Any], Any], *, rate: float, scale: Array | np.float32, keep: Callable[[Any], Any]
) -> Array:
    """Go down a loss from some values, a fixed number of steps.

    `scale` is the width of each value, by which its gradient is multiplied; `keep` brings values back to where they may
    be.
    """
    values = tf.Variable(start)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build([values])

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step() -> None:
        with tf.GradientTape() as tape:
            lost = loss(values)
        optimizer.apply_gradients([(tape.gradient(lost, values) * tf.constant(scale), values)])
        values.assign(keep(values))

    for _ in range(_STEPS):
        step()
    return values.numpy()


def _places(classes: Array) -> Any:
    """Where the scores of some classes (n,) stand in a table of one row each."""
    return tf.constant(np.stack([np.arange(len(classes)), classes], axis=1))


def _slices(count: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]


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
