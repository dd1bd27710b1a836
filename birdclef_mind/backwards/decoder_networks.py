"""Decoders as networks: one small up-convolution network a tap, from a layer's activation back to the picture.

Dosovitskiy & Brox 2016, "Inverting visual representations with convolutional networks". They work in float32 whatever
precision is set for networks that are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
from keras import layers

from birdclef_mind.arrays import Array

_WIDE, _NARROW = 32, 16
# Maps of a vector's decoder begin this many times smaller than the picture.
_SHRINK = 8
# A convolution of so many times coarser a map tells the places of a picture; maps are enlarged to that first.
_FINEST = 4
# Of the channels whose rows are put elsewhere alike.
_GROUPS = 4
_PRECISION = "float32"


class Tap(Protocol):
    """Where activations come from: a name, and their shape without the batch."""

    @property
    def name(self) -> str:
        """The tap's own."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one activation."""


class RowMeans(layers.Layer):  # type: ignore[misc]
    """Add a level a row; most of a picture is dark, and a decoder need not learn that.

    The levels are 0 until `DecoderTraining` sets them to those of the mean picture; then they are trained too.
    """

    def build(self, shape: Any) -> None:
        """Make the levels."""
        self.levels = self.add_weight(name="levels", shape=(shape[1], 1, 1), initializer="zeros")

    def call(self, values: Any) -> Any:
        """Add them."""
        return values + self.levels


class Normalise(layers.Layer):  # type: ignore[misc]
    """Bring each channel to mean 0 and deviation 1, as `measure` found them; until then nothing is changed."""

    def build(self, shape: Any) -> None:
        """Make room for what is measured."""
        self.mean = self.add_weight(name="mean", shape=(shape[-1],), initializer="zeros", trainable=False)
        self.gain = self.add_weight(name="gain", shape=(shape[-1],), initializer="ones", trainable=False)

    def measure(self, activation: Array, least: float = 1e-3) -> None:
        """Take mean and deviation, at least `least`, from activations (n, ..., channels)."""
        flat = activation.reshape(-1, activation.shape[-1])
        self.mean.assign(flat.mean(axis=0))
        self.gain.assign(1 / np.maximum(flat.std(axis=0), least))

    def call(self, values: Any) -> Any:
        """Normalise activations (n, ..., channels)."""
        return (values - self.mean) * self.gain


