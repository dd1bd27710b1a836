"""What a mask keeps of a sound, and what it leaves."""

from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS, Windowing
from birdclef_mind.sound.split import split_samples

SHORT = {name: replace(own, windowing=Windowing(length_s=1.0, step_s=1.0)) for name, own in PRESETS.items()}


def tones(features, *hz):
    time_s = np.arange(features.segment_samples) / features.sample_rate_hz
    return sum(0.2 * np.sin(2 * np.pi * one * time_s) for one in hz)[None].astype(np.float32)


@pytest.mark.parametrize("name", SHORT)
def test_both_parts_add_up_to_the_sound(name):
    rng, features = np.random.default_rng(0), SHORT[name]
    samples = rng.normal(0, 0.1, (2, features.segment_samples)).astype(np.float32)
    masks = rng.random((2, features.n_mels, features.frames))
    kept, removed = split_samples(samples, masks, features)
    np.testing.assert_allclose(kept + removed, samples, atol=1e-6)


@pytest.mark.parametrize("name", SHORT)
def test_a_mask_of_all_keeps_all_and_one_of_nothing_nothing(name):
    features = SHORT[name]
    samples = tones(features, 700, 5000)
    everything = np.ones((1, features.n_mels, features.frames))
    np.testing.assert_allclose(split_samples(samples, everything, features)[0], samples, atol=1e-5)
    np.testing.assert_allclose(split_samples(samples, 0 * everything, features)[0], 0, atol=1e-7)


def test_a_mask_of_low_bands_keeps_the_low_tone():
    features = SHORT["logmel128"]
    low, high = tones(features, 700), tones(features, 5000)
    mask = np.zeros((1, features.n_mels, features.frames))
    mask[:, :50] = 1  # up to about 3 kHz
    kept, removed = split_samples(low + high, mask, features)
    inner = slice(2048, -2048)
    np.testing.assert_allclose(kept[0, inner], low[0, inner], atol=2e-3)
    np.testing.assert_allclose(removed[0, inner], high[0, inner], atol=2e-3)


def test_what_lies_outside_all_bands_goes_with_the_nearest_one():
    features = SHORT["logmel128"]  # its bands end at 14 kHz
    mask = np.zeros((1, features.n_mels, features.frames))
    mask[:, -1] = 1
    kept, _ = split_samples(tones(features, 15_500), mask, features)
    inner = slice(2048, -2048)
    np.testing.assert_allclose(kept[0, inner], tones(features, 15_500)[0, inner], atol=1e-3)


def test_a_segment_does_not_depend_on_others():
    rng, features = np.random.default_rng(1), SHORT["mel32"]
    samples = rng.normal(0, 0.1, (3, features.segment_samples)).astype(np.float32)
    masks = rng.random((3, features.n_mels, features.frames))
    together, _ = split_samples(samples, masks, features)
    alone, _ = split_samples(samples[1:2], masks[1:2], features)
    np.testing.assert_array_equal(together[1], alone[0])
    assert samples_to_pictures(together, features).pixels.shape == (3, features.rows, features.frames)
