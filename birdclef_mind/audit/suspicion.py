"""One thing that may be wrong with what a network learned from: which segments, how likely, why, and what mends it."""

from collections.abc import Iterable
from dataclasses import dataclass

from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.override import DROP, RELABEL, Override

LABEL, COPY, VOICE, HUM, SILENT, CLIPPED = "label", "copy", "voice", "hum", "silent", "clipped"
STRATEGY, SHARED = "strategy", "shared"
KINDS = {
    LABEL: "named otherwise by ears that never heard it",
    COPY: "the same sound under two names",
    VOICE: "somebody speaks",
    HUM: "a hum of the mains",
    SILENT: "nothing to hear",
    CLIPPED: "louder than the recorder could take",
    STRATEGY: "part of a bird's segments is known by something else",
    SHARED: "two birds share one decision",
}
# Kinds of which nobody can say without listening what would mend them.
HEARD_ALONE = (STRATEGY, SHARED)
# A thousandth of the samples at full scale is heard as a crackle.
MOST_CLIPPED = 1e-3
# What is less likely is not worth anybody's time.
LEAST = 0.5


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """One thing that may be wrong.

    Attributes
    ----------
    kind : one of `KINDS`. rows : the segments that it concerns, the likeliest first.
    chance : how likely it is, 0 to 1, by the measure of its kind; not calibrated.
    reason : in words, for somebody who knows birds.
    action, value : the correction that would mend it, as in `Override`; "" where nobody can say without listening.
    """

    kind: str
    rows: tuple[IndexRow, ...]
    chance: float
    reason: str
    action: str = ""
    value: str = ""


def ranked(found: Iterable[Suspicion]) -> list[Suspicion]:
    """The likeliest first; those that are less likely than not are left out."""
    likely = [one for one in found if one.chance >= LEAST]
    return sorted(likely, key=lambda one: (-one.chance, one.kind, one.rows[0].recording, one.rows[0].segment))


def corrections(found: Iterable[Suspicion], start_s: dict[tuple[str, int], float]) -> list[Override]:
    """The corrections of some suspicions, one of each segment: what is to be dropped is not named anew as well.

    `start_s` gives the regular start of a segment's window by recording and number.
    """
    chosen: dict[tuple[str, int], Suspicion] = {}
    for one in found:
        for row in one.rows if one.action else ():
            place = row.recording, row.segment
            if place not in chosen or (chosen[place].action == RELABEL and one.action == DROP):
                chosen[place] = one
    return [
        Override("", recording, start_s[recording, segment], one.action, one.value)
        for (recording, segment), one in chosen.items()
    ]
