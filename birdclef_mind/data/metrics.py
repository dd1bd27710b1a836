"""How good scores are: the measures of every year beside what a constant scores, and per-class measures.

Truth is (rows, classes) of 0 and 1, scores are (rows, classes) from 0 to 1, higher for surer.
"""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np

from birdclef_mind.arrays import Array

PADDING_ROWS = 5
# The measures that a year ranked by, for people; each has a floor beside it, named `…_of_constant`.
OF_YEARS = {
    "roc_auc": "macro ROC-AUC",
    "padded_cmap": "padded cmAP",
    "micro_f1": "row-wise F1",
    "balanced_accuracy": "accuracy of 2022",
}
_DECIDED = 0.5


class OfClass(TypedDict):
    """Measures of one class; `average_precision` is None where no row has it, `roc_auc` also where all have."""

    label: str
    positives: int
    precision: float
    recall: float
    f1: float
    average_precision: float | None
    roc_auc: NotRequired[float | None]


class Measures(TypedDict):
    """All measures of one table of scores. Of folds the means, beside the values of each; `confusion` counts rows.

    `roc_auc` is None where no class is both there and not there; `roc_auc_classes` counts those that are.
    """

    rows: int
    classes: int
    top1: float
    padded_cmap: float
    padded_cmap_of_constant: float
    roc_auc: float | None
    roc_auc_of_constant: float
    roc_auc_classes: int
    micro_f1: float
    micro_f1_of_constant: float
    balanced_accuracy: float | None
    balanced_accuracy_of_constant: float
    mean_average_precision: float
    per_class: list[OfClass]
    confusion: list[list[int]]
    top1_by_fold: NotRequired[list[float]]
    padded_cmap_by_fold: NotRequired[list[float]]
    padded_cmap_of_constant_by_fold: NotRequired[list[float]]
    mean_average_precision_by_fold: NotRequired[list[float]]
    roc_auc_by_fold: NotRequired[list[float | None]]
    micro_f1_by_fold: NotRequired[list[float]]
    balanced_accuracy_by_fold: NotRequired[list[float | None]]


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


def roc_aucs(truth: Array, scores: Array) -> Array:
    """Area under the receiver operating characteristic of each class, (classes,); NaN where all or no rows have it.

    By ranks, ties averaged (Mann & Whitney 1947): (sum of the positives' ranks - P(P+1)/2) / (P·N). As scikit-learn's
    `roc_auc_score`; the measure of 2024 to 2026 is the mean over classes with a positive.
    """
    positives = (truth > 0).sum(axis=0).astype(float)
    negatives = len(truth) - positives
    above = np.where(truth > 0, _ranks(scores), 0).sum(axis=0) - positives * (positives + 1) / 2
    pairs = positives * negatives
    return np.asarray(above / np.where(pairs > 0, pairs, np.nan))


def _ranks(scores: Array) -> Array:
    """Rank of each score in its column, from 1, the mean of the ranks that equal ones share: of the shape of scores."""
    if not len(scores):
        return np.zeros(scores.shape)
    order = np.argsort(scores, axis=0, kind="stable")
    rising, places = np.take_along_axis(scores, order, axis=0), np.arange(len(scores))[:, None]
    steps = rising[1:] > rising[:-1]
    edge = np.ones((1, scores.shape[1]), bool)
    first = np.maximum.accumulate(np.where(np.vstack([edge, steps]), places, 0), axis=0)
    last = np.where(np.vstack([steps, edge]), places, len(scores))
    last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=0)
    return ranks


def row_f1(truth: Array, decided: Array) -> float:
    """The measure of 2020 and 2021: F1 of what is named in each row, mean over rows; nothing is a name too.

    Parameters
    ----------
    truth, decided : (rows, classes), 0 or 1.
    """
    there, said = truth > 0, decided > 0
    hits = (there & said).sum(axis=1)
    named = there.sum(axis=1) + said.sum(axis=1)
    # Where neither names anything both say `nocall`.
    each = np.where(named > 0, 2 * hits / np.maximum(named, 1), 1.0)
    # Sorted, so that the order of the rows changes no digit.
    return float(np.mean(np.sort(each)))


def row_f1_of_constant(truth: Array) -> float:
    """What the better of two constants scores: nothing in every row, or every class in every row."""
    return max(row_f1(truth, np.zeros(truth.shape)), row_f1(truth, np.ones(truth.shape)))


def balanced_accuracies(truth: Array, decided: Array) -> Array:
    """The measure of 2022: mean of the shares of positives and of negatives that are right, by class, (classes,).

    NaN for a class that is in all rows or in none. As the organisers word it: every species, and its positives and its
    negatives, have the same weight. A constant scores 0.5.

    Parameters
    ----------
    truth, decided : (rows, classes), 0 or 1.
    """
    there, said = truth > 0, decided > 0
    positives, negatives = (there.sum(axis=0).astype(float), (~there).sum(axis=0).astype(float))
    hits, passed = (there & said).sum(axis=0), (~there & ~said).sum(axis=0)
    both = (positives > 0) & (negatives > 0)
    right = hits / np.maximum(positives, 1) + passed / np.maximum(negatives, 1)
    return np.asarray(np.where(both, right / 2, np.nan))


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


def measures(truth: Array, scores: Array, names: Sequence[str], decided: Array | None = None) -> Measures:
    """All measures of one table of scores, as plain values for JSON.

    Precision, recall, F1 and the confusion matrix decide for the surest class of every row; the matrix counts only
    rows with exactly one true class. Measures of years that asked for names take `decided`, (rows, classes), 0 or 1;
    without it a score from a half on is a name.
    """
    decided = scores >= _DECIDED if decided is None else decided
    surest = np.eye(len(names), dtype=bool)[scores.argmax(axis=1)]
    support, said = (truth > 0).sum(axis=0), surest.sum(axis=0)
    hits = ((truth > 0) & surest).sum(axis=0)
    areas = roc_aucs(truth, scores)
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
            "roc_auc": None if np.isnan(areas[index]) else float(areas[index]),
        }
        for index, name in enumerate(names)
    ]
    return {
        "rows": len(truth),
        "classes": len(names),
        "top1": top1(truth, scores),
        "padded_cmap": padded_cmap(truth, scores),
        "padded_cmap_of_constant": padded_cmap_of_constant(truth),
        "roc_auc": _mean(areas),
        "roc_auc_of_constant": 0.5,
        "roc_auc_classes": int(np.isfinite(areas).sum()),
        "micro_f1": row_f1(truth, decided),
        "micro_f1_of_constant": row_f1_of_constant(truth),
        "balanced_accuracy": _mean(balanced_accuracies(truth, decided)),
        "balanced_accuracy_of_constant": 0.5,
        "mean_average_precision": mean_average_precision(truth, scores),
        "per_class": per_class,
        "confusion": confusion.tolist(),
    }


def measures_by_level(
    truth: Array, scores: Array, names: Sequence[str], groups: Sequence[str], *, decided: Array | None = None
) -> ByLevel:
    """`measures` for the segments, and for the whole recordings they belong to (maximum over segments).

    Truth, scores and `decided` are arrays (segments, classes).
    """
    whole = None if decided is None else max_by_group(decided.astype(float), groups)
    return {
        "segments": measures(truth, scores, names, decided),
        "recordings": measures(max_by_group(truth, groups), max_by_group(scores, groups), names, whole),
    }


def _mean(values: Array) -> float | None:
    """Mean of those that are numbers; None where none is."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else None
