"""Scores as chances: a temperature that makes them honest, and a threshold a bird, from held-out recordings.

For use outside the competition's file, whose measure asks for an order only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from scipy.optimize import minimize_scalar

from birdclef_mind.arrays import Array

_TINY = 1e-6
_BINS = 10
_USUAL_THRESHOLD = 0.5
# With fewer positives a threshold would follow single segments.
_ENOUGH = 3


@dataclass(frozen=True)
class Calibration:
    """How a network's scores become chances, and from which chance on a bird counts as heard.

    Attributes
    ----------
    answer : "softmax" or "sigmoid". temperature : its logits are divided by it.
    thresholds : chance a class, (classes,).
    members : of a bundle of several networks the temperature of each, since their scores have no common scale.
    """

    answer: str
    temperature: float = 1.0
    thresholds: Sequence[float] = field(default=())
    members: Sequence[float] = field(default=())

    def chances(self, scores: Array) -> Array:
        """Scores (..., classes) as chances of the same shape."""
        return self._at(self.temperature, scores)

    def heard(self, scores: Array) -> Array:
        """Which classes' chances reach their thresholds, bool, of the shape of the scores (..., classes)."""
        return np.asarray(self.chances(scores) >= self.limits(scores.shape[-1]))

    def limits(self, classes: int) -> Array:
        """The chance from which on each class counts as heard, (classes,)."""
        return np.array(self.thresholds or [_USUAL_THRESHOLD] * classes)

    def mean_chances(self, scores: Sequence[Array]) -> Array:
        """The mean of the chances of several networks, from the scores (..., classes) of each."""
        temperatures = self.members or [self.temperature] * len(scores)
        return np.mean([self._at(own, values) for own, values in zip(temperatures, scores, strict=True)], axis=0)

    def _at(self, temperature: float, scores: Array) -> Array:
        clipped = np.clip(np.asarray(scores, np.float64), _TINY, 1 - _TINY)
        if self.answer == "sigmoid":
            odds = (clipped / (1 - clipped)) ** (1 / temperature)
            return np.asarray(odds / (1 + odds))
        powers = clipped ** (1 / temperature)
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def calibrate(truth: Array, scores: Array, answer: str) -> Calibration:
    """The temperature of the least log loss, and the threshold of the best F1 of each bird.

    Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", section 4.2. A bird with fewer than
    three positives gets the threshold of all birds together.

    Parameters
    ----------
    truth, scores : (rows, classes), of recordings the network has not seen.
    """
    found = minimize_scalar(
        lambda log_t: _log_loss(truth, Calibration(answer, float(np.exp(log_t))).chances(scores), answer),
        bounds=(-3, 3),
        method="bounded",
    )
    warm = Calibration(answer, float(np.exp(found.x)))
    return Calibration(answer, round(warm.temperature, 6), _thresholds(truth, warm.chances(scores)))


def calibrate_members(truths: Sequence[Array], scores: Sequence[Array], answer: str) -> Calibration:
    """The calibration of several networks' mean chance, each network's temperature fitted on its own held-out part.

    Nothing is held out from all of them, so thresholds are those of single networks' chances, which have one scale.

    Parameters
    ----------
    truths, scores : for each network (rows, classes), of the recordings it has not seen.
    """
    each = [calibrate(truth, own, answer) for truth, own in zip(truths, scores, strict=True)]
    chances = np.concatenate([one.chances(own) for one, own in zip(each, scores, strict=True)])
    members = tuple(one.temperature for one in each)
    common = float(np.exp(np.mean(np.log(members))))
    return Calibration(answer, round(common, 6), _thresholds(np.concatenate(truths), chances), members)


def _thresholds(truth: Array, chances: Array) -> tuple[float, ...]:
    common = _best_threshold(truth.ravel(), chances.ravel())
    thresholds = [
        _best_threshold(truth[:, place], chances[:, place]) if truth[:, place].sum() >= _ENOUGH else common
        for place in range(truth.shape[1])
    ]
    return tuple(round(value, 6) for value in thresholds)


