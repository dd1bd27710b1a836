"""How good scores are: padded cmAP beside its floor, mean average precision, and per-class measures.

Truth is (rows, classes) of 0 and 1, scores are (rows, classes) from 0 to 1, higher for surer.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np

from birdclef_mind.arrays import Array

PADDING_ROWS = 5


class OfClass(TypedDict):
    """Measures of one class; its average precision is None where it has no positive."""

    label: str
    positives: int
    precision: float
    recall: float
    f1: float
    average_precision: float | None


class Measures(TypedDict):
    """All measures of one table of scores. Of folds the means, beside the values of each; `confusion` counts rows."""

    rows: int
    classes: int
    top1: float
    padded_cmap: float
    padded_cmap_of_constant: float
    mean_average_precision: float
    per_class: list[OfClass]
    confusion: list[list[int]]
    top1_by_fold: NotRequired[list[float]]
    padded_cmap_by_fold: NotRequired[list[float]]
    padded_cmap_of_constant_by_fold: NotRequired[list[float]]
    mean_average_precision_by_fold: NotRequired[list[float]]


class ByLevel(TypedDict):
    """Measures of segments, and of the whole recordings or soundscapes that they belong to."""

    segments: Measures
    recordings: Measures


def padded_cmap(truth: Array, scores: Array) -> float:
    """BirdCLEF's measure: macro average precision after five rows of ones are added to truth and scores."""
    ones = np.ones((PADDING_ROWS, truth.shape[1]))
    return float(np.mean(average_precisions(np.vstack([truth, ones]), np.vstack([scores, ones]))))


def padded_cmap_of_constant(truth: Array) -> float:
    """What `padded_cmap` gives any constant score below 1: per class 5/(P+5) + P/(N+5), P positives of N rows.

    >>> truth = np.array([[1, 0], [0, 0], [0, 0]])
    >>> round(padded_cmap_of_constant(truth), 4)
    0.9792
    >>> padded_cmap(truth, np.full(truth.shape, 0.5)) == padded_cmap_of_constant(truth)
    True
    """
    positives, rows = truth.sum(axis=0), len(truth)
    floor = PADDING_ROWS / (positives + PADDING_ROWS) + positives / (rows + PADDING_ROWS)
    return float(np.mean(floor))


def average_precisions(truth: Array, scores: Array) -> Array:
    """Average precision of each class, (classes,); NaN for a class without a positive.

    The sum over thresholds, from high to low, of the precision times what recall has grown; equal scores are one
    threshold. As scikit-learn's `average_precision_score`, which takes a second to import.
    """
    order = np.argsort(-scores, axis=0, kind="stable")
    falling, hits = np.take_along_axis(scores, order, axis=0), np.take_along_axis(truth > 0, order, axis=0)
    found = np.cumsum(hits, axis=0)
    precision = found / np.arange(1, len(truth) + 1)[:, None]
    # Of equal scores only the last is a threshold; what the others found counts there.
    ends = np.vstack([falling[1:] < falling[:-1], np.ones((1, truth.shape[1]), bool)])
    before = np.maximum.accumulate(np.where(ends, found, 0), axis=0)
    grown = np.diff(before, axis=0, prepend=0)
    positives = found[-1].astype(float)
    return np.asarray((precision * grown).sum(axis=0) / np.where(positives > 0, positives, np.nan))


def mean_average_precision(truth: Array, scores: Array) -> float:
    """Mean over the classes that have a positive; 0 when none has."""
    values = average_precisions(truth, scores)
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def top1(truth: Array, scores: Array) -> float:
    """Share of the rows with a bird whose surest class is in the truth; 0 when no row has a bird."""
    rows = truth.any(axis=1)
    hits = truth[np.arange(len(truth)), scores.argmax(axis=1)]
    return float(hits[rows].mean()) if rows.any() else 0.0


def max_by_group(values: Array, groups: Sequence[str]) -> Array:
    """Maximum of values (rows, classes) over the rows of each group, groups in order of appearance: (groups, classes).

    >>> max_by_group(np.array([[0.1, 0.9], [0.3, 0.2], [0.5, 0.5]]), ["b", "b", "a"]).tolist()
    [[0.3, 0.9], [0.5, 0.5]]
    """
    names = list(dict.fromkeys(groups))
    places = {name: index for index, name in enumerate(names)}
    best = np.full((len(names), values.shape[1]), -np.inf)
    np.maximum.at(best, [places[group] for group in groups], values)
    return best


def measures(truth: Array, scores: Array, names: Sequence[str]) -> Measures:
    """All measures of one table of scores, as plain values for JSON.

    Precision, recall, F1 and the confusion matrix decide for the surest class of every row; the matrix counts only
    rows with exactly one true class.
    """
    decided = np.eye(len(names), dtype=bool)[scores.argmax(axis=1)]
    support, said = (truth > 0).sum(axis=0), decided.sum(axis=0)
    hits = ((truth > 0) & decided).sum(axis=0)
    # A class that is never decided for, or never there, scores 0.
    precision, recall = hits / np.maximum(said, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(said + support, 1)
    precisions = average_precisions(truth, scores)
    single = truth.sum(axis=1) == 1
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (truth[single].argmax(axis=1), scores[single].argmax(axis=1)), 1)
    per_class: list[OfClass] = [
        {
            "label": name,
            "positives": int(support[index]),
            "precision": float(precision[index]),
            "recall": float(recall[index]),
            "f1": float(f1[index]),
            "average_precision": None if np.isnan(precisions[index]) else float(precisions[index]),
        }
        for index, name in enumerate(names)
    ]
    return {
        "rows": len(truth),
        "classes": len(names),
        "top1": top1(truth, scores),
        "padded_cmap": padded_cmap(truth, scores),
        "padded_cmap_of_constant": padded_cmap_of_constant(truth),
        "mean_average_precision": mean_average_precision(truth, scores),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def measures_by_level(truth: Array, scores: Array, names: Sequence[str], groups: Sequence[str]) -> ByLevel:
    """`measures` for the segments, and for the whole recordings they belong to (maximum over segments)."""
    whole = measures(max_by_group(truth, groups), max_by_group(scores, groups), names)
    return {"segments": measures(truth, scores, names), "recordings": whole}
