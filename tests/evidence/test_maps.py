"""Cheap methods against their definitions, and on a network of which it is known what it hears."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from some_ears import FEATURES, attentive, ear, some_pictures, sounds

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence import asked as asking
from birdclef_mind.evidence import maps
from birdclef_mind.evidence.front import Front
from birdclef_mind.sound.pictures import samples_to_pictures

METHODS = {
    "gradient": maps.gradient_times_input,
    "integrated": maps.integrated_gradients,
    "occlusion": lambda asked: maps.occlusion(asked, (16, 8)),
    "surrogate": lambda asked: maps.surrogate(asked, (16, 4), tries=200),
}


def asked_of(model, pictures, wanted=1):
    front = Front(FEATURES)
    anatomy = read_anatomy(model)
    return asking.asked_of(anatomy, front, front.bands(pictures), np.full(len(pictures), wanted)), anatomy


@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_the_band_that_is_heard(method):
    # The ear's band holds 2 kHz; the louder tone at 600 Hz has no part in its answer but for the picture's range.
    _, pictures = sounds(2000, 2000)
    band = int(pictures.pixels[0, 6:, 30].argmax()) + 6
    asked, _ = asked_of(ear(band), pictures)
    found = METHODS[method](asked)
    assert found.shape == asked.bands.shape
    # Taking away the other tone raises this one in a picture that is relative to its loudest: no evidence for it.
    strongest = np.maximum(found, 0).sum(axis=2).argmax(axis=1)
    assert (np.abs(strongest - band) <= 1).all()


def test_gradient_times_input_is_the_slope_by_the_share():
    asked, _ = asked_of(attentive(), some_pictures(2), 2)
    found = maps.gradient_times_input(asked)
    for place in [(0, 3, 10), (1, 8, 40)]:
        more, less = np.ones_like(asked.bands), np.ones_like(asked.bands)
        more[place], less[place] = 1.02, 0.98
        expected = (asked.scores(more) - asked.scores(less)).numpy()[place[0]] / 0.04
        assert found[place] == pytest.approx(expected, rel=0.1, abs=1e-5)


def test_integrated_gradients_add_up_to_what_the_way_gains():
    # The way of shares begins where a picture shows the least, not at silence.
    asked, _ = asked_of(attentive(), some_pictures(2), 1)
    steps = 64
    total = maps.integrated_gradients(asked, steps).sum(axis=(1, 2))
    begin, end = (asked.scores(np.full_like(asked.bands, share)).numpy() for share in (0.5 / steps, 1.0))
    np.testing.assert_allclose(total, end - begin, atol=0.02)


def test_occlusion_follows_its_definition():
    asked, _ = asked_of(attentive(), some_pictures(2), 1)
    found = maps.occlusion(asked, (4, 3))
    height, width = asked.bands.shape[1:]
    whole = asked.scores(np.ones_like(asked.bands)).numpy()
    for up in range(4):
        for on in range(3):
            share = np.ones_like(asked.bands)
            rows = [row for row in range(height) if row * 4 // height == up]
            frames = [frame for frame in range(width) if frame * 3 // width == on]
            share[np.ix_([0, 1], rows, frames)] = 0
            lost = whole - asked.scores(share).numpy()
            np.testing.assert_allclose(found[:, rows[0], frames[0]], lost, atol=1e-5)
            np.testing.assert_allclose(found[:, rows[-1], frames[-1]], lost, atol=1e-5)


def test_a_surrogate_of_a_linear_answer_is_that_answer():
    weights = np.random.default_rng(0).normal(size=(4, 5))

    class Linear:
        def pictures(self, bands, shares):
            return shares

    def log_scores(shares):
        return tf.reduce_sum(tf.cast(shares, tf.float32) * weights.astype(np.float32), axis=(1, 2))[:, None]

    asked = asking.Asked(
        Linear(), log_scores, lambda logs, wanted: 0 * logs[:, 0], np.ones((1, 4, 5)), np.zeros(1, int)
    )
    found = maps.surrogate(asked, (4, 5), tries=400)
    np.testing.assert_allclose(found[0], weights, atol=0.1)
    assert np.corrcoef(found[0].ravel(), weights.ravel())[0, 1] > 0.999


def test_grad_cam_follows_its_definition():
    pictures = some_pictures(2)
    asked, anatomy = asked_of(ear(5), pictures)
    tap = anatomy.of_kind("convolution")[0]
    found = maps.grad_cam(asked, anatomy, tap)
    assert found.shape == asked.bands.shape
    assert (found >= 0).all()
    # The map has one row; a class's slope is the same at all places, so that what is left is the weighed map itself.
    (own,) = anatomy.reader([tap])(asked.front.pictures(asked.bands, np.ones_like(asked.bands)))
    # Of two classes the log odds are the difference of their sums, which are means over the map.
    expected = np.maximum(0, (np.asarray(own)[:, 0, :, 1] - np.asarray(own)[:, 0, :, 0]) / own.shape[2])
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-3, atol=1e-6)


def test_of_cepstra_grad_cam_tells_moments_alone():
    features = replace(FEATURES, kind="mfcc", n_coeffs=8)
    pictures = samples_to_pictures(sounds(2000, 3000)[0], features)
    picture = keras.Input((features.rows, features.frames, 1))
    whole = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(picture))
    anatomy = read_anatomy(keras.Model(picture, keras.layers.Dense(2, activation="softmax")(whole)))
    front = Front(features)
    asked = asking.asked_of(anatomy, front, front.bands(pictures), np.array([0, 1]))
    found = maps.grad_cam(asked, anatomy, anatomy.of_kind("convolution")[0])
    assert found.shape == (2, features.n_mels, features.frames)
    np.testing.assert_allclose(found, np.broadcast_to(found[:, :1], found.shape), rtol=1e-5)
    assert found.max() > 0


def test_grad_cam_needs_a_map():
    asked, anatomy = asked_of(ear(), some_pictures(1))
    with pytest.raises(Obstacle, match="expected a layer with a map, got embedding"):
        maps.grad_cam(asked, anatomy, anatomy.embedding)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_does_not_depend_on_what_is_asked_beside_it(method):
    pictures = some_pictures(3)
    asked, _ = asked_of(attentive(), pictures)
    together, alone = METHODS[method](asked), METHODS[method](asked.some(slice(1, 2)))
    np.testing.assert_allclose(together[1], alone[0], atol=1e-4)


@pytest.mark.parametrize("rule", ["softmax", "sigmoid"])
def test_odds_are_those_of_the_wanted_class_against_all_else(rule):
    model = attentive()
    model.get_layer("classes").activation = keras.activations.get(rule)
    pictures = some_pictures(3)
    front, anatomy = Front(FEATURES), read_anatomy(model)
    asked = asking.asked_of(anatomy, front, front.bands(pictures), np.array([0, 1, 2]))
    chances = np.asarray(model(front.pictures(asked.bands, np.ones_like(asked.bands))))[np.arange(3), asked.wanted]
    there, absent = (np.exp(np.asarray(one)) for one in asked.odds(np.ones_like(asked.bands)))
    np.testing.assert_allclose(there, chances, rtol=1e-4)
    np.testing.assert_allclose(absent, 1 - chances, rtol=1e-4)


def test_a_single_class_is_there_or_not():
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1))
    value = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(picture))
    model = keras.Model(picture, keras.layers.Dense(1, activation="sigmoid")(value))
    asked, _ = asked_of(model, some_pictures(2), 0)
    there, absent = (np.exp(np.asarray(one)) for one in asked.odds(np.ones_like(asked.bands)))
    np.testing.assert_allclose(there + absent, 1, rtol=1e-5)
