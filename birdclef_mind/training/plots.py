"""Figures of numbers: training history, confusion matrix and reliability, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from birdclef_mind.storage import files

# Without this line a PNG carries the version of matplotlib and differs between machines.
_METADATA: dict[str, Any] = {"Software": None}


def plot_history(path: Path, history: Sequence[Mapping[str, float]], best_epoch: int) -> None:
    """Loss and accuracy over the epochs, training beside validation; the epoch that was kept is marked."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [row[name] for row in history], label="training")
        if f"val_{name}" in history[0]:
            axes.plot(epochs, [row[f"val_{name}"] for row in history], label="validation")
        axes.axvline(best_epoch, color="0.6", linestyle=":", label="kept")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()
    _save(figure, path)


def plot_confusion(path: Path, confusion: Sequence[Sequence[int]], names: Sequence[str]) -> None:
    """Confusion matrix, each row as shares of its true class; names are drawn up to forty classes."""
    counts = np.array(confusion, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 3 + 0.25 * min(len(names), 40)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(shares, vmin=0, vmax=1, cmap="viridis"), label="share of the true class")
    axes.set(xlabel="network's answer", ylabel="true class")
    if len(names) <= 40:
        # A dollar sign in a label would be read as mathematics.
        plain = [name.replace("$", r"\$") for name in names]
        axes.set_xticks(range(len(names)), plain, rotation=90)
        axes.set_yticks(range(len(names)), plain)
    _save(figure, path)


def plot_reliability(path: Path, bins: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """How often birds were there against the chance that was said, before and after calibration."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":", label="honest")
    for name, points in bins.items():
        axes.plot([p["said"] for p in points], [p["was"] for p in points], marker="o", label=name)
    axes.set(xlabel="chance that was said", ylabel="share that was there", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with files.whole(path) as part:
        figure.savefig(part, dpi=100, metadata=_METADATA)
