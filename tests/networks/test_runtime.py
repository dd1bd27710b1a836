"""What computes scores: OpenVINO where it is there and agrees, and TensorFlow's graph in every other case."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.predictor import Predictor, averaged
from birdclef_mind.networks.runtime import VARIABLE, fastest


@pytest.fixture(scope="module")
def bundle(trained):
    return bundles.load(trained[0])


@pytest.fixture
def pixels(bundle):
    shape = (7, bundle.features.rows, bundle.features.frames, 1)
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


@pytest.fixture
def any_speed(monkeypatch):
    """How quick anything is, no test asks."""
    monkeypatch.setattr("birdclef_mind.networks.runtime.QUICKER", 0)


def stand_in(monkeypatch, changed=lambda scores: scores, fault=None):
    """A library of that name which gives other scores than it should, or fails."""

    class Core:
        def read_model(self, path):
            assert path.stat().st_size > 1000
            if fault:
                raise fault
            return "model"

        def compile_model(self, model, device, options):
            assert (device, options) == ("CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            return lambda given: [changed(np.full((len(given), 3), 1 / 3))]

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=Core, __version__="1.2.3-abc"))


def test_openvino_answers_as_the_graph_does(bundle, pixels, any_speed, monkeypatch):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.delenv(VARIABLE, raising=False)
    runtime = fastest(bundle.members, bundle.features)
    assert runtime.words.startswith("computed by OpenVINO 20")
    expected = averaged(bundle.members, bundle.features)(pixels).numpy()
    np.testing.assert_allclose(runtime.scores(pixels), expected, atol=1e-4)
    np.testing.assert_allclose(runtime.scores(pixels[:1]), expected[:1], atol=1e-4)
    own = Predictor(bundle, runtime.scores).scores(pixels[..., 0])
    np.testing.assert_allclose(own, expected, atol=1e-4)
    together = fastest([*bundle.members, *bundle.members], bundle.features)
    np.testing.assert_allclose(together.scores(pixels), expected, atol=1e-4)


def test_a_submission_says_what_computed_it(bundle, sample_folder, any_speed, tmp_path, monkeypatch):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    write_submission(bundle, sample_folder, tmp_path / "a.csv")
    monkeypatch.delenv(VARIABLE, raising=False)
    report = write_submission(bundle, sample_folder, tmp_path / "b.csv")
    assert report.notes[0].startswith("computed by OpenVINO")
    assert report.notes[0] in (tmp_path / "b.log").read_text()
    one, other = (
        np.loadtxt(tmp_path / name, delimiter=",", skiprows=1, usecols=(1, 2, 3)) for name in ("a.csv", "b.csv")
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize(
    ("changed", "fault", "words"),
    [
        (lambda scores: scores + 0.5, None, "since OpenVINO's scores are 0."),
        (lambda scores: scores * np.nan, None, "since OpenVINO's scores are nan away"),
        (lambda scores: scores[:, :2], None, "since OpenVINO does not take the network: "),
        (None, RuntimeError("no such operation"), "does not take the network: RuntimeError: no such operation"),
    ],
)
def test_what_differs_or_fails_is_not_taken(bundle, pixels, monkeypatch, changed, fault, words):
    stand_in(monkeypatch, changed, fault)
    runtime = fastest(bundle.members, bundle.features)
    assert runtime.words.startswith("computed by TensorFlow, since") and words in runtime.words
    expected = averaged(bundle.members, bundle.features)(pixels).numpy()
    np.testing.assert_array_equal(np.asarray(runtime.scores(pixels)), expected)


def test_what_is_no_quicker_is_not_taken(bundle, monkeypatch):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("birdclef_mind.networks.runtime.QUICKER", 1e9)
    words = fastest(bundle.members, bundle.features).words
    assert words.startswith("computed by TensorFlow, since OpenVINO is ")
    assert words.endswith(" times as quick here, less than 1000000000.0")


def test_where_it_is_not_wanted_or_not_there_tensorflow_computes(bundle, monkeypatch):
    monkeypatch.setenv(VARIABLE, "tensorflow")
    assert fastest(bundle.members, bundle.features).words == "computed by TensorFlow"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert fastest(bundle.members, bundle.features).words == "computed by TensorFlow"
