"""BirdNET v2.4 as a Keras network, rebuilt from the user's own TFLite file: every number is read from there.

The file's operators are walked in their order, and each becomes a layer. What the file calls differently, or has more
or less of, is refused by name.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet_layers import MelPicture, OneRange, Scaled, SignedMel
from birdclef_mind.listeners.tflite_file import Graph, Operator, read_graph

# Where one may listen in, by name: how the file calls the tensor, and its shape; the file does not fix time (-1).
TAPS = {
    "pictures": ("model/concatenate/", (-1, 96, -1, 2)),
    "stem": ("model/POOL_0_CONV/", (-1, 48, -1, 24)),
    "stage_1": ("model/BLOCK_1-3_ADD/", (-1, 24, -1, 36)),
    "stage_2": ("model/BLOCK_2-4_ADD/", (-1, 12, -1, 72)),
    "stage_3": ("model/BLOCK_3-5_ADD/", (-1, 6, -1, 108)),
    "stage_4": ("model/BLOCK_4-4_ADD/", (-1, 3, -1, 192)),
    "moments": ("model/POST_ACT_1/", (-1, 1, -1, 1024)),
    "embedding": ("model/GLOBAL_AVG_POOL/", (-1, 1024)),
}
RATE_HZ, WINDOW_SAMPLES = 48_000, 144_000
# How often the network has each step that computes; others only bring shapes about.
_STEPS = {
    "RFFT2D": 2, "POW": 2, "CONV_2D": 61, "DEPTHWISE_CONV_2D": 16, "LOGISTIC": 58, "MEAN": 14, "FULLY_CONNECTED": 3,
    "PAD": 4, "AVERAGE_POOL_2D": 1, "MAX_POOL_2D": 1,
}  # fmt: skip
_OF_SHAPES = {"SHAPE", "STRIDED_SLICE", "PACK"}
_PADDING = {0: "same", 1: "valid"}
_ACTIVATION = {0: None, 1: "relu"}


@dataclass(frozen=True)
class Twin:
    """A network from samples (n, samples) to logits (n, species).

    Attributes
    ----------
    taps : tensors in it by name. hop_samples : from frame to frame of its first picture.
    """

    model: keras.Model
    taps: Mapping[str, Any]
    hop_samples: int


def read_twin(path: Path, untrained_seed: int | None = None) -> Twin:
    """Rebuild the network of a TFLite file of BirdNET v2.4; ListenerError says in what another file differs.

    With a seed it is untrained: the same ears and shapes, but after the pictures the numbers of every kernel stand in
    random order, so that they keep their spread and say nothing.
    """
    graph = read_graph(path)
    chance = None if untrained_seed is None else np.random.default_rng(untrained_seed)
    try:
        places = require_birdnet(graph)
        return _Rebuilding(graph, places, chance).twin()
    except ListenerError as error:
        raise ListenerError(f"{path}: expected BirdNET v2.4, found a model that differs: {error}") from error


def require_birdnet(graph: Graph) -> dict[str, int]:
    """The place of every tap among a graph's tensors; ListenerError for a graph that is not BirdNET v2.4's."""
    shapes = [graph.tensors[place].shape for place in graph.inputs]
    if [shape[-1:] for shape in shapes] != [(WINDOW_SAMPLES,)]:
        raise ListenerError(f"its input is {shapes}, not windows of {WINDOW_SAMPLES} samples")
    counts = Counter(operator.kind for operator in graph.operators)
    for kind, count in _STEPS.items():
        if counts[kind] != count:
            raise ListenerError(f"it has {counts[kind]} steps of kind {kind}, not {count}")
    return {name: _place_of(graph, name) for name in TAPS}


def _place_of(graph: Graph, tap: str) -> int:
    """Where a tap is among the tensors that are computed."""
    beginning, shape = TAPS[tap]
    for operator in graph.operators:
        for place in operator.outputs:
            if graph.tensors[place].name.startswith(beginning) and len(graph.tensors[place].shape) == len(shape):
                found = graph.tensors[place].shape
                if found != shape:
                    raise ListenerError(f"its {tap} have the shape {found}, not {shape}")
                return place
    raise ListenerError(f"nothing in it is called {beginning}…")


class _Rebuilding:
    """Tensors of a file that have become tensors of the network, by place."""

    def __init__(self, graph: Graph, places: Mapping[str, int], chance: np.random.Generator | None) -> None:
        self._graph, self._places, self._chance = graph, places, chance
        self._made: dict[int, Any] = {}
        self._hows: list[MelPicture] = []
        self._names: Counter[str] = Counter()

    def twin(self) -> Twin:
        samples = keras.Input((WINDOW_SAMPLES,), name="samples")
        pictures = self._places["pictures"]
        self._made[pictures] = self._pictures(samples, pictures)
        operators = self._graph.operators
        begin = next(number for number, one in enumerate(operators) if pictures in one.outputs)
        for operator in operators[begin + 1 :]:
            if operator.kind not in _OF_SHAPES:
                self._made[operator.outputs[0]] = self._step(operator)
        logits = self._made[self._graph.outputs[0]]
        taps = {name: self._made[place] for name, place in self._places.items()}
        return Twin(keras.Model(samples, logits, name="birdnet"), taps, self._hows[0].hop_samples)

    def _pictures(self, samples: Any, place: int) -> Any:
        """Both pictures of a window, side by side as channels."""
        halves = self._maker(place, "CONCATENATION").inputs
        self._hows = [self._picture(half) for half in halves]
        ranged = OneRange(self._range(), name="one_range")(samples)
        own = [SignedMel(how, name=f"picture_{number}")(ranged) for number, how in enumerate(self._hows, start=1)]
        return keras.layers.Concatenate(name="pictures")(own)

    def _range(self) -> list[float]:
        """What the file adds to a window's spread, takes away, and multiplies with."""
        first = self._graph.users_of(self._graph.inputs[0])
        if [one.kind for one in first] != ["REDUCE_MIN", "SUB"]:
            raise ListenerError(f"it begins with {', '.join(one.kind for one in first)}, not with REDUCE_MIN, SUB")
        found, place = [], first[1].outputs[0]
        place = next(one for one in self._graph.users_of(place) if one.kind == "REDUCE_MAX").outputs[0]
        for kind in ("ADD", "DIV", "SUB", "MUL"):
            operator = self._graph.users_of(place)[0]
            if operator.kind != kind:
                raise ListenerError(f"its samples go through {operator.kind} where {kind} is expected")
            found += [float(value) for value in map(self._constant_or_none, operator.inputs) if value is not None]
            place = operator.outputs[0]
        if len(found) != 3:
            raise ListenerError(f"its range has {len(found)} constants, not 3")
        return found

    def _picture(self, place: int) -> MelPicture:
        """Walk back from a picture to its window, spectrum and bands."""
        power = self._back(place, "EXPAND_DIMS", "TRANSPOSE", "REVERSE_V2", "POW")
        bands = self._back(power.inputs[0], "MUL", "RESHAPE", "FULLY_CONNECTED")
        cut = self._back(bands.inputs[0], "RESHAPE", "CAST", "SQUEEZE", "RFFT2D", "EXPAND_DIMS", "MUL")
        pieces = self._back(cut.inputs[0], "RESHAPE", "GATHER")
        every = self._back(pieces.inputs[1], "ADD", "RESHAPE", "MUL")
        # Frames are put together from pieces of a length that divides both the window and the hop.
        piece_samples = self._graph.tensors[pieces.inputs[0]].shape[-1]
        return MelPicture(
            window=self._constant(cut.inputs[1]),
            hop_samples=piece_samples * int(self._constant(every.inputs[1])),
            mel=self._constant(bands.inputs[1]),
            exponent=float(self._constant(power.inputs[1])),
        )

    def _back(self, place: int, *kinds: str) -> Operator:
        """Go back from a tensor through operators of these kinds, by their first inputs; the last of them."""
        for kind in kinds:
            operator = self._maker(place, kind)
            place = operator.inputs[0]
        return operator

    def _maker(self, place: int, kind: str) -> Operator:
        operator = self._graph.maker_of(place)
        if operator is None or operator.kind != kind:
            found = operator.kind if operator else "nothing"
            raise ListenerError(f"{self._graph.tensors[place].name} comes from {found}, not from {kind}")
        return operator

    def _constant_or_none(self, place: int) -> Array | None:
        return self._graph.tensors[place].value if place >= 0 else None

    def _constant(self, place: int) -> Array:
        value = self._constant_or_none(place)
        if value is None:
            raise ListenerError(f"{self._graph.tensors[place].name} is computed, not a constant")
        return value

    def _kernel(self, place: int) -> Array:
        """A kernel, its numbers in random order where the twin is to be untrained."""
        value = self._constant(place)
        return value if self._chance is None else self._chance.permutation(value.ravel()).reshape(value.shape)

    def _step(self, operator: Operator) -> Any:
        """One operator as a layer, applied to what was made of its inputs."""
        steps = {
            "CONV_2D": self._convolution, "DEPTHWISE_CONV_2D": self._depthwise, "FULLY_CONNECTED": self._dense,
            "MUL": self._product, "ADD": self._sum, "LOGISTIC": self._sigmoid, "MEAN": self._mean,
            "RESHAPE": self._reshape, "PAD": self._pad, "CONCATENATION": self._join,
            "AVERAGE_POOL_2D": self._pool, "MAX_POOL_2D": self._pool,
        }  # fmt: skip
        if operator.kind not in steps:
            raise ListenerError(f"it has a step of kind {operator.kind} after its pictures")
        return steps[operator.kind](operator, self._name(operator))

    def _name(self, operator: Operator) -> str:
        """A name for a layer, after the part of the file's name that tells what it belongs to."""
        parts = self._graph.tensors[operator.outputs[0]].name.split(";")[0].split("/")
        # TensorFlow allows fewer signs in a name than the format does.
        name = re.sub(r"[^\w.>-]", "_", parts[1] if len(parts) > 1 else parts[0], flags=re.ASCII)
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name]}"

    def _given(self, place: int) -> Any:
        if place not in self._made:
            raise ListenerError(f"{self._graph.tensors[place].name} is used before it is made")
        return self._made[place]

    def _activation(self, operator: Operator) -> str | None:
        number = operator.options.get("fusedActivationFunction", 0)
        if number not in _ACTIVATION:
            raise ListenerError(f"{self._graph.tensors[operator.outputs[0]].name} ends in activation {number}")
        return _ACTIVATION[number]

    def _convolution(self, operator: Operator, name: str) -> Any:
        given, kernel, bias = operator.inputs
        weights = self._kernel(kernel).transpose(1, 2, 3, 0)
        layer = keras.layers.Conv2D(
            weights.shape[-1], weights.shape[:2], activation=self._activation(operator), name=name, **_steps(operator)
        )
        return _filled(layer, self._given(given), [weights, self._constant(bias)])

    def _depthwise(self, operator: Operator, name: str) -> Any:
        given, kernel, bias = operator.inputs
        weights = self._kernel(kernel).transpose(1, 2, 3, 0)
        layer = keras.layers.DepthwiseConv2D(
            weights.shape[:2], activation=self._activation(operator), name=name, **_steps(operator)
        )
        return _filled(layer, self._given(given), [weights, self._constant(bias)])

    def _dense(self, operator: Operator, name: str) -> Any:
        given, kernel, bias = operator.inputs
        weights = self._kernel(kernel).T
        layer = keras.layers.Dense(weights.shape[-1], activation=self._activation(operator), name=name)
        return _filled(layer, self._given(given), [weights, self._constant(bias)])

    def _product(self, operator: Operator, name: str) -> Any:
        one, other = operator.inputs
        gain = self._constant_or_none(other)
        if gain is not None:
            return Scaled(gain, np.zeros_like(gain), name=name)(self._given(one))
        gate = self._graph.maker_of(other)
        if gate is not None and gate.kind == "LOGISTIC" and gate.inputs[0] == one:
            return keras.layers.Activation("silu", name=name)(self._given(one))
        return keras.layers.Multiply(name=name)([self._given(one), self._given(other)])

    def _sum(self, operator: Operator, name: str) -> Any:
        one, other = operator.inputs
        level, activation = self._constant_or_none(other), self._activation(operator)
        if level is None:
            total = keras.layers.Add(name=name)([self._given(one), self._given(other)])
        else:
            total = Scaled(np.ones_like(level), level, name=name)(self._given(one))
        return keras.layers.Activation(activation, name=f"{name}_{activation}")(total) if activation else total

    def _sigmoid(self, operator: Operator, name: str) -> Any:
        return keras.layers.Activation("sigmoid", name=name)(self._given(operator.inputs[0]))

    def _mean(self, operator: Operator, name: str) -> Any:
        axes = tuple(int(axis) for axis in np.atleast_1d(self._constant(operator.inputs[1])))
        if axes != (1, 2):
            raise ListenerError(f"{name} is a mean over axes {axes}, not over height and width")
        return keras.layers.GlobalAveragePooling2D(name=name)(self._given(operator.inputs[0]))

    def _reshape(self, operator: Operator, name: str) -> Any:
        shape = self._graph.tensors[operator.outputs[0]].shape[1:]
        return keras.layers.Reshape(shape, name=name)(self._given(operator.inputs[0]))

    def _pad(self, operator: Operator, name: str) -> Any:
        widths = [tuple(map(int, pair)) for pair in self._constant(operator.inputs[1])]
        return keras.layers.ZeroPadding2D(tuple(widths[1:3]), name=name)(self._given(operator.inputs[0]))

    def _join(self, operator: Operator, name: str) -> Any:
        return keras.layers.Concatenate(name=name)([self._given(place) for place in operator.inputs])

    def _pool(self, operator: Operator, name: str) -> Any:
        kind = keras.layers.MaxPooling2D if operator.kind == "MAX_POOL_2D" else keras.layers.AveragePooling2D
        size = (operator.options["filterHeight"], operator.options["filterWidth"])
        return kind(size, name=name, **_steps(operator))(self._given(operator.inputs[0]))


def _steps(operator: Operator) -> dict[str, Any]:
    """Strides and padding as a layer takes them."""
    options = operator.options
    return {"strides": (options["strideH"], options["strideW"]), "padding": _PADDING[options["padding"]]}


def _filled(layer: keras.layers.Layer, given: Any, weights: list[Array]) -> Any:
    """What a layer makes of a tensor, with weights from the file."""
    made = layer(given)
    layer.set_weights(weights)
    return made
