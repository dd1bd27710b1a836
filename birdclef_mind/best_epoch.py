"""Keeping the best epoch of a training, and saying how each went."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Array = np.ndarray[Any, Any]


class KeepBest(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the weights of the epoch with the best monitored value; of equals, the one with the least loss.

    Attributes
    ----------
    history : a dict of measures an epoch. best_epoch : counted from 1. weights : those of the best epoch.
    """

    def __init__(self, monitor: str, epochs: int, say: Callable[[str], None]) -> None:
        super().__init__()
        self.monitor, self.epochs, self.say = monitor, epochs, say
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.best_rank = 0, (-np.inf, -np.inf)
        self.weights: list[Array] = []
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the time."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the weights when they are better, and say how it went."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, **values})
        rank = self._rank(values, epoch)
        if rank > self.best_rank:
            self.best_epoch, self.best_rank, self.weights = epoch + 1, rank, self.model.get_weights()
        figures = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        took_s = time.perf_counter() - self.started
        mark = "  best" if self.best_epoch == epoch + 1 else ""
        self.say(f"epoch {epoch + 1}/{self.epochs}  {figures}  {took_s:.1f} s{mark}")

    def _rank(self, values: dict[str, float], epoch: int) -> tuple[float, float]:
        if "val_loss" not in values:
            return float(epoch), 0.0
        sign = 1 if self.monitor == "val_accuracy" else -1
        return sign * values[self.monitor], -values["val_loss"]
