"""What a Keras model is made of: its stages in order, their shapes, strides and receptive fields, and where to tap it.

No network is known by name: the graph is walked, nested models included, and layers are told by their kind. A stage is
a convolution, a pooling, a flatten, the embedding (the vector the class layer reads) or the classes. A global pooling
is a stage only where it gives the embedding; a convolution of a map of one place, as in a gate, is none.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.graph import Flat, Step, Tensor, lay_flat
from birdclef_mind.backwards.head import Head, read_head
from birdclef_mind.backwards.layer_kinds import CONVOLUTIONS, GLOBAL_POOLINGS, POOLINGS, is_pointwise, is_sum
from birdclef_mind.errors import ConfigError

# (rows, frames) of the picture from one place to the next, and that one place sees; None for what sees all of it.
Field = tuple[tuple[int, int], tuple[int, int]] | tuple[None, None]


@dataclass(frozen=True)
class Stage:
    """One stage of a network.

    Attributes
    ----------
    place : number of its layer in the flat network, the input being 0. kind : see the module.
    name : its layer's; where another stage has that already, `NAME (layer PLACE)`.
    shape : of its output without the batch.
    scale : of a convolution, how much coarser its map is in rows than the convolution's before; 1 for other kinds.
    stride, receptive_field : (rows, frames) of the picture; None for a stage that sees the whole picture.
    output : its tensor; a convolution's or the embedding's is taken behind normalisation, activation, and the sum that
        it ends in.
    """

    place: int
    name: str
    kind: str
    shape: tuple[int, ...]
    scale: int
    stride: tuple[int, int] | None
    receptive_field: tuple[int, int] | None
    output: Tensor


@dataclass(frozen=True)
class Anatomy:
    """A network, laid flat, and its stages."""

    model: keras.Model
    flat: Flat
    head: Head
    stages: tuple[Stage, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every layer at work, in order."""
        return self.flat.steps

    @property
    def picture(self) -> Tensor:
        """The network's input."""
        return self.flat.picture

    @property
    def rows_frames(self) -> tuple[int, int]:
        """Size of a picture."""
        rows, frames = self.picture.shape[1:3]
        return int(rows or 0), int(frames or 0)

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
        """Where to listen in: convolutions, the embedding, the classes.

        Of convolutions that meet in one sum the one that sees most is taken; where more than `most` are left, the last
        one at each stride.
        """
        meeting: dict[Tensor, Stage] = {}
        for stage in self.of_kind("convolution"):
            if stage.receptive_field is not None:
                other = meeting.get(stage.output)
                if other is None or other.receptive_field is None or other.receptive_field < stage.receptive_field:
                    meeting[stage.output] = stage
        maps = list(meeting.values())
        if len(maps) > most:
            maps = list({stage.stride: stage for stage in maps}.values())
        return (*maps, self.embedding, self.classes)

    def reader(self, taps: Sequence[Stage]) -> Callable[[Any], list[Any]]:
        """A function from pictures (n, rows, frames, 1) to the tensors at the taps, float32, as the network answers."""
        return self.flat.walk(self.picture, [tap.output for tap in taps])

    def activations(self, taps: Sequence[Stage], pictures: Array, batch_size: int = 64) -> list[Array]:
        """What the network makes of pictures (n, rows, frames), 0–255, at each tap: arrays (n, *shape), float32.

        ConfigError for pictures of another size, and for a tap that gives values that are not finite.
        """
        self.require(pictures)
        reader = self.reader(taps)
        parts: list[list[Array]] = [[np.zeros((0, *tap.shape), np.float32)] for tap in taps]
        for start in range(0, len(pictures), batch_size):
            for found, value in zip(parts, reader(as_input(pictures[start : start + batch_size])), strict=True):
                found.append(np.asarray(value))
        activations = [np.concatenate(found) for found in parts]
        for tap, activation in zip(taps, activations, strict=True):
            if not np.isfinite(activation).all():
                raise ConfigError(f"{tap.name} (layer {tap.place}): expected finite activations, got others")
        return activations

    def require(self, pictures: Array) -> None:
        """Raise ConfigError unless pictures are (n, rows, frames) of the network's size."""
        if pictures.shape[1:] != self.rows_frames:
            expected, got = (", ".join(map(str, sizes)) for sizes in (self.rows_frames, pictures.shape))
            raise ConfigError(f"model {self.model.name}: expected pictures (n, {expected}), got ({got})")


def as_input(pictures: Array) -> Array:
    """Pictures (n, rows, frames) as a network reads them: (n, rows, frames, 1), float32."""
    return np.asarray(pictures, np.float32)[..., None]


