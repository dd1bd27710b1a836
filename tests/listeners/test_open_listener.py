"""A path to a listener: what is known opens, and all else is told what to do."""

import numpy as np
import pytest
import tensorflow as tf

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.open_listener import open_listener, untrained


@pytest.mark.parametrize(("name", "kind"), [("x.onnx", "onnx"), ("x.keras", "keras"), ("x.h5", "keras")])
def test_a_file_that_says_too_little_has_to_be_described(tmp_path, name, kind):
    (tmp_path / name).touch()
    lines = (
        rf'such a file is of these lines:\nkind = "{kind}"\nmodel = "{name}"\nlabels = "labels.csv"\nrate_hz = 32000'
    )
    with pytest.raises(ListenerError, match=f"expected a TOML file that describes it, got the model alone; {lines}"):
        open_listener(tmp_path / name)


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(
        ListenerError, match="expected a model, a bundle, or a TOML file that describes one, found nothing"
    ):
        open_listener(tmp_path / "none")


def test_what_is_there_instead_is_said(tmp_path):
    (tmp_path / "a.txt").touch()
    expected = "expected a folder with bundle.json, saved_model.pb or listener.toml, found a folder with a.txt"
    with pytest.raises(ListenerError, match=expected):
        open_listener(tmp_path)
    with pytest.raises(ListenerError, match="expected a TOML file, a TFLite file of BirdNET, or a folder with"):
        open_listener(tmp_path / "a.txt")


def test_a_description_may_be_of_birdnet(fake_birdnet, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'kind = "birdnet"\nmodel = "{fake_birdnet}/model.tflite"\n')
    assert open_listener(path).digest == open_listener(fake_birdnet / "model.tflite").digest


def test_a_description_may_be_of_a_bundle(little, tmp_path):
    path = tmp_path / "listener.toml"
    path.write_text(f'kind = "bundle"\nmodel = "{little.bundle}"\n')
    assert open_listener(tmp_path).species == open_listener(little.bundle).species


def test_gradients_flow_to_the_taps_of_a_keras_listener_at_its_own_peak(tmp_path, rng):
    from small_listener import write_listener

    listener = open_listener(write_listener(tmp_path / "ears", taps=["maps"], peak=0.25))
    samples = rng.normal(size=(2, listener.window_samples)).astype(np.float32)
    for tap in ("maps", "embedding"):
        read, given = listener.reader(tap), tf.Variable(samples)
        with tf.GradientTape() as tape:
            found = read(given)
        np.testing.assert_allclose(found, listener.activations(samples, [tap])[tap], rtol=1e-4, atol=1e-5)
        assert np.abs(tape.gradient(found, given)).max() > 0


@pytest.mark.parametrize("are", ["logits", "chances"])
def test_gradients_flow_to_the_logits_whatever_a_keras_listener_gives(are, tmp_path, rng):
    from small_listener import write_listener

    ears = {"are": "chances", "activation": "sigmoid"} if are == "chances" else {}
    listener = open_listener(write_listener(tmp_path / "ears", **ears))
    samples = rng.normal(size=(2, listener.window_samples)).astype(np.float32)
    given = tf.Variable(samples)
    with tf.GradientTape() as tape:
        found = listener.logits_reader()(given)
    np.testing.assert_allclose(found, listener.hear(samples).logits, rtol=1e-4, atol=1e-5)
    assert np.abs(tape.gradient(found, given)).max() > 0


def test_a_bundle_has_no_gradients_and_only_birdnet_an_untrained_twin(little, fake_birdnet, tmp_path, rng):
    bundle = open_listener(little.bundle)
    assert bundle.reader("embedding") is None and bundle.logits_reader() is None
    assert untrained(bundle, little.bundle, 1) is None
    path = tmp_path / "listener.toml"
    path.write_text(f'kind = "birdnet"\nmodel = "{fake_birdnet / "model.tflite"}"\n')
    windows = rng.normal(size=(1, 144_000)).astype(np.float32)
    for given in (fake_birdnet / "model.tflite", path, tmp_path):
        own = open_listener(given)
        twin = untrained(own, given, 1)
        assert (twin.name, twin.species) == (f"untrained {own.name}", own.species) and twin.digest != own.digest
        one, other = (ears.activations(windows, ["pictures", "stage_1"]) for ears in (own, twin))
        np.testing.assert_array_equal(one["pictures"], other["pictures"])
        assert np.abs(one["stage_1"] - other["stage_1"]).max() > 0
