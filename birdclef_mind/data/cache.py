"""Reading the picture cache: a folder of one PNG a recording, and the tables derived from it.

OUT/<label>/<recording>.png   the pictures, see `strips`; packed, they stand in OUT/<label>.zip, see `archives`
OUT/index.csv                 one row a segment
OUT/cache.json                features, versions, counts; `complete` is false while the work is under way
OUT/failures.csv              recordings that gave no picture, and why; absent when there are none
"""

import csv
import hashlib
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data import strips
from birdclef_mind.data.form import USUAL
from birdclef_mind.data.labels import NOTHING, Classes
from birdclef_mind.errors import StoreError, reason_of
from birdclef_mind.sound.pictures import Pictures, PixelScale
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage import files, folder_kinds
from birdclef_mind.storage.places import ask_each, is_remote, location
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.tables import frame_of

if TYPE_CHECKING:
    import pandas as pd

FACTS = folder_kinds.CACHE
INDEX = "index.csv"
FAILURES = "failures.csv"
FORMAT = 1


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


@dataclass(frozen=True)
class Sides:
    """Segments with sound: `learn` of recordings that a network learns from, `check` of those held out."""

    learn: tuple[IndexRow, ...]
    check: tuple[IndexRow, ...]


@dataclass(frozen=True)
class Cache:
    """A complete cache, opened: its facts and its segments; pixels are read on demand.

    `metric` names the competition's measure, and `are` is what to call its classes: birds, or species.
    """

    root: Path
    features: Features
    classes: Classes
    common_names: dict[str, str]
    competition: Path
    rows: tuple[IndexRow, ...]
    index_sha256: str = ""
    metric: str = USUAL.metric
    are: str = "birds"

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

    def strip(self, folder: str, recording: str) -> strips.Strip:
        """All pictures of one recording; StoreError when other features made them, or of another recording."""
        path = picture_path(self.root, folder, recording)
        strip = strips.read(path)
        own = self.features.fingerprint()
        if strip.facts.fingerprint != own:
            raise StoreError(f"{path}: expected fingerprint {own}, got {strip.facts.fingerprint}")
        if strip.facts.source.filename != recording:
            raise StoreError(
                f"{path}: expected the pictures of {recording}, found those of {strip.facts.source.filename}; "
                "run `cache` again"
            )
        return strip

    def pictures(self, rows: Sequence[IndexRow], track: Track = untracked) -> Pictures:
        """Pictures of some rows, in their order; each recording is read once.

        StoreError for pictures that are missing, broken, or not those of this cache's index.
        """
        pixels = np.empty((len(rows), self.features.rows, self.features.frames), np.uint8)
        low, width = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
        places: dict[tuple[str, str], list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault((row.folder, row.recording), []).append(place)
        strips = ask_each(lambda name: self.strip(*name), places, remote=is_remote(self.root))
        read = zip(places.values(), strips, strict=True)
        for wanted, strip in track(read, len(places), "reading pictures"):
            segments = [rows[place].segment for place in wanted]
            _require_segments(self.root, [rows[place] for place in wanted], strip)
            pixels[wanted] = strip.pixels[segments]
            low[wanted] = [strip.facts.low[segment] for segment in segments]
            width[wanted] = [strip.facts.width[segment] for segment in segments]
        return Pictures(pixels, PixelScale(low, width))


def _require_segments(root: Path, rows: Sequence[IndexRow], strip: strips.Strip) -> None:
    """Refuse pictures that were made since the index was written, such as those of another cache."""
    starts_s = strip.facts.starts_s
    for row in rows:
        # The index holds nine digits.
        if row.segment >= len(starts_s) or abs(starts_s[row.segment] - row.start_s) > 1e-6 * (1 + row.start_s):
            path = picture_path(root, row.folder, row.recording)
            raise StoreError(
                f"{path}: expected segment {row.segment} at {row.start_s:g} s, as {INDEX} says, "
                f"found {len(starts_s)} that begin elsewhere; run `cache` again"
            )


def picture_path(root: Path, label: str, recording: str) -> Path:
    """Where a recording's picture stands: the whole file name is kept, so `a.wav` and `a.ogg` do not meet.

    >>> picture_path(Path("cache"), "barswa", "barswa/XC113914.ogg").as_posix()
    'cache/barswa/XC113914.ogg.png'
    """
    return root / label / (recording.removeprefix(f"{label}/").replace("/", "__") + ".png")


def open_cache(root: Path) -> Cache:
    """Open a complete cache; StoreError says what is missing."""
    facts = files.read_facts(root, FACTS, "a cache", StoreError, FORMAT)
    if not facts.get("complete"):
        raise StoreError(
            f"{root}: expected a complete cache; its making was interrupted, run `cache` again to finish it"
        )
    try:
        features = Features.from_dict(facts["features"])
        if facts["fingerprint"] != features.fingerprint():
            raise StoreError(f"{root}: holds pictures of another version of this program; run `cache` again")
        content = (root / INDEX).read_bytes()
        if hashlib.sha256(content).hexdigest() != facts["index_sha256"]:
            raise StoreError(f"{root / INDEX}: was changed since it was written; run `cache` again")
        rows = tuple(_index_row(cells) for cells in csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
        classes, names = Classes(tuple(facts["classes"])), dict(facts["common_names"])
        competition = location(facts["competition"])
        return Cache(
            root, features, classes, names, competition, rows, str(facts["index_sha256"]),
            # A cache from before other years has neither.
            str(facts.get("metric", USUAL.metric)), str(facts.get("are", "birds")),
        )  # fmt: skip
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise StoreError(
            f"{root / INDEX}: expected the index of a cache, got {reason_of(error)}; run `cache` again"
        ) from error


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
