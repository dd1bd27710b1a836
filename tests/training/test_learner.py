import keras
import numpy as np
import pytest
import tensorflow as tf

from birdclef_mind.training.learner import Climbing, Learner, SurestIsRight, compile_learner
from birdclef_mind.training.recipe import Augmentation, Training


def learner(**settings):
    picture = keras.Input((4, 6, 1))
    answer = keras.layers.Dense(3, activation="softmax", name="classes")(keras.layers.Flatten()(picture))
    return Learner(keras.Model(picture, answer), Training(augmentation=Augmentation(roll=False), **settings), 80.0)


def test_smoothed_targets_of_one_whole_sum_to_one():
    targets = tf.constant([[1.0, 0, 0], [1, 1, 0]])
    smooth = learner(label_smoothing=0.06)._softened(targets).numpy()
    np.testing.assert_allclose(smooth.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(smooth[0], [0.96, 0.02, 0.02], rtol=1e-5)
    np.testing.assert_allclose(smooth[1], [0.49, 0.49, 0.02], rtol=1e-5)


def test_smoothed_targets_of_any_number_of_birds_stay_so():
    targets = tf.constant([[1.0, 0.3, 0], [0, 0, 0]])
    smooth = learner(loss="binary", label_smoothing=0.06)._softened(targets).numpy()
    np.testing.assert_allclose(smooth[0], [0.96, 0.302, 0.02], rtol=1e-5)
    np.testing.assert_allclose(smooth[1], 0.02, rtol=1e-5)


def test_without_smoothing_targets_stay():
    targets = tf.constant([[1.0, 0, 0.3]])
    np.testing.assert_array_equal(learner(loss="binary")._softened(targets), targets)


def test_the_rate_climbs_and_falls_along_a_cosine():
    rate = Climbing(Training(schedule="cosine", epochs=10, warmup_epochs=2, learning_rate=1e-2), 5)
    values = np.array([float(rate(step)) for step in range(50)])
    np.testing.assert_allclose(values[:10], 1e-2 * np.arange(1, 11) / 10, rtol=1e-5)
    done = (np.arange(10, 50) - 10) / 40
    np.testing.assert_allclose(values[10:], 1e-2 * (0.01 + 0.99 * (1 + np.cos(np.pi * done)) / 2), rtol=1e-4)
    steady = Climbing(Training(warmup_epochs=2, epochs=10), 5)
    assert float(steady(49)) == pytest.approx(1e-3)


def test_held_out_pictures_pass_unchanged():
    """What training does to pictures must not touch how they are measured."""
    one = learner(label_smoothing=0.5)
    compile_learner(one, Training(), 1)
    pictures, targets = tf.random.uniform((8, 4, 6, 1)), tf.one_hot([0] * 8, 3)
    measured = one.test_on_batch(pictures, targets, return_dict=True)
    scores = one.network(pictures)
    expected = keras.losses.categorical_crossentropy(targets, scores).numpy().mean()
    assert measured["loss"] == pytest.approx(expected, rel=1e-4)


def test_decay_spares_gains_and_levels():
    one = learner()
    compile_learner(one, Training(optimizer="adamw", weight_decay=0.1), 1)
    spared = {variable.path.rsplit("/")[-1] for variable in one.trainable_variables
              if not one.optimizer._use_weight_decay(variable)}  # fmt: skip
    assert spared == {"bias"}


def test_accuracy_counts_segments_with_a_bird():
    metric = SurestIsRight()
    metric.update_state(tf.constant([[1.0, 0], [0, 1], [0, 0]]), tf.constant([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]))
    assert float(metric.result()) == 0.5
    metric.reset_state()
    metric.update_state(tf.constant([[0.5, 0.5]]), tf.constant([[0.1, 0.9]]))
    assert float(metric.result()) == 1.0
