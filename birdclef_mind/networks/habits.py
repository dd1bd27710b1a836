"""Where and at which hour birds were heard in labelled soundscapes: what that makes likelier in others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Self

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.form import hour_of
from birdclef_mind.data.index import IndexRow

# As many windows of the usual are taken to have been heard everywhere besides those that were.
_USUAL_WINDOWS = 20.0
# Windows an hour earlier and later count half.
_NEARBY = 0.5
_TINY = 1e-6


@dataclass(frozen=True)
class Habits:
    """Windows that somebody labelled, and in how many of them each class was heard, by site and by hour.

    Attributes
    ----------
    sites : by a site's name the number of windows, then that of those with each class, (1 + classes,). hours : the
        same by hour, 0 to 23, as text.
    """

    sites: Mapping[str, Sequence[float]] = field(default_factory=dict)
    hours: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[IndexRow], targets: Array) -> Self:
        """Of segments and their targets (segments, classes); those of soundscapes alone count."""
        sites: dict[str, Array] = {}
        hours: dict[str, Array] = {}
        for row, target in zip(rows, targets, strict=True):
            if not row.soundscape:
                continue
            counts, hour = np.concatenate([[1.0], target >= 1]), hour_of(PurePosixPath(row.recording).stem)
            if row.session:
                sites[row.session] = sites.get(row.session, 0) + counts
            if hour is not None:
                hours[str(hour)] = hours.get(str(hour), 0) + counts
        return cls(*({name: counts.tolist() for name, counts in sorted(own.items())} for own in (sites, hours)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], classes: int) -> Self:
        """From plain values for so many classes; ValueError for those of another number."""
        both = [
            {str(name): [float(one) for one in own] for name, own in values[kind].items()}
            for kind in ("sites", "hours")
        ]
        counts = [own for one in both for own in one.values()]
        if any(len(own) != 1 + classes or not np.isfinite(own).all() or min(own) < 0 or own[0] <= 0 for own in counts):
            raise ValueError(f"habits: expected counts of {classes} classes")
        return cls(*both)

    def likelier(self, scores: Array, site: str, hour: int | None, power: float) -> Array:
        """Scores (rows, classes) of a soundscape at a site and an hour, 0 to 1, whose odds are changed to that power.

        The odds of a class are multiplied by those that it has there, over those that it has anywhere, and so for the
        hour; a class that nobody heard in any soundscape, and a site or an hour that nobody listened at, change none.
        """
        if not power:
            return scores
        change = np.zeros(scores.shape[-1])
        if site in self.sites:
            change += _change(np.array(self.sites[site]), self.sites)
        near = [] if hour is None else [(hour, 1.0), ((hour - 1) % 24, _NEARBY), ((hour + 1) % 24, _NEARBY)]
        heard = [share * np.array(self.hours[str(one)]) for one, share in near if str(one) in self.hours]
        if heard:
            change += _change(np.sum(heard, axis=0), self.hours)
        if not change.any():
            return scores
        sure = np.clip(np.asarray(scores, float), _TINY, 1 - _TINY)
        odds = sure / (1 - sure) * np.exp(power * change)
        return np.asarray(odds / (1 + odds))


NO_HABITS = Habits()


def _change(here: Array, everywhere: Mapping[str, Sequence[float]]) -> Array:
    """How much the log odds of each class are higher here than everywhere, (classes,)."""
    total = np.sum(list(everywhere.values()), axis=0)
    usual = (total[1:] + 0.5) / (total[0] + 1)
    own = (here[1:] + _USUAL_WINDOWS * usual) / (here[0] + _USUAL_WINDOWS)
    change = np.log(own / (1 - own)) - np.log(usual / (1 - usual))
    return np.where(total[1:] > 0, change, 0.0)
