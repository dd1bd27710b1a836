"""What a Keras model is made of: its stages in order, their shapes, strides and receptive fields, and where to tap it.

Nothing is hard-coded: the graph is walked, nested models included. A stage is a convolution, a pooling, the flatten or
global pooling that ends the maps, the embedding (the vector the class layer reads) or the classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from birdclef_mind.errors import ConfigError

Array = np.ndarray[Any, Any]

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
GLOBAL_POOLINGS = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# Layers that change values one by one: a convolution is tapped behind them.
POINTWISE = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
)
# Where branches meet: a residual block's convolution is tapped behind the sum, which holds what its shortcut carries.
MEETINGS = (layers.Add,)
# Layers that do nothing when a network answers.
IDLE = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout)


@dataclass(frozen=True)
class Step:
    """One layer at work: its place in the flat network, what it reads and what it gives."""

    place: int
    layer: Any
    inputs: tuple[Any, ...]
    output: Any


@dataclass(frozen=True)
class Stage:
    """One stage of a network.

    Attributes
    ----------
    place : number of its layer in the flat network, the input being 0. name, kind : see the module.
    shape : of its output without the batch. scale : how much coarser its map is than the convolution's before.
    stride, receptive_field : (rows, frames) of the picture; None for a stage that sees the whole picture.
    output : its tensor, behind its normalisation and activation.
    """

    place: int
    name: str
    kind: str
    shape: tuple[int, ...]
    scale: int
    stride: tuple[int, int] | None
    receptive_field: tuple[int, int] | None
    output: Any


@dataclass(frozen=True)
class Anatomy:
    """A network laid flat (`model` shares its weights), its steps and its stages."""

    model: keras.Model
    steps: tuple[Step, ...]
    stages: tuple[Stage, ...]

    @property
    def rows_frames(self) -> tuple[int, int]:
        """Size of a picture."""
        rows, frames = self.model.inputs[0].shape[1:3]
        return int(rows), int(frames)

    def of_kind(self, kind: str) -> tuple[Stage, ...]:
        """The stages of one kind, in order."""
        return tuple(stage for stage in self.stages if stage.kind == kind)

    @property
    def embedding(self) -> Stage:
        """The vector the class layer reads."""
        return self.of_kind("embedding")[0]

    @property
    def classes(self) -> Stage:
        """The network's answer."""
        return self.of_kind("classes")[0]

    def taps(self, most: int = 8) -> tuple[Stage, ...]:
        """Where to listen in: every convolution, or of many the last one at each stride, the embedding, the classes."""
        meeting: dict[int, Stage] = {}
        for stage in self.of_kind("convolution"):
            if stage.receptive_field is not None:
                # Of convolutions that meet in one sum the one that sees most stands for all.
                other = meeting.get(id(stage.output))
                if other is None or other.receptive_field is None or other.receptive_field < stage.receptive_field:
                    meeting[id(stage.output)] = stage
        maps = list(meeting.values())
        if len(maps) > most:
            maps = list({stage.stride: stage for stage in maps}.values())
        return (*maps, self.embedding, self.classes)

    def reader(self, taps: Sequence[Stage]) -> Callable[[Any], list[Any]]:
        """A function from pictures (n, rows, frames, 1) to the tensors at the taps, as the network answers them."""
        network = keras.Model(self.model.inputs[0], [tap.output for tap in taps])
        return lambda pictures: keras.tree.flatten(network(pictures, training=False))

    def activations(self, taps: Sequence[Stage], pictures: Array, batch_size: int = 64) -> list[Array]:
        """What the network makes of pictures (n, rows, frames), 0–255, at each tap: arrays (n, *shape), float32."""
        reader = self.reader(taps)
        parts = [
            [np.asarray(value, np.float32) for value in reader(as_input(pictures[start : start + batch_size]))]
            for start in range(0, len(pictures), batch_size)
        ]
        return [np.concatenate(values) for values in zip(*parts, strict=True)]


def as_input(pictures: Array) -> Array:
    """Pictures (n, rows, frames) as a network reads them: (n, rows, frames, 1), float32."""
    return np.asarray(pictures, np.float32)[..., None]


