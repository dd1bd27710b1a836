"""Models of kind onnx, with the names that a port of Perch has, where onnxruntime is installed; and where it is not."""

import sys

import numpy as np
import pytest

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.onnx_model import OnnxModel
from birdclef_mind.listeners.open_listener import open_listener

WINDOW, WIDTH, CLASSES = 160, 6, 4


def weights():
    rng = np.random.default_rng(2)
    return rng.normal(size=(WINDOW, WIDTH)).astype(np.float32), rng.normal(size=(WIDTH, CLASSES)).astype(np.float32)


def write(folder, batch="batch", given=("inputs",), kind=1, **said):
    """`model.onnx`: an embedding, and logits called `label`; then its description."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    make, up_and_head = onnx.helper, weights()
    nodes = [
        make.make_node("Cast", ["inputs"], ["wave"], to=1),
        make.make_node("MatMul", ["wave", "up"], ["mixed"]),
        make.make_node("Relu", ["mixed"], ["embedding"]),
        make.make_node("MatMul", ["embedding", "head"], ["label"]),
    ]
    shape = (WINDOW,) if batch == "bare" else (batch, WINDOW)
    inputs = [make.make_tensor_value_info(name, kind, shape) for name in given]
    sizes = {"embedding": WIDTH, "label": CLASSES}
    outputs = [make.make_tensor_value_info(name, 1, (*shape[:-1], size)) for name, size in sizes.items()]
    constants = [
        onnx.numpy_helper.from_array(value, name) for name, value in zip(("up", "head"), up_and_head, strict=True)
    ]
    graph = make.make_graph(nodes, "ears", inputs, outputs, constants)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    return described(folder, **said)


def described(folder, **said):
    (folder / "labels.csv").write_text("a\nb\nc\nd\n")
    facts = {"kind": "onnx", "model": "model.onnx", "labels": "labels.csv", "rate_hz": 320, "window_s": 0.5}
    facts |= {"embedding": "embedding", **said}
    (folder / "listener.toml").write_text("\n".join(f"{name} = {value!r}" for name, value in facts.items()))
    return folder


@pytest.fixture
def sounds(rng):
    return rng.normal(size=(3, WINDOW)).astype(np.float32)


@pytest.mark.parametrize("batch", ["batch", 1, "bare"])
def test_it_hears_as_defined(tmp_path, sounds, batch):
    listener = open_listener(write(tmp_path, batch))
    assert (listener.kind, dict(listener.taps)) == ("onnx", {"embedding": (WIDTH,)})
    heard = listener.hear(sounds, ["embedding"])
    up, head = weights()
    embedding = np.maximum(sounds @ up, 0)
    np.testing.assert_allclose(heard.activations["embedding"], embedding, atol=1e-4)
    np.testing.assert_allclose(heard.logits, embedding @ head, atol=1e-4)


def test_another_input_is_refused(tmp_path):
    write(tmp_path)
    with pytest.raises(ListenerError, match=r"expected one input of windows of 161 samples, got \(None, 160\)"):
        OnnxModel(tmp_path / "model.onnx", 161)
    write(tmp_path, given=("inputs", "more"))
    with pytest.raises(
        ListenerError, match=r"expected one input of windows of 160 samples, got \(None, 160\), \(None, 16"
    ):
        OnnxModel(tmp_path / "model.onnx", 160)
    write(tmp_path, kind=11)
    with pytest.raises(ListenerError, match=r"expected an input of float32, got tensor\(double\)"):
        OnnxModel(tmp_path / "model.onnx", 160)


def test_an_output_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ListenerError, match="expected an output called moments, got embedding$"):
        open_listener(write(tmp_path, embedding="moments"))


def test_what_is_no_model_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ListenerError, match=r"model\.onnx: expected an ONNX model that runs here, got"):
        open_listener(described(tmp_path))


def test_it_says_what_has_to_be_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ListenerError, match=r"`pip install 'birdclef_mind\[onnx\]'` brings it"):
        open_listener(described(tmp_path))
