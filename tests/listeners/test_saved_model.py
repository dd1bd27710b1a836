"""SavedModels with the names and shapes of Perch, SurfPerch and BirdNET: opened by their folder, heard as defined."""

import numpy as np
import pytest
import tensorflow as tf
from fake_models import (
    BIRDNET_SAMPLES,
    CODES,
    PERCH_SAMPLES,
    SCIENTIFIC,
    birdnet_protobuf,
    perch_v1,
    perch_v2,
    save,
    weights,
    write_list,
)

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.saved_model import SavedModel


def embedded(samples, width):
    """The embedding of a fake, by its definition, (n, width)."""
    up = weights(
        PERCH_SAMPLES // 500 if samples.shape[1] == PERCH_SAMPLES else BIRDNET_SAMPLES // 480, width, 1
    ).numpy()
    return np.maximum(samples.reshape(len(samples), -1, len(up)) @ up, 0).mean(axis=1)


@pytest.fixture
def sounds(rng):
    return rng.normal(scale=0.05, size=(3, PERCH_SAMPLES)).astype(np.float32)


def at_peak(samples):
    return samples * (0.25 / np.abs(samples).max(axis=1, keepdims=True))


@pytest.mark.parametrize("version", [4, 8])
def test_the_first_perch_is_known_by_its_list(tmp_path, sounds, version):
    perch_v1(tmp_path / "perch", version)
    lines = []
    listener = open_listener(tmp_path / "perch", say=lines.append)
    assert lines == ["Perch v1: Apache-2.0; may be used in a run for a prize"]
    assert (listener.kind, listener.rate_hz, listener.window_s, listener.answer) == ("savedmodel", 32_000, 5, "sigmoid")
    assert [one.label for one in listener.species] == CODES
    assert {one.scientific_name for one in listener.species} == {""}
    heard = listener.hear(sounds, ["embedding"])
    expected = embedded(at_peak(sounds), 1280)
    np.testing.assert_allclose(heard.activations["embedding"], expected, atol=1e-5)
    np.testing.assert_allclose(heard.logits, expected @ weights(1280, len(CODES), 2).numpy(), atol=1e-5)
    taps = {"embedding": (1280,)}
    if version == 8:
        taps = {"frontend": (500, 160), "genus": (6,), "family": (5,), "order": (4,), **taps}
    assert dict(listener.taps) == taps


def test_the_second_perch_has_a_picture_and_places(tmp_path, sounds):
    perch_v2(tmp_path / "1")
    listener = open_listener(tmp_path / "1")
    assert listener.name == "Perch v2"
    shapes = {"spectrogram": (500, 128), "spatial_embedding": (16, 4, 1536), "embedding": (1536,)}
    assert dict(listener.taps) == shapes
    assert list(listener.taps) == list(shapes)
    names = [one.scientific_name for one in listener.species]
    assert names == [*SCIENTIFIC, ""]
    assert listener.species[-1].label == "Speech"
    found = listener.activations(sounds, list(shapes))
    assert {tap: value.shape[1:] for tap, value in found.items()} == shapes
    np.testing.assert_allclose(found["embedding"], embedded(at_peak(sounds), 1536), atol=1e-5)


def test_loudness_is_evened_out(tmp_path, sounds):
    perch_v2(tmp_path / "1")
    listener = open_listener(tmp_path / "1")
    np.testing.assert_allclose(listener.scores(sounds), listener.scores(0.01 * sounds), atol=1e-5)


def test_surfperch_is_known_by_where_it_stands(tmp_path):
    perch_v1(tmp_path / "surfperch/tensorflow2/1", 8)
    assert open_listener(tmp_path / "surfperch/tensorflow2/1").name == "SurfPerch"


def test_a_model_of_single_windows_gives_the_same(tmp_path, sounds):
    for name, batch in (("any", None), ("single", 1)):
        perch_v1(tmp_path / name, 8, batch=batch)
    several, single = (open_listener(tmp_path / name).hear(sounds, ["frontend", "order"]) for name in ("any", "single"))
    np.testing.assert_allclose(several.logits, single.logits, atol=1e-6)
    for tap, value in several.activations.items():
        assert value.shape == single.activations[tap].shape
        np.testing.assert_allclose(value, single.activations[tap], atol=1e-6)


