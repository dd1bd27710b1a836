"""Several bundles blended by ranks: places among all rows have one scale, whatever scale their chances have."""

from collections.abc import Sequence

import numpy as np
import scipy.stats

from birdclef_mind.arrays import Array
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.kaggle.smoothing import smoothed
from birdclef_mind.kaggle.submission_table import Table


class Ranks:
    """Scores of every bundle for the rows of soundscapes, one soundscape after the other."""

    def __init__(self) -> None:
        self._rows: list[Sequence[str]] = []
        self._scores: list[Array] = []

    def add(self, row_ids: Sequence[str], members: Array) -> None:
        """Add a soundscape's rows, and the scores (members, rows, classes) of each bundle."""
        self._rows.append(row_ids)
        self._scores.append(np.asarray(members, np.float32))

    def fill(self, table: Table, submitting: Submitting) -> None:
        """Fill a table with blended ranks, smoothed soundscape by soundscape."""
        if not self._scores:
            return
        blended = mean_ranks(np.concatenate(self._scores, axis=1))
        begin = 0
        for row_ids in self._rows:
            table.fill(row_ids, smoothed(blended[begin : begin + len(row_ids)], submitting))
            begin += len(row_ids)


def mean_ranks(members: Array) -> Array:
    """The mean over members of each score's place among all rows of its class, 0 to 1, (rows, classes).

    Equal scores have equal places, their mean. members : (members, rows, classes).
    """
    ranks = scipy.stats.rankdata(members, axis=1) - 1
    return np.asarray(ranks.mean(axis=0) / max(1, members.shape[1] - 1))
