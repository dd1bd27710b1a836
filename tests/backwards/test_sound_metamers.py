"""Sounds that a layer takes for the recording, of ears whose null space is known."""

import numpy as np
import pytest
import tensorflow as tf

from birdclef_mind.backwards import sound_metamers
from birdclef_mind.backwards.metamers import TOLERANCE
from birdclef_mind.backwards.sound_metamers import make_sound_metamers
from birdclef_mind.errors import ConfigError, Obstacle


@pytest.fixture(autouse=True)
def all_steps(monkeypatch):
    monkeypatch.setattr(sound_metamers, "STEPS", 60)
    monkeypatch.setattr(sound_metamers, "ROUNDS", 5)


@pytest.fixture
def ears(rng):
    """A linear ear that hears 6 numbers of 40 samples: (matrix, read)."""
    matrix = np.linalg.qr(rng.normal(size=(40, 6)))[0].astype(np.float32)
    return matrix, lambda samples: samples @ tf.constant(matrix)


def test_what_is_heard_is_the_recordings_and_the_rest_is_the_noises_own(rng, ears):
    matrix, read = ears
    samples, others = rng.normal(size=(6, 40)).astype(np.float32), rng.normal(size=(20, 40)).astype(np.float32)
    made = make_sound_metamers(read, samples, others @ matrix, seeds=(0, 1))
    assert made.samples.shape == (2, 6, 40)
    assert made.reached.all()
    # By definition: squared distance in the ear, over the median of the others'.
    for seed, place in np.ndindex(2, 6):
        apart = np.square((made.samples[seed, place] - samples[place]) @ matrix).sum()
        usual = np.median(np.square((others - samples[place]) @ matrix).sum(axis=1))
        assert made.errors[seed, place] == pytest.approx(apart / usual, rel=1e-3, abs=1e-6)
        assert apart <= TOLERANCE * usual * 1.001
    null = np.eye(40) - matrix @ matrix.T
    unheard, wanted = made.samples @ null, samples @ null
    # What the ear does not hear is neither the recording's nor the same twice.
    assert np.linalg.norm(unheard[0] - wanted) > 0.5 * np.linalg.norm(wanted)
    assert np.linalg.norm(unheard[0] - unheard[1]) > 0.5 * np.linalg.norm(wanted)


def test_a_sound_does_not_depend_on_those_made_beside_it_nor_on_how_loud_all_is(rng, ears):
    matrix, read = ears
    samples, others = rng.normal(size=(3, 40)).astype(np.float32), rng.normal(size=(20, 40)).astype(np.float32)
    one = make_sound_metamers(read, samples, others @ matrix)
    # The search ends when all have arrived, so those that wait only come nearer.
    loud = make_sound_metamers(read, 100 * samples, 100 * others @ matrix)
    np.testing.assert_allclose(loud.samples, 100 * one.samples, rtol=2e-2, atol=2)
    np.testing.assert_array_equal(make_sound_metamers(read, samples, others @ matrix).samples, one.samples)


def test_a_layer_that_cannot_tell_recordings_apart_has_none(rng, ears):
    matrix, read = ears
    samples = np.repeat(rng.normal(size=(1, 40)), 3, axis=0).astype(np.float32)
    with pytest.raises(ConfigError, match="expected recordings that differ at stem, found the same activation"):
        make_sound_metamers(read, samples[:1], samples @ matrix, name="stem")


def test_a_layer_that_gradients_do_not_reach_says_so(rng, ears):
    matrix, read = ears
    samples, others = rng.normal(size=(2, 40)).astype(np.float32), rng.normal(size=(9, 40)).astype(np.float32)
    with pytest.raises(Obstacle, match="no gradient reaches the sound from stem"):
        make_sound_metamers(lambda one: tf.stop_gradient(read(one)), samples, others @ matrix, name="stem")
