"""What an expert says of segments, on disk the moment it is said: WORK/overrides.csv, as every command reads it.

WORK/marks.json      all that was said, in order, with what stood before, so that it can be taken back
WORK/overrides.csv   the corrections among them; there is none where nothing is to be corrected
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from birdclef_mind.data.index import Index
from birdclef_mind.data.override import ALSO, DROP, NONE, RELABEL, START
from birdclef_mind.data.overrides import COLUMNS, Override, read_overrides, regular_starts
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import refuse_others, write_own
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.studio import asked

MARKS, OVERRIDES = "marks.json", "overrides.csv"
FORMAT = 1
_TAKEN_BACK_AT_MOST = 1000


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What was said of one segment.

    Attributes
    ----------
    right : its label is right. drop : nothing is to be learned from it. none : nothing is heard in it.
    relabel : the bird it is instead, "" for the one it is labelled. also : others that are heard as well.
    start_s : where its song begins, None where the window does.
    number : grows with everything that is said, so that a tab can tell whether it has seen it.
    """

    right: bool = False
    drop: bool = False
    none: bool = False
    relabel: str = ""
    also: tuple[str, ...] = ()
    start_s: float | None = None
    number: int = 0

    @property
    def says_nothing(self) -> bool:
        """Whether it leaves a segment as it is, unseen."""
        return replace(self, number=0) == Mark()

    def lines(self, recording: str, window_s: float) -> list[tuple[str, str, str, str]]:
        """Rows of overrides.csv, of a window by its regular start."""
        place = recording, f"{window_s:.9g}"
        if self.drop:
            return [(*place, DROP, "")]
        names = [(*place, NONE, "")] if self.none else []
        if not self.none:
            names += [(*place, RELABEL, self.relabel)] if self.relabel else []
            names += [(*place, ALSO, label) for label in self.also]
        return names + ([(*place, START, f"{self.start_s:.9g}")] if self.start_s is not None else [])


Key = tuple[str, float]


def _unknown(recording: str) -> float | None:
    return None


class SaidMeanwhileError(Exception):
    """Another tab has said something of this segment since it was shown; `args[0]` is its Mark."""


