"""The library on networks that are not ours, in a few lines each, without files."""

import re

import numpy as np
import pytest
from test_anatomy import residual

from birdclef_mind import model as networks
from birdclef_mind.anatomy import read_anatomy
from birdclef_mind.answers import EmbeddingRange, optimised_noise, searched_answers
from birdclef_mind.decoders import DecoderTraining, train_decoders
from birdclef_mind.recipes import Decoding, Network
from birdclef_mind.reconstruction import METHODS, read_backwards


def efficientnet():
    return networks.build(Network(name="efficientnetb0", answer="sigmoid", noise_floor=True), 32, 64, 4)


def resnet():
    return networks.build(Network(name="resnet", answer="sigmoid"), 32, 48, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "obstacle"),
    [
        (efficientnet, r"NoiseFloor noise_floor \(layer 1\)"),
        (resnet, r"Add stage_1_block_1_sum \(layer \d+\)"),
        (residual, r"Add add.* \(layer \d+\)"),
    ],
)
def test_every_method_works_or_says_what_it_cannot_pass(rng, make, obstacle):
    model = make()
    rows, frames = model.input_shape[1:3]
    pixels = rng.integers(0, 256, (8, rows, frames)).astype(np.uint8)
    anatomy = read_anatomy(model)
    training = DecoderTraining(anatomy, anatomy.taps(), pixels, Decoding(epochs=1, steps=1, batch_size=4))
    decoders = train_decoders(training, pixels, pixels)
    backwards = read_backwards(anatomy, decoders)
    assert re.search(obstacle, backwards.skipped["weights"])
    found = backwards.pictures(pixels.astype(np.float32))
    assert len(found) == len(anatomy.taps()) >= 4
    for tap, ways in found.items():
        assert set(ways) >= {"transposed", "decoder"}, tap
        assert set(ways) <= set(METHODS)
        for picture in ways.values():
            assert picture.shape == pixels.shape
            assert np.isfinite(picture).all()
    embeddings, scores = anatomy.activations([anatomy.embedding, anatomy.classes], pixels)
    within = EmbeddingRange.of(embeddings, scores.argmax(axis=1), scores.shape[1])
    pictures, _ = searched_answers(anatomy, decoders, np.array([0, 2]), within)
    assert pictures.shape == (2, rows, frames)
    assert np.isfinite(optimised_noise(anatomy, np.array([1]))).all()
