"""Losses against slow references, and what is masked: nothing is learned of it, whatever is answered."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from birdclef_mind.errors import ConfigError
from birdclef_mind.training.losses import loss_of, smoothed
from birdclef_mind.training.recipe import MASKED, Training

LOSSES = ("binary", "focal", "soft_auc")


def numbers(rng, rows=12, classes=5):
    targets = np.where(rng.random((rows, classes)) < 0.4, np.round(rng.random((rows, classes)), 4), 0)
    targets[:4, :3] = np.eye(4, 3)
    return targets.astype(np.float32), rng.uniform(0.05, 0.95, (rows, classes)).astype(np.float32)


def entropy(targets, scores):
    return float(-(targets * np.log(scores) + (1 - targets) * np.log(1 - scores)).mean())


def slow_soft_auc(targets, scores):
    logits, ranked = np.log(scores / (1 - scores)), []
    for own, given in zip(targets.T, logits.T, strict=True):
        lost = weight = 0.0
        for holds, above in zip(own, given, strict=True):
            for lacks, below in zip(own, given, strict=True):
                if holds > 0.5 and lacks < 0.5 and MASKED not in (holds, lacks):
                    pair = (holds - 0.5) * (0.5 - lacks)
                    lost, weight = lost + pair * np.log1p(np.exp(below - above)), weight + pair
        ranked += [lost / weight] if weight else []
    return float(np.mean(ranked))


def test_soft_auc_counts_pairs_of_each_bird_as_sure_as_they_are(rng):
    targets, scores = numbers(rng)
    targets[:, 4] = 0.2
    loss = loss_of(Training(loss="soft_auc", entropy_share=0.0))
    assert float(loss(targets, scores)) == pytest.approx(slow_soft_auc(targets, scores), rel=1e-4)
    both = loss_of(Training(loss="soft_auc", entropy_share=0.25))
    assert float(both(targets, scores)) == pytest.approx(
        slow_soft_auc(targets, scores) + 0.25 * entropy(targets, scores), rel=1e-4
    )
    targets[3:6, 1] = MASKED
    assert float(loss(targets, scores)) == pytest.approx(slow_soft_auc(targets, scores), rel=1e-4)


def test_better_ranks_lose_less():
    targets = np.array([[1, 0], [0, 0], [0, 1]], np.float32)
    right, wrong = np.array([[0.9, 0.1], [0.2, 0.3], [0.1, 0.8]], np.float32), np.full((3, 2), 0.5, np.float32)
    for name in LOSSES:
        assert float(loss_of(Training(loss=name))(targets, right)) < float(loss_of(Training(loss=name))(targets, wrong))


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_learned_of_what_is_masked(name, rng):
    targets, scores = numbers(rng)
    masked = rng.random(targets.shape) < 0.3
    targets[masked] = MASKED
    given = tf.Variable(scores)
    with tf.GradientTape() as tape:
        lost = loss_of(Training(loss=name))(tf.constant(targets), given)
    gradient = tape.gradient(lost, given).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[masked].any() and gradient[~masked].any()
    others = np.where(masked, rng.random(scores.shape), scores).astype(np.float32)
    assert float(loss_of(Training(loss=name))(targets, others)) == pytest.approx(float(lost))


def test_without_masks_the_usual_losses_are_those_of_keras(rng):
    targets, scores = numbers(rng)
    for name, own in (("binary", keras.losses.BinaryCrossentropy()), ("focal", keras.losses.BinaryFocalCrossentropy())):
        assert float(loss_of(Training(loss=name))(targets, scores)) == pytest.approx(float(own(targets, scores)))


def test_smoothing_leaves_masks_as_they_are():
    drawn = smoothed(tf.constant([[1.0, MASKED, 0.0, 0.0]]), 0.2).numpy()
    np.testing.assert_allclose(drawn, [[0.85, MASKED, 0.05, 0.05]], rtol=1e-6)
    assert drawn[0, 1] == MASKED


def test_a_mask_needs_a_loss_of_any_number_of_birds():
    assert Training(loss="binary", secondary="mask").secondary_target == MASKED
    assert Training(loss="binary", secondary_weight=0.3).secondary_target == 0.3
    with pytest.raises(ConfigError, match="secondary"):
        Training(loss="cross_entropy", secondary="mask")
