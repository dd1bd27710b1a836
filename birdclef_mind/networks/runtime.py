"""What computes a network's scores on processors: OpenVINO, where it agrees and is quicker, else TensorFlow's graph.

OpenVINO fuses layers. It is no part of the requirements, since Kaggle's image has none: its wheel may travel in the
dataset.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from birdclef_mind.arrays import Array
from birdclef_mind.errors import reason_of
from birdclef_mind.networks.predictor import averaged
from birdclef_mind.sound.settings import Features

# With "tensorflow" nothing else is looked for.
VARIABLE, TENSORFLOW = "BIRDCLEF_MIND_RUNTIME", "tensorflow"
# How far scores may be from TensorFlow's.
AGREEMENT = 1e-3
# How many times as quick another way has to be, of a few rounds with so many pictures.
QUICKER = 1.3
_PICTURES, _ROUNDS = 16, 3


@dataclass(frozen=True)
class Runtime:
    """What answers: `scores` from pixels (n, rows, frames, 1), uint8, to (n, classes), and a sentence on what it is."""

    scores: Callable[[Array], Any]
    words: str


def fastest(networks: Sequence[keras.Model], features: Features) -> Runtime:
    """The quickest way to the mean of what the networks answer that agrees with TensorFlow's to `AGREEMENT`.

    Where OpenVINO cannot be had, fails, differs, or is not `QUICKER`, it is TensorFlow's graph, and the sentence says
    why. Both are asked about pictures of noise. As the time is taken anew each time, another run may choose otherwise
    where both are about as quick, and its scores differ by rounding.
    """
    graph = averaged(networks, features)
    if os.environ.get(VARIABLE) == TENSORFLOW or tf.config.list_physical_devices("GPU"):
        return Runtime(graph, "computed by TensorFlow")
    try:
        import openvino
    except ImportError:
        return Runtime(graph, "computed by TensorFlow")
    try:
        scores = _compiled(openvino, graph)
        shape = (_PICTURES, features.rows, features.frames, 1)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        apart = float(np.abs(np.asarray(graph(pixels)) - scores(pixels)).max())
        times = _seconds(graph, pixels) / _seconds(scores, pixels)
    except Exception as error:  # Whatever a library raises, the graph is there.
        return Runtime(graph, f"computed by TensorFlow, since OpenVINO does not take the network: {reason_of(error)}")
    # Not a number is not near.
    if not apart <= AGREEMENT:
        return Runtime(graph, f"computed by TensorFlow, since OpenVINO's scores are {apart:.1g} away")
    if times < QUICKER:
        return Runtime(
            graph, f"computed by TensorFlow, since OpenVINO is {times:.1f} times as quick here, less than {QUICKER}"
        )
    quick = f"computed by OpenVINO {_version(openvino)}, {times:.1f} times as quick as TensorFlow"
    return Runtime(scores, f"{quick} and at most {apart:.0e} away")


def _seconds(way: Callable[[Array], Any], pixels: Array) -> float:
    """The least time of a few rounds."""
    took = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        np.asarray(way(pixels))
        took.append(time.perf_counter() - begun)
    return min(took)


def _compiled(openvino: Any, graph: Any) -> Callable[[Array], Array]:
    """The graph, its weights put in as constants, read from a file: OpenVINO's converter would report on its use."""
    frozen = convert_variables_to_constants_v2(graph.get_concrete_function())
    core = openvino.Core()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.pb"
        path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
        model = core.read_model(path)
    # Some processors would be given fewer digits than the network was trained with.
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda pixels: np.array(compiled(np.ascontiguousarray(pixels))[0])


def _version(openvino: Any) -> str:
    return str(openvino.__version__).partition("-")[0]
