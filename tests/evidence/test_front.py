"""Pictures of mel bands with gradients are those of the one path."""

from dataclasses import replace

import numpy as np
import pytest
from some_ears import FEATURES

from birdclef_mind.evidence.front import Front
from birdclef_mind.sound.pictures import (
    bands_to_levels,
    levels_to_pixels,
    levels_to_scale,
    samples_to_levels,
    samples_to_pictures,
)

KINDS = {
    "mel": replace(FEATURES, kind="mel", power=1.0),
    "logmel": FEATURES,
    "mfcc": replace(FEATURES, kind="mfcc", n_coeffs=8, power=3.0),
}


def pictures_of(features, count=3):
    samples = np.random.default_rng(0).normal(0, 0.1, (count, features.segment_samples)).astype(np.float32)
    return samples_to_pictures(samples, features)


@pytest.mark.parametrize("kind", ["mel", "logmel"])
def test_what_is_kept_whole_is_the_picture_itself(kind):
    features = KINDS[kind]
    front, pictures = Front(features), pictures_of(features)
    bands = front.bands(pictures)
    found = front.pictures(bands, np.ones_like(bands)).numpy()[..., 0]
    # A picture is rounded to whole levels, and its darkest need not be at 0.
    np.testing.assert_allclose(found, pictures.pixels, atol=1.5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_what_the_one_path_makes_of_its_bands(kind):
    features = KINDS[kind]
    front, pictures = Front(features), pictures_of(features)
    bands = front.bands(pictures)
    masks = np.random.default_rng(1).uniform(0.01, 1, bands.shape).astype(np.float32)
    found = front.pictures(bands, masks).numpy()[..., 0]
    levels = bands_to_levels(bands * masks**features.power, features)
    expected = levels_to_pixels(levels, levels_to_scale(levels, features))
    np.testing.assert_allclose(found, expected, atol=0.51)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_is_black_and_finite(kind):
    features = KINDS[kind]
    silent = samples_to_pictures(np.zeros((1, features.segment_samples), np.float32), features)
    front = Front(features)
    bands = front.bands(silent)
    found = front.pictures(bands, np.zeros_like(bands)).numpy()
    assert np.isfinite(found).all()
    assert samples_to_levels(np.zeros((1, features.segment_samples), np.float32), features).shape[0] == 1
