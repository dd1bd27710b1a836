"""A Keras model laid flat: every layer at work in order, those of nested models included, and a walk along them.

The model's graph is read and never added to: layers are called with values only. So a layer may work at several places,
and layers of nested models may share a name, which a new `keras.Model` of their tensors would refuse.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from birdclef_mind.backwards.layer_kinds import is_layer
from birdclef_mind.errors import BirdclefMindError, ConfigError


@dataclass(frozen=True, eq=False)
class Tensor:
    """What one step gives and others read; equal to itself alone. `shape` begins with None, the batch."""

    shape: tuple[int | None, ...]
    dtype: Any


@dataclass(frozen=True, eq=False)
class Given:
    """A tensor in the place of an argument; a nested model reads it in the precision of its own input."""

    tensor: Tensor
    dtype: Any = None

    def of(self, values: dict[Tensor, Any]) -> Any:
        """Its value."""
        value = values[self.tensor]
        return value if self.dtype in (None, value.dtype) else tf.cast(value, self.dtype)


@dataclass(frozen=True, eq=False)
class Step:
    """One layer at work: its place in the flat network, the picture being 0, what it is called with and what it gives.

    Attributes
    ----------
    arguments : (positional, by name), nested as the layer was called, with a `Given` wherever a tensor stands.
    """

    place: int
    layer: Any
    arguments: Any
    outputs: tuple[Tensor, ...]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors it reads."""
        return tuple(leaf.tensor for leaf in keras.tree.flatten(self.arguments) if isinstance(leaf, Given))

    @property
    def output(self) -> Tensor:
        """What it gives, or the first of it."""
        return self.outputs[0]

    @property
    def title(self) -> str:
        """What a message calls it."""
        return f"{type(self.layer).__name__} {self.layer.name} (layer {self.place})"

    def run(self, values: dict[Tensor, Any]) -> list[Any]:
        """Work as the network does when it answers, not as when it learns."""
        args, options = keras.tree.map_structure(
            lambda leaf: leaf.of(values) if isinstance(leaf, Given) else leaf, self.arguments
        )
        if is_layer(self.layer):
            options = {**options, "training": False}
        return list(keras.tree.flatten(self.layer(*args, **options)))


@dataclass(frozen=True)
class Flat:
    """A network laid flat: its steps in order, from the picture to the answer."""

    picture: Tensor
    answer: Tensor
    steps: tuple[Step, ...]

    def between(self, start: Tensor, wanted: Sequence[Tensor]) -> tuple[Step, ...] | None:
        """The steps from one tensor to others, in order; None when they also take the picture by another way."""
        needed, found = set(wanted) - {start}, []
        for step in reversed(self.steps):
            if needed.intersection(step.outputs):
                found.append(step)
                needed = needed.difference(step.outputs).union(step.inputs) - {start}
        return None if needed else tuple(reversed(found))

    def walk(self, start: Tensor, wanted: Sequence[Tensor]) -> Callable[[Any], list[Any]]:
        """A function from values of one tensor to those of others, float32.

        ConfigError when one of these also takes the picture by another way.
        """
        steps = self.between(start, wanted)
        if steps is None:
            raise ConfigError("expected a tensor that all others come from, got one beside the picture")

        def run(value: Any) -> list[Any]:
            values = {start: tf.cast(value, start.dtype)}
            for step in steps:
                values.update(zip(step.outputs, step.run(values), strict=True))
            return [tf.cast(values[tensor], tf.float32) for tensor in wanted]

        return run

    def by_output(self) -> dict[Tensor, Step]:
        """The step that gives each tensor."""
        return {tensor: step for step in self.steps for tensor in step.outputs}


def lay_flat(model: keras.Model) -> Flat:
    """Read a model's graph and run it once on a black picture; ConfigError for one that is no graph, or does not run.

    Steps that the answer does not need are left out.
    """
    graph = _graph(model)
    if graph is None:
        raise ConfigError(f"model {model.name}: expected a Sequential or functional model, {_what_came(model)}")
    shape, dtype = _picture(model, graph)
    picture = Tensor((None, *shape), dtype)
    laying = _Laying(model.name, {picture: tf.zeros((1, *shape), dtype)})
    (answer,) = laying.along(graph, [picture])
    needed = Flat(picture, answer, tuple(laying.steps)).between(picture, [answer]) or ()
    return Flat(picture, answer, tuple(replace(step, place=place) for place, step in enumerate(needed, start=1)))


