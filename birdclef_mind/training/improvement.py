"""Does a network do better than the one before the corrections: both on the same held-out segments."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from birdclef_mind.arrays import Array, Pixels, Targets
from birdclef_mind.data import metrics
from birdclef_mind.data.cache import IndexRow
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.calibration import decided
from birdclef_mind.networks.predictor import Predictor


class Change(TypedDict):
    """A segment whose surest bird is another one than before."""

    recording: str
    start_s: float
    label: str
    before: str
    after: str


class Improvement(TypedDict):
    """Measures of two networks on the segments that both have never seen."""

    segments: int
    recordings: int
    before: metrics.ByLevel
    after: metrics.ByLevel
    answers: list[Change]


@dataclass(frozen=True)
class Earlier:
    """A network from before the corrections.

    Attributes
    ----------
    names : its classes. answer : what its scores mean. unseen : recordings that it has not seen.
    scores : (segments, classes) of some of the new network's held-out segments, by their places (segments,).
    """

    names: Sequence[str]
    answer: str
    unseen: Collection[str]
    scores: Callable[[Array], Array]


def earlier_of(before: Bundle, pixels: Pixels) -> Earlier:
    """A network as it answers for held-out segments, whose pictures are pixels (segments, rows, frames), uint8."""
    # Further members may have seen what the first has not.
    first = Predictor(replace(before, others=()))
    unseen = set(before.record.validation_recordings)
    return Earlier(before.classes.names, before.network.answer, unseen, lambda places: first.scores(pixels[places]))


def improvement(before: Earlier, rows: Sequence[IndexRow], targets: Targets, scores: Array) -> Improvement | None:
    """Measures of the earlier network and of the new one, on the segments that both have never seen.

    Parameters
    ----------
    rows : the held-out segments of the new network, as corrected.
    targets, scores : what is wanted for them and what the new network gives, (segments, classes).

    Returns
    -------
    "segments", "recordings" : counted; "before", "after" : `metrics.measures_by_level`, and "answers": for each
    segment whose surest bird is another one now, what it was and is. None when no segment is new to both.
    """
    both = np.array([place for place, row in enumerate(rows) if row.recording in before.unseen], int)
    if not both.size:
        return None
    names, groups = before.names, [rows[place].recording for place in both]
    earlier = before.scores(both).astype(float)
    was, now = earlier.argmax(axis=1), scores[both].argmax(axis=1)
    return {
        "segments": len(both),
        "recordings": len(set(groups)),
        "before": _levels(before, targets[both], earlier, groups),
        "after": _levels(before, targets[both], scores[both], groups),
        "answers": [
            _change(rows[both[place]], names[was[place]], names[now[place]]) for place in np.flatnonzero(was != now)
        ],
    }


def _levels(before: Earlier, targets: Targets, scores: Array, groups: list[str]) -> metrics.ByLevel:
    named = decided(targets, scores, groups, before.answer)
    return metrics.measures_by_level(targets, scores, before.names, groups, decided=named)


def _change(row: IndexRow, was: str, now: str) -> Change:
    return {"recording": row.recording, "start_s": row.start_s, "label": row.label, "before": was, "after": now}
