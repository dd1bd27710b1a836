"""What a network's answers lose against labels; what is masked is neither there nor missing.

A target of `MASKED` stands for a bird of which nobody knows whether it sings in a segment: nothing is learned of it.
"""

from typing import Any

import keras
import tensorflow as tf

from birdclef_mind.training.recipe import MASKED, Training

_SURE = 1e-6


def loss_of(training: Training) -> keras.losses.Loss:
    """The loss of labels that a recipe names: of targets and scores (n, classes), a number a segment (n,)."""
    if training.loss == "cross_entropy":
        return keras.losses.CategoricalCrossentropy()
    if training.loss == "soft_auc":
        return SoftAUC(training.entropy_share)
    return Unmasked(
        keras.losses.BinaryFocalCrossentropy(gamma=2.0)
        if training.loss == "focal"
        else keras.losses.BinaryCrossentropy()
    )


def smoothed(targets: Any, smoothing: float) -> Any:
    """Targets (n, classes), drawn towards an even share of all classes; those that are masked stay."""
    drawn = targets * (1 - smoothing) + smoothing / targets.shape[1]
    return tf.where(targets == MASKED, targets, drawn)


@keras.saving.register_keras_serializable("birdclef_mind")
class Unmasked(keras.losses.Loss):  # type: ignore[misc]
    """Another loss, to which answers for masked targets are right whatever they are."""

    def __init__(self, own: keras.losses.Loss) -> None:
        super().__init__(name="unmasked")
        self._own = own

    def call(self, targets: Any, scores: Any) -> Any:
        """Losses (n,) of targets and scores (n, classes)."""
        masked = targets == MASKED
        return self._own.call(tf.where(masked, 0.0, targets), tf.where(masked, 0.0, scores))


@keras.saving.register_keras_serializable("birdclef_mind")
class SoftAUC(keras.losses.Loss):  # type: ignore[misc]
    """For every bird, how often segments of a batch that lack it are scored above those that hold it, made smooth.

    Softplus in the place of a step; a pair counts by how far its targets are from 0.5, on either side, so that soft
    labels have a say as far as they are sure. Segments are weighed so that the mean over a batch is the mean over the
    birds that some hold and some lack; `entropy_share` times the binary cross-entropy is added, since a bird that no
    segment of a batch holds would be taught nothing. After Yan and others 2003, "Optimizing classifier performance via
    the Wilcoxon–Mann–Whitney statistic", with the weights that places in BirdCLEF 2025 and 2026 were won with.
    """

    def __init__(self, entropy_share: float) -> None:
        super().__init__(name="soft_auc")
        self._share, self._entropy = entropy_share, Unmasked(keras.losses.BinaryCrossentropy())

    def call(self, targets: Any, scores: Any) -> Any:
        """Losses (n,) of targets and scores (n, classes)."""
        sure = tf.clip_by_value(scores, _SURE, 1 - _SURE)
        logits = tf.math.log(sure) - tf.math.log(1 - sure)
        known = tf.cast(targets != MASKED, tf.float32)
        holds, lacks = tf.nn.relu(targets - 0.5) * known, tf.nn.relu(0.5 - targets) * known
        # How far a segment without a bird, the second axis, is above one with it, the first.
        above = tf.nn.softplus(logits[None, :, :] - logits[:, None, :])
        lost = holds * tf.einsum("jc,ijc->ic", lacks, above)
        pairs = tf.reduce_sum(holds, axis=0) * tf.reduce_sum(lacks, axis=0)
        compared = tf.maximum(tf.reduce_sum(tf.cast(pairs > 0, tf.float32)), 1.0)
        share = tf.math.divide_no_nan(lost, pairs[None, :])
        ranked = tf.cast(tf.shape(targets)[0], tf.float32) * tf.reduce_sum(share, axis=1) / compared
        return ranked + self._share * self._entropy.call(targets, scores)
