"""Several bundles blended by ranks: places among all rows have one scale, whatever scale their chances have."""

from collections.abc import Sequence

import numpy as np
import scipy.stats

from birdclef_mind.arrays import Array
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.kaggle.smoothing import smoothed
from birdclef_mind.kaggle.submission_table import Table


class Ranks:
    """Scores of every bundle for the rows of soundscapes, one soundscape after the other, smoothed as is wanted.

    Smoothed first, since a mean of ranks is no smoother score: most of a bird's rows are nearly silent, and far apart.
    """

    def __init__(self, submitting: Submitting) -> None:
        self._submitting = submitting
        self._row_ids: list[str] = []
        self._scores: list[Array] = []

    def add(self, row_ids: Sequence[str], members: Array) -> None:
        """Add a soundscape's rows, and in `members` each bundle's scores of them, (members, rows, classes).

        Where time is short there are those of the first bundles alone.
        """
        self._row_ids += row_ids
        self._scores.append(np.array([smoothed(own, self._submitting) for own in members], np.float32))

    def fill(self, table: Table) -> None:
        """Fill a table with the blended ranks of all rows."""
        if self._scores:
            most = max(map(len, self._scores))
            missing = [((0, most - len(one)), (0, 0), (0, 0)) for one in self._scores]
            padded = [np.pad(one, pad, constant_values=np.nan) for one, pad in zip(self._scores, missing, strict=True)]
            table.fill(self._row_ids, mean_ranks(np.concatenate(padded, axis=1)))


def mean_ranks(members: Array) -> Array:
    """The mean over members of each score's place among all rows of its class, 0 to 1, (rows, classes).

    Equal scores have equal places, their mean. Of rows that a member has no scores for, NaN, others tell alone.
    members : (members, rows, classes), each row of one member at least.
    """
    ranks = scipy.stats.rankdata(members, axis=1, nan_policy="omit") - 1
    counts = np.isfinite(members).sum(axis=1, keepdims=True)
    return np.asarray(np.nanmean(ranks / np.maximum(1, counts - 1), axis=0))