def test_birdnets_chances_become_logits(tmp_path, rng):
    birdnet_protobuf(tmp_path / "audio-model")
    lines = []
    listener = open_listener(tmp_path / "audio-model", say=lines.append)
    assert lines[0].startswith("BirdNET v2.4: CC BY-NC-SA 4.0; free for education and research")
    assert [one.scientific_name for one in listener.species] == SCIENTIFIC
    assert listener.species[1].common_name == "Bird 1"
    sounds = rng.normal(scale=0.3, size=(2, BIRDNET_SAMPLES)).astype(np.float32)
    heard = listener.hear(sounds, ["embedding"])
    expected = embedded(sounds, 1024)
    np.testing.assert_allclose(heard.activations["embedding"], expected, atol=1e-5)
    np.testing.assert_allclose(heard.logits, expected @ weights(1024, len(SCIENTIFIC), 2).numpy(), atol=1e-4)


@pytest.mark.parametrize("classes", [[*SCIENTIFIC], [*SCIENTIFIC, "Speech", "Music"]])
def test_a_list_of_another_length_is_refused(tmp_path, classes):
    perch_v2(tmp_path / "1")
    write_list(tmp_path / "1/assets/labels.csv", ["inat2024_fsd50k", *classes])
    got = rf"labels\.csv: expected 6 labels, as many as the model has outputs, got {len(classes)}"
    with pytest.raises(ListenerError, match=got):
        open_listener(tmp_path / "1")


def test_another_model_under_the_same_list_is_refused(tmp_path):
    birdnet_protobuf(tmp_path / "model")
    write_list(tmp_path / "model/assets/label.csv", ["ebird2021", *SCIENTIFIC])
    with pytest.raises(ListenerError, match="expected a signature called infer_tf, got basic, embeddings"):
        open_listener(tmp_path / "model")


def test_an_unknown_model_has_to_be_described(tmp_path):
    birdnet_protobuf(tmp_path / "model")
    (tmp_path / "labels/en_us.txt").unlink()
    with pytest.raises(ListenerError, match=r'describe it in a TOML file beside it:\nkind = "savedmodel"\nmodel = "mo'):
        open_listener(tmp_path / "model")


def test_a_broken_model_is_refused(tmp_path):
    perch_v2(tmp_path / "1")
    path = tmp_path / "1/saved_model.pb"
    path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(ListenerError, match="expected a SavedModel that loads here, got"):
        open_listener(tmp_path / "1")


def test_another_input_is_refused(tmp_path):
    module = tf.Module()
    module.infer_tf = tf.function(lambda x: x, input_signature=[tf.TensorSpec((None, 7, 3), tf.float32)])
    save(module, tmp_path / "1")
    with pytest.raises(ListenerError, match=r"expected one input of windows of 21 samples, got \(None, 7, 3"):
        SavedModel(tmp_path / "1", "infer_tf", 21)


def test_a_model_that_fails_is_refused(tmp_path):
    module = tf.Module()
    module.infer_tf = tf.function(
        lambda x: tf.debugging.check_numerics(x / 0, "no numbers"),
        input_signature=[tf.TensorSpec((None, 7), tf.float32)],
    )
    save(module, tmp_path / "1")
    with pytest.raises(ListenerError, match="expected a SavedModel that runs here, got InvalidArgumentError"):
        SavedModel(tmp_path / "1", "", 7)


def test_a_model_that_does_not_hear_is_refused(tmp_path):
    perch_v2(tmp_path / "1")
    module = tf.Module()
    deaf = tf.function(
        lambda inputs: {"label": tf.ones((tf.shape(inputs)[0], 6)), "embedding": inputs},
        input_signature=[tf.TensorSpec((None, PERCH_SAMPLES), tf.float32, name="inputs")],
    )
    save(module, tmp_path / "1", {"serving_default": deaf})
    with pytest.raises(ListenerError, match="expected scores that follow the sound, got numbers that do not"):
        open_listener(tmp_path / "1")


def test_its_digest_is_that_of_all_files(tmp_path):
    perch_v2(tmp_path / "1")
    first = open_listener(tmp_path / "1").digest
    assert first == open_listener(tmp_path / "1").digest
    write_list(tmp_path / "1/assets/labels.csv", ["inat2024_fsd50k", *SCIENTIFIC, "Music"])
    assert open_listener(tmp_path / "1").digest != first
