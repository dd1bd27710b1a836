import keras
import numpy as np
import pytest

from birdclef_mind.errors import ConfigError
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.applications import load_base
from birdclef_mind.networks.layers import NoiseFloor
from birdclef_mind.networks.settings import Network


def test_classic_has_the_published_parameters():
    network = networks.build(Network(), 32, 313, 9)
    assert network.count_params() == 1_316_009
    counts = [layer.count_params() for layer in network.layers if layer.count_params()]
    assert counts == [160, 2_320, 12_832, 4_624, 2_320, 2_320, 12_832, 1_278_016, 585]


def test_classic_has_its_layers_where_they_were_published():
    kinds = [type(layer).__name__ for layer in networks.build(Network(), 32, 313, 9).layers]
    assert [place for place, kind in enumerate(kinds) if kind == "Conv2D"] == [2, 3, 5, 7, 9, 10, 12]
    assert (kinds[13], kinds[14], kinds[15]) == ("Flatten", "Dense", "Dense")


def test_scores_are_probabilities(rng):
    network = networks.build(Network(), 16, 100, 5)
    scores = network(rng.integers(0, 256, (3, 16, 100, 1)).astype("float32")).numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert (scores >= 0).all()


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("alexnet", 32, "expected one of classic"),
        ("classic", 2, "at least 4"),
        ("resnet", 8, "at least 16 × 16"),
        ("efficientnetb0", 16, "at least 32 × 32"),
    ],
)
def test_what_cannot_be_built_is_refused(name, rows, message):
    with pytest.raises(ConfigError, match=message):
        networks.build(Network(name=name), rows, 313, 9)


@pytest.mark.parametrize("name", ["efficientnetb0", "efficientnetv2b0", "mobilenetv3small", "convnexttiny"])
def test_every_family_of_applications_is_built_and_its_weights_come_back(name, tmp_path, rng):
    network = networks.build(Network(name=name), 32, 64, 3)
    assert network.get_layer("base").count_params() > 900_000
    pictures = rng.integers(0, 256, (2, 32, 64, 1)).astype("float32")
    network.save_weights(tmp_path / "a.weights.h5")
    again = networks.build(Network(name=name), 32, 64, 3)
    again.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(again(pictures), network(pictures), atol=1e-6)


RESNET = Network(name="resnet", answer="sigmoid", noise_floor=True)


@pytest.fixture(scope="module")
def resnet():
    network = networks.build(RESNET, 32, 94, 5)
    # Normalisation that has seen nothing passes everything on; a little training would hide mistakes as well.
    for layer in network.layers:
        if layer.name.endswith("normalisation"):
            layer.moving_mean.assign(np.linspace(-0.1, 0.1, layer.moving_mean.shape[0]))
    network.get_layer("embedding").rate.assign(np.linspace(-1, 1, 32)[:, None])
    return network


@pytest.fixture
def heard(rng):
    return rng.integers(0, 256, (3, 32, 94, 1)).astype("float32")


def test_a_score_does_not_depend_on_the_batch(resnet, heard):
    together = resnet(heard, training=False).numpy()
    alone = np.concatenate([resnet(picture[None], training=False).numpy() for picture in heard])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)
    assert ((together > 0) & (together < 1)).all()


def test_an_answer_is_the_weighted_mean_of_its_moments(resnet, heard):
    """Moments are scored by the same layer, so logits of the whole are their mean, weighted by attention."""
    moments = networks.moments(resnet)(heard, training=False).numpy()
    attention = resnet.get_layer("embedding")
    inner = keras.Model(resnet.inputs[0], resnet.get_layer("moments").output)(heard, training=False)
    weights = attention.weights_over_time(inner).numpy()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert weights.std() > 1e-4
    logits = np.log(moments / (1 - moments))
    whole = (weights * logits).sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-whole)), resnet(heard, training=False), rtol=1e-3, atol=1e-5)


