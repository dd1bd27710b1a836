"""What a listener teaches a network of our own: its embedding and its opinion of every segment, besides the labels."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.data.index import IndexRow
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners.embeddings import Embeddings
from birdclef_mind.listeners.listener import chances_of
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.training.recipe import Training

# Stands for the opinion of a class that the listener does not know.
_NONE = -1.0


def lessons_for(
    rows: Sequence[IndexRow],
    classes: Sequence[str],
    embeddings: Embeddings,
    track: Track = untracked,
    *,
    told: bool = True,
) -> Array:
    """What a listener makes of some segments: its chances for the classes, then its embedding.

    StoreError for segments that it has not heard, and for embeddings of other classes.

    Parameters
    ----------
    told : whether labels are learned beside the lessons.

    Returns
    -------
    (segments, untold + classes + numbers), float32: 0 for a segment that is told, else 1; chances, -1 for classes that
    it does not know; the embedding. Embeddings are means over a segment's windows, chances those of its surest one.
    """
    if embeddings.classes.names != tuple(classes):
        raise StoreError(
            f"{embeddings.root}: expected embeddings of the same {len(classes)} classes; run `embed` again"
        )
    heard = {(row.recording, round(row.start_s, 3)): row for row in embeddings.rows}
    found = [heard.get((row.recording, round(row.start_s, 3))) for row in rows]
    own = [row for row in found if row is not None]
    if len(own) < len(rows):
        first = rows[found.index(None)]
        raise StoreError(
            f"{embeddings.root}: expected every segment of the cache, found none of {first.recording} at "
            f"{first.start_s:g} s; run `embed` with the same --step and --overrides"
        )
    arrays, match = embeddings.arrays(own, track), embeddings.heard_by.match
    chances = np.full((len(rows), len(classes)), _NONE, np.float32)
    if match.known:
        chances[:, list(match.known)] = chances_of(arrays.opinion.max(axis=1), embeddings.heard_by.answer)
    untold = np.full((len(rows), 1), not told)
    return np.concatenate([untold, chances, arrays.embeddings.mean(axis=1)], axis=1, dtype=np.float32)


def between(lessons: Array, places: Array, following: Array, share: Array) -> Array:
    """Lessons (n, numbers) for windows that begin by a share (n,), 0 to 1, of a step after those at places (n,).

    Parameters
    ----------
    lessons : (segments, numbers). following : the segment after each of the places, (n,), -1 for none.
    """
    later = lessons[np.where(following >= 0, following, places)]
    return np.asarray(lessons[places] + share[:, None].astype(np.float32) * (later - lessons[places]))


class Teacher:
    """The part of the loss that a listener's lessons make.

    The network's embedding is taken to the listener's by a layer that is left behind when the training ends. Sounds
    that are mixed have the larger of both chances, and of both embeddings, number by number: what either holds; they
    are told where both are.
    """

    def __init__(self, network: keras.Model, lessons: Array, classes: int, training: Training) -> None:
        self._classes, self._training = classes, training
        own = network.get_layer("classes").input
        self.both = keras.Model(network.inputs, [network.outputs[0], own])
        self.projection = keras.layers.Dense(lessons.shape[1] - classes - 1, name="to_listener", dtype="float32")
        self.projection.build(own.shape)
        # Embeddings of one model have much in common; what differs is what is to be learned.
        self._mean = tf.constant(lessons[:, 1 + classes :].mean(axis=0), tf.float32)

    def answer(self, pictures: Any) -> Any:
        """What the network says, and its embedding as the listener's, (n, classes + numbers), while it trains."""
        scores, embedding = self.both(pictures, training=True)
        return tf.concat([tf.cast(scores, tf.float32), self.projection(embedding)], axis=1)

    def loss(self, lessons: Any, answers: Any) -> Any:
        """How far answers, as `answer` gives them, are from lessons as `lessons_for` does."""
        count = self._classes
        wanted, taught = lessons[:, 1 : 1 + count], lessons[:, 1 + count :]
        known = tf.cast(wanted >= 0, tf.float32)
        said = tf.clip_by_value(answers[:, :count], 1e-6, 1 - 1e-6)
        entropy = -(wanted * tf.math.log(said) + (1 - wanted) * tf.math.log(1 - said)) * known
        opinion = tf.reduce_sum(entropy) / tf.maximum(tf.reduce_sum(known), 1.0)
        cosine = keras.losses.cosine_similarity(taught - self._mean, answers[:, count:])
        training = self._training
        return training.teacher_opinion * opinion + training.teacher_embedding * (1 + tf.reduce_mean(cosine))
