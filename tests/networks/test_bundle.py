import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import put_bundle

from birdclef_mind.errors import BundleError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.storage.files import sealed


def test_a_loaded_bundle_gives_the_same_scores(trained, rng):
    folder, report = trained
    loaded = bundles.load(folder)
    pictures = rng.integers(0, 256, (4, 32, 313, 1)).astype("float32")
    np.testing.assert_array_equal(loaded.model(pictures), report.bundle.model(pictures))
    assert loaded.classes == report.bundle.classes
    assert loaded.features == PRESETS["mel32"]
    assert sum(loaded.priors) == pytest.approx(1)
    assert loaded.record.validation_recordings == tuple(sorted(report.split.validation))


def test_the_weights_hold_the_network_alone(trained):
    folder, report = trained
    weights = (folder / "model.weights.h5").stat().st_size
    assert weights < 4 * report.bundle.model.count_params() + 100_000


def test_pictures_of_other_features_are_refused(trained):
    loaded = bundles.load(trained[0])
    loaded.require(PRESETS["mel32"].fingerprint(), "here")
    with pytest.raises(BundleError, match="cache x: expected pictures of the bundle's features"):
        loaded.require(PRESETS["mel16"].fingerprint(), "cache x")


def spoil(folder, how):
    path = folder / "bundle.json"
    facts = json.loads(path.read_text())
    weights = folder / "model.weights.h5"
    if how == "flipped byte":
        content = bytearray(weights.read_bytes())
        content[len(content) // 2] ^= 1
        weights.write_bytes(content)
    elif how == "other file":
        weights.write_bytes(b"pickle")
    elif how == "no weights":
        weights.unlink()
    elif how == "no json":
        path.write_text("{")
    elif how == "gone":
        path.unlink()
    elif how == "other values":
        facts["weights"][0]["values_sha256"] = "0"
        path.write_text(json.dumps(sealed(facts)))
    elif how == "other name":
        path.write_text(path.read_text().replace("samwhi1", "samwhj1"))
    else:
        facts.update(how)
        path.write_text(json.dumps(sealed(facts)))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("flipped byte", "expected digest .* the bundle was changed"),
        ("other file", "expected Keras weights"),
        ("no weights", "missing"),
        ("no json", "expected JSON"),
        ("gone", "expected a bundle, a folder with bundle.json, found a folder with confusion.png"),
        ("other name", "bundle.json: was changed since it was written"),
        ({"format": 1}, "expected a bundle of format 3, got 1; train again"),
        ({"network": {"name": "os.system"}}, "expected one of classic"),
        ({"network": "classic"}, "expected a table of settings"),
        ({"weights": []}, "expected a bundle of this program"),
        ({"calibration": {"answer": "softmax", "temperature": 0, "thresholds": []}}, "at temperature 0"),
        ({"classes": []}, "at least one name"),
        ({"classes": ["a"] * 3}, "each once"),
        ({"fingerprint": "0"}, "expected fingerprint"),
        ({"features": {"preset": "mel32", "n_mels": 16}}, "expected fingerprint"),
        ({"classes": ["a", "b"]}, "expected a bundle of this program|expected the weights of this network"),
        ("other values", "expected the weights of this network, got others"),
    ],
)
def test_a_spoilt_bundle_is_refused(trained, tmp_path, how, message):
    folder = shutil.copytree(trained[0], tmp_path / "b")
    spoil(folder, how)
    with pytest.raises(BundleError, match=message):
        bundles.load(folder)


def test_members_are_averaged_and_travel_together(trained, tmp_path, rng):
    bundle = bundles.load(trained[0])
    other = keras.models.clone_model(bundle.model)
    both = replace(bundle, others=(other,))
    put_bundle(both, tmp_path / "b")
    loaded = bundles.load(tmp_path / "b")
    assert len(loaded.members) == 2
    pixels = rng.integers(0, 256, (4, 32, 313), np.uint8)
    alone = [model(pixels[..., None].astype("float32"), training=False).numpy() for model in (bundle.model, other)]
    np.testing.assert_allclose(Predictor(loaded).scores(pixels), np.mean(alone, axis=0), rtol=1e-4, atol=1e-6)
    put_bundle(bundle, tmp_path / "b")
    assert not (tmp_path / "b" / "member_2.weights.h5").exists()


def test_a_spoilt_member_is_refused(trained, tmp_path):
    bundle = bundles.load(trained[0])
    put_bundle(replace(bundle, others=(bundle.model,)), tmp_path / "b")
    (tmp_path / "b" / "member_2.weights.h5").write_bytes(b"pickle")
    with pytest.raises(BundleError, match="member_2.* expected Keras weights"):
        bundles.load(tmp_path / "b")