def test_moments_follow_the_song_in_time(resnet, heard):
    """What is moved by as many frames as a moment lasts moves the scores by one moment, away from the ends."""
    moments = networks.moments(resnet)
    long = np.concatenate([heard, heard[:, :, ::-1]], axis=2)[:1]
    wide = networks.build(RESNET, 32, 188, 5)
    wide.set_weights(resnet.get_weights())
    listener = networks.moments(wide)
    step = 16
    first, second = (listener(np.roll(long, turn, axis=2), training=False).numpy()[0] for turn in (0, step))
    assert listener.output_shape[1] == 188 // 16
    assert moments.output_shape[1:] == (94 // 16, 5)
    inside = slice(4, -4)
    np.testing.assert_allclose(second[inside], np.roll(first, 1, axis=0)[inside], atol=0.02)


def test_bands_are_told_apart(resnet):
    """The same song an octave up must be able to give another answer: a mean over the bands could not."""
    pooling = resnet.get_layer("frequency_pooling")
    maps = np.zeros((2, *pooling.input.shape[1:]), "float32")
    maps[0, 0], maps[1, -1] = 1, 1
    np.testing.assert_allclose(pooling(maps)[0], pooling(maps)[1])
    bands = pooling.bands.numpy().copy()
    pooling.bands.assign(bands * np.linspace(1, 2, len(bands))[:, None])
    low, high = pooling(maps).numpy()
    pooling.bands.assign(bands)
    np.testing.assert_allclose(high, 2 * low, rtol=1e-5)


def test_a_steady_noise_is_no_part_of_what_moves(rng):
    song = rng.uniform(0, 1, (1, 8, 20, 1)).astype("float32")
    steady = rng.uniform(0, 1, (1, 8, 1, 1)).astype("float32")
    picture, moving = np.moveaxis(NoiseFloor()(song + steady).numpy(), 3, 0)
    np.testing.assert_allclose(picture, (song + steady)[..., 0], rtol=1e-6)
    np.testing.assert_allclose(moving, (song - song.mean(axis=2, keepdims=True))[..., 0], atol=1e-5)


def test_a_softmax_network_has_no_use_for_a_noise_floor():
    with pytest.raises(ConfigError, match="expected false for the network classic"):
        networks.build(Network(noise_floor=True), 32, 94, 5)


def test_networks_without_moments_say_so():
    assert networks.moments(networks.build(Network(), 16, 40, 3)) is None


@pytest.mark.parametrize("noise_floor", [False, True])
def test_networks_of_keras_take_one_channel(noise_floor):
    network = networks.build(Network(name="mobilenetv3small", answer="sigmoid", noise_floor=noise_floor), 32, 64, 4)
    assert network.input_shape == (None, 32, 64, 1)
    assert network.output_shape == (None, 4)


@pytest.fixture(scope="module")
def mobile():
    return networks.build(Network(name="mobilenetv3small", answer="sigmoid"), 32, 64, 4)


def test_weights_from_a_file_begin_the_maps(mobile, tmp_path):
    file = tmp_path / "base.weights.h5"
    base = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 64, 3), name="base")
    base.save_weights(file)
    load_base(mobile, file)
    for own, given in zip(mobile.get_layer("base").get_weights(), base.get_weights(), strict=True):
        np.testing.assert_array_equal(own, given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "expected Keras weights .*, found nothing"),
        (lambda path: path.write_text("pickle"), "found another kind of file"),
        (lambda path: networks.build(Network(), 16, 40, 3).save_weights(path), "expected weights of mobilenetv3small"),
        (
            lambda path: keras.applications.MobileNetV3Large(
                include_top=False, weights=None, input_shape=(32, 64, 3), name="base"
            ).save_weights(path),
            "expected weights of mobilenetv3small without its top",
        ),
    ],
)
def test_other_weights_are_refused(mobile, tmp_path, make, message):
    path = tmp_path / "w.weights.h5"
    make(path)
    with pytest.raises(ConfigError, match=message):
        load_base(mobile, path)


def test_weights_need_a_network_that_takes_them(resnet, tmp_path):
    with pytest.raises(ConfigError, match=r"expected a network of keras.applications"):
        load_base(resnet, tmp_path / "w.h5")
