"""A bundle as a listener: it answers as the predictor does, and one may listen in at every layer."""

import keras
import numpy as np
import pytest

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.sound.audio import read_windows
from birdclef_mind.sound.recordings import picture


@pytest.fixture
def windows(little):
    """Whole windows of the recordings, (windows, samples)."""
    features = bundles.load(little.bundle).features
    paths = sorted((little.competition / "train_audio").glob("*/*.ogg"))
    return np.stack([next(iter(read_windows(path, features))).samples for path in paths]), paths


def test_it_answers_as_the_predictor_does(little, windows):
    samples, paths = windows
    bundle, lines = bundles.load(little.bundle), []
    listener = open_listener(little.bundle, say=lines.append)
    assert lines[0].startswith("little_bundle: your own; may be used in a run for a prize")
    pixels = np.concatenate([picture(path, bundle.features).pictures.pixels[:1] for path in paths])
    expected = Predictor(bundle).scores(pixels)
    np.testing.assert_allclose(listener.scores(samples), expected, atol=1e-5)
    assert (listener.kind, listener.answer) == ("bundle", bundle.calibration.answer)
    assert (listener.rate_hz, listener.window_s, listener.hop_s) == (32_000, 5.0, 512 / 32_000)
    assert [one.label for one in listener.species] == list(bundle.classes.names)
    assert [one.common_name for one in listener.species] == list(bundle.common_names.values())


def test_a_constant_is_no_sound(little, windows):
    samples, _ = windows
    listener = open_listener(little.bundle)
    np.testing.assert_allclose(listener.scores(samples + 0.1), listener.scores(samples), atol=1e-3)


def test_its_taps_are_its_layers(little, windows):
    samples, _ = windows
    listener = open_listener(little.bundle)
    assert list(listener.taps) == ["rescaling", "convolution_1", "pooling_1", "flatten", "embedding"]
    heard = listener.hear(samples, tuple(listener.taps))
    for tap, shape in listener.taps.items():
        assert heard.activations[tap].shape == (len(samples), *shape)
    last = bundles.load(little.bundle).model.get_layer("classes")
    answered = keras.ops.convert_to_numpy(last(heard.activations["embedding"]))
    np.testing.assert_allclose(answered, listener.chances(heard.logits), atol=1e-5)


def test_members_answer_with_their_mean(little, windows, tmp_path):
    from dataclasses import replace

    from conftest import put_bundle

    samples, _ = windows
    own = bundles.load(little.bundle)
    other = bundles.load(little.bundle).model
    rng = np.random.default_rng(3)
    other.set_weights([rng.normal(scale=0.1, size=value.shape) for value in other.get_weights()])
    put_bundle(replace(own, others=(other,)), tmp_path / "two")
    single = replace(own, model=other)
    put_bundle(single, tmp_path / "other")
    one, second, both = (open_listener(path) for path in (little.bundle, tmp_path / "other", tmp_path / "two"))
    mean = (one.scores(samples) + second.scores(samples)) / 2
    np.testing.assert_allclose(both.scores(samples), mean, atol=1e-5)
    np.testing.assert_array_equal(
        both.activations(samples, ["embedding"])["embedding"], one.activations(samples, ["embedding"])["embedding"]
    )


def test_a_broken_bundle_is_refused(little, tmp_path):
    (tmp_path / "bundle.json").write_text((little.bundle / "bundle.json").read_text().replace("small", "large"))
    with pytest.raises(ListenerError, match=r"bundle\.json: was changed since it was written"):
        open_listener(tmp_path)
