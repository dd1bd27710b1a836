"""Where an answer points, on a network of which it is known what it hears, and on sounds that sing at a known time."""

import keras
import librosa
import numpy as np
import pytest
from some_ears import FEATURES, attentive, ear, some_pictures, sounds
from test_maps import asked_of

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.maps import grad_cam
from birdclef_mind.evidence.masks import Wanted, find_masks
from birdclef_mind.evidence.where import Place, highest, last_map, where_maps
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.sound.spectrum import bands_to_hz

FINE = Wanted(cells=(16, 8))


def test_it_points_at_the_moment_and_the_pitch_that_are_heard():
    samples, _ = sounds(2000, 2000)
    time_s = np.arange(samples.shape[1]) / FEATURES.sample_rate_hz
    others, _ = sounds(600, 600, seed=1)
    sings = [(0.25, 0.45), (0.6, 0.8)]
    for own, other, (onset_s, offset_s) in zip(samples, others, sings, strict=True):
        own[:] = np.where((time_s >= onset_s) & (time_s < offset_s), own, 0.5 * other)
    pictures = samples_to_pictures(samples, FEATURES)
    band = int(np.abs(bands_to_hz(np.arange(FEATURES.n_mels), FEATURES) - 2000).argmin())
    model = ear(band)
    # A fifth of a second in the mean of one is enough.
    model.get_layer("classes").bias.assign([2.0, -2.0])
    asked, anatomy = asked_of(model, pictures)
    assert (model(pictures.pixels[..., None]).numpy()[:, 1] > 0.5).all()
    found = highest(where_maps(asked, anatomy, find_masks(asked, FINE)), FEATURES)
    for place, (onset_s, offset_s) in zip(found, sings, strict=True):
        assert onset_s - 0.03 <= place.at_s <= offset_s + 0.03
        assert place.hz == pytest.approx(2000, rel=0.1)


def test_it_is_the_product_of_what_is_kept_of_how_loud_it_is_and_of_the_last_map(rng):
    asked, anatomy = asked_of(attentive(), some_pictures(2), 2)
    masks = rng.uniform(size=asked.bands.shape).astype(np.float32)
    found = where_maps(asked, anatomy, masks)
    seen = grad_cam(asked, anatomy, anatomy.of_kind("convolution")[-1])
    for place in [(0, 3, 10), (1, 8, 40), (1, 15, 0)]:
        # Bands are power here, so intensity is as they are.
        expected = masks[place] * asked.bands[place] ** 0.25 * seen[place]
        assert found[place] == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_places_have_their_seconds_and_hertz():
    maps = np.zeros((3, FEATURES.n_mels, FEATURES.frames))
    maps[0, 4, 10] = maps[1, 15, 62] = 0.5
    middles = librosa.mel_frequencies(FEATURES.n_mels + 2, fmin=FEATURES.fmin_hz, fmax=FEATURES.fmax_hz)[1:-1]
    seconds = librosa.frames_to_time([10, 62], sr=FEATURES.sample_rate_hz, hop_length=FEATURES.hop_samples)
    one, other, none = highest(maps, FEATURES)
    assert isinstance(one, Place) and none is None
    assert (one.at_s, other.at_s) == pytest.approx(tuple(seconds))
    assert (one.hz, other.hz) == pytest.approx((middles[4], middles[15]))


@pytest.mark.parametrize("name", ["mel32", "logmel128"])
def test_bands_have_the_frequencies_of_the_reference(name):
    features = PRESETS[name]
    expected = librosa.mel_frequencies(features.n_mels + 2, fmin=features.fmin_hz, fmax=features.fmax_hz)[1:-1]
    np.testing.assert_allclose(bands_to_hz(np.arange(features.n_mels), features), expected, rtol=1e-6)


def test_a_network_without_a_map_points_nowhere():
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1))
    flat = keras.layers.Dense(4, activation="relu")(keras.layers.Flatten()(picture))
    model = keras.Model(picture, keras.layers.Dense(2, activation="softmax")(flat))
    with pytest.raises(Obstacle, match="it has no convolution"):
        last_map(read_anatomy(model))
