"""Any TFLite file by its description, and BirdNET's own, read from inside."""

import numpy as np
import pytest
import tensorflow as tf
from fake_birdnet import NAMES, SAMPLES, spoiled
from fake_models import weights

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet import open_birdnet
from birdclef_mind.listeners.birdnet_twin import TAPS
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.tflite_file import read_graph
from birdclef_mind.listeners.tflite_model import Interpreter, require_equations

RATE_HZ, WINDOW, CLASSES = 1000, 500, 3


class Small(tf.Module):
    """Frames, an embedding and logits; with `bare` the input is one window without a place for several."""

    def __init__(self, bare=False, deaf=False):
        super().__init__()
        self.up, self.head, self.deaf = weights(50, 8, 1), weights(8, CLASSES, 2), deaf
        shape = (WINDOW,) if bare else (None, WINDOW)
        self.hear = tf.function(self.heard, input_signature=[tf.TensorSpec(shape, tf.float32, name="wave")])

    def heard(self, wave):
        frames = tf.reshape(wave, (-1, 10, 50))
        with tf.name_scope("inside"):
            maps = tf.nn.relu(tf.einsum("nfs,sc->nfc", frames, self.up), name="maps")
        embedding = tf.reduce_mean(maps, axis=1)
        logits = embedding @ self.head
        return {"logits": 0 * logits + 1 if self.deaf else logits, "embedding": embedding}


def write(folder, network, **said):
    folder.mkdir(exist_ok=True)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.hear.get_concrete_function()], network)
    (folder / "model.tflite").write_bytes(converter.convert())
    return described(folder, **said)


def described(folder, model="model.tflite", labels="a\nb\nc\n", **said):
    (folder / "labels.csv").write_text(labels)
    facts = {"kind": "tflite", "model": str(model), "labels": "labels.csv", "rate_hz": RATE_HZ, "window_s": 0.5}
    lines = [f"{name} = {value!r}" for name, value in {**facts, **said}.items()]
    (folder / "listener.toml").write_text("\n".join(lines))
    return folder / "listener.toml"


@pytest.fixture
def sounds(rng):
    return rng.normal(size=(3, WINDOW)).astype(np.float32)


def expected(sounds):
    maps = np.maximum(sounds.reshape(len(sounds), 10, 50) @ weights(50, 8, 1).numpy(), 0)
    return maps, maps.mean(axis=1), maps.mean(axis=1) @ weights(8, CLASSES, 2).numpy()


@pytest.mark.parametrize("bare", [False, True])
def test_it_hears_as_defined(tmp_path, sounds, bare):
    lines = []
    path = write(tmp_path, Small(bare), embedding="embedding", licence="MIT", prize="may be used", name="Small ears")
    listener = open_listener(path, say=lines.append)
    assert lines == ["Small ears: MIT; may be used"]
    assert dict(listener.taps) == {"embedding": (8,)}
    heard = listener.hear(sounds, ["embedding"])
    _, embedding, logits = expected(sounds)
    np.testing.assert_allclose(heard.activations["embedding"], embedding, atol=1e-5)
    np.testing.assert_allclose(heard.logits, logits, atol=1e-5)


def test_what_is_inside_is_found_by_the_beginning_of_its_name(tmp_path, sounds):
    path = write(tmp_path, Small(), taps=["inside/maps"], embedding="embedding")
    listener = open_listener(path)
    assert list(listener.taps) == ["inside/maps", "embedding"]
    maps, *_ = expected(sounds)
    found = listener.activations(sounds, ["inside/maps"])["inside/maps"]
    np.testing.assert_allclose(found.reshape(maps.shape), maps, atol=1e-5)


def test_the_licence_of_a_stranger_is_unknown(tmp_path):
    lines = []
    open_listener(write(tmp_path, Small()), say=lines.append)
    assert lines == ["model: unknown; nobody has said whether it may be used in a run for a prize"]


def test_a_name_for_nothing_is_refused(tmp_path):
    with pytest.raises(ListenerError, match="expected one tensor whose name begins with outside, got none"):
        open_listener(write(tmp_path, Small(), taps=["outside"]))


def test_a_name_for_several_is_refused(tmp_path, fake_birdnet):
    path = described(
        tmp_path, fake_birdnet / "model.tflite", "\n".join(NAMES), rate_hz=48_000, window_s=3.0,
        embedding="model/BLOCK_1-1_ACT_1/",
    )  # fmt: skip
    with pytest.raises(ListenerError, match="got model/BLOCK_1-1_ACT_1/Sigmoid, model/BLOCK_1-1_ACT_1/mul"):
        open_listener(path)


def test_another_window_is_refused(tmp_path):
    with pytest.raises(ListenerError, match=r"expected one input of windows of 400 samples, got \(None, 500\)"):
        open_listener(write(tmp_path, Small(), window_s=0.4))


