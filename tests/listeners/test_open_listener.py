"""A path to a listener: what is known opens, and all else is told what to do."""

import pytest

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.open_listener import open_listener


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
