"""What a model gives under names, as ears: which output names species, which are taps, and whether they hear at all."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import some_of
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.description import Description
from birdclef_mind.listeners.listener import EMBEDDING, Heard

# How models call what stands nearest to the sound, from there upwards.
_LOWEST = ("spectrogram", "frontend", "spatial_embedding")
# Chances of 0 and 1 have no logits.
_LEAST = 1e-7


class Running(Protocol):
    """A model that runs."""

    @property
    def names(self) -> Sequence[str]:
        """What it gives, in its own order."""

    def run(self, samples: Array, names: Sequence[str]) -> Mapping[str, Array]:
        """What it gives for samples (windows, samples), by name, (windows, …)."""


@runtime_checkable
class Reading(Protocol):
    """A model through which gradients flow."""

    def reader(self, tap: str) -> Callable[[Any], Any]:
        """From samples (windows, samples), a tensor, to what stands at a layer or output of that name."""


class NamedEars:
    """A model's outputs behind a listener; found out by hearing two windows of noise.

    ListenerError for a model of other outputs than its description says, or one that does not hear.
    """

    def __init__(self, model: Running, description: Description, labels: int) -> None:
        self._model, self._description = model, description
        noise = noises(description.window_samples)
        found = model.run(noise, model.names)
        self._scores = _choose_scores(description, found, labels)
        self._outputs = _taps(description, [name for name in model.names if name != self._scores])
        own = {tap: found[name] for tap, name in self._outputs.items()}
        require_hearing({"scores": found[self._scores], **own}, str(description.model))
        self._taps = {tap: tuple(value.shape[1:]) for tap, value in own.items()}
        self.count = int(found[self._scores].shape[1])

    @property
    def taps(self) -> Mapping[str, tuple[int, ...]]:
        """Names and shapes of the taps."""
        return self._taps

    def hear(self, samples: Array, taps: Sequence[str]) -> Heard:
        """Hear some windows: samples (windows, samples), float32."""
        wanted = [self._scores, *(self._outputs[tap] for tap in taps)]
        found = self._model.run(samples, list(dict.fromkeys(wanted)))
        logits = logits_of(found[self._scores], self._description.are, self._description.answer)
        return Heard(logits, {tap: np.asarray(found[self._outputs[tap]], np.float32) for tap in taps})

    def reader(self, tap: str) -> Callable[[Any], Any] | None:
        """From samples (windows, samples), a tensor, to a tap's; None for a model without gradients."""
        return self._model.reader(self._outputs[tap]) if isinstance(self._model, Reading) else None

    def logits_reader(self) -> Callable[[Any], Any] | None:
        """From samples (windows, samples), a tensor, to logits; None for a model without gradients."""
        if not isinstance(self._model, Reading):
            return None
        read, described = self._model.reader(self._scores), self._description
        return lambda samples: _as_logits(read(samples), described.are, described.answer)


def require_input(where: Path, shapes: Sequence[tuple[int | None, ...]], window_samples: int) -> None:
    """Raise ListenerError unless a model has one input, of windows: (samples,) or (windows, samples); None for any."""
    if len(shapes) != 1 or len(shapes[0]) not in (1, 2) or shapes[0][-1] not in (None, window_samples):
        raise ListenerError(
            f"{where}: expected one input of windows of {window_samples} samples, got "
            f"{', '.join(map(str, shapes)) or 'none'}"
        )


def noises(samples: int) -> Array:
    """Two windows of quiet noise that differ, (2, samples), float32."""
    return np.random.default_rng(0).normal(scale=0.1, size=(2, samples)).astype(np.float32)


def require_hearing(values: Mapping[str, Array], where: str) -> None:
    """Raise ListenerError unless all values (2, …), of two windows, are finite and differ from window to window."""
    for name, (one, other) in values.items():
        if not (np.isfinite(one).all() and np.isfinite(other).all()) or np.array_equal(one, other):
            raise ListenerError(f"{where}: expected {name} that follow the sound, got numbers that do not")


def logits_of(values: Array, are: str, answer: str) -> Array:
    """Values (…, species), logits or chances of a sigmoid or a softmax, as logits of the same shape, float32."""
    if are == "logits":
        return np.asarray(values, np.float32)
    chances = np.clip(np.asarray(values, np.float64), _LEAST, 1 - _LEAST if answer == "sigmoid" else 1)
    logits = np.log(chances) - (np.log1p(-chances) if answer == "sigmoid" else 0)
    return np.asarray(logits, np.float32)


def _as_logits(values: Any, are: str, answer: str) -> Any:
    """As `logits_of`, of tensors."""
    if are == "logits":
        return values
    from keras import ops

    chances = ops.clip(values, _LEAST, 1 - _LEAST if answer == "sigmoid" else 1)
    return ops.log(chances) - (ops.log1p(-chances) if answer == "sigmoid" else 0)


def _choose_scores(description: Description, found: Mapping[str, Array], labels: int) -> str:
    """The output that names species: the one that is said, or else the only one that may be."""
    where, said = description.model, description.scores
    flat = {name: value.shape[1] for name, value in found.items() if value.ndim == 2}
    if said:
        if said not in flat:
            shapes = [f"{name} {value.shape}" for name, value in found.items()]
            raise ListenerError(f"{where}: expected scores (windows, labels) called {said}, got {', '.join(shapes)}")
        return said
    others = {name: count for name, count in flat.items() if name != description.embedding}
    fitting = [name for name, count in others.items() if count == labels]
    if len(fitting) == 1:
        return fitting[0]
    if len(others) == 1:
        # Its number is not that of the labels, which the list of labels says best.
        return next(iter(others))
    sizes = ", ".join(f"{name} of {count}" for name, count in others.items()) or "none"
    raise ListenerError(
        f'{where}: expected one output of {labels} scores, as many as there are labels, got {sizes}; say `scores = "…"`'
    )


def _taps(description: Description, names: Sequence[str]) -> dict[str, str]:
    """Outputs by tap, the embedding last."""
    for name in (*description.taps, *filter(None, [description.embedding])):
        if name not in names:
            there = some_of(names) or "nothing"
            raise ListenerError(f"{description.model}: expected an output called {name}, got {there}")
    lowest = [name for name in _LOWEST if name in names]
    asked = description.taps or (*lowest, *(name for name in names if name not in lowest))
    embedding = description.embedding or (EMBEDDING if EMBEDDING in asked else "")
    found = {name: name for name in asked if name not in (EMBEDDING, embedding)}
    return {**found, EMBEDDING: embedding} if embedding else found
