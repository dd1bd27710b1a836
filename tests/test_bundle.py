import json
import shutil

import numpy as np
import pytest

from birdclef_mind import bundle as bundles
from birdclef_mind.config import PRESETS
from birdclef_mind.errors import BundleError


def test_a_loaded_bundle_gives_the_same_scores(trained, rng):
    folder, report = trained
    loaded = bundles.load(folder)
    pictures = rng.integers(0, 256, (4, 32, 313, 1)).astype("float32")
    np.testing.assert_array_equal(loaded.model(pictures), report.bundle.model(pictures))
    assert loaded.classes == report.bundle.classes
    assert loaded.features == PRESETS["mel32"]
    assert sum(loaded.priors) == pytest.approx(1)
    assert loaded.record["validation_recordings"] == sorted(report.split.validation)


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
    else:
        facts.update(how)
        path.write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("flipped byte", "expected weights_sha256 .* the bundle was changed"),
        ("other file", "expected Keras weights"),
        ("no weights", "missing"),
        ("no json", "expected JSON"),
        ("gone", "expected a bundle folder with bundle.json, found a folder without it"),
        ({"format": 2}, "expected a bundle of format 1"),
        ({"network": "os.system"}, "expected one of classic"),
        ({"classes": []}, "at least one name"),
        ({"classes": ["a"] * 3}, "each once"),
        ({"fingerprint": "0"}, "expected fingerprint"),
        ({"features": {"preset": "mel32", "n_mels": 16}}, "expected fingerprint"),
        ({"classes": ["a", "b"]}, "expected a bundle of this program|expected the weights of this network"),
        ({"values_sha256": "0"}, "expected the weights of this network, got others"),
    ],
)
def test_a_spoilt_bundle_is_refused(trained, tmp_path, how, message):
    folder = shutil.copytree(trained[0], tmp_path / "b")
    spoil(folder, how)
    with pytest.raises(BundleError, match=message):
        bundles.load(folder)
