"""The segments of a store, a row each: what learns from pictures or from embeddings learns from these.

A store is a folder of one file a recording and `index.csv`, derived from the files; a cache of pictures is one.
"""

import csv
import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.form import USUAL
from birdclef_mind.data.labels import NOTHING, Classes
from birdclef_mind.errors import StoreError
from birdclef_mind.sound.settings import Cutting
from birdclef_mind.storage.places import location
from birdclef_mind.storage.tables import frame_of

if TYPE_CHECKING:
    import pandas as pd

INDEX = "index.csv"
FAILURES = "failures.csv"


@dataclass(frozen=True)
class IndexRow:
    """One segment of a cache.

    Attributes
    ----------
    folder : what it was cached under: its label, unless somebody corrected that, or the folder of soundscapes.
    label : "" where none of the classes is known to be in it. also : others that surely are in this segment.
    secondary_labels : those that may be heard somewhere in the recording.
    birdless : whether somebody heard none of the classes in it. session : what was recorded together, see `Recording`.
    soundscape : whether each of its windows has labels of its own.
    start_s : of its sound. loudness_dbfs : root mean square. clipped : share of its samples at full scale.
    """

    folder: str
    label: str
    secondary_labels: tuple[str, ...]
    recording: str
    author: str
    segment: int
    start_s: float
    loudness_dbfs: float
    clipped: float
    silent: bool
    also: tuple[str, ...] = ()
    birdless: bool = False
    session: str = ""
    soundscape: bool = False

    @property
    def told(self) -> bool:
        """Whether anybody said what is in it; of a soundscape that nobody listened to not."""
        return bool(self.label) or self.birdless

    def is_among(self, starts_s: Sequence[float]) -> bool:
        """Whether a recording's file, whose segments start there, still has this one where the index says."""
        # The index holds nine digits.
        return self.segment < len(starts_s) and abs(starts_s[self.segment] - self.start_s) <= 1e-6 * (1 + self.start_s)


@dataclass(frozen=True)
class Sides:
    """Segments with sound: `learn` of recordings that a network learns from, `check` of those held out."""

    learn: tuple[IndexRow, ...]
    check: tuple[IndexRow, ...]


@dataclass(frozen=True, kw_only=True)
class Index:
    """The segments of a complete store.

    `metric` names the competition's measure, and `are` is what to call its classes: birds, or species.
    """

    root: Path
    classes: Classes
    common_names: dict[str, str]
    competition: Path
    rows: tuple[IndexRow, ...]
    index_sha256: str = ""
    metric: str = USUAL.metric
    are: str = "birds"

    @property
    def cutting(self) -> Cutting:
        """How recordings were cut into these segments; NotImplementedError where no kind of store tells."""
        raise NotImplementedError

    @property
    def heard(self) -> tuple[IndexRow, ...]:
        """Segments that are not silent: all that is learned from, measured or explained."""
        return tuple(row for row in self.rows if not row.silent)

    def sides(self, held_out: Collection[str]) -> Sides:
        """Segments that are not silent, on the side of their recordings: `held_out` names those that are not learned.

        A recording is held out as a whole, so no segment on one side has a neighbour on the other.
        """
        apart, heard = frozenset(held_out), self.heard
        return Sides(
            tuple(row for row in heard if row.recording not in apart),
            tuple(row for row in heard if row.recording in apart),
        )

    def targets(self, rows: Sequence[IndexRow], secondary_weight: float = 0.0) -> Array:
        """Which birds the segments hold, (rows, classes), float32: 1 where surely, `secondary_weight` where perhaps.

        A segment in which somebody heard none of the classes, be it others, has 0 for all.
        """
        targets = self.classes.targets(
            [row.label for row in rows],
            [row.secondary_labels for row in rows],
            secondary_weight,
            [row.also for row in rows],
        )
        return targets * np.array([not row.birdless for row in rows], np.float32)[:, None]

    def table(self) -> "pd.DataFrame":
        """The index as a DataFrame, a segment a row, with the columns of `IndexRow`."""
        return frame_of(IndexRow, self.rows)


def place_of(root: Path, label: str, recording: str, suffix: str) -> Path:
    """Where a recording's file stands: the whole file name is kept, so `a.wav` and `a.ogg` do not meet.

    >>> place_of(Path("cache"), "barswa", "barswa/XC113914.ogg", ".png").as_posix()
    'cache/barswa/XC113914.ogg.png'
    """
    return root / label / (recording.removeprefix(f"{label}/").replace("/", "__") + suffix)


def read_index(root: Path, facts: Mapping[str, Any], command: str) -> Index:
    """The segments of a store, from its facts and its table; `command` makes it anew.

    StoreError for a table that was changed since; KeyError, ValueError, TypeError or OSError for facts or a table of
    another form.
    """
    content = (root / INDEX).read_bytes()
    if hashlib.sha256(content).hexdigest() != facts["index_sha256"]:
        raise StoreError(f"{root / INDEX}: was changed since it was written; run `{command}` again")
    rows = csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""))
    return Index(
        root=root,
        classes=Classes(tuple(facts["classes"])),
        common_names=dict(facts["common_names"]),
        competition=location(facts["competition"]),
        rows=tuple(_index_row(cells) for cells in rows),
        index_sha256=str(facts["index_sha256"]),
        # A cache from before other years has neither.
        metric=str(facts.get("metric", USUAL.metric)),
        are=str(facts.get("are", "birds")),
    )


def _index_row(cells: dict[str, str]) -> IndexRow:
    # An index from before soundscapes has not these columns.
    heard, label = (cells.get("heard") or "").split(), cells["label"]
    first, *others = [label] if label else [one for one in heard if one != NOTHING] or [""]
    return IndexRow(
        folder=label or cells["recording"].partition("/")[0],
        label=first,
        secondary_labels=tuple(cells["secondary_labels"].split()),
        recording=cells["recording"],
        author=cells["author"],
        segment=int(cells["segment"]),
        start_s=float(cells["start_s"]),
        loudness_dbfs=float(cells["loudness_dbfs"]),
        clipped=float(cells["clipped"]),
        silent=cells["silent"] == "1",
        also=tuple(others),
        birdless=heard == [NOTHING],
        session=cells.get("session") or "",
        soundscape=not label,
    )