class Marks:
    """All that was said of the segments of a cache; every change is on disk when a method returns.

    `given` are corrections to begin with in a folder that has none; `length_s` tells how long a recording is, where
    that can be told. TableError for corrections of other segments, ConfigError where the folder has some already, or
    somebody else's file stands in the way.
    """

    def __init__(
        self, work: Path, cache: Index, given: Path | None = None, *, length_s: Callable[[str], float | None] = _unknown
    ) -> None:
        self._work, self._lock, self._length_s = work, threading.RLock(), length_s
        self._classes = cache.classes.names
        self._labels = {row.recording: row.label for row in cache.rows}
        self._window_s, self._root = cache.cutting.windowing.length_s, cache.root
        self._starts = {name: set(starts) for name, starts in regular_starts(cache).items()}
        self._marks: dict[Key, Mark] = {}
        self._before: list[tuple[Key, Mark]] = []
        self.number = 0
        refuse_others([work / MARKS, work / OVERRIDES], ConfigError)
        if given is not None and ((work / MARKS).is_file() or self.table.is_file()):
            raise ConfigError(
                f"overrides: expected none beside those of {work}, with which it goes on; give another folder as --work"
            )
        if (work / MARKS).is_file():
            self._read()
            self._write()
        elif given is not None or self.table.is_file():
            for one in self._given(given):
                self._take_over(one)
            self._write()

    @property
    def table(self) -> Path:
        """The corrections as a table; there is none where nothing is to be corrected."""
        return self._work / OVERRIDES

    def of(self, key: Key) -> Mark:
        """What was said of a segment: its recording and its window's regular start."""
        with self._lock:
            return self._marks.get(key, Mark())

    def all(self) -> dict[Key, Mark]:
        """Everything that was said."""
        with self._lock:
            return {key: mark for key, mark in self._marks.items() if not mark.says_nothing}

    def corrections(self) -> list[tuple[str, str, str, str]]:
        """Rows of overrides.csv."""
        with self._lock:
            return [
                line for (recording, start_s), mark in self._marks.items() for line in mark.lines(recording, start_s)
            ]

    def say(self, key: Key, mark: Mark, seen: int | None = None) -> Mark:
        """Say something of a segment, in the place of what was said before.

        The segment's own bird is no other, nor one that is heard as well: it is passed over.

        ConfigError for a segment or a bird that there is none of, OSError where it cannot be kept, and was not said
        then. SaidMeanwhileError where `seen`, the number of what a tab has seen, is no longer the last.
        """
        mark = self._plain(key, mark)
        self._require(key, mark)
        with self._lock:
            before = self.of(key)
            if seen is not None and before.number > seen:
                raise SaidMeanwhileError(before)
            own = replace(mark, number=self.number + 1)
            self._change(key, own, [*self._before, (key, before)][-_TAKEN_BACK_AT_MOST:])
            return own

    def take_back(self, seen: int | None = None) -> Key | None:
        """Undo what was said last; the segment it was said of, None where nothing is left to undo.

        SaidMeanwhileError where that was said after `seen`, the number of what a tab has seen.
        """
        with self._lock:
            if not self._before:
                return None
            key, mark = self._before[-1]
            if seen is not None and self.of(key).number > seen:
                raise SaidMeanwhileError(self.of(key))
            self._change(key, replace(mark, number=self.number + 1), self._before[:-1])
            return key

    def _change(self, key: Key, mark: Mark, before: list[tuple[Key, Mark]]) -> None:
        """Change a mark and what may be taken back, on disk too, or not at all."""
        held = dict(self._marks), self._before, self.number
        # What says nothing any more keeps its number, by which another tab is told.
        self._marks[key], self._before, self.number = mark, before, mark.number
        try:
            self._write()
        except OSError:
            self._marks, self._before, self.number = held
            raise

    def _plain(self, key: Key, mark: Mark) -> Mark:
        """What is meant where somebody names the segment's own bird."""
        own = self._labels.get(key[0], "")
        relabel = "" if mark.relabel == own else mark.relabel
        return replace(mark, relabel=relabel, also=tuple(one for one in mark.also if one != (relabel or own)))

    def _require(self, key: Key, mark: Mark) -> None:
        recording, start_s = key
        if not any(abs(start_s - own) < 1e-3 for own in self._starts.get(recording, ())):
            raise ConfigError(f"segment: expected one of the cache, got {recording!r} at {start_s:g} s")
        for label in (*mark.also, *([mark.relabel] if mark.relabel else [])):
            if label not in self._classes:
                raise ConfigError(f"bird: expected one of the cache's {len(self._classes)}, got {label!r}")
        longest_s = self._length_s(recording)
        if longest_s is None:
            longest_s = max(self._starts[recording]) + self._window_s
        if mark.start_s is not None and not mark.start_s < longest_s:
            raise ConfigError(f"start: expected one inside the recording's {longest_s:.2f} s, got {mark.start_s:g} s")
        if mark.relabel == self._labels[recording] or (mark.relabel or self._labels[recording]) in mark.also:
            raise ConfigError("bird: expected another one than the segment's own")

    def _given(self, given: Path | None) -> Sequence[Override]:
        """Corrections to begin with: those that somebody gave, else those of the folder, which may be none."""
        if given is None and len(self.table.read_bytes().splitlines()) < 2:
            return ()
        return read_overrides(given or self.table)

    def _take_over(self, one: Override) -> None:
        """Lay one correction of a table over the marks."""
        if one.end_s is not None:
            raise TableError(f"{one.place}: expected corrections of windows, got a stretch of time")
        key = (one.recording, one.start_s)
        mark = self._marks.get(key, Mark())
        ways: dict[str, Callable[[], Mark]] = {
            DROP: lambda: replace(mark, drop=True),
            NONE: lambda: replace(mark, none=True),
            RELABEL: lambda: replace(mark, relabel=one.value),
            ALSO: lambda: replace(mark, also=(*mark.also, one.value)),
            START: lambda: replace(mark, start_s=float(one.value)),
        }
        own = ways[one.action]()
        try:
            self._require(key, own)
        except ConfigError as error:
            raise TableError(f"{one.place}: {error}") from error
        self._marks[key] = own

    def _read(self) -> None:
        held = files.read_object(self._work, MARKS, "what was said in a studio", ConfigError)
        try:
            self.number = int(held["number"])
            self._marks = dict(_from_lists(held["marks"]))
            self._before = _from_lists(held["before"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{self._work / MARKS}: expected what a studio wrote, got something else") from error
        for key, mark in self.all().items():
            try:
                self._require(key, mark)
            except ConfigError as error:
                raise ConfigError(f"{self._work / MARKS}: expected marks of {self._root}; {error}") from error

    def _write(self) -> None:
        told = {
            "format": FORMAT, "number": self.number,
            "marks": _to_lists(list(self._marks.items())), "before": _to_lists(self._before),
        }  # fmt: skip
        write_own(self._work / MARKS, json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        lines = self.corrections()
        if lines or self.table.is_file():
            write_own(self.table, csv_text(COLUMNS, lines).encode("utf-8", "surrogateescape"))


def read_mark(values: Mapping[str, Any], length_s: float) -> Mark:
    """What a browser says of a segment; ConfigError for what cannot be said."""
    also = values.get("also", [])
    if not isinstance(also, Sequence) or isinstance(also, str) or len(also) > 50:
        raise ConfigError("also: expected a list of birds")
    moved = values.get("start_s") is not None
    return Mark(
        **{name: values.get(name) is True for name in ("right", "drop", "none")},
        relabel=asked.text(values, "relabel", ""),
        also=tuple(dict.fromkeys(asked.text({"also": one}, "also") for one in also)),
        start_s=asked.number(values, "start_s", 0, length_s) if moved else None,
    )


def _to_lists(marks: Sequence[tuple[Key, Mark]]) -> list[list[Any]]:
    return [[recording, start_s, asdict(mark)] for (recording, start_s), mark in marks]


def _from_lists(held: Sequence[Any]) -> list[tuple[Key, Mark]]:
    return [
        ((str(recording), float(start_s)), Mark(**{**mark, "also": tuple(mark["also"])}))
        for recording, start_s, mark in held
    ]
