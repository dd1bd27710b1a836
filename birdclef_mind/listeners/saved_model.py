"""A TensorFlow SavedModel: Perch, SurfPerch, BirdNET's protobuf, and any other with one input of samples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.outputs import require_input

SERVING, INFER = "serving_default", "infer_tf"
# What models give that name nothing, such as the first Perch: logits, then the embedding.
_PAIR = ("label", "embedding")


@dataclass(frozen=True)
class _Function:
    """One function of a model: what it gives for a tensor, and the shape of that tensor."""

    call: Callable[[tf.Tensor], Any]
    given: tuple[int | None, ...]

    def run(self, samples: Array) -> dict[str, Array]:
        """What it gives for samples (windows, samples), by name, (windows, …)."""
        if len(self.given) == 2 and self.given[0] is None:
            return {name: value.numpy() for name, value in _named(self.call(tf.constant(samples))).items()}
        alone = [window if len(self.given) == 1 else window[None] for window in samples]
        parts = [_named(self.call(tf.constant(one))) for one in alone]
        return {
            name: np.stack([value.numpy().reshape(value.shape[len(self.given) - 1 :]) for value in values])
            for name, values in ((name, [part[name] for part in parts]) for name in parts[0])
        }


class SavedModel:
    """A SavedModel that runs; which functions give what is found out at the first run.

    ListenerError for a folder that cannot be loaded or run here, functions that it lacks, and another input.
    """

    def __init__(self, folder: Path, signature: str, window_samples: int) -> None:
        self._folder = folder
        try:
            # Its functions live as long as it does.
            self._loaded = tf.saved_model.load(str(folder))
        except Exception as error:  # A reader of graphs fails in as many ways as there are graphs.
            raise _broken(folder, "loads", error) from error
        self._functions = [self._function(name, window_samples) for name in self._chosen(signature)]
        silence = np.zeros((1, window_samples), np.float32)
        self._gives = [tuple(self._run(one, silence)) for one in self._functions]

    @property
    def names(self) -> Sequence[str]:
        """What it gives, in its own order."""
        return list(dict.fromkeys(name for names in self._gives for name in names))

    def run(self, samples: Array, names: Sequence[str]) -> Mapping[str, Array]:
        """What it gives for samples (windows, samples), by name, (windows, …)."""
        found: dict[str, Array] = {}
        for function, gives in zip(self._functions, self._gives, strict=True):
            if any(name in gives and name not in found for name in names):
                found = {**self._run(function, samples), **found}
        return {name: found[name] for name in names}

    def _run(self, function: _Function, samples: Array) -> dict[str, Array]:
        try:
            return function.run(samples)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            raise _broken(self._folder, "runs", error) from error

    def _chosen(self, signature: str) -> list[str]:
        if signature:
            return [name.strip() for name in signature.split(",")]
        for usual in (SERVING, INFER):
            if usual in self._loaded.signatures or hasattr(self._loaded, usual):
                return [usual]
        return sorted(self._loaded.signatures)

    def _function(self, name: str, window_samples: int) -> _Function:
        if name in self._loaded.signatures:
            own = self._loaded.signatures[name]
            specs = dict(own.structured_input_signature[1])
        else:
            own = getattr(self._loaded, name, None)
            concrete = getattr(own, "concrete_functions", None)
            if not concrete:
                there = ", ".join(sorted(self._loaded.signatures)) or "none"
                raise ListenerError(f"{self._folder}: expected a signature called {name}, got {there}")
            # Of several the one that takes any number of windows.
            given = [one.structured_input_signature[0][0] for one in concrete]
            specs = {"": min(given, key=lambda spec: spec.shape[0] is not None)}
        shapes = {key: tuple(spec.shape) for key, spec in specs.items()}
        require_input(self._folder, list(shapes.values()), window_samples)
        ((key, shape),) = shapes.items()
        return _Function((lambda samples: own(**{key: samples})) if key else own, shape)


def _named(given: Any) -> dict[str, tf.Tensor]:
    if isinstance(given, Mapping):
        return dict(given)
    values = list(given) if isinstance(given, list | tuple) else [given]
    names = _PAIR if len(values) == 2 else [f"output_{place}" for place in range(len(values))]
    return dict(zip(names, values, strict=True))


def _broken(folder: Path, what: str, error: Exception) -> ListenerError:
    reason = " ".join(str(error).split())[:300]
    return ListenerError(f"{folder}: expected a SavedModel that {what} here, got {type(error).__name__}: {reason}")
