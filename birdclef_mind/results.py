"""What a training leaves behind: the bundle, its measures, tables and figures."""

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind import bundle as bundles
from birdclef_mind import files, fitting, metrics, plots
from birdclef_mind.bundle import Bundle
from birdclef_mind.cache import IndexRow
from birdclef_mind.calibration import calibrate, measured
from birdclef_mind.dataset import picture_dataset
from birdclef_mind.fitting import Fitting
from birdclef_mind.held_out import Part
from birdclef_mind.improvement import improvement
from birdclef_mind.labels import Classes

Array = np.ndarray[Any, Any]

HISTORY = "history.csv"
VALIDATION = "validation.csv"
SCORES = "scores.json"
SETTINGS = "settings.json"
OUT_OF_FOLD = "out_of_fold.csv"
OWN_FILES = (
    bundles.FACTS, bundles.WEIGHTS, HISTORY, VALIDATION, SCORES, SETTINGS, "history.png", "confusion.png",
    "reliability.png", fitting.PROGRESS, fitting.LOGS, OUT_OF_FOLD, "fold_*", "member_*.weights.h5",
)  # fmt: skip
# What explaining adds to a bundle; it belongs to one network and goes with it.
ADDED = (
    "decoders.json",
    "decoders.weights.h5",
    "decoders.progress.npz",
    "twin.json",
    "twin.weights.h5",
    "twin.progress.npz",
)
SECOND = "second"


def write_results(
    out: Path, bundle: Bundle, check: Part, fitted: Fitting, earlier: Bundle | None
) -> tuple[Bundle, dict[str, Any] | None]:
    """Measure a network on what was held out, and write its bundle; gives it back calibrated, with its measures."""
    scores = None
    remove_results(out)
    history = fitted.history
    files.write_text(out / HISTORY, table(list(history[0]), [list(row.values()) for row in history]))
    plots.plot_history(out / "history.png", history, fitted.best_epoch)
    if check.rows:
        batches = picture_dataset(check.pixels, check.targets, 64)
        predicted = bundle.model.predict(batches, verbose=0).astype(float)
        scores = measure(out, bundle, check.rows, check.targets, predicted)
        if earlier:
            scores["corrected"] = improvement(earlier, check.rows, check.pixels, check.targets, predicted)
        files.write_text(out / VALIDATION, validation_table(check.rows, predicted, bundle.classes))
        bundle = replace(bundle, calibration=calibrate(check.targets, predicted, bundle.network.answer))
    files.write_json(out / SCORES, scores)
    bundles.save(bundle, out)
    return bundle, scores


def remove_results(out: Path) -> None:
    """Take away what belonged to the network that stood here before."""
    if (out / bundles.FACTS).is_file():
        done = (out / bundles.FACTS).stat().st_mtime
        for path in (out / fitting.LOGS).glob("*"):
            if path.stat().st_mtime <= done:
                path.unlink()
    for name in (bundles.FACTS, OUT_OF_FOLD, *ADDED):
        (out / name).unlink(missing_ok=True)
    if (out / SECOND / bundles.FACTS).is_file():
        shutil.rmtree(out / SECOND)


def measure(out: Path, bundle: Bundle, rows: Sequence[IndexRow], targets: Array, predicted: Array) -> dict[str, Any]:
    """All measures of scores for held-out segments, and their figures, drawn into `out`."""
    names, groups = bundle.classes.names, [row.recording for row in rows]
    scores = metrics.measures_by_level(targets, predicted, names, groups)
    scores["calibration"] = honesty = measured(targets, predicted, groups, bundle.network.answer)
    plots.plot_confusion(out / "confusion.png", scores["segments"]["confusion"], names)
    if honesty:
        plots.plot_reliability(out / "reliability.png", {"scores": honesty["before"], "calibrated": honesty["after"]})
    return scores


def validation_table(rows: Sequence[IndexRow], predicted: Array, classes: Classes) -> str:
    """Scores of held-out segments as a table."""
    header = ["recording", "segment", "start_s", "label", "also", "secondary_labels", *classes.names]
    cells = [
        [
            row.recording, row.segment, f"{row.start_s:.9g}", "" if row.birdless else row.label,
            " ".join(row.also), " ".join(row.secondary_labels), *values,
        ]
        for row, values in zip(rows, predicted.tolist(), strict=True)
    ]  # fmt: skip
    return table(header, cells)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A CSV table; numbers with six digits."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows])
    return buffer.getvalue()