def read_anatomy(model: keras.Model) -> Anatomy:
    """Lay a model flat and name its stages; ConfigError for one that is no graph, or has no classes."""
    flat = lay_flat(model)
    head = read_head(flat, model.name)
    return Anatomy(model, flat, head, _stages(flat, head))


def _stages(flat: Flat, head: Head) -> tuple[Stage, ...]:
    readers, fields = _readers(flat), _fields(flat)
    stages: dict[str, Stage] = {}
    last_stride = 1
    for step in flat.steps:
        kind = _kind(step, head)
        if kind is None:
            continue
        output = _output(step, kind, flat, readers)
        stride, field = fields[step.output]
        scale = 1
        if kind == "convolution" and stride is not None:
            scale = max(1, stride[0] // last_stride)
            last_stride = stride[0]
        name = str(step.layer.name)
        while name in stages:
            name += f" (layer {step.place})"
        shape = tuple(int(size or 0) for size in output.shape[1:])
        stages[name] = Stage(step.place, name, kind, shape, scale, stride, field, output)
    return tuple(stages.values())


def _readers(flat: Flat) -> dict[Tensor, list[Step]]:
    readers: dict[Tensor, list[Step]] = {}
    for step in flat.steps:
        for tensor in step.inputs:
            readers.setdefault(tensor, []).append(step)
    return readers


def _output(step: Step, kind: str, flat: Flat, readers: dict[Tensor, list[Step]]) -> Tensor:
    """A stage's tensor: behind what changes it value by value, and the sum that a convolution's ends in."""
    if kind == "classes":
        return flat.answer
    output = step.output
    if kind in ("convolution", "embedding"):
        while len(following := readers.get(output, [])) == 1 and _goes_on(following[0]):
            output = following[0].output
    return output


def _goes_on(step: Step) -> bool:
    return is_pointwise(step.layer) or is_sum(step.layer)


def _kind(step: Step, head: Head) -> str | None:
    if step is head.classes:
        return "classes"
    if step is head.embedding:
        return "embedding"
    if isinstance(step.layer, CONVOLUTIONS):
        # A map of one place belongs to a gate beside the main line, such as squeeze and excitation.
        return "convolution" if math.prod(int(size or 0) for size in step.output.shape[1:3]) > 1 else None
    if isinstance(step.layer, POOLINGS):
        return "pooling"
    if isinstance(step.layer, layers.Flatten):
        return "flatten"
    return None


def _fields(flat: Flat) -> dict[Tensor, Field]:
    """(stride, receptive field) of every tensor; behind a layer that enlarges a map they are upper bounds.

    Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks".
    """
    fields: dict[Tensor, Field] = {flat.picture: ((1, 1), (1, 1))}
    for step in flat.steps:
        before = [fields[tensor] for tensor in step.inputs]
        for tensor in step.outputs:
            fields[tensor] = _field(step, tensor, before)
    return fields


def _field(step: Step, output: Tensor, before: Sequence[Field]) -> Field:
    maps = [(stride, field) for stride, field in before if stride is not None and field is not None]
    if not maps or len(output.shape) < 3 or isinstance(step.layer, (layers.Flatten, *GLOBAL_POOLINGS)):
        return None, None
    stride = [max(stride[axis] for stride, _ in maps) for axis in (0, 1)]
    field = [max(field[axis] for _, field in maps) for axis in (0, 1)]
    side, hop, finer = _window(step.layer)
    grown = [field[axis] + (side[axis] - 1) * stride[axis] for axis in (0, 1)]
    stride = [max(1, stride[axis] * hop[axis] // finer[axis]) for axis in (0, 1)]
    return (stride[0], stride[1]), (grown[0], grown[1])


def _window(layer: Any) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Side and stride of the window a layer looks through, and how much finer its map is than what it reads.

    All are (1, 1) for one that looks at single places.
    """
    if isinstance(layer, layers.Conv2DTranspose):
        # Of a kernel laid over places that lie a stride apart, so many places share each value.
        sides = [-(-side // hop) for side, hop in zip(layer.kernel_size, layer.strides, strict=True)]
        return sides, (1, 1), layer.strides
    if isinstance(layer, CONVOLUTIONS):
        sides = [1 + (side - 1) * rate for side, rate in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
        return sides, layer.strides, (1, 1)
    if isinstance(layer, POOLINGS):
        return layer.pool_size, layer.strides, (1, 1)
    if isinstance(layer, layers.UpSampling2D):
        interpolated = 1 if layer.interpolation == "nearest" else 2
        return (interpolated, interpolated), (1, 1), layer.size
    return (1, 1), (1, 1), (1, 1)
