"""Running a TFLite file as it is, without a word on the terminal."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ListenerError
from birdclef_mind.storage.quiet import quietly


class Interpreter:
    """A TFLite file at work, a window at a time, since more at once take as long.

    With `keep` the values of all tensors may be read, and no delegate is used, which would leave some unwritten; the
    answers are then a little slower.
    """

    def __init__(self, path: Path, *, keep: bool = False, threads: int | None = None) -> None:
        self._path, self._keep = path, keep
        try:
            self._own = _interpreter(path, keep, threads)
        except (ValueError, RuntimeError) as error:
            raise ListenerError(f"{path}: expected a TFLite model that runs here, got {error}") from error
        self._input = self._own.get_input_details()[0]
        self._outputs = self._own.get_output_details()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one batch, as far as the file knows it."""
        return tuple(map(int, self._input["shape_signature"]))

    @property
    def input_count(self) -> int:
        """How many inputs it has; `run` fills the first."""
        return len(self._own.get_input_details())

    @property
    def input_type(self) -> type:
        """The type of what it takes."""
        return np.dtype(self._input["dtype"]).type

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the file gives."""
        return tuple(one["name"] for one in self._outputs)

    def run(self, samples: Array, tensors: Sequence[int] = ()) -> list[Array]:
        """All outputs for windows (windows, samples), then the tensors at these places, each (windows, …)."""
        found: list[list[Array]] = []
        for window in samples:
            shape = [1, *window.shape] if len(self.input_shape) > 1 else list(window.shape)
            if list(self._input["shape"]) != shape:
                self._own.resize_tensor_input(self._input["index"], shape)
                with quietly():
                    self._own.allocate_tensors()
                self._input = self._own.get_input_details()[0]
            self._own.set_tensor(self._input["index"], np.asarray(window, self._input["dtype"]).reshape(shape))
            self._own.invoke()
            places = [*(one["index"] for one in self._outputs), *tensors]
            found.append([np.array(self._own.get_tensor(place)) for place in places])
        return [np.concatenate([_with_batch(value) for value in values]) for values in zip(*found, strict=True)]


def _with_batch(value: Array) -> Array:
    return value if value.ndim > 1 and len(value) == 1 else value[None]


def _interpreter(path: Path, keep: bool, threads: int | None) -> Any:
    import tensorflow as tf

    options: Mapping[str, Any] = {}
    if keep:
        kinds = tf.lite.experimental.OpResolverType
        options = {
            "experimental_preserve_all_tensors": True,
            "experimental_op_resolver_type": kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        }
    with warnings.catch_warnings(), quietly():
        # It is said to go, and is the fastest that Kaggle's image has.
        warnings.simplefilter("ignore")
        found = tf.lite.Interpreter(model_path=str(path), num_threads=threads or os.cpu_count(), **options)
        found.allocate_tensors()
    return found
