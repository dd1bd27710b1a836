"""Epoch by epoch, from the last one that ended: killed at any point, training goes on as if nothing had happened."""

import json
import os
import time
from typing import Any

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.networks.bundle_folder import LOG_SUFFIX, LOGS
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.progress import Say
from birdclef_mind.training.batches import picture_dataset, training_dataset
from birdclef_mind.training.draws import Material
from birdclef_mind.training.learner import Learner
from birdclef_mind.training.recipe import Training

# What TensorBoard draws as a curve; TensorFlow alone can write it.
_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


class Fitting:
    """A training under way.

    Attributes
    ----------
    history : a dict of measures an epoch. best_epoch : counted from 1. best : the network's weights there.
    diverged : in a sentence, that its numbers were finite no more, and where; "" where they stayed finite.
    """

    def __init__(self, learner: Learner, training: Training, state: Checkpoint, say: Say) -> None:
        self.learner, self.training, self.say = learner, training, say
        self._state, self._logs = state, state.path.parent / LOGS
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.best = 0, list[Array]()
        self.diverged = ""

    def run(self, material: Material, held_out: tuple[Array, Array] | None) -> None:
        """Train to the end, or to the first epoch whose loss or weights are not finite.

        The network then holds the weights of its best epoch, where there is one.

        Parameters
        ----------
        held_out : pixels (n, rows, frames), uint8, and targets (n, classes); None to measure nothing.
        """
        self._resume()
        batch = self.training.batch_size
        validation = None if held_out is None else picture_dataset(*held_out, batch)
        writer = tf.summary.create_file_writer(os.fsencode(self._logs), filename_suffix=LOG_SUFFIX)
        while len(self.history) < self.training.epochs and not self._stale() and not self.diverged:
            epoch, started = len(self.history), time.perf_counter()
            found = self.learner.fit(
                training_dataset(material, self.training, epoch),
                validation_data=validation, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0,
            )  # fmt: skip
            measures = {name: float(values[0]) for name, values in found.history.items()}
            if np.isfinite(list(measures.values())).all() and self._is_finite():
                self._end_epoch(measures, started, writer)
            else:
                self.diverged = (
                    f"training diverged in epoch {epoch + 1}, at a learning rate of {self.training.learning_rate:g}: "
                    "its loss or its weights are no numbers any more; try a smaller --learning-rate"
                )
        writer.close()
        if self.best:
            self.learner.network.set_weights(self.best)

    def forget(self) -> None:
        """Remove what was kept to go on from."""
        self._state.forget()

    def _end_epoch(self, measures: dict[str, float], started: float, writer: Any) -> None:
        epoch = len(self.history) + 1
        self.history.append({"epoch": epoch, **measures})
        if self._rank(self.history[-1]) > max(map(self._rank, self.history[:-1]), default=(-np.inf, -np.inf)):
            self.best_epoch, self.best = epoch, self.learner.network.get_weights()
        with writer.as_default(epoch):
            for name, value in measures.items():
                tf.summary.write(name, value, metadata=_SCALAR)
        writer.flush()
        self._save()
        figures = "  ".join(f"{name} {value:.4f}" for name, value in measures.items())
        took_s = time.perf_counter() - started
        left_s = took_s * (self.training.epochs - epoch)
        mark = "  best" if self.best_epoch == epoch and self.training.monitor != "last" else ""
        self.say(f"epoch {epoch}/{self.training.epochs}  {figures}  {took_s:.1f} s, {_clock(left_s)} left{mark}")

    def _rank(self, row: dict[str, float]) -> tuple[float, float]:
        monitor = self.training.monitor
        if monitor == "last" or "val_loss" not in row:
            return row["epoch"], 0.0
        sign = 1 if monitor == "val_accuracy" else -1
        return sign * row[monitor], -row["val_loss"]

    def _stale(self) -> bool:
        if not self.history or self.training.monitor == "last" or "val_loss" not in self.history[0]:
            return False
        values = [self._rank(row)[0] for row in self.history]
        return len(values) - 1 - values.index(max(values)) >= self.training.patience

    def _is_finite(self) -> bool:
        return all(np.isfinite(value).all() for value in self.learner.network.get_weights())

    def _variables(self) -> list[Any]:
        return [*self.learner.trained, *self.learner.optimizer.variables]

    def _save(self) -> None:
        arrays = {f"now_{place}": np.asarray(value) for place, value in enumerate(self._variables())}
        arrays |= {f"best_{place}": value for place, value in enumerate(self.best)}
        facts = json.dumps({"history": self.history, "best_epoch": self.best_epoch})
        self._state.save({"facts": np.array(facts), **arrays})

    def _resume(self) -> None:
        arrays = self._state.read(self.say)
        if arrays is None:
            return
        try:
            facts = json.loads(str(arrays["facts"]))
            history, best_epoch = list(facts["history"]), int(facts["best_epoch"])
            now = _fitting(arrays, "now", self._variables())
            best = _fitting(arrays, "best", self.learner.network.weights)
        except (KeyError, ValueError, TypeError):
            self._state.unusable(self.say)
            return
        for variable, value in zip(self._variables(), now, strict=True):
            variable.assign(value)
        self.history, self.best_epoch, self.best = history, best_epoch, best
        self.say(f"going on after epoch {len(self.history)}")


def _fitting(arrays: dict[str, Array], name: str, variables: list[Any]) -> list[Array]:
    """Arrays of a state, one a variable; ValueError where one has another shape."""
    found = [arrays[f"{name}_{place}"] for place in range(len(variables))]
    if any(value.shape != tuple(variable.shape) for value, variable in zip(found, variables, strict=True)):
        raise ValueError(f"expected {name} in the shapes of the network")
    return found


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
