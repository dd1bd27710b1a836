import numpy as np
import pytest

from birdclef_mind import model as networks
from birdclef_mind.anatomy import read_anatomy
from birdclef_mind.decoders import DecoderTraining, build_decoder, train_decoders
from birdclef_mind.fidelity import correlations
from birdclef_mind.recipes import Decoding, Network

SETTINGS = Decoding(epochs=3, steps=6, batch_size=8, seed=5)


@pytest.fixture(scope="module")
def anatomy():
    import keras

    keras.utils.set_random_seed(0)
    return read_anatomy(networks.build(Network(), 16, 45, 3))


@pytest.fixture(scope="module")
def pixels():
    """Blobs at random places: easy to redraw, and nothing like their mean."""
    rng = np.random.default_rng(1)
    rows, frames = np.mgrid[:16, :45]
    places = rng.uniform([2, 4], [14, 40], (64, 2))
    blobs = [np.exp(-((rows - r) ** 2 / 8 + (frames - f) ** 2 / 18)) for r, f in places]
    return np.rint(255 * np.array(blobs)).astype(np.uint8)


def trained(anatomy, pixels, settings=SETTINGS, **options):
    training = DecoderTraining(anatomy, anatomy.taps(), pixels[:48], settings)
    return train_decoders(training, pixels[:48], pixels[48:], **options)


@pytest.mark.parametrize("shape", [(16, 45, 3), (8, 22, 3), (4, 11, 3), (16, 1, 2), (64,), (3,)])
@pytest.mark.parametrize("rows_frames", [(16, 45), (33, 47)])
def test_decoders_end_at_the_pictures_size(shape, rows_frames):
    decoder = build_decoder(shape, rows_frames, "decoder")
    assert decoder.output_shape == (None, *rows_frames, 1)


def test_decoders_learn_to_redraw(anatomy, pixels):
    settings = Decoding(epochs=12, steps=6, batch_size=8, seed=5)
    decoders = trained(anatomy, pixels, settings)
    first = anatomy.taps()[0]
    (activation,) = anatomy.activations([first], pixels[48:])
    redrawn = decoders.pictures(first.name, activation)
    mean = np.broadcast_to(pixels[:48].mean(axis=0), redrawn.shape)
    assert correlations(redrawn, pixels[48:]).mean() > 0.9 > 0.5 > correlations(mean, pixels[48:]).mean()
    assert 0 <= redrawn.min() <= redrawn.max() <= 255


def test_the_same_seed_gives_the_same_decoders_and_a_resumed_training_too(anatomy, pixels):
    states = []
    whole = trained(anatomy, pixels, save=lambda training: states.append(training.state()))
    training = DecoderTraining(anatomy, anatomy.taps(), pixels[:48], SETTINGS)
    training.restore(states[0])
    resumed = train_decoders(training, pixels[:48], pixels[48:])
    again = trained(anatomy, pixels)
    for other in (resumed, again):
        assert other.best_losses == pytest.approx(whole.best_losses, rel=1e-5)
        for name, network in whole.networks.items():
            for one, two in zip(network.get_weights(), other.networks[name].get_weights(), strict=True):
                np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6)


def test_the_best_epoch_of_each_decoder_is_kept_and_training_stops(anatomy, pixels):
    said = []
    settings = Decoding(epochs=9, steps=6, batch_size=8, patience=1, learning_rate=0.5)
    decoders = trained(anatomy, pixels, settings, say=said.append)
    assert len(said) == decoders.epochs <= 9
    training = DecoderTraining(anatomy, anatomy.taps(), pixels[:48], settings)
    for name, network in decoders.networks.items():
        training.current.networks[name].set_weights(network.get_weights())
    assert training.validate(pixels[48:]) == pytest.approx(decoders.best_losses, rel=1e-4)


def test_the_answer_counts_in_the_loss(anatomy, pixels):
    plain, heavy = (
        DecoderTraining(anatomy, anatomy.taps(), pixels, Decoding(answer_weight=weight)) for weight in (0.0, 100.0)
    )
    one, other = plain.validate(pixels[:8]), heavy.validate(pixels[:8])
    assert all(other[name] > one[name] for name in one)