def read_anatomy(model: keras.Model) -> Anatomy:
    """Lay a model flat and name its stages; ConfigError for one that is no graph, or has no classes."""
    flat, steps = _inline(model)
    readers = _readers(steps)
    fields = _fields(flat, steps)
    head = _head(flat, steps)
    stages: list[Stage] = []
    last_stride = 1
    for step in steps:
        kind = _kind(step, head)
        if kind is None:
            continue
        output = _behind_pointwise(step, readers) if kind in ("convolution", "embedding", "classes") else step.output
        stride, field = fields[id(step.output)]
        scale = 1
        if kind == "convolution" and stride is not None:
            scale = max(1, stride[0] // last_stride)
            last_stride = stride[0]
        shape = tuple(int(size) for size in output.shape[1:])
        stages.append(Stage(step.place, step.layer.name, kind, shape, scale, stride, field, output))
    return Anatomy(flat, steps, tuple(stages))


def _graph(model: Any) -> Any:
    graph = model._functional if isinstance(model, keras.Sequential) else model
    if not hasattr(graph, "_nodes_by_depth"):
        raise ConfigError(f"model {model.name}: expected a Sequential or functional model, got {type(model).__name__}")
    return graph


def _inline(model: keras.Model) -> tuple[keras.Model, tuple[Step, ...]]:
    graph = _graph(model)
    shape = tuple(graph.inputs[0].shape)
    if len(graph.inputs) != 1 or len(shape) != 4 or shape[3] != 1 or None in shape[1:]:
        raise ConfigError(f"model {model.name}: expected one input of shape (rows, frames, 1), got {shape[1:]}")
    picture = keras.Input(shape[1:], name="picture")
    steps: list[Step] = []

    def walk(inner: Any, value: Any) -> Any:
        values = {id(inner.inputs[0]): value}
        for depth in sorted(inner._nodes_by_depth, reverse=True):
            for node in inner._nodes_by_depth[depth]:
                if node.is_input or node.operation is None:
                    continue
                args, options = node.arguments.fill_in(values)
                if isinstance(node.operation, keras.Sequential) or hasattr(node.operation, "_nodes_by_depth"):
                    outputs = [walk(_graph(node.operation), args[0])]
                else:
                    given = node.operation(*args, **options)
                    outputs = list(given) if isinstance(given, list | tuple) else [given]
                    inputs = tuple(keras.tree.flatten(args))
                    steps.append(Step(len(steps) + 1, node.operation, inputs, outputs[0]))
                values.update({id(tensor): output for tensor, output in zip(node.output_tensors, outputs, strict=True)})
        return values[id(inner.outputs[0])]

    answer = walk(graph, picture)
    return keras.Model(picture, answer, name=f"{model.name}_flat"), tuple(steps)


def _readers(steps: Sequence[Step]) -> dict[int, list[Step]]:
    readers: dict[int, list[Step]] = {}
    for step in steps:
        for tensor in step.inputs:
            readers.setdefault(id(tensor), []).append(step)
    return readers


def _behind_pointwise(step: Step, readers: dict[int, list[Step]]) -> Any:
    output, passed = step.output, (*POINTWISE, *IDLE, *MEETINGS)
    while len(following := readers.get(id(output), [])) == 1 and isinstance(following[0].layer, passed):
        output = following[0].output
    return output


def _head(flat: keras.Model, steps: Sequence[Step]) -> tuple[Step, Step]:
    """The class layer, and the step whose output it reads."""
    by_output = {id(step.output): step for step in steps}
    classes = by_output[id(flat.outputs[0])]
    while isinstance(classes.layer, POINTWISE):
        classes = by_output[id(classes.inputs[0])]
    if not isinstance(classes.layer, layers.Dense):
        raise ConfigError(
            f"model {flat.name}: expected a dense layer of classes at the end, "
            f"got {type(classes.layer).__name__} {classes.layer.name}"
        )
    before = by_output.get(id(classes.inputs[0]))
    while before is not None and isinstance(before.layer, (*IDLE, *POINTWISE)):
        before = by_output.get(id(before.inputs[0]))
    if before is None:
        raise ConfigError(f"model {flat.name}: expected a layer before its classes, got none")
    return classes, before


def _kind(step: Step, head: tuple[Step, Step]) -> str | None:
    classes, embedding = head
    if step is classes:
        return "classes"
    if step is embedding:
        return "embedding"
    if isinstance(step.layer, CONVOLUTIONS):
        # A map of one place belongs to a gate beside the main line, such as squeeze and excitation.
        return "convolution" if math.prod(step.output.shape[1:3]) > 1 else None
    if isinstance(step.layer, POOLINGS):
        return "pooling"
    if isinstance(step.layer, layers.Flatten):
        return "flatten"
    return None


def _fields(flat: keras.Model, steps: Sequence[Step]) -> dict[int, tuple[Any, Any]]:
    """(stride, receptive field) of every tensor, each (rows, frames) or None for the whole picture.

    Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks".
    """
    fields: dict[int, tuple[Any, Any]] = {id(flat.inputs[0]): ((1, 1), (1, 1))}
    for step in steps:
        before = [fields[id(tensor)] for tensor in step.inputs if id(tensor) in fields]
        maps = [(stride, field) for stride, field in before if stride is not None]
        if not maps or isinstance(step.layer, (layers.Flatten, layers.Dense, *GLOBAL_POOLINGS)):
            fields[id(step.output)] = (None, None)
            continue
        stride = tuple(max(stride[axis] for stride, _ in maps) for axis in (0, 1))
        field = tuple(max(field[axis] for _, field in maps) for axis in (0, 1))
        side, hop = _window(step.layer)
        grown = tuple(field[axis] + (side[axis] - 1) * stride[axis] for axis in (0, 1))
        fields[id(step.output)] = (tuple(stride[axis] * hop[axis] for axis in (0, 1)), grown)
    return fields


def _window(layer: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """(side, stride) of the window a layer looks through; (1, 1) for one that looks at single places."""
    if isinstance(layer, CONVOLUTIONS):
        sides = [1 + (side - 1) * rate for side, rate in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
        return (sides[0], sides[1]), tuple(layer.strides)
    if isinstance(layer, POOLINGS):
        return tuple(layer.pool_size), tuple(layer.strides)
    return (1, 1), (1, 1)