def reliability(truth: Array, chances: Array) -> list[dict[str, float]]:
    """For every tenth of the chances that has any: how many there are, their mean, how often the bird was there.

    Parameters
    ----------
    truth, chances : (rows, classes).
    """
    place = np.minimum((chances.ravel() * _BINS).astype(int), _BINS - 1)
    right = (truth.ravel() > 0).astype(float)
    counts = np.bincount(place, minlength=_BINS)
    said, was = (np.bincount(place, values, minlength=_BINS) for values in (chances.ravel(), right))
    return [
        {"from": index / _BINS, "count": int(counts[index]), "said": float(said[index] / counts[index]),
         "was": float(was[index] / counts[index])}
        for index in range(_BINS) if counts[index]
    ]  # fmt: skip


def join_bins(parts: Sequence[list[dict[str, float]]]) -> list[dict[str, float]]:
    """The bins that `reliability` gives for several parts, as if it had seen all of them together."""
    joined = []
    for low in sorted({one["from"] for part in parts for one in part}):
        same = [one for part in parts for one in part if one["from"] == low]
        count = sum(one["count"] for one in same)
        said, was = (sum(one["count"] * one[name] for one in same) / count for name in ("said", "was"))
        joined.append({"from": low, "count": count, "said": said, "was": was})
    return joined


def calibration_error(truth: Array, chances: Array) -> float:
    """Mean distance between what was said and what was, weighted by how often it was said (ECE).

    Parameters
    ----------
    truth, chances : (rows, classes).
    """
    bins = reliability(truth, chances)
    return sum(one["count"] * abs(one["said"] - one["was"]) for one in bins) / sum(one["count"] for one in bins)


class Honesty(TypedDict):
    """Calibration error and reliability of scores, before and after they are calibrated."""

    error_before: float
    error_after: float
    before: list[dict[str, float]]
    after: list[dict[str, float]]


def measured(truth: Array, scores: Array, groups: Sequence[str], answer: str) -> Honesty | None:
    """How honest scores are before and after calibration, each half of the recordings calibrated by the other.

    None when there are fewer than four recordings.

    Parameters
    ----------
    truth, scores : (rows, classes). groups : the recording of each row.
    """
    halves = _halves(truth, scores, groups, answer)
    if not halves:
        return None
    after = np.empty(scores.shape)
    for half, own in halves:
        after[half] = own.chances(scores[half])
    return {
        "error_before": round(calibration_error(truth, scores), 5),
        "error_after": round(calibration_error(truth, after), 5),
        "before": reliability(truth, np.asarray(scores, float)),
        "after": reliability(truth, after),
    }


def decided(truth: Array, scores: Array, groups: Sequence[str], answer: str) -> Array:
    """Which classes are named, bool, (rows, classes), each half of the recordings by the other half's thresholds.

    With fewer than four recordings by the usual threshold.

    Parameters
    ----------
    truth, scores : (rows, classes). groups : the recording of each row.
    """
    named = Calibration(answer).heard(scores)
    for half, own in _halves(truth, scores, groups, answer):
        named[half] = own.heard(scores[half])
    return named


def _halves(truth: Array, scores: Array, groups: Sequence[str], answer: str) -> list[tuple[Array, Calibration]]:
    """Each half of the recordings, as a mask of rows, and the calibration by the other half; none for fewer than four.

    Parameters
    ----------
    truth, scores : (rows, classes).
    """
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    if len(places) < 4:
        return []
    first = np.array([places[group] % 2 == 0 for group in groups])
    return [(half, calibrate(truth[~half], scores[~half], answer)) for half in (first, ~first)]


def _log_loss(truth: Array, chances: Array, answer: str) -> float:
    chances = np.clip(chances, _TINY, 1 - _TINY)
    losses = -truth * np.log(chances)
    if answer == "sigmoid":
        losses = losses - (1 - truth) * np.log(1 - chances)
    return float(losses.sum())


def _best_threshold(truth: Array, chances: Array) -> float:
    """Halfway between the last chance that counts and the next, where F1 is best."""
    if not truth.any():
        return _USUAL_THRESHOLD
    order = np.argsort(-chances, kind="stable")
    sorted_chances, hits = chances[order], np.cumsum(truth[order] > 0)
    counted = np.arange(1, len(order) + 1)
    f1 = 2 * hits / (counted + (truth > 0).sum())
    # Equal chances fall on the same side of a threshold.
    ends = np.append(sorted_chances[1:] < sorted_chances[:-1], True)
    best = int(np.argmax(np.where(ends, f1, -1)))
    after = sorted_chances[best + 1] if best + 1 < len(order) else 0.0
    return float((sorted_chances[best] + after) / 2)
