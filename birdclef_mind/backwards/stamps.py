"""From a layer's activation back to a picture by the weights alone.

A stamp: a filter's patch is what its weights say it looks for; it is stamped, times its activation, at every place
of the activation map (Nussbaum, "Reading the Robot Mind", 2023). Pooling counts as a coarser grid: patches are composed
as if it were not there, and the finished canvas is resized to the picture.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage
from birdclef_mind.backwards.graph import Step, Tensor
from birdclef_mind.backwards.layer_kinds import IDLE, POOLINGS, has_plain_kernel
from birdclef_mind.errors import Obstacle

_PASSING = (*IDLE, layers.Rescaling, layers.Normalization, layers.Activation, layers.ReLU, layers.InputLayer)


@dataclass(frozen=True)
class Grid:
    """Patches of a map's channels, and how the map lies on a canvas.

    Attributes
    ----------
    patches : (height, width, channels), float64.
    stride : canvas pixels from one place of the map to the next, (rows, frames).
    origin : where the picture begins on the canvas. size : how much of the canvas the picture covers.
    """

    patches: Array
    stride: tuple[int, int]
    origin: tuple[int, int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Chain:
    """The plain chain of a network, as far as it goes.

    Attributes
    ----------
    grids : a grid for each tensor that is a map, as far as the chain goes.
    back : for each tensor behind the maps the dense kernels and the shape of the map that lead there.
    obstacle : the first layer that is no part of a plain chain, in a sentence; "" when there is none.
    """

    grids: dict[Tensor, Grid]
    back: dict[Tensor, tuple[tuple[Array, ...], tuple[int, ...], Grid]]
    obstacle: str


def read_chain(anatomy: Anatomy, *, clip: bool = True) -> Chain:
    """Compose patches along the network until a layer stands in the way.

    Ungrouped convolutions with any stride, dilation, padding and channels, poolings, batch normalisation (its gain is
    folded into the patches), activations, rescaling, dropout, flatten, global average pooling and dense layers make a
    plain chain.

    Parameters
    ----------
    clip : set what is below zero in patches deeper than the first layer's to zero, as the notebook does.
    """
    rows, frames = anatomy.rows_frames
    grids = {anatomy.picture: Grid(np.ones((1, 1, 1)), (1, 1), (0, 0), (rows, frames))}
    back: dict[Tensor, tuple[tuple[Array, ...], tuple[int, ...], Grid]] = {}
    for step in anatomy.steps:
        if len(step.inputs) != 1 or len(step.outputs) != 1:
            return Chain(grids, back, f"{step.title} stands in the way")
        source = step.inputs[0]
        if source in grids and (grid := _next_grid(step, grids[source], clip)) is not None:
            grids[step.output] = grid
        elif source in grids and isinstance(step.layer, layers.Flatten | layers.GlobalAveragePooling2D):
            shape = _shape(source)
            kernels: tuple[Array, ...] = () if isinstance(step.layer, layers.Flatten) else (_spreading(shape),)
            back[step.output] = (kernels, shape, grids[source])
        elif source in back and (has_plain_kernel(step.layer) or isinstance(step.layer, _PASSING)):
            kernels, shape, grid = back[source]
            own = (_kernel(step.layer),) if has_plain_kernel(step.layer) else ()
            back[step.output] = ((*kernels, *own), shape, grid)
        else:
            return Chain(grids, back, f"{step.title} stands in the way")
    return Chain(grids, back, "")


def filter_patches(anatomy: Anatomy, chain: Chain) -> dict[str, Array]:
    """Patches (height, width, filters) of every convolution that the chain reaches, by its name."""
    outputs = {step.place: step.output for step in anatomy.steps}
    stages = anatomy.of_kind("convolution")
    reached = [stage for stage in stages if outputs[stage.place] in chain.grids]
    return {stage.name: chain.grids[outputs[stage.place]].patches for stage in reached}


def stamp(activation: Array, patches: Array, stride: tuple[int, int] = (1, 1)) -> Array:
    """Sum over places and filters of patch times activation: a transposed convolution.

    Parameters
    ----------
    activation : (n, h, w, filters). patches : (height, width, filters).

    Returns
    -------
    (n, (h - 1) · stride + height, (w - 1) · stride + width), in the activation's precision.
    """
    count, h, w, _ = activation.shape
    height, width, _ = patches.shape
    shape = (count, (h - 1) * stride[0] + height, (w - 1) * stride[1] + width, 1)
    kernel = np.asarray(patches, activation.dtype)[:, :, None, :]
    return tf.nn.conv2d_transpose(activation, kernel, shape, (1, *stride, 1), "VALID").numpy()[..., 0]


def stamp_back(chain: Chain, stage: Stage, activation: Array, rows_frames: tuple[int, int]) -> Array:
    """Turn a stage's activation (n, *shape) into raw pictures (n, rows, frames) by the weights alone.

    Behind the maps, dense kernels lead back to the last map; what falls below zero on the way is clipped, since no
    rectified layer holds it. Obstacle names the layer that stands in the way.
    """
    tensor = stage.output
    if tensor in chain.grids:
        grid = chain.grids[tensor]
    elif tensor in chain.back:
        kernels, shape, grid = chain.back[tensor]
        for kernel in reversed(kernels):
            activation = np.maximum(activation @ kernel.T.astype(activation.dtype), 0)
        activation = unflatten(activation, shape)
    else:
        raise Obstacle(f"weights only, {stage.name}: {chain.obstacle}")
    canvas = stamp(activation, grid.patches, grid.stride)
    framed = _frame(canvas, grid.origin, grid.size)
    if framed.shape[1:] == rows_frames:
        return framed
    return tf.image.resize(framed[..., None], rows_frames).numpy()[..., 0]


def unflatten(values: Array, shape: tuple[int, ...]) -> Array:
    """Undo Keras' Flatten exactly: values (n, h · w · c) to (n, h, w, c)."""
    return values.reshape(len(values), *shape)


