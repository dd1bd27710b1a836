"""What a training leaves behind: the bundle, its measures, tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NotRequired

import numpy as np

from birdclef_mind.arrays import Array, Targets
from birdclef_mind.data import metrics
from birdclef_mind.data.cache import IndexRow
from birdclef_mind.data.labels import Classes
from birdclef_mind.errors import BundleError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.bundle_folder import (
    CONFUSION_FIGURE,
    HISTORY,
    HISTORY_FIGURE,
    RELIABILITY_FIGURE,
    SCORES,
    VALIDATION,
)
from birdclef_mind.networks.calibration import Honesty, calibrate, decided, measured
from birdclef_mind.storage import files
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.training import plots
from birdclef_mind.training.batches import picture_dataset
from birdclef_mind.training.epochs import Fitting
from birdclef_mind.training.held_out import Part
from birdclef_mind.training.improvement import Earlier, Improvement, earlier_of, improvement


class Scores(metrics.ByLevel):
    """Measures of what was held out, as `scores.json` holds them; `corrected` beside those before corrections.

    `metric` is the name of the measure that the competition ranks by.
    """

    metric: str
    calibration: Honesty | None
    corrected: NotRequired[Improvement | None]


def write_results(
    out: Path, bundle: Bundle, check: Part, fitted: Fitting, earlier: Bundle | None
) -> tuple[Bundle, Scores | None]:
    """Measure a network on what was held out, and write its bundle into an empty folder.

    Gives the bundle back calibrated, with its measures; BundleError for one whose scores are no numbers.
    """
    scores = None
    history = fitted.history
    files.write_text(out / HISTORY, csv_text(list(history[0]), [list(row.values()) for row in history]))
    plots.plot_history(out / HISTORY_FIGURE, history, fitted.best_epoch)
    if check.rows:
        batches = picture_dataset(check.pixels, check.targets, 64)
        predicted = bundle.model.predict(batches, verbose=0).astype(float)
        before = earlier_of(earlier, check.pixels) if earlier else None
        scores = write_measures(out, about(bundle), check.rows, check.targets, predicted, before=before)
        bundle = replace(bundle, calibration=calibrate(check.targets, predicted, bundle.network.answer))
    files.write_json(out / SCORES, scores)
    bundles.write(bundle, out)
    return bundle, scores


@dataclass(frozen=True)
class About:
    """What is measured: its classes, what its answer means, and the competition's measure."""

    classes: Classes
    answer: str
    metric: str


def about(bundle: Bundle) -> About:
    """A bundle, as far as its measures go."""
    return About(bundle.classes, bundle.network.answer, bundle.record.metric)


def write_measures(
    out: Path, own: About, rows: Sequence[IndexRow], targets: Targets, predicted: Array, *, before: Earlier | None
) -> Scores:
    """Measures of scores for held-out segments, beside those before corrections; table and figures go into `out`.

    BundleError for scores that are no numbers.

    Parameters
    ----------
    targets, predicted : (rows, classes).
    """
    if not np.isfinite(predicted).all():
        raise BundleError("expected scores that are finite for what was held out, got others; train again")
    scores = measure(out, own, rows, targets, predicted, honesty=honesty_of(own, rows, targets, predicted))
    if before:
        scores["corrected"] = improvement(before, rows, targets, predicted)
    files.write_text(out / VALIDATION, validation_table(rows, predicted, own.classes))
    return scores


def measure(
    out: Path, own: About, rows: Sequence[IndexRow], targets: Targets, predicted: Array, *, honesty: Honesty | None
) -> Scores:
    """All measures of scores for held-out segments, and their figures, drawn into `out`.

    Parameters
    ----------
    targets, predicted : (rows, classes).
    """
    scores = figures(own, rows, targets, predicted, honesty)
    plots.plot_confusion(out / CONFUSION_FIGURE, scores["segments"]["confusion"], own.classes.names)
    if honesty:
        plots.plot_reliability(out / RELIABILITY_FIGURE, {"scores": honesty["before"], "calibrated": honesty["after"]})
    return scores


def figures(
    own: About, rows: Sequence[IndexRow], targets: Targets, predicted: Array, honesty: Honesty | None
) -> Scores:
    """All measures of scores for held-out segments; targets, predicted (rows, classes)."""
    names, groups = own.classes.names, [row.recording for row in rows]
    named = decided(targets, predicted, groups, own.answer)
    levels = metrics.measures_by_level(targets, predicted, names, groups, decided=named)
    return {
        "metric": own.metric, "segments": levels["segments"], "recordings": levels["recordings"],
        "calibration": honesty,
    }  # fmt: skip


def honesty_of(own: About, rows: Sequence[IndexRow], targets: Targets, predicted: Array) -> Honesty | None:
    """How honest scores for held-out segments are, before and after calibration; targets, predicted (rows, classes)."""
    return measured(targets, predicted, [row.recording for row in rows], own.answer)


def validation_table(rows: Sequence[IndexRow], predicted: Array, classes: Classes) -> str:
    """Scores of held-out segments, predicted (rows, classes), as a table."""
    header = ["recording", "segment", "start_s", "label", "also", "secondary_labels", *classes.names]
    cells = [
        [
            row.recording, row.segment, f"{row.start_s:.9g}", "" if row.birdless else row.label,
            " ".join(row.also), " ".join(row.secondary_labels), *values,
        ]
        for row, values in zip(rows, predicted.tolist(), strict=True)
    ]  # fmt: skip
    return csv_text(header, cells)
