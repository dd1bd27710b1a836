"""Models where Kaggle mounts them, in both layouts, by what they hold."""

import shutil

import pytest

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.find_model import find_model
from birdclef_mind.listeners.open_listener import open_listener

LAYOUTS = ("models/google/", "")
PERCH = "bird-vocalization-classifier/tensorflow2/perch_v2_cpu/1"


def mount(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("wanted", ["perch_v2_cpu", "Perch-v2", "bird-vocalization-classifier", ""])
def test_perch_is_found_in_both_layouts(tmp_path, layout, wanted):
    folder = mount(tmp_path / layout / PERCH, "saved_model.pb", "assets/labels.csv", "variables/variables.index")
    mount(tmp_path / "competitions/birdclef-2026/train_audio/abc", "saved_model.pb", "assets/labels.csv")
    assert find_model(tmp_path, wanted) == folder


def test_the_first_perch_is_found(tmp_path):
    folder = mount(tmp_path / "models/google/Perch/TensorFlow2/v1/8", "saved_model.pb", "assets/label.csv")
    assert find_model(tmp_path, "perch") == folder


@pytest.mark.parametrize("labels", ["model_Labels.txt", "labels/en_us.txt"])
def test_birdnet_is_found_with_its_list(tmp_path, fake_birdnet, labels):
    folder = mount(tmp_path / "models/someone/birdnet-analyzer/tflite/fp32-1/3", labels)
    shutil.copy(fake_birdnet / "model_Labels.txt", folder / labels)
    shutil.copy(fake_birdnet / "model.tflite", folder / "BirdNET_Model_FP32.tflite")
    # The model of where and when birds are stands beside it.
    (folder / "BirdNET_MData_Model.tflite").write_bytes(b"\0\0\0\0TFL3")
    found = find_model(tmp_path, "birdnet")
    assert found == folder / "BirdNET_Model_FP32.tflite"
    assert open_listener(found).name == "BirdNET v2.4"


def test_a_description_is_found(tmp_path):
    folder = mount(tmp_path / "datasets/me/perch-onnx", "listener.toml", "model.onnx")
    assert find_model(tmp_path, "perch_onnx") == folder / "listener.toml"


def test_a_whole_name_comes_before_a_part_of_one(tmp_path):
    both = {
        name: mount(tmp_path / name / "1", "saved_model.pb", "assets/labels.csv")
        for name in ("perch_v2", "perch_v2_cpu")
    }
    assert find_model(tmp_path, "perch_v2") == both["perch_v2"]
    with pytest.raises(
        ListenerError, match=r"expected a model called perch, and one only, found perch_v2/1, perch_v2_cpu"
    ):
        find_model(tmp_path, "perch")


def test_errors_list_what_is_mounted(tmp_path):
    with pytest.raises(ListenerError, match="expected a model, found an empty folder"):
        find_model(tmp_path, "")
    mount(tmp_path / "datasets/me/sounds", "a.txt")
    with pytest.raises(ListenerError, match="expected a model called perch, found datasets, datasets/me"):
        find_model(tmp_path, "perch")
    mount(tmp_path / "birdnet/tflite/1", "BirdNET.tflite")
    lonely = "; no list of species stands beside birdnet/tflite/1/BirdNET.tflite"
    with pytest.raises(ListenerError, match=f"expected a model called birdnet, found .*{lonely}"):
        find_model(tmp_path, "birdnet")
    mount(tmp_path / PERCH, "saved_model.pb", "assets/labels.csv")
    with pytest.raises(ListenerError, match=f"expected a model called birdnet, and one only, found {PERCH}"):
        find_model(tmp_path, "birdnet")


def test_what_is_too_deep_is_not_found(tmp_path):
    mount(tmp_path / "1/2/3/4/5/6/7/8", "listener.toml")
    with pytest.raises(ListenerError, match="expected a model, found 1, 1/2"):
        find_model(tmp_path, "")
