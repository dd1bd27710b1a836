"""Ears that hear samples are asked as networks that see pictures are: with gradients and without."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from some_ears import FEATURES, sounds

from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence import maps
from birdclef_mind.evidence.asked_ears import AskedEars
from birdclef_mind.evidence.masks import Wanted, find_masks, least_masks
from birdclef_mind.evidence.measures import points_inside, stability
from birdclef_mind.sound.split import split_samples

TONE_HZ = 2000
FINE = Wanted(cells=(16, 8))


def logits(samples):
    """Two classes: the second is there where 2 kHz sounds, whatever else does."""
    time_s = np.arange(FEATURES.segment_samples, dtype=np.float32) / FEATURES.sample_rate_hz
    waves = [np.cos(2 * np.pi * TONE_HZ * time_s), np.sin(2 * np.pi * TONE_HZ * time_s)]
    size = tf.sqrt(sum(tf.square(tf.matmul(samples, wave.astype(np.float32)[:, None])) for wave in waves))
    heard = 80 * size / FEATURES.segment_samples - 4
    return tf.concat([-heard, heard], axis=1)


def ears(count=2, read=logits, exclusive=False, wanted=1):
    samples, _ = sounds(*[TONE_HZ] * count)
    return AskedEars(
        hear=lambda samples: logits(samples).numpy(), read=read, exclusive=exclusive, samples=samples,
        wanted=np.full(count, wanted), features=FEATURES,
    )  # fmt: skip


@pytest.mark.parametrize("exclusive", [False, True])
def test_all_that_is_asked_is_what_the_sound_with_its_own_phase_would_be_answered(exclusive, rng):
    asked = ears(exclusive=exclusive)
    shares = rng.random(asked.bands.shape).astype(np.float32)
    heard = np.asarray(logits(split_samples(asked.samples, shares, FEATURES)[0]), np.float64)
    expected = heard[:, 1] - heard[:, 0] if exclusive else heard[:, 1]
    np.testing.assert_allclose(asked.scores(shares).numpy(), expected, rtol=1e-4)
    np.testing.assert_allclose(asked.scores_of_each(shares[:, None])[:, 0], expected, rtol=1e-4)
    np.testing.assert_allclose(asked.chances(shares), 1 / (1 + np.exp(-expected)), rtol=1e-4)


def test_the_mask_of_ears_is_the_band_that_they_hear():
    asked = ears()
    assert asked.bands.shape == (2, FEATURES.n_mels, FEATURES.frames)
    band = int(asked.bands[0, 8:].mean(axis=1).argmax()) + 8
    boxes = np.zeros(asked.bands.shape, bool)
    boxes[:, band - 1 : band + 2] = True
    masks = find_masks(asked, FINE)
    assert masks[:, band].mean() > 0.5 and masks[:, :4].mean() < 0.15
    assert points_inside(masks, boxes).all()
    assert asked.chances(masks).min() > 0.9 and asked.chances(1 - masks).max() < 0.2


def test_ears_without_gradients_are_asked_by_taking_parts_away():
    asked = ears(read=None)
    with pytest.raises(Obstacle, match="no gradient flows through these ears"):
        find_masks(asked)
    adds = maps.surrogate(asked, (16, 4), tries=120)
    masks = least_masks(asked, adds)
    assert set(np.unique(masks)) == {0, 1} and masks.mean() <= 0.4
    assert asked.chances(masks).min() >= 0.9 * asked.chances(np.ones_like(masks)).min()
    band = adds.mean(axis=(0, 2)).argmax()
    assert abs(int(band) - int(asked.bands[0, 8:].mean(axis=1).argmax()) - 8) <= 1


def test_what_is_never_enough_keeps_the_most_that_is_tried():
    # The answer is that nothing of the tone is there: no part of it makes that surer than silence does.
    asked = ears(read=None, wanted=0)
    masks = least_masks(asked, np.random.default_rng(0).random(asked.bands.shape))
    assert masks.mean() <= 0.41


def test_sound_that_comes_later_is_the_same_sound_turned():
    asked = ears(1)
    later = asked.later(3).samples
    np.testing.assert_array_equal(later, np.roll(asked.samples, 3 * FEATURES.hop_samples, axis=1))


def test_a_map_that_moves_with_the_sound_is_steady_and_one_that_stays_is_not():
    asked = ears(1)
    bands = asked.bands * np.linspace(0, 1, FEATURES.frames)
    moving = replace(asked, samples=asked.samples * np.linspace(0, 1, asked.samples.shape[1]))
    found = moving.bands
    assert stability(found, lambda own: own.bands, moving, 5)[0] > 0.95
    assert stability(bands, lambda own: bands, asked, 30)[0] < 0.95
