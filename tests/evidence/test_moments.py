"""What each moment adds to an answer, exactly."""

import keras
import numpy as np
import pytest
from keras import layers
from some_ears import FEATURES, attentive, ear, some_pictures

from birdclef_mind.backwards.anatomy import as_input, read_anatomy
from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence.moments import evidence_a_moment
from birdclef_mind.networks.build import build
from birdclef_mind.networks.settings import Network


def sums_of(model, pixels):
    """The sums before the softmax, by taking the answer's logarithm: the same but for a constant a picture."""
    logs = np.log(np.asarray(model(as_input(pixels), training=False)))
    return logs - logs.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("make", [ear, attentive])
def test_moments_add_up_to_the_answer(make):
    model, pixels = make(), some_pictures().pixels
    found = evidence_a_moment(read_anatomy(model), pixels)
    whole = found.sum(axis=1)
    np.testing.assert_allclose(whole - whole.mean(axis=1, keepdims=True), sums_of(model, pixels), atol=1e-4)


def test_a_moment_has_what_it_alone_would_give_times_its_weight():
    model, pixels = attentive(), some_pictures().pixels
    found = evidence_a_moment(read_anatomy(model), pixels)
    pooling = model.get_layer("embedding")
    moments = np.asarray(keras.Model(model.inputs[0], pooling.input)(as_input(pixels)))
    kernel, bias = (np.asarray(weight) for weight in model.get_layer("classes").weights)
    gamma, beta, mean, variance = model.get_layer("normalise").get_weights()
    for one in range(len(pixels)):
        looks = np.tanh(moments[one] @ np.asarray(pooling.look)) @ np.asarray(pooling.rate)
        weights = np.exp(looks) / np.exp(looks).sum()
        for place in range(len(weights)):
            alone = (moments[one, place] - mean) / np.sqrt(variance + 1e-3) * gamma + beta
            np.testing.assert_allclose(found[one, place], weights[place] * (alone @ kernel + bias), atol=1e-4)


def test_the_residual_network_has_moments():
    keras.utils.set_random_seed(0)
    model = build(Network(name="resnet"), 32, 64, 4)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 64))
    found = evidence_a_moment(read_anatomy(model), pixels).sum(axis=1)
    np.testing.assert_allclose(found - found.mean(axis=1, keepdims=True), sums_of(model, pixels), atol=1e-4)


def test_a_network_that_lays_moments_side_by_side_has_none():
    model = build(Network(name="classic"), 16, 64, 4)
    with pytest.raises(Obstacle, match=r"what Dense embedding \(layer \d+\) gives is no sum over moments"):
        evidence_a_moment(read_anatomy(model), np.zeros((1, 16, 64), np.uint8))


def test_what_bends_behind_the_mean_stands_in_the_way():
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1))
    value = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(picture))
    model = keras.Model(picture, layers.Dense(2, activation="softmax")(layers.ReLU(name="bend")(value)))
    with pytest.raises(Obstacle, match="bend"):
        evidence_a_moment(read_anatomy(model), some_pictures().pixels)


def test_no_pictures_give_no_evidence():
    assert evidence_a_moment(read_anatomy(ear()), some_pictures().pixels[:0]).shape[0] == 0
