"""An ONNX file as a model that runs, through onnxruntime, which is asked for only here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.outputs import require_input

# Errors and nothing less.
_SILENT = 3


class OnnxModel:
    """An ONNX file that runs on processors.

    ListenerError where onnxruntime is not installed, for a file that it does not run, and for another input.
    """

    def __init__(self, path: Path, window_samples: int) -> None:
        runtime = _runtime(path)
        options = runtime.SessionOptions()
        options.log_severity_level = _SILENT
        try:
            self._own = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # It has errors of many kinds, which have no root.
            reason = " ".join(str(error).split())[:300]
            raise ListenerError(f"{path}: expected an ONNX model that runs here, got {reason}") from error
        inputs = self._own.get_inputs()
        # A size that is not fixed has a name, or none.
        shapes = [tuple(size if isinstance(size, int) else None for size in one.shape) for one in inputs]
        require_input(path, shapes, window_samples)
        if inputs[0].type != "tensor(float)":
            raise ListenerError(f"{path}: expected an input of float32, got {inputs[0].type}")
        self._name, self._shape = inputs[0].name, shapes[0]

    @property
    def names(self) -> Sequence[str]:
        """What it gives, in its own order."""
        return [one.name for one in self._own.get_outputs()]

    def run(self, samples: Array, names: Sequence[str]) -> Mapping[str, Array]:
        """What it gives for samples (windows, samples), by name, (windows, …)."""
        given = np.ascontiguousarray(samples, np.float32)
        if len(self._shape) == 2 and self._shape[0] is None:
            values = self._own.run(list(names), {self._name: given})
        elif len(self._shape) == 2:
            each = [self._own.run(list(names), {self._name: window[None]}) for window in given]
            values = [np.concatenate(parts) for parts in zip(*each, strict=True)]
        else:
            each = [self._own.run(list(names), {self._name: window}) for window in given]
            values = [np.stack(parts) for parts in zip(*each, strict=True)]
        return dict(zip(names, values, strict=True))


def _runtime(path: Path) -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise ListenerError(
            f"{path}: expected onnxruntime, which runs models of kind onnx, found it is not installed; "
            "`pip install 'birdclef_mind[onnx]'` brings it"
        ) from error
    return onnxruntime
