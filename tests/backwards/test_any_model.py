"""The library on networks that are not ours, in a few lines each, without files."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L
from keras import ops
from some_networks import REFUSED, WORKING, behind_dense, chain, over, with_policy
from test_anatomy import residual

from birdclef_mind.backwards import answers, reconstruction
from birdclef_mind.backwards.anatomy import as_input, read_anatomy
from birdclef_mind.backwards.answers import (
    EmbeddingRange,
    log_certainty,
    optimised_noise,
    searched_answers,
    stamped_answers,
)
from birdclef_mind.backwards.decoder_networks import build_decoders
from birdclef_mind.backwards.decoders import DecoderTraining, train_decoders
from birdclef_mind.backwards.reconstruction import METHODS, read_backwards
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.backwards.stamps import read_chain
from birdclef_mind.backwards.transposed import transposed_pass
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.settings import Network


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
    (found,) = searched_answers(anatomy, decoders, np.array([0, 2]), within)
    assert found.pictures.shape == (2, rows, frames)
    assert np.isfinite(optimised_noise(anatomy, np.array([1])).pictures).all()


@pytest.fixture
def quick(monkeypatch):
    """Searches of one step, and no functions compiled for them."""
    monkeypatch.setattr(answers, "_STEPS", 1)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("name", WORKING)
def test_networks_of_every_make_are_read(rng, quick, name):
    keras.utils.set_random_seed(1)
    model = WORKING[name]()
    weights = [value.copy() for value in model.get_weights()]
    pixels = rng.integers(0, 256, (5, *model.input_shape[1:3])).astype(np.uint8)
    pictures = pixels.astype(np.float32)
    anatomy = read_anatomy(model)
    taps = anatomy.taps()
    names = [tap.name for tap in taps]
    assert len(set(names)) == len(names) >= 2
    # Rounding in half precision differs with the way that pictures are laid out.
    loose = {"rtol": 2e-2, "atol": 2e-2} if "float16" in name or "bfloat16" in name else {"rtol": 1e-4, "atol": 1e-5}
    activations = anatomy.activations(taps, pictures)
    np.testing.assert_allclose(activations[-1], np.asarray(model(as_input(pictures), training=False), float), **loose)
    assert [value.shape for value in activations] == [(5, *tap.shape) for tap in taps]
    if "float" not in name:
        assert_certainty_is_the_logarithm_of_scores(rng, name, model, anatomy)
    # A decoder of each kind is enough, but where names could be taken for one another.
    decoded = taps if any("(layer" in tap for tap in names) else tuple(dict.fromkeys((taps[0], anatomy.embedding)))
    training = DecoderTraining(anatomy, decoded, pixels, Decoding(epochs=1, steps=1, batch_size=8))
    decoders = train_decoders(training, pixels, pixels)
    found = read_backwards(anatomy, decoders).pictures(pictures)
    assert list(found) == names
    assert [name for name, ways in found.items() if "decoder" in ways] == list(
        dict.fromkeys(tap.name for tap in decoded)
    )
    for ways in found.values():
        assert {"transposed"} <= set(ways) <= set(METHODS)
        assert all(picture.shape == pixels.shape and np.isfinite(picture).all() for picture in ways.values())
    places = np.arange(min(2, anatomy.head.units))
    embeddings, scores = anatomy.activations([anatomy.embedding, anatomy.classes], pixels)
    within = EmbeddingRange.of(embeddings, scores.argmax(axis=1), scores.shape[1])
    for found in (*searched_answers(anatomy, decoders, places, within), optimised_noise(anatomy, places)):
        assert found.pictures.shape == (len(places), *pixels.shape[1:])
        assert np.isfinite(found.pictures).all()
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_cannot_be_read_are_refused_in_a_sentence(name):
    make, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message) as error:
        read_anatomy(make())
    assert "\n" not in str(error.value)


def assert_certainty_is_the_logarithm_of_scores(rng, name, model, anatomy):
    # Quiet pictures, so that no score is rounded to nothing.
    pictures = rng.integers(0, 3, (3, *anatomy.rows_frames)).astype(np.float32)
    answer = np.asarray(model(as_input(pictures), training=False), np.float64)
    if name == "one sum":
        wanted = -np.log1p(np.exp(-answer))
    elif name in ("sums", "logarithms"):
        wanted = answer - np.log(np.exp(answer).sum(axis=1, keepdims=True))
    else:
        wanted = np.log(answer)
    (embeddings,) = anatomy.activations([anatomy.embedding], pictures)
    for tensor, values in ((anatomy.picture, as_input(pictures)), (anatomy.embedding.output, embeddings)):
        np.testing.assert_allclose(log_certainty(anatomy, tensor)(values), wanted, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(anatomy.head.probabilities(answer.astype(np.float32)), np.exp(wanted), rtol=1e-3)


@pytest.mark.parametrize("policy", ["mixed_float16", "float32"])
def test_certainty_has_a_gradient_where_scores_are_nothing(policy):
    model = with_policy(policy, lambda: behind_dense(L.Softmax()))
    classes = model.get_layer("classes")
    classes.set_weights([np.zeros((4, 3)), np.array([0.0, 200.0, 0.0])])
    anatomy = read_anatomy(model)
    assert np.asarray(model(np.ones((1, 12, 16, 1), np.float32)))[0, 0] == 0
    found = log_certainty(anatomy, anatomy.embedding.output)(np.zeros((1, 4), np.float32))
    np.testing.assert_allclose(found[0], [-200, 0, -200], rtol=1e-3)


def test_a_layer_that_works_twice_is_tapped_where_it_works(rng):
    model = WORKING["shared layer"]()
    anatomy, conv = read_anatomy(model), model.get_layer("conv")
    pictures = rng.uniform(0, 255, (3, 12, 16)).astype(np.float32)
    once = conv(as_input(pictures))
    found = anatomy.activations(anatomy.of_kind("convolution"), pictures)
    assert [stage.name for stage in anatomy.of_kind("convolution")] == ["conv", "conv (layer 2)"]
    for one, other in zip(found, (once, conv(once)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_members_of_one_name_are_tapped_apart(rng):
    model = WORKING["ensemble of equal names"]()
    pictures = rng.uniform(0, 255, (3, 12, 16)).astype(np.float32)
    anatomy = read_anatomy(model)
    found = anatomy.activations(anatomy.of_kind("convolution"), pictures)
    assert [stage.name for stage in anatomy.of_kind("convolution")] == ["conv", "conv (layer 2)"]
    for activation, member in zip(found, ("one", "two"), strict=True):
        np.testing.assert_allclose(activation, model.get_layer(member)(as_input(pictures)), rtol=1e-4, atol=1e-3)


def test_a_network_is_the_same_after_it_was_read():
    model = WORKING["nested twice"]()
    outer = model.get_layer("outer")
    conv = outer.get_layer("inner").get_layer("conv")
    before = [(len(layer._inbound_nodes), layer.name) for layer in (*model.layers, *outer.layers, conv)]
    anatomy = read_anatomy(model)
    anatomy.activations(anatomy.taps(), np.zeros((1, 12, 16)))
    assert [(len(layer._inbound_nodes), layer.name) for layer in (*model.layers, *outer.layers, conv)] == before


def test_only_what_the_answer_needs_is_a_stage():
    for place, wanted in (("first", ["first"]), ("second", ["first", "second"])):
        anatomy = read_anatomy(WORKING[f"{place} of two outputs inside"]())
        assert [stage.name for stage in anatomy.of_kind("convolution")] == wanted


def test_a_tap_that_gives_no_numbers_is_named():
    model = WORKING["chain"]()
    model.get_layer("vector").set_weights([np.full((12, 4), np.nan), np.zeros(4)])
    anatomy = read_anatomy(model)
    with pytest.raises(ConfigError, match=r"vector \(layer 6\): expected finite activations"):
        read_backwards(anatomy).pictures(np.ones((2, 12, 16), np.float32))


@pytest.mark.parametrize("shape", [(3, 12, 15), (12, 16), (2, 12, 16, 1)])
def test_pictures_of_another_size_are_refused(shape):
    anatomy = read_anatomy(WORKING["chain"]())
    with pytest.raises(ConfigError, match=r"model sequential.*: expected pictures \(n, 12, 16\), got \("):
        anatomy.activations(anatomy.taps(), np.zeros(shape))


def test_no_pictures_give_no_activations():
    anatomy = read_anatomy(WORKING["chain"]())
    found = anatomy.activations(anatomy.taps(), np.zeros((0, 12, 16)))
    assert [value.shape for value in found] == [(0, *tap.shape) for tap in anatomy.taps()]


def test_half_precision_sends_back_what_single_precision_does(rng):
    """A deep chain whose gradient alone would be too large for half precision."""
    single, half = chain(), with_policy("mixed_float16", chain)
    single.set_weights([3 * value for value in single.get_weights()])
    half.set_weights(single.get_weights())
    pictures = rng.uniform(0, 255, (2, 12, 16)).astype(np.float32)
    wanted, found = (
        transposed_pass(anatomy, anatomy.taps()[:2], pictures) for anatomy in map(read_anatomy, (single, half))
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.02 * np.abs(other).max())


@pytest.mark.parametrize("places", [[0, 3], [-1]])
def test_classes_that_a_network_does_not_have_are_refused(places):
    anatomy = read_anatomy(WORKING["chain"]())
    within = EmbeddingRange.of(np.zeros((3, 4)), np.arange(3), 3)
    decoders = build_decoders(anatomy.taps(), anatomy.rows_frames)
    for search in (
        lambda: optimised_noise(anatomy, np.array(places)),
        lambda: searched_answers(anatomy, decoders, np.array(places), within),
        lambda: stamped_answers(anatomy, read_chain(anatomy), np.array(places)),
    ):
        with pytest.raises(ConfigError, match=f"expected places of classes from 0 to 2, got {places[-1]}"):
            search()


def test_decoders_of_some_taps_are_used_where_they_are(rng):
    anatomy = read_anatomy(WORKING["chain"]())
    first = anatomy.taps()[0]
    pictures = rng.uniform(0, 255, (2, 12, 16)).astype(np.float32)
    some = build_decoders([first], anatomy.rows_frames)
    found = read_backwards(anatomy, some).pictures(pictures)
    assert [name for name, ways in found.items() if "decoder" in ways] == [first.name]
    within = EmbeddingRange.of(np.zeros((3, 4)), np.arange(3), 3)
    with pytest.raises(ConfigError, match=f"expected a decoder of vector, got those of {first.name}"):
        searched_answers(anatomy, some, np.array([0]), within)
    other = read_anatomy(WORKING["shared layer"]())
    with pytest.raises(ConfigError, match="decoders: expected those of functional.* taps, got one of conv"):
        read_backwards(other, some)


def test_no_embeddings_lie_nowhere():
    with pytest.raises(ConfigError, match="expected embeddings to tell where they lie, got none"):
        EmbeddingRange.of(np.zeros((0, 4)), np.zeros(0, int), 3)


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (ops.round, "Round round"),
        (lambda value: ops.cast(ops.argmax(value, axis=-1, keepdims=True), "float32"), "Argmax argmax"),
    ],
)
def test_a_layer_that_no_gradient_passes_is_named(rng, change, title):
    anatomy = read_anatomy(over(change))
    with pytest.raises(Obstacle, match=rf"^{title}.* \(layer 3\) stands in the way: no gradient passes it$"):
        optimised_noise(anatomy, np.array([0]))
    found = read_backwards(anatomy).pictures(rng.uniform(0, 255, (2, 12, 16)).astype(np.float32))
    assert found["vector"]["transposed"].max() == 0
    assert next(iter(found.values()))["transposed"].max() == pytest.approx(255)


def test_weights_that_are_not_plain_stand_in_the_way(rng):
    backwards = read_backwards(read_anatomy(WORKING["whole weights"]()))
    assert re.search(r"Dense vector \(layer 6\) stands in the way", backwards.skipped["weights"])
    found = backwards.pictures(rng.uniform(0, 255, (2, 12, 16)).astype(np.float32))
    assert [name for name, ways in found.items() if "weights" not in ways] == ["vector", "classes"]


def test_a_setting_that_is_wrong_is_no_layer_in_the_way(monkeypatch):
    """What a method cannot pass is left out; what is wrong is said."""
    anatomy = read_anatomy(WORKING["chain"]())
    assert not issubclass(Obstacle, ConfigError)

    def wrong(*_):
        raise ConfigError("a setting")

    monkeypatch.setattr(reconstruction, "stamp_back", wrong)
    with pytest.raises(ConfigError, match="a setting"):
        read_backwards(anatomy).pictures(np.zeros((1, 12, 16), np.float32))
