"""What folds say together: means over them of what has no common scale, sums of what is counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from birdclef_mind.arrays import Array, Targets
from birdclef_mind.data.cache import IndexRow
from birdclef_mind.networks.calibration import Honesty, join_bins
from birdclef_mind.training.results import About, Scores, measure

_AVERAGED = (
    "top1", "padded_cmap", "padded_cmap_of_constant", "mean_average_precision", "roc_auc", "micro_f1",
    "balanced_accuracy",
)  # fmt: skip


def measures_of_folds(
    out: Path,
    own: About,
    rows: Sequence[IndexRow],
    targets: Targets,
    scores: Array,
    *,
    folds: Sequence[Mapping[str, Any]],
) -> Scores:
    """Measures of all held-out segments, their figures drawn into `out`; means over the folds where scores are ranked.

    Parameters
    ----------
    targets, scores : (rows, classes), of all folds one after the other. folds : the measures of each, as `Scores`.
    """
    measures = measure(out, own, rows, targets, scores, honesty=_mean_honesty(folds))
    for level in ("segments", "recordings"):
        _mean_over_folds(cast("dict[str, Any]", measures[level]), [fold[level] for fold in folds])
    return measures


def _mean_honesty(folds: Sequence[Mapping[str, Any]]) -> Honesty | None:
    """How honest the networks are, each on its own held-out part: mean errors, and the bins of all together."""
    found = [fold["calibration"] for fold in folds if fold.get("calibration")]
    if not found:
        return None
    return {
        "error_before": round(float(np.mean([one["error_before"] for one in found])), 5),
        "error_after": round(float(np.mean([one["error_after"] for one in found])), 5),
        "before": join_bins([one["before"] for one in found]),
        "after": join_bins([one["after"] for one in found]),
    }


def _mean_over_folds(measures: dict[str, Any], folds: list[dict[str, Any]]) -> None:
    """Put means over the folds in the place of what was measured on scores of different networks together.

    Counts, such as the confusion matrix, are sums already: each segment was decided by one network.
    """
    for name in _AVERAGED:
        measures[f"{name}_by_fold"] = [fold[name] for fold in folds]
        known = [value for value in measures[f"{name}_by_fold"] if value is not None]
        measures[name] = float(np.mean(known)) if known else None
    for place, bird in enumerate(measures["per_class"]):
        own = [fold["per_class"][place] for fold in folds if fold["per_class"][place]["positives"]]
        for name in ("precision", "recall", "f1", "average_precision", "roc_auc"):
            known = [fold[name] for fold in own if fold[name] is not None]
            bird[name] = float(np.mean(known)) if known else bird[name]
