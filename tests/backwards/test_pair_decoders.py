"""Decoders that learn from pairs of activations and pictures, however they were made."""

import numpy as np
import pytest

from birdclef_mind.backwards.decoders import train_decoders
from birdclef_mind.backwards.fidelity import correlations
from birdclef_mind.backwards.pair_decoders import Pairs, PairTraining, Place
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import ConfigError

TAPS = (Place("inverted", (16, 24, 1)), Place("noise", (4,)))
SETTINGS = Decoding(epochs=8, steps=12, batch_size=4, seed=5)


@pytest.fixture(scope="module")
def pixels():
    rng = np.random.default_rng(1)
    rows, frames = np.mgrid[:16, :24]
    places = rng.uniform([2, 4], [14, 20], (64, 2))
    blobs = [np.exp(-((rows - r) ** 2 / 8 + (frames - f) ** 2 / 18)) for r, f in places]
    return np.rint(255 * np.array(blobs)).astype(np.uint8)


def pairs_of(pixels):
    """Of one tap the picture turned dark for bright, of the other nothing that has to do with it."""
    noise = np.random.default_rng(2).normal(size=(len(pixels), 4)).astype(np.float32)
    inverted = (255 - pixels[..., None].astype(np.float32)) / 10
    return Pairs(pixels, lambda places: {"inverted": inverted[places], "noise": noise[places]})


def trained(pixels, **options):
    learn, check = pairs_of(pixels[:48]), pairs_of(pixels[48:])
    return train_decoders(PairTraining(TAPS, learn, SETTINGS), learn, check, **options)


def test_a_tap_that_keeps_the_picture_redraws_it_and_one_that_does_not_draws_the_mean(pixels):
    decoders, check = trained(pixels), pairs_of(pixels[48:])
    activations = check.read(np.arange(16))
    close = correlations(decoders.pictures("inverted", activations["inverted"]), check.pixels)
    far = correlations(decoders.pictures("noise", activations["noise"]), check.pixels)
    assert close.mean() > 0.9 > 0.5 > far.mean()
    assert decoders.best_losses["inverted"] < 0.3 < decoders.best_losses["noise"]


def test_a_training_that_goes_on_ends_as_one_that_nobody_stopped(pixels):
    states = []
    whole = trained(pixels, save=lambda training: states.append(training.state()))
    learn, check = pairs_of(pixels[:48]), pairs_of(pixels[48:])
    training = PairTraining(TAPS, learn, SETTINGS)
    training.restore(states[2])
    again = train_decoders(training, learn, check)
    assert again.best_losses == pytest.approx(whole.best_losses, rel=1e-5)
    for name, network in whole.networks.items():
        for one, two in zip(network.get_weights(), again.networks[name].get_weights(), strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6)


def test_a_channel_that_hardly_answers_is_not_made_loud(pixels):
    def read(places):
        value = np.zeros((len(places), 16, 24, 2), np.float32)
        value[..., 0] = pixels[places]
        return {"inverted": value}

    training = PairTraining([Place("inverted", (16, 24, 2))], Pairs(pixels, read), SETTINGS)
    gain = training.current.networks["inverted"].get_layer("decoder_0_normalise").gain.numpy()
    assert gain[1] <= 10 / read(np.arange(64))["inverted"].std() * 1.01


def test_pictures_of_another_size_and_blank_ones_are_refused(pixels):
    learn = pairs_of(pixels)
    training = PairTraining(TAPS, learn, SETTINGS)
    with pytest.raises(ConfigError, match=r"expected pictures of \(16, 24\), got \(16, 12\)"):
        train_decoders(training, learn, pairs_of(pixels[:, :, :12]))
    with pytest.raises(ConfigError, match="expected pictures to learn from, got 64 blank ones"):
        PairTraining(TAPS, pairs_of(np.zeros_like(pixels)), SETTINGS)
