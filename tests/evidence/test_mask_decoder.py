"""A decoder of masks, trained beside a network of which it is known what it hears."""

import keras
import numpy as np
import pytest
from keras import layers
from some_ears import FEATURES, ear, sounds
from test_maps import asked_of

from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.mask_decoder import MaskTraining, build_mask_decoder, train_mask_decoder
from birdclef_mind.evidence.masks import Wanted, losses

FINE = MaskTraining(epochs=40, batch_size=4, learning_rate=1e-2, wanted=Wanted(cells=(16, 8)))


@pytest.fixture(scope="module")
def several():
    _, pictures = sounds(*[2000] * 8)
    band = int(pictures.pixels[0, 6:, 30].argmax()) + 6
    # A layer before the one that hears a single band keeps all places.
    model = ear(band)
    value = layers.Conv2D(1, 1, use_bias=False, name="keeps_all")(model.input)
    model = keras.Model(model.input, model(value))
    model.get_layer("keeps_all").set_weights([np.ones((1, 1, 1, 1), np.float32)])
    asked, anatomy = asked_of(model, pictures)
    return asked, anatomy, band


def test_one_decoder_keeps_what_is_heard_of_every_recording(several):
    asked, anatomy, band = several
    decoder = train_mask_decoder(anatomy, asked, FINE)
    masks = decoder.masks(asked)
    assert masks.shape == asked.bands.shape and masks.min() >= 0 and masks.max() <= 1
    assert masks[:, band].mean() > 0.5 > masks[:, :4].mean() + 0.2
    half = np.full(masks.shape, 0.5, np.float32)
    assert losses(asked, FINE.wanted, masks).numpy().mean() < losses(asked, FINE.wanted, half).numpy().mean()
    again = train_mask_decoder(anatomy, asked, FINE).masks(asked)
    np.testing.assert_allclose(again, masks, atol=1e-4)


def test_no_recordings_have_no_masks(several):
    asked, anatomy, _ = several
    decoder = train_mask_decoder(anatomy, asked, MaskTraining(epochs=1))
    assert decoder.masks(asked.some(slice(0, 0))).shape == (0, FEATURES.n_mels, FEATURES.frames)


def test_maps_of_several_layers_meet_on_the_grid():
    network = build_mask_decoder([(16, 63, 4), (4, 8, 2)], (8, 10))
    rng = np.random.default_rng(0)
    logits = network([rng.normal(size=(3, 16, 63, 4)), rng.normal(size=(3, 4, 8, 2))])
    assert logits.shape == (3, 8, 10, 1)


def test_a_network_without_a_map_has_no_place_to_read():
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1))
    hidden = layers.Dense(4, activation="relu")(layers.Flatten()(picture))
    _, pictures = sounds(2000)
    asked, anatomy = asked_of(keras.Model(picture, layers.Dense(2, activation="softmax")(hidden)), pictures)
    with pytest.raises(Obstacle, match="no layer with a map"):
        train_mask_decoder(anatomy, asked)
