"""Corrections by somebody who listened: segments to drop, to name anew, to add a bird to, to move, or without any.

    recording,start_s,action,value
    barswa/XC1.ogg,5,drop,
    barswa/XC1.ogg,10,relabel,comsan
    barswa/XC1.ogg,15,none,
    barswa/XC2.ogg,0,also,comsan
    barswa/XC2.ogg,5,start,7.25

`start_s` names a window by its regular start, moved or not, so that a line stays right after the window was moved.
`cache` moves windows, `train` does the rest. Raven's selections and Audacity's labels are corrections too, see `spans`.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from birdclef_mind.data.cache import Cache
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.event_tables import is_event_table
from birdclef_mind.data.index import Index, IndexRow
from birdclef_mind.data.override import ACTIONS, ALSO, DROP, NONE, RELABEL, START
from birdclef_mind.data.override import Override as Override
from birdclef_mind.data.spans import by_window, read_spans, recording_named
from birdclef_mind.errors import TableError
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import Cutting
from birdclef_mind.storage.tables import table_rows

COLUMNS = ("recording", "start_s", "action", "value")
_WORDS = {
    DROP: "dropped",
    NONE: "marked as holding none",
    RELABEL: "named otherwise",
    ALSO: "given one more",
    START: "moved",
}


@dataclass(frozen=True, kw_only=True)
class CorrectedCache(Cache):
    """A cache with its rows as they were corrected, be it by nothing; `as_cached` is the one without corrections.

    What is learned, measured or shown wants this one; what is held out must not depend on corrections. `corrections`
    are those that were laid over it, each of one window.
    """

    as_cached: Cache
    corrections: tuple[Override, ...] = ()


Moves = Mapping[str, Mapping[int, float]]


def read_overrides(path: Path) -> tuple[Override, ...]:
    """Read a table of corrections, or tables of Raven or Audacity.

    TableError names the row that is no correction or contradicts an earlier one, or says that there is none.
    """
    if is_event_table(path):
        return read_spans(path)
    found = [_override(f"{path.name}, row {row}", cells) for row, cells in table_rows(path, COLUMNS)]
    if not found:
        raise TableError(f"{path.name}: expected at least one correction, got none")
    _refuse_contradictions((override, override.start_s) for override in found)
    return tuple(found)


def find_moves(overrides: Iterable[Override], competition: Competition, cutting: Cutting) -> Moves:
    """New starts of windows by recording and segment, in seconds, of a whole number of samples.

    TableError for a recording that the competition does not have or that cannot be read, and for a window or a new
    start that is not in its sound.
    """
    recordings = {recording.filename: recording for recording in competition.recordings}
    moves: dict[str, dict[int, float]] = {}
    for override in overrides:
        name = override.recording if override.end_s is None else recording_named(override.recording, recordings)
        if name not in recordings:
            raise _unknown_recording(override, "the competition")
        if override.action != START:
            continue
        length_s = audio.duration_s(competition.audio_path(recordings[override.recording]))
        if length_s is None:
            raise TableError(f"{override.place}: expected a recording that can be read, got {override.recording!r}")
        regular = cutting.windowing.starts_s(length_s)
        segment = segment_of(override, regular)
        start_s = _whole_sample_s(float(override.value), cutting)
        if not start_s < length_s:
            raise TableError(
                f"{override.place}: expected a start inside the recording's {length_s:.2f} s, got {override.value}"
            )
        moves.setdefault(override.recording, {})[segment] = start_s
    return moves


def corrected(cache: Cache, overrides: Sequence[Override]) -> CorrectedCache:
    """A cache with corrections laid over it; TableError as of `corrected_rows`."""
    found = corrected_rows(cache, overrides)
    more = {"rows": found.rows, "as_cached": cache, "corrections": found.corrections}
    return CorrectedCache(**{**vars(cache), **more})


@dataclass(frozen=True)
class CorrectedRows:
    """Segments as they were corrected, and the corrections of single windows."""

    rows: tuple[IndexRow, ...]
    corrections: tuple[Override, ...]


def corrected_rows(cache: Index, overrides: Sequence[Override]) -> CorrectedRows:
    """Lay corrections over the segments of a store: dropped, named anew, with more birds or none.

    Windows that were moved must already be in it. TableError for a recording, a window or a bird that the store does
    not have, a window that it has not moved, and corrections that contradict each other.
    """
    rows = {(row.recording, row.segment): row for row in cache.rows}
    regular = regular_starts(cache)
    names = set(cache.classes.names)
    own = {row.recording: row.label for row in cache.rows if not row.soundscape}
    overrides = by_window(overrides, regular, cache.cutting.windowing.length_s, own)
    for override in overrides:
        if override.recording not in regular:
            raise _unknown_recording(override, "the cache")
    # Starts that differ by less than a window's tolerance name one window.
    _refuse_contradictions((one, segment_of(one, regular[one.recording])) for one in overrides)
    for override in overrides:
        place = override.recording, segment_of(override, regular[override.recording])
        if override.action in (RELABEL, ALSO) and override.value not in names:
            raise TableError(
                f"{override.place}: expected one of the cache's {len(names)} {cache.are}, got {override.value!r}"
            )
        if override.action == DROP:
            rows.pop(place, None)
        elif override.action == NONE:
            rows[place] = replace(rows[place], birdless=True)
        elif override.action == RELABEL:
            rows[place] = replace(rows[place], label=override.value, birdless=False)
        elif override.action == ALSO:
            rows[place] = _with(rows[place], override.value)
        else:
            _require_moved(override, rows[place], cache)
    for override in overrides:
        row = rows.get((override.recording, segment_of(override, regular[override.recording])))
        if row and not row.soundscape and override.action == ALSO and override.value == row.label:
            raise TableError(f"{override.place}: expected another bird than the segment's own, got {override.value!r}")
    return CorrectedRows(tuple(rows.values()), tuple(overrides))


def _with(row: IndexRow, label: str) -> IndexRow:
    """A row in which something else is heard, too; in a soundscape it may be the first."""
    if not row.label:
        return replace(row, label=label, birdless=False)
    return replace(row, also=tuple({**dict.fromkeys(row.also), label: None}))


def regular_starts(cache: Index) -> dict[str, list[float]]:
    """By recording, where its windows start before any is moved."""
    start_s = cache.cutting.windowing.start_s
    counts = Counter(row.recording for row in cache.rows)
    return {recording: [start_s(segment) for segment in range(count)] for recording, count in counts.items()}


def summary(corrections: Iterable[Override]) -> str:
    """How many windows corrections of single windows concern, for people: "segments: 2 dropped, 1 moved"."""
    found = {(one.action, one.recording, one.start_s) for one in corrections}
    counts = Counter(action for action, _, _ in found)
    words = [f"{counts[action]} {_WORDS[action]}" for action in ACTIONS if counts[action]]
    return "segments: " + (", ".join(words) or "none")


def to_record(overrides: Iterable[Override]) -> list[dict[str, Any]]:
    """Corrections as plain values, to be kept with what was made from them."""
    return [asdict(override) for override in overrides]


def from_record(values: Iterable[Mapping[str, Any]]) -> tuple[Override, ...]:
    """Undo `to_record`."""
    return tuple(Override(**value) for value in values)


def _override(place: str, cells: Mapping[str, str]) -> Override:
    action, value = cells["action"].strip(), cells["value"].strip()
    if action not in ACTIONS:
        raise TableError(f"{place}, column action: expected one of {', '.join(ACTIONS)}, got {action!r}")
    start_s = _seconds(f"{place}, column start_s", cells["start_s"])
    if action in (DROP, NONE) and value:
        raise TableError(f"{place}, column value: expected nothing for {action}, got {value!r}")
    if action in (RELABEL, ALSO) and not value:
        raise TableError(f"{place}, column value: expected a bird for {action}, got nothing")
    if action == START:
        _seconds(f"{place}, column value", value)
    return Override(place, cells["recording"], start_s, action, value)


def _seconds(place: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    # Also false for what is not a number.
    if not 0 <= seconds < audio.LONGEST_S:
        raise TableError(f"{place}: expected seconds from 0 to {audio.LONGEST_S:.0f}, got {text!r}")
    return seconds


def _refuse_contradictions(overrides: Iterable[tuple[Override, float]]) -> None:
    """Raise TableError for two corrections, each with what names its window, that cannot both be meant."""
    seen: dict[tuple[str, float], list[Override]] = {}
    for override, window in overrides:
        earlier = seen.setdefault((override.recording, window), [])
        for other in earlier:
            if _contradict(override, other):
                verb = "repeats" if override.value and override.value == other.value else "contradicts"
                raise TableError(
                    f"{override.place}: {_said(override)} {verb} {_said(other)} of {other.place} for "
                    f"{override.recording} at {override.start_s:g} s"
                )
        earlier.append(override)


def _contradict(one: Override, other: Override) -> bool:
    if one.action == other.action:
        return one.action in (RELABEL, START) and one.value != other.value
    if {one.action, other.action} == {RELABEL, ALSO}:
        return one.value == other.value
    if NONE in (one.action, other.action):
        return START not in (one.action, other.action)
    return DROP in (one.action, other.action)


def _said(override: Override) -> str:
    return f"{override.action} {override.value}".strip()


def segment_of(override: Override, regular: Sequence[float]) -> int:
    """The segment that a correction names, of a recording's regular starts; TableError where there is none."""
    for segment, start_s in enumerate(regular):
        if abs(start_s - override.start_s) < 1e-3:
            return segment
    starts = ", ".join(f"{start_s:g}" for start_s in regular[:12]) + (", …" if len(regular) > 12 else "")
    raise TableError(
        f"{override.place}, column start_s: expected the start of a window of {override.recording}, one of {starts}, "
        f"got {override.start_s:g}"
    )


def _require_moved(override: Override, row: IndexRow, cache: Index) -> None:
    if abs(row.start_s - _whole_sample_s(float(override.value), cache.cutting)) > 1e-3:
        first = shlex.join(["birdclef-mind", "cache", str(cache.competition), str(cache.root), "--overrides"])
        raise TableError(
            f"{override.place}: moves a window that the cache still has at {row.start_s:g} s; run `{first} …` with the "
            "same file first"
        )


def _whole_sample_s(seconds: float, cutting: Cutting) -> float:
    return round(seconds * cutting.sample_rate_hz) / cutting.sample_rate_hz


def _unknown_recording(override: Override, where: str) -> TableError:
    return TableError(
        f"{override.place}, column recording: expected a recording of {where}, got {override.recording!r}"
    )