class RowsAnew(layers.Layer):  # type: ignore[misc]
    """Put the rows of maps elsewhere, each group of channels by a linear map of its own, which is learned.

    Models from elsewhere hear other bands than a picture shows, and some put the highest first, as BirdNET does, whose
    two pictures have two scales besides: a convolution moves nothing so far. Every second group begins upside down.
    """

    def build(self, shape: Any) -> None:
        """Make the linear maps, (groups, rows, rows)."""
        self.places = self.add_weight(name="places", shape=(_GROUPS, shape[1], shape[1]), initializer="zeros")
        upright = np.eye(shape[1], dtype=np.float32)
        self.places.assign(np.stack([upright, upright[::-1]] * (_GROUPS // 2)))

    def call(self, values: Any) -> Any:
        """Move rows of maps (n, rows, frames, channels)."""
        rows, frames, channels = values.shape[1:]
        apart = keras.ops.reshape(values, (-1, rows, frames, _GROUPS, channels // _GROUPS))
        moved = keras.ops.einsum("nrfgc,gro->nofgc", apart, self.places)
        return keras.ops.reshape(moved, (-1, rows, frames, channels))


@dataclass
class Decoders:
    """A decoder a tap, by the tap's name, and how far they are trained."""

    networks: dict[str, keras.Model]
    best_losses: dict[str, float] = field(default_factory=dict)
    epochs: int = 0

    def pictures(self, name: str, activation: Array, batch_size: int = 64) -> Array:
        """Reconstructions (n, rows, frames), 0–255, of a tap's activation (n, *shape)."""
        network = self.networks[name]
        parts = [
            np.asarray(network(activation[start : start + batch_size], training=False))[..., 0]
            for start in range(0, len(activation), batch_size)
        ]
        return np.clip(np.concatenate(parts), 0, 255)


def build_decoder(
    shape: Sequence[int],
    rows_frames: tuple[int, int],
    name: str,
    activation: str = "relu",
    *,
    whole: bool = False,
    anew: bool = False,
) -> keras.Model:
    """An untrained decoder from an activation of `shape` to a picture (rows, frames, 1).

    With `whole` its map is enlarged to the whole picture, as those were that older programs trained; with `anew` the
    map's rows may belong elsewhere in the picture, see `RowsAnew`.
    """
    rows, frames = rows_frames
    given = keras.Input(tuple(shape), dtype=_PRECISION, name=f"{name}_activation")
    value = Normalise(name=f"{name}_normalise", dtype=_PRECISION)(given)
    if len(shape) == 3:
        height, width = int(shape[0]), int(shape[1])
    else:
        height, width = -(-rows // _SHRINK), -(-frames // _SHRINK)
        value = _unfolded(value, len(shape), height, width, name)
    goal = rows_frames if whole else (_goal(rows, height), _goal(frames, width))
    number = 1
    value = _convolution(_WIDE if height < rows else _NARROW, f"{name}_convolution_{number}", activation)(value)
    if anew and height > 1:
        value = RowsAnew(name=f"{name}_rows_anew", dtype=_PRECISION)(value)
    while (height, width) != goal:
        # Of a whole picture a last row or frame is stretched back that halving has rounded away, of a part some.
        height, width = (
            _enlarged(*one, 1 if whole else one[1] // 10) for one in zip((height, width), goal, strict=True)
        )
        number += 1
        value = layers.Resizing(
            height, width, interpolation="bilinear", name=f"{name}_enlarge_{number}", dtype=_PRECISION
        )(value)
        filters = _WIDE if 2 * height <= rows else _NARROW
        value = _convolution(filters, f"{name}_convolution_{number}", activation)(value)
    value = _unshuffled(value, rows_frames, goal, name)
    value = RowMeans(name=f"{name}_row_means", dtype=_PRECISION)(value)
    return keras.Model(given, layers.Rescaling(255.0, name=f"{name}_levels", dtype=_PRECISION)(value), name=name)


def _goal(whole: int, size: int) -> int:
    """How far a map is enlarged: to a quarter of the picture or, where it is finer, to a third, a half or all of it."""
    parts = [-(-whole // part) for part in range(1, _FINEST + 1)]
    return min((goal for goal in parts if goal >= size), default=whole)


def _enlarged(size: int, goal: int, short: int) -> int:
    """Twice the size; the goal where that is short of it by so much at most."""
    return goal if 2 * size >= goal - short else 2 * size


def _unshuffled(value: Any, rows_frames: tuple[int, int], goal: tuple[int, int], name: str) -> Any:
    """A picture whose places are put beside each other from channels of a coarser map.

    Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional
    neural network". On real birds it redraws better than convolutions of the whole picture, in a seventh of the time.
    """
    (rows, frames), (height, width) = rows_frames, goal
    up, on = -(-rows // height), -(-frames // width)
    value = _convolution(up * on, f"{name}_picture", None, kernel_initializer="zeros")(value)
    value = layers.Reshape((height, width, up, on), name=f"{name}_places", dtype=_PRECISION)(value)
    value = layers.Permute((1, 3, 2, 4), name=f"{name}_side_by_side", dtype=_PRECISION)(value)
    value = layers.Reshape((height * up, width * on, 1), name=f"{name}_whole", dtype=_PRECISION)(value)
    cut = (0, height * up - rows), (0, width * on - frames)
    return layers.Cropping2D(cut, name=f"{name}_cut", dtype=_PRECISION)(value)


def _unfolded(value: Any, rank: int, height: int, width: int, name: str) -> Any:
    """A vector, or what is laid out as one, as a small map."""
    if rank > 1:
        value = layers.Flatten(name=f"{name}_flatten", dtype=_PRECISION)(value)
    unfold = layers.Dense(height * width * _NARROW, activation="leaky_relu", name=f"{name}_unfold", dtype=_PRECISION)
    return layers.Reshape((height, width, _NARROW), name=f"{name}_reshape", dtype=_PRECISION)(unfold(value))


def _convolution(filters: int, name: str, activation: str | None, **options: Any) -> layers.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation=activation, name=name, dtype=_PRECISION, **options)


def build_decoders(
    taps: Sequence[Tap],
    rows_frames: tuple[int, int],
    activation: str = "relu",
    *,
    whole: bool = False,
    anew: bool = False,
) -> Decoders:
    """Untrained decoders for all taps, see `build_decoder`."""
    return Decoders({
        tap.name: build_decoder(tap.shape, rows_frames, f"decoder_{place}", activation, whole=whole, anew=anew)
        for place, tap in enumerate(taps)
    })  # fmt: skip