def _next_grid(step: Step, grid: Grid, clip: bool) -> Grid | None:
    layer = step.layer
    if type(layer) is layers.Conv2D and layer.groups == 1:
        return _convolved(step, grid, clip)
    if isinstance(layer, POOLINGS):
        size = tuple(max(1, size // hop) for size, hop in zip(grid.size, layer.strides, strict=True))
        return Grid(grid.patches, grid.stride, grid.origin, (size[0], size[1]))
    if isinstance(layer, layers.BatchNormalization):
        gain = np.asarray(layer.gamma, np.float64) if layer.scale else 1.0
        gain = gain / np.sqrt(np.asarray(layer.moving_variance, np.float64) + layer.epsilon)
        return Grid(grid.patches * gain, grid.stride, grid.origin, grid.size)
    return grid if isinstance(layer, _PASSING) else None


def _convolved(step: Step, grid: Grid, clip: bool) -> Grid:
    layer, kernel = step.layer, _kernel(step.layer).astype(np.float64)
    pitch = [rate * hop for rate, hop in zip(layer.dilation_rate, grid.stride, strict=True)]
    height, width, _ = grid.patches.shape
    side_rows, side_frames = kernel.shape[:2]
    shape = (height + (side_rows - 1) * pitch[0], width + (side_frames - 1) * pitch[1], kernel.shape[3])
    patches = np.zeros(shape)
    for row, frame in np.ndindex(side_rows, side_frames):
        top, left = row * pitch[0], frame * pitch[1]
        patches[top : top + height, left : left + width] += grid.patches @ kernel[row, frame]
    is_first = height == width == 1
    if clip and not is_first:
        patches = np.maximum(patches, 0)
    sizes = _shape(step.inputs[0])
    pads = [_padding(layer, axis, sizes[axis]) for axis in (0, 1)]
    origin = tuple(grid.origin[axis] + pads[axis] * grid.stride[axis] for axis in (0, 1))
    stride = tuple(grid.stride[axis] * layer.strides[axis] for axis in (0, 1))
    return Grid(patches, (stride[0], stride[1]), (origin[0], origin[1]), grid.size)


def _kernel(layer: Any) -> Array:
    """A layer's kernel, float32 in whatever precision it works."""
    return tf.cast(layer.kernel, tf.float32).numpy()


def _shape(tensor: Tensor) -> tuple[int, ...]:
    """Of a map, without the batch."""
    return tuple(int(size or 0) for size in tensor.shape[1:])


def _padding(layer: Any, axis: int, size: int) -> int:
    """Zeros before the first row or frame, by TensorFlow's rule."""
    if layer.padding == "valid":
        return 0
    reach = 1 + (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis]
    total = (math.ceil(size / layer.strides[axis]) - 1) * layer.strides[axis] + reach - size
    return max(0, total) // 2


def _spreading(shape: tuple[int, ...]) -> Array:
    """Kernel (h · w · c, c) of global average pooling: each channel is spread evenly over its places."""
    places = shape[0] * shape[1]
    return np.tile(np.eye(shape[2], dtype=np.float32) / places, (places, 1))


def _frame(canvas: Array, origin: tuple[int, int], size: tuple[int, int]) -> Array:
    """Cut the picture out of the canvas; where the canvas ends before the picture there is nothing."""
    framed = np.zeros((len(canvas), *size), canvas.dtype)
    part = canvas[:, origin[0] : origin[0] + size[0], origin[1] : origin[1] + size[1]]
    framed[:, : part.shape[1], : part.shape[2]] = part
    return framed
