"""Decoders that learn from pairs of activations and pictures, however they were made."""

from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.backwards import pair_decoders
from birdclef_mind.backwards.decoder_networks import RowsAnew, build_decoders
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


def upside_down(pixels):
    """Of one tap the picture with its highest row first, and the lower half of its rows beside it, on another scale."""
    values = pixels[..., None].astype(np.float32) / 255
    lower = np.repeat(values[:, : pixels.shape[1] // 2], 2, axis=1)
    both = np.concatenate([values, lower], axis=-1)[:, ::-1]
    return Pairs(pixels, lambda places: {"pictures": both[places]})


@pytest.mark.parametrize("anew", [True, False])
def test_a_map_that_is_upside_down_is_turned_by_what_moves_rows_alone(anew, monkeypatch):
    monkeypatch.setattr(
        pair_decoders, "build_decoders", lambda *args, **options: build_decoders(*args, **{**options, "anew": anew})
    )
    rng = np.random.default_rng(1)
    rows, frames = np.mgrid[:64, :24]
    places = rng.uniform([4, 4], [60, 20], (96, 2))
    lines = [np.exp(-((rows - r) ** 2 / 4 + (frames - f) ** 2 / 18)) for r, f in places]
    pixels = np.rint(255 * np.array(lines)).astype(np.uint8)
    learn, check = upside_down(pixels[:80]), upside_down(pixels[80:])
    taps = (Place("pictures", (64, 24, 2)),)
    decoders = train_decoders(PairTraining(taps, learn, replace(SETTINGS, steps=20)), learn, check)
    found = decoders.pictures("pictures", check.read(np.arange(16))["pictures"])
    assert (correlations(found, check.pixels).mean() > 0.8) == anew


def test_rows_begin_as_they_are_and_upside_down(rng):
    values = rng.normal(size=(2, 5, 3, 8)).astype(np.float32)
    layer = RowsAnew()
    found = np.asarray(layer(values))
    np.testing.assert_allclose(found[..., [0, 1, 4, 5]], values[..., [0, 1, 4, 5]], rtol=1e-6)
    np.testing.assert_allclose(found[..., [2, 3, 6, 7]], values[:, ::-1][..., [2, 3, 6, 7]], rtol=1e-6)
    own = rng.normal(size=(4, 5, 5)).astype(np.float32)
    layer.places.assign(own)
    moved = np.asarray(layer(values))
    for sound, to, frame, channel in [(0, 0, 0, 0), (1, 4, 2, 7), (1, 2, 1, 3)]:
        expected = sum(values[sound, row, frame, channel] * own[channel // 2, row, to] for row in range(5))
        assert moved[sound, to, frame, channel] == pytest.approx(expected, rel=1e-4)


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