def test_another_number_of_labels_is_refused_with_both(tmp_path):
    path = write(tmp_path, Small(), labels="a\nb\n", embedding="embedding")
    with pytest.raises(ListenerError, match=r"labels\.csv: expected 3 labels, as many as the model has outputs, got 2"):
        open_listener(path)


def test_scores_have_to_be_named_where_several_may_be_meant(tmp_path):
    path = write(tmp_path, Small(), labels="a\nb\n")
    with pytest.raises(ListenerError, match=r'expected one output of 2 scores.* of 3.*say `scores = "…"`'):
        open_listener(path)
    assert list(open_listener(write(tmp_path, Small(), scores="logits")).taps) == ["embedding"]
    with pytest.raises(ListenerError, match=r"expected one tensor whose name begins with nothing"):
        open_listener(write(tmp_path, Small(), scores="nothing"))


def test_a_deaf_model_is_refused(tmp_path):
    with pytest.raises(ListenerError, match="expected scores that follow the sound, got numbers that do not"):
        open_listener(write(tmp_path, Small(deaf=True)))


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ListenerError, match=r"none\.tflite: expected a model, found nothing"):
        open_listener(described(tmp_path, "none.tflite"))


@pytest.fixture
def inside(tmp_path, fake_birdnet):
    """BirdNET's file described as any other, its taps by the beginnings of their names."""
    taps = [beginning for name, (beginning, _) in TAPS.items() if name != "embedding"]
    return described(
        tmp_path, fake_birdnet / "model.tflite", "\n".join(NAMES), rate_hz=48_000, window_s=3.0, taps=taps,
        embedding=TAPS["embedding"][0],
    )  # fmt: skip


def test_birdnets_file_and_its_twin_agree(inside, fake_birdnet, rng):
    sounds = rng.normal(scale=0.1, size=(2, SAMPLES)).astype(np.float32)
    listener, twin = open_listener(inside), open_birdnet(fake_birdnet / "model.tflite")
    heard, own = listener.hear(sounds, tuple(listener.taps)), twin.hear(sounds, tuple(twin.taps))
    assert listener.terms == twin.terms
    np.testing.assert_allclose(heard.logits, own.logits, atol=1e-4)
    for one, other in zip(heard.activations.values(), own.activations.values(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(other).max())


def test_tensors_that_were_not_kept_are_noticed(fake_birdnet):
    """Some interpreters give others' numbers for what they have forgotten."""
    path = fake_birdnet / "model.tflite"
    graph = read_graph(path)
    kept = Interpreter(path, keep=True)
    require_equations(path, graph, kept)

    class Forgetful:
        def run(self, samples, places):
            values = kept.run(samples, places)
            logits, *inner = values
            return [logits, *(np.roll(one, 1, axis=-1) if one.shape[-1] == 1024 else one for one in inner)]

    with pytest.raises(ListenerError, match="expected Partitioned.* to be what its operator makes of what it is given"):
        require_equations(path, graph, Forgetful())


def test_what_is_not_birdnet_is_read_without_its_equations(inside, fake_birdnet, tmp_path):
    path = spoiled(
        fake_birdnet / "model.tflite",
        lambda file: setattr(file.tensor("model/BLOCK_2-4_ADD/"), "name", b"model/other"),
        tmp_path / "other.tflite",
    )
    text = inside.read_text().replace("BLOCK_2-4_ADD/", "other").replace(str(fake_birdnet / "model.tflite"), str(path))
    inside.write_text(text)
    assert open_listener(inside).taps["model/other"] == (12, 32, 72)


def test_scores_that_are_no_scores_are_refused(tmp_path):
    path = write(tmp_path, Small(), scores="inside/maps", embedding="embedding")
    with pytest.raises(
        ListenerError, match=r"expected scores \(windows, labels\) called inside/maps, got inside/maps \(2"
    ):
        open_listener(path)


def test_it_takes_its_own_windows_and_taps(tmp_path, sounds):
    listener = open_listener(write(tmp_path, Small(), embedding="embedding"))
    with pytest.raises(ListenerError, match="expected one of its taps embedding, got moments"):
        listener.hear(sounds, ["moments"])
    with pytest.raises(ListenerError, match=r"expected windows of 500 samples, got an array of \(3, 499\)"):
        listener.hear(sounds[:, 1:])
    none = listener.hear(sounds[:0], ["embedding"])
    assert (none.logits.shape, none.activations["embedding"].shape) == ((0, CLASSES), (0, 8))


def test_another_type_is_refused(tmp_path):
    network = Small()
    spec = tf.TensorSpec((None, WINDOW), tf.int32, name="wave")
    network.hear = tf.function(lambda wave: network.heard(tf.cast(wave, tf.float32)), input_signature=[spec])
    with pytest.raises(ListenerError, match="expected an input of float32, got int32"):
        open_listener(write(tmp_path, network))
