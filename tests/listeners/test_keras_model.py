"""Models that Keras saved: taps are layers, and nothing that is code is run."""

import json
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.keras_model import KerasModel
from birdclef_mind.listeners.open_listener import open_listener

WINDOW = 400


def network(*more):
    """From samples (n, 400) to the chances of three species."""
    samples = keras.Input((WINDOW,), name="samples")
    frames = layers.Reshape((10, 40), name="frames")(samples)
    maps = layers.Dense(8, activation="relu", name="maps")(frames)
    value = layers.GlobalAveragePooling1D(name="pooled")(maps)
    for layer in more:
        value = layer(value)
    return keras.Model(samples, layers.Dense(3, activation="softmax", name="classes")(value))


def described(folder, name, **said):
    (folder / "labels.csv").write_text("label,common_name\na,A\nb,B\nc,C\n")
    facts = {"kind": "keras", "model": name, "labels": "labels.csv", "rate_hz": 1000, "window_s": 0.4}
    facts |= {"column": "label", "embedding": "pooled", "are": "chances", "answer": "softmax"}
    (folder / "x.toml").write_text("\n".join(f"{name} = {value!r}" for name, value in {**facts, **said}.items()))
    return folder / "x.toml"


@pytest.fixture
def sounds(rng):
    return rng.normal(size=(3, WINDOW)).astype(np.float32)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore:.*HDF5.*")
def test_it_answers_as_the_network_does(tmp_path, sounds, name):
    own = network()
    own.save(tmp_path / name)
    listener = open_listener(described(tmp_path, name, taps=["maps"]))
    assert dict(listener.taps) == {"maps": (10, 8), "embedding": (8,)}
    assert [one.common_name for one in listener.species] == ["A", "B", "C"]
    chances = own(sounds, training=False).numpy()
    np.testing.assert_allclose(listener.scores(sounds), chances, atol=1e-6)
    heard = listener.hear(sounds, ["embedding", "maps"])
    inside = keras.Model(own.input, [own.get_layer("pooled").output, own.get_layer("maps").output])(sounds)
    for value, expected in zip(heard.activations.values(), inside, strict=True):
        np.testing.assert_allclose(value, expected.numpy(), atol=1e-6)
    # Of a softmax the logits are known but for a constant.
    np.testing.assert_allclose(heard.logits, np.log(chances), atol=1e-4)


def test_a_layer_that_is_missing_is_refused(tmp_path):
    network().save(tmp_path / "model.keras")
    with pytest.raises(
        ListenerError, match="expected a layer called moments, got samples, frames, maps, pooled, classes"
    ):
        open_listener(described(tmp_path, "model.keras", taps=["moments"]))


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore:.*HDF5.*")
def test_code_is_not_run(tmp_path, name):
    network(layers.Lambda(lambda value: 2 * value, name="code")).save(tmp_path / name)
    with pytest.raises(
        ListenerError, match="expected layers that Keras has itself, got keras.layers.Lambda|keras.Lambda"
    ):
        KerasModel(tmp_path / name, (), WINDOW)


def rewritten(path, change):
    """Change the configuration of a saved model."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    facts = json.loads(parts["config.json"])
    change(facts)
    parts["config.json"] = json.dumps(facts).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_other_modules_are_not_imported(tmp_path):
    path = tmp_path / "model.keras"
    network().save(path)

    def change(facts):
        facts["config"]["layers"][2] |= {"module": "subprocess", "class_name": "Popen"}

    rewritten(path, change)
    with pytest.raises(ListenerError, match="expected layers that Keras has itself, got subprocess.Popen"):
        KerasModel(path, (), WINDOW)


def test_a_layer_that_keras_does_not_know_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    network().save(path)
    rewritten(path, lambda facts: facts["config"]["layers"][2].update(class_name="Denser"))
    with pytest.raises(ListenerError, match="expected a model that Keras loads here, got .*Denser"):
        KerasModel(path, (), WINDOW)


def test_another_input_is_refused(tmp_path):
    network().save(tmp_path / "model.keras")
    with pytest.raises(ListenerError, match=r"expected one input of windows of 500 samples, got \(None, 400\)"):
        open_listener(described(tmp_path, "model.keras", window_s=0.5))


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "folder"])
def test_what_is_no_model_is_refused(tmp_path, name):
    (tmp_path / "model.keras").write_bytes(b"PK nothing")
    (tmp_path / "model.h5").write_bytes(b"nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ListenerError, match=r"expected a \.keras or \.h5 file with a whole model, got"):
        open_listener(described(tmp_path, name))


def test_weights_alone_are_no_model(tmp_path):
    network().save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(ListenerError, match=r"expected a \.keras or \.h5 file with a whole model, got KeyError"):
        open_listener(described(tmp_path, "x.weights.h5"))
