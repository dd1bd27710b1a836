"""What a segment is called by those that never heard it: linear heads on what ears make of it, others' own words.

Chances are natural logarithms, NaN where nobody can say: where all recordings of a species were needed to know it.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from birdclef_mind.arrays import Array

_FOLDS = 5
# Few numbers and a strong pull to none, since a label is wrong where a head that fits everything would not show it.
_NUMBERS, _C = 128, 0.01
_LEAST = 1e-9


def out_of_fold(vectors: Array, labels: Array, groups: Array, classes: int) -> Array:
    """Log chances of each class in each segment by heads that learned from other groups alone, (n, classes).

    Parameters
    ----------
    vectors : what some ears make of segments, (n, numbers); NaN where they heard nothing. labels : their classes, (n,).
    groups : what is held out together, (n,), such as recordists.
    """
    logs = np.full((len(labels), classes), np.nan)
    able = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    _, each = np.unique(labels[able], return_counts=True)
    folds = min(_FOLDS, len(np.unique(groups[able])), int(each.max(initial=0)))
    if folds < 2:
        return logs
    with warnings.catch_warnings():
        # A species with fewer groups than folds is in some of them alone.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(
            StratifiedGroupKFold(folds, shuffle=True, random_state=0).split(vectors[able], labels[able], groups[able])
        )
    for learn, check in ((able[learn], able[check]) for learn, check in splits):
        known = np.unique(labels[learn])
        if len(known) > 1:
            head = _head(min(_NUMBERS, vectors.shape[1], len(learn))).fit(vectors[learn], labels[learn])
            logs[np.ix_(check, known)] = np.log(np.maximum(head.predict_proba(vectors[check]), _LEAST))
    return logs


def _head(numbers: int) -> Any:
    return make_pipeline(
        StandardScaler(), PCA(numbers, svd_solver="randomized", random_state=0),
        LogisticRegression(C=_C, max_iter=300),
    )  # fmt: skip


def held_out_groups(labels: Array, recordists: Array, recordings: Array) -> Array:
    """What is held out together, (n,): a recordist where the species has three or more, else a recording.

    Parameters
    ----------
    labels : of segments, (n,). recordists, recordings : whose and which each is, (n,), text.
    """
    known = {label: len(set(recordists[labels == label])) > 2 for label in np.unique(labels)}
    by_recordist = np.array([known[label] for label in labels], bool)
    return np.where(by_recordist, np.char.add("by ", recordists), np.char.add("of ", recordings))


def joined(opinions: list[Array], recordings: Array) -> Array:
    """One opinion of several (n, classes), the same for all segments of a recording: (recordings, classes).

    `recordings` gives each segment's place among them, (n,). Logarithms are averaged, over those that can say; chances
    then add up to 1.
    """
    stacked = np.stack([_each(logs, recordings) for logs in opinions])
    known = ~np.isnan(stacked)
    mean = np.where(known, stacked, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return normalised(np.where(known.any(axis=0), mean, np.nan))


def normalised(logs: Array) -> Array:
    """Log chances (n, classes) that add up to 1 over those that are known."""
    highest = np.max(np.where(np.isnan(logs), -np.inf, logs), axis=1, keepdims=True)
    highest = np.where(np.isfinite(highest), highest, 0)
    total = np.nansum(np.exp(logs - highest), axis=1, keepdims=True)
    return logs - highest - np.log(np.maximum(total, _LEAST))


def _each(logs: Array, recordings: Array) -> Array:
    """Means over the segments of each recording, (recordings, classes); NaN where no segment can say."""
    count = int(recordings.max(initial=-1)) + 1
    sums, counts = np.zeros((count, logs.shape[1])), np.zeros((count, logs.shape[1]))
    np.add.at(sums, recordings, np.nan_to_num(logs))
    np.add.at(counts, recordings, ~np.isnan(logs))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
