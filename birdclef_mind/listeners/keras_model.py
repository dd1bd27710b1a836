"""A model that Keras saved, loaded without running any code that stands in it; taps are its layers, by name."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import keras

from birdclef_mind.arrays import Array
from birdclef_mind.checks import some_of
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.outputs import require_input

# Classes that hold code, or read other files.
_CODE = {"Lambda", "__lambda__", "function", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}


class KerasModel:
    """A `.keras` or `.h5` file that runs; `wanted` names layers or outputs.

    ListenerError for a file that holds code, or cannot be loaded here, another input, and a layer that it lacks.
    """

    def __init__(self, path: Path, wanted: Sequence[str], window_samples: int) -> None:
        _require_no_code(path)
        try:
            self._model = keras.saving.load_model(path, compile=False, safe_mode=True)
            outputs = dict(zip(self._model.output_names, self._model.outputs, strict=True))
            inputs = [tuple(one.shape) for one in self._model.inputs]
        except Exception as error:  # A reader of layers fails in as many ways as there are layers.
            raise _unreadable(path, "a model that Keras loads here", error) from error
        require_input(path, inputs, window_samples)
        layers = {layer.name: layer for layer in self._model.layers}
        for name in wanted:
            if name not in layers and name not in outputs:
                raise ListenerError(f"{path}: expected a layer called {name}, got {some_of(list(layers))}")
        self._tensors = {name: layers[name].output for name in wanted if name not in outputs} | outputs
        self._parts: dict[tuple[str, ...], keras.Model] = {}

    @property
    def names(self) -> Sequence[str]:
        """What it gives, layers inside first."""
        return list(self._tensors)

    def run(self, samples: Array, names: Sequence[str]) -> Mapping[str, Array]:
        """What it gives for samples (windows, samples), by name, (windows, …)."""
        key = tuple(names)
        if key not in self._parts:
            self._parts[key] = keras.Model(self._model.inputs[0], [self._tensors[name] for name in names])
        values = keras.tree.flatten(self._parts[key](samples, training=False))
        return {name: keras.ops.convert_to_numpy(value) for name, value in zip(names, values, strict=True)}

    def reader(self, tap: str) -> Callable[[Any], Any]:
        """From samples (windows, samples), a tensor, to what stands at a layer or output of that name."""
        part = keras.Model(self._model.inputs[0], self._tensors[tap])
        return lambda samples: part(samples, training=False)


def _require_no_code(path: Path) -> None:
    """Refuse what would run code when it is loaded; Keras itself looks for it in newer versions only."""
    try:
        facts = json.loads(_config(path))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, "a .keras or .h5 file with a whole model", error) from error
    for part in _parts(facts):
        module, kind = part.get("module") or "keras", part.get("class_name")
        if kind in _CODE or str(module).partition(".")[0] not in ("keras", "builtins", "birdclef_mind"):
            raise ListenerError(
                f"{path}: expected layers that Keras has itself, got {module}.{kind}, which may be code"
            )


def _config(path: Path) -> str | bytes:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read("config.json")
    with h5py.File(path) as file:
        text: str | bytes = file.attrs["model_config"]
        return text


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Everything in a configuration that says its class."""
    if isinstance(value, Mapping):
        if "class_name" in value:
            yield value
        for below in value.values():
            yield from _parts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _parts(below)


def _unreadable(path: Path, expected: str, error: Exception) -> ListenerError:
    return ListenerError(
        f"{path}: expected {expected}, got {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    )
