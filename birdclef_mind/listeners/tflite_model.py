"""A TFLite file as a model that runs: its outputs, and tensors inside it by the beginning of their names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import some_of
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet_twin import require_birdnet
from birdclef_mind.listeners.interpreter import Interpreter
from birdclef_mind.listeners.outputs import noises, require_input
from birdclef_mind.listeners.tflite_file import Graph, Operator, read_graph

# How far what is read from inside may be from what NumPy makes of it, as a share of the largest value.
_TOLERANCE = 1e-3


class TFLiteModel:
    """A TFLite file that runs; `wanted` names outputs, or inner tensors by the beginning of their names.

    ListenerError for a file that does not run here, another input, and a name that fits none or several.
    """

    def __init__(self, path: Path, wanted: Sequence[str], window_samples: int) -> None:
        graph = read_graph(path)
        called = {place: name for name, place in graph.called.items()}
        outputs = {called.get(place, graph.tensors[place].name): place for place in graph.outputs}
        inner = {name: _inside(graph, name, path) for name in wanted if name not in outputs}
        self._own = Interpreter(path, keep=bool(inner))
        self._require_samples(path, window_samples)
        self._outputs, self._inner = list(outputs), inner
        if inner and is_birdnet(graph):
            require_equations(path, graph, self._own)

    @property
    def names(self) -> Sequence[str]:
        """What it gives, what is inside first."""
        return [*self._inner, *self._outputs]

    def run(self, samples: Array, names: Sequence[str]) -> Mapping[str, Array]:
        """What it gives for samples (windows, samples), by name, (windows, …)."""
        inner = [name for name in names if name in self._inner]
        values = self._own.run(samples, [self._inner[name] for name in inner])
        found = dict(zip([*self._outputs, *inner], values, strict=True))
        return {name: found[name] for name in names}

    def _require_samples(self, path: Path, window_samples: int) -> None:
        shape = [size if size > 1 else None for size in self._own.input_shape]
        require_input(path, [tuple(shape)] * self._own.input_count, window_samples)
        if self._own.input_type is not np.float32:
            raise ListenerError(f"{path}: expected an input of float32, got {self._own.input_type.__name__}")


def require_equations(path: Path, graph: Graph, interpreter: Interpreter) -> None:
    """Raise ListenerError where tensors inside a file, as they are read, do not follow from each other.

    An interpreter that does not keep all tensors gives numbers of others in their place without a word. Means, scales,
    levels and the last layer are done again from the file's own constants.
    """
    steps = [one for one in graph.operators if _can_be_redone(graph, one)]
    places = [place for step in steps for place in (step.inputs[0], step.outputs[0])]
    outputs = len(graph.outputs)
    values = interpreter.run(noises(graph.tensors[graph.inputs[0]].shape[-1])[:1], places)[outputs:]
    for number, step in enumerate(steps):
        given, read = values[2 * number : 2 * number + 2]
        expected = _redone(graph, step, given)
        if read.shape != expected.shape or np.abs(read - expected).max() > _TOLERANCE * np.abs(expected).max():
            name = graph.tensors[step.outputs[0]].name.split(";")[0]
            raise ListenerError(
                f"{path}: expected {name} to be what its operator makes of what it is given, read other numbers"
            )


def is_birdnet(graph: Graph) -> bool:
    """Whether a graph has the steps and names of BirdNET v2.4."""
    try:
        require_birdnet(graph)
    except ListenerError:
        return False
    return True


def _can_be_redone(graph: Graph, step: Operator) -> bool:
    constants = [graph.tensors[place].value if place >= 0 else None for place in step.inputs[1:]]
    if step.kind == "MEAN":
        return True
    floats = [one is not None and one.dtype == np.float32 for one in constants]
    if step.kind == "FULLY_CONNECTED":
        return floats == [True, True]
    # Scales and levels of pictures and maps; of samples and of shapes there are others.
    is_map = len(graph.tensors[step.outputs[0]].shape) == 4
    return step.kind in ("MUL", "ADD") and floats == [True] and is_map


def _redone(graph: Graph, step: Operator, given: Array) -> Array:
    constants = [graph.tensors[place].value for place in step.inputs[1:]]
    first = np.asarray(constants[0])
    if step.kind == "MEAN":
        return np.asarray(given.mean(axis=tuple(map(int, np.atleast_1d(first)))))
    if step.kind == "FULLY_CONNECTED":
        return np.asarray(given @ first.T + constants[1])
    made = given * first if step.kind == "MUL" else given + first
    return np.maximum(made, 0) if step.options.get("fusedActivationFunction") else made


def _inside(graph: Graph, beginning: str, path: Path) -> int:
    """The place of a tensor that is computed and whose name begins so."""
    computed = {place: graph.tensors[place].name for one in graph.operators for place in one.outputs}
    found = {place: name for place, name in computed.items() if name.startswith(beginning)}
    exact = [place for place, name in found.items() if name == beginning]
    if exact or len(found) == 1:
        return (exact or list(found))[0]
    got = some_of([name.split(";")[0] for name in found.values()], 4) or "none"
    raise ListenerError(f"{path}: expected one tensor whose name begins with {beginning}, got {got}")