def _graph(model: Any) -> Any:
    """The graph that runs when a model is called; None for one with a `call` of its own."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    written = getattr(type(model).call, "__module__", "").partition(".")[0] == "keras"
    return graph if written and hasattr(graph, "_nodes_by_depth") else None


def _what_came(model: Any) -> str:
    if isinstance(model, keras.Sequential):
        return "got a Sequential that does not begin with a keras.Input"
    with_graph = " with a `call` of its own" if hasattr(model, "_nodes_by_depth") else ""
    return f"got {type(model).__name__}{with_graph}"


def _picture(model: Any, graph: Any) -> tuple[tuple[int, int, int], tf.DType]:
    """Shape (rows, frames, 1) and precision of the picture that a model reads."""
    expected = f"model {model.name}: expected one input of shape (rows, frames, 1)"
    if len(graph.inputs) != 1:
        names = ", ".join(str(tensor.name) for tensor in graph.inputs)
        raise ConfigError(f"{expected}, got {len(graph.inputs)}: {names}")
    shape = tuple(graph.inputs[0].shape)
    if len(shape) != 4 or shape[3] != 1 or None in shape[1:]:
        raise ConfigError(f"{expected}, got {shape[1:]}")
    if len(graph.outputs) != 1:
        raise ConfigError(
            f"model {model.name}: expected one output, the scores of the classes, got {len(graph.outputs)}"
        )
    dtype = tf.as_dtype(graph.inputs[0].dtype)
    # Whole numbers have no gradient; layers take 0–255 in fractions just as well.
    return (int(shape[1]), int(shape[2]), 1), dtype if dtype.is_floating else tf.float32


class _Laying:
    """Steps found so far, and what they make of a black picture."""

    def __init__(self, name: str, values: dict[Tensor, Any]) -> None:
        self.name, self.values = name, values
        self.steps: list[Step] = []

    def along(self, graph: Any, given: Sequence[Tensor]) -> list[Tensor]:
        """Lay a graph that is given some tensors, and return those that it gives."""
        known = {
            id(own): Given(tensor, self._entry(own, tensor)) for own, tensor in zip(graph.inputs, given, strict=True)
        }
        for node in _nodes(graph):
            arguments = self._arguments(node, known)
            inner = _graph(node.operation) if _is_model(node.operation) else None
            entries = None if inner is None else _entries(inner, arguments)
            outputs = self._step(node.operation, arguments) if entries is None else self.along(inner, entries)
            known.update({id(own): Given(tensor) for own, tensor in zip(node.outputs, outputs, strict=True)})
        return [known[id(own)].tensor for own in graph.outputs]

    def _entry(self, own: Any, tensor: Tensor) -> Any:
        """The precision that a graph reads a tensor in, where that is another one."""
        both_floating = tf.as_dtype(own.dtype).is_floating and tensor.dtype.is_floating
        return tf.as_dtype(own.dtype) if both_floating else None

    def _arguments(self, node: Any, known: dict[int, Given]) -> Any:
        def of(leaf: Any) -> Any:
            if not isinstance(leaf, keras.KerasTensor):
                return leaf
            if id(leaf) not in known:
                raise ConfigError(f"model {self.name}: {node.operation.name} reads a tensor that nothing gives")
            return known[id(leaf)]

        args, options = node.arguments.args, dict(node.arguments.kwargs)
        return keras.tree.map_structure(of, (args, options))

    def _step(self, layer: Any, arguments: Any) -> list[Tensor]:
        step = Step(len(self.steps) + 1, layer, arguments, ())
        if getattr(layer, "data_format", None) == "channels_first":
            raise ConfigError(f"model {self.name}: expected channels last, got channels first in {step.title}")
        try:
            values = step.run(self.values)
        except BirdclefMindError:
            raise
        except Exception as error:
            # A layer is anybody's code, so anything can come out of it.
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise ConfigError(f"model {self.name}: {step.title} does not run on a black picture: {reason}") from error
        outputs = [
            Tensor((None, *map(int, value.shape[1:])), value.dtype) for value in map(tf.convert_to_tensor, values)
        ]
        self.values.update(zip(outputs, values, strict=True))
        self.steps.append(replace(step, outputs=tuple(outputs)))
        return outputs


def _is_model(worker: Any) -> bool:
    return isinstance(worker, keras.Sequential) or hasattr(worker, "_nodes_by_depth")


def _nodes(graph: Any) -> Iterator[Any]:
    """The calls of a graph, each behind those whose tensors it reads."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input and node.operation is not None:
                yield node


def _entries(inner: Any, arguments: Any) -> list[Tensor] | None:
    """The tensors that a nested model is called with, in the order of its inputs; None where Keras has to sort them.

    It is then one step.
    """
    args, options = arguments
    given = args[0] if args else options.get("inputs")
    found = [leaf.tensor for leaf in keras.tree.flatten(given) if isinstance(leaf, Given)]
    every = [leaf for leaf in keras.tree.flatten(arguments) if isinstance(leaf, Given)]
    alike = len(found) == len(every) == len(inner.inputs) and all(
        len(tensor.shape) == len(own.shape) for tensor, own in zip(found, inner.inputs, strict=True)
    )
    return found if alike and (len(found) == 1 or _same_structure(given, inner)) else None


def _same_structure(given: Any, inner: Any) -> bool:
    try:
        keras.tree.assert_same_structure(
            keras.tree.lists_to_tuples(given), keras.tree.lists_to_tuples(inner._inputs_struct)
        )
    except (ValueError, TypeError):
        return False
    return True
