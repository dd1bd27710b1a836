import numpy as np
import pytest

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.decoder_networks import build_decoder
from birdclef_mind.backwards.decoders import DecoderTraining, train_decoders
from birdclef_mind.backwards.fidelity import correlations
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import ConfigError
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.settings import Network

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


@pytest.fixture(scope="module")
def few():
    """A network of two layers, so that decoders are made in no time."""
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    chain = [keras.Input((8, 12, 1)), layers.Rescaling(1 / 255), layers.Conv2D(2, 3, activation="relu", name="maps")]
    return read_anatomy(keras.Sequential([*chain, layers.Flatten(name="flat"), layers.Dense(3, name="classes")]))


SHORT = Decoding(epochs=3, steps=2, batch_size=4)


@pytest.fixture(scope="module")
def second_state(few):
    """Some pictures, and the state of a training on them after its second epoch."""
    pixels = np.random.default_rng(3).integers(0, 256, (6, 8, 12)).astype(np.uint8)
    states, training = [], DecoderTraining(few, few.taps(), pixels, SHORT)
    train_decoders(training, pixels, pixels, save=lambda one: states.append(one.state()))
    return pixels, states[1]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("optimizer_3"),
        lambda state: state.pop("best_2_1"),
        lambda state: state.update(best_1_0=np.zeros(77)),
        lambda state: state["now_0_2"].fill(np.nan),
        lambda state: state.update(epochs=np.array(-4)),
        lambda state: state.update(loss_1=np.array(np.nan)),
    ],
)
def test_a_state_is_taken_whole_or_not_at_all(few, second_state, change):
    pixels, state = second_state[0], {name: value.copy() for name, value in second_state[1].items()}
    training = DecoderTraining(few, few.taps(), pixels, SHORT)
    before = training.state()
    change(state)
    with pytest.raises((KeyError, ValueError)):
        training.restore(state)
    after = training.state()
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, name)
    training.restore(second_state[1])
    for name, value in training.state().items():
        np.testing.assert_array_equal(value, second_state[1][name], name)


def test_blank_pictures_weigh_nothing(few, rng):
    """Beside pictures that show something, blank ones of any shade change neither what is learned nor what is measured."""
    some = rng.integers(0, 256, (6, 8, 12)).astype(np.uint8)
    blank = np.stack([np.full((8, 12), shade, np.uint8) for shade in (0, 77, 255, 0, 0)])
    among = np.insert(some, [0, 0, 3, 6, 6], blank, axis=0)
    results = []
    for pixels, held_out in ((some, some), (among, among), (some, np.concatenate([some, blank, blank]))):
        training = DecoderTraining(few, few.taps(), pixels, SHORT)
        results.append(train_decoders(training, pixels, held_out).best_losses)
    assert set(results[0]) == {"maps", "flat", "classes"}
    for result in results[1:]:
        assert result == pytest.approx(results[0], rel=1e-5)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((0, 8, 12), np.uint8), "expected pictures {}, got none"),
        (np.full((3, 8, 12), 9, np.uint8), "expected pictures {}, got 3 blank ones"),
        (np.zeros((3, 8, 11), np.uint8), r"expected pictures \(n, 8, 12\), got \(3, 8, 11\)"),
        (np.zeros((8, 12), np.uint8), r"expected pictures \(n, 8, 12\), got \(8, 12\)"),
    ],
)
def test_pictures_that_teach_nothing_are_refused(few, rng, pixels, message):
    some = rng.integers(0, 256, (6, 8, 12)).astype(np.uint8)
    with pytest.raises(ConfigError, match=message.format("to learn from")):
        DecoderTraining(few, few.taps(), pixels, SHORT)
    training = DecoderTraining(few, few.taps(), some, SHORT)
    with pytest.raises(ConfigError, match=message.format("to hold out")):
        train_decoders(training, some, pixels)
    assert training.current.epochs == 0


def test_one_picture_is_enough(few, rng):
    picture = rng.integers(0, 256, (1, 8, 12)).astype(np.uint8)
    decoders = train_decoders(DecoderTraining(few, few.taps(), picture, SHORT), picture, picture)
    assert np.isfinite(list(decoders.best_losses.values())).all()


def test_decoders_that_diverge_are_kept_as_they_were_at_their_best(few, rng):
    pixels = rng.integers(0, 256, (6, 8, 12)).astype(np.uint8)
    training = DecoderTraining(few, few.taps(), pixels, SHORT)
    said, saved = [], []

    def save(training):
        saved.append(training.state())
        kernel = training.current.networks["flat"].trainable_variables[0]
        kernel.assign(np.full(kernel.shape, np.nan))

    decoders = train_decoders(training, pixels, pixels, say=said.append, save=save)
    assert said[1:] == [
        "the decoder of flat diverged in epoch 2 at learning rate 0.002; every decoder is kept as it was at its best"
    ]
    assert len(saved) == 1
    assert np.isfinite(list(decoders.best_losses.values())).all()
    for network in decoders.networks.values():
        assert all(np.isfinite(value).all() for value in network.get_weights())
    (wanted,) = (saved[0][f"best_1_{place}"] for place in (2,))
    np.testing.assert_array_equal(decoders.networks["flat"].get_weights()[2], wanted)


def test_decoders_that_diverge_at_once_are_refused(few, rng):
    pixels = rng.integers(0, 256, (6, 8, 12)).astype(np.uint8)
    training = DecoderTraining(few, few.taps(), pixels, Decoding(epochs=2, steps=4, batch_size=2, learning_rate=1e30))
    said, saved = [], []
    message = "expected a finite loss, but the decoder of .*maps.* diverged in epoch 1 at learning rate 1e\\+30"
    with pytest.raises(ConfigError, match=message):
        train_decoders(training, pixels, pixels, say=said.append, save=saved.append)
    assert said == saved == []


def test_decoders_work_in_single_precision_whatever_is_set(rng):
    import keras

    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        decoder = build_decoder((3,), (8, 12), "decoder")
    finally:
        keras.config.set_dtype_policy(before)
    assert {layer.compute_dtype for layer in decoder.layers[1:]} == {"float32"}
    # A value that half precision does not hold.
    decoder.get_layer("decoder_row_means").levels.assign(np.full((8, 1, 1), 1e6))
    found = np.asarray(decoder(rng.normal(size=(2, 3)).astype(np.float32)))
    np.testing.assert_allclose(found, 255e6, rtol=1e-6)


def test_the_answer_counts_in_the_loss(anatomy, pixels):
    plain, heavy = (
        DecoderTraining(anatomy, anatomy.taps(), pixels, Decoding(answer_weight=weight)) for weight in (0.0, 100.0)
    )
    one, other = plain.validate(pixels[:8]), heavy.validate(pixels[:8])
    assert all(other[name] > one[name] for name in one)
