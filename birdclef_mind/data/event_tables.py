"""Who sings when, as tables that people who listen use: our own CSV, Raven's selections, Audacity's labels.

    events.csv                      soundscape,onset_s,offset_s,bird,score
    NAME.Table.1.selections.txt     Raven: tabs, a header with "Begin Time (s)", "End Time (s)", "Species" …
    NAME.txt                        Audacity: tabs, no header: start, end, label

Raven's and Audacity's are one file a sound, which its name tells where no column does; several stand in a folder.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from birdclef_mind.errors import TableError
from birdclef_mind.storage.tables import csv_text, rows_of, table_rows

CSV, RAVEN, AUDACITY = FORMATS = ("csv", "raven", "audacity")
COLUMNS = ("soundscape", "onset_s", "offset_s", "bird", "score")
_BEGIN, _END, _FILE, _OFFSET = "Begin Time (s)", "End Time (s)", "Begin File", "File Offset (s)"
_RAVEN = (
    "Selection", "View", "Channel", _BEGIN, _END, "Low Freq (Hz)", "High Freq (Hz)", _FILE, "Species", "Score",
)  # fmt: skip
# Columns in which people write what they heard, the surest first.
_SPECIES = ("Species Code", "Species", "Label", "Annotation", "Tags", "Common Name")
# What a table's name has behind the sound's; BirdNET's analyser writes such tables, too.
_OF_TABLE = re.compile(
    r"(\.Table\.\d+)?(\.selections)?(\.BirdNET\.(selection\.table|selections|results))?\.[^.]*$", re.IGNORECASE
)
_NAMES = (".txt", ".tsv")
_ENDINGS = {RAVEN: ".Table.1.selections.txt", AUDACITY: ".txt"}
# A selection of which less than this, and less than half of it, reaches into a row is not in it.
_LEAST_S = 0.1
# Longer than anything is; what begins later is no time.
_LONGEST_S = 10_000_000


@dataclass(frozen=True)
class Event:
    """One bird, from its onset to its offset in seconds of the sound; score is its highest chance.

    A table may say `nocall` instead of a bird: somebody listened and heard none.
    """

    onset_s: float
    offset_s: float
    bird: str
    score: float = 1.0


Events = Mapping[str, Sequence[Event]]


def event_tables(events: Events, form: str, low_hz: float, high_hz: float) -> dict[str, str]:
    """Events by sound as the text of each file, by its name below a folder; "" is the name of the single file of `CSV`.

    Parameters
    ----------
    form : one of `FORMATS`. low_hz, high_hz : what every selection of Raven spans.
    """
    if form == CSV:
        return {"": csv_text(COLUMNS, [[name, *_cells(one, 2)] for name, own in events.items() for one in own])}
    tables = {}
    for name, own in events.items():
        rows: list[Sequence[Any]] = [[f"{one.onset_s:.6f}", f"{one.offset_s:.6f}", one.bird] for one in own]
        if form == RAVEN:
            band = [f"{low_hz:g}", f"{high_hz:g}"]
            rows = [
                [number, "Spectrogram 1", 1, *row[:2], *band, name, row[2], f"{one.score:.4f}"]
                for number, (row, one) in enumerate(zip(rows, own, strict=True), start=1)
            ]
            rows = [_RAVEN, *rows]
        tables[f"{name}{_ENDINGS[form]}"] = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    return tables


def read_event_tables(path: Path) -> dict[str, list[Event]]:
    """Events by sound, from a table of any of the three kinds, or from all such tables in a folder.

    TableError names the file, row and column of what is no event.
    """
    # The command line, which knows the names of the kinds, starts without soundfile.
    from birdclef_mind.sound.sound_files import without_ending

    found: dict[str, list[Event]] = {}
    for file in _tables_in(path) if path.is_dir() else [path]:
        if not is_event_table(file):
            for name, event in _own(file):
                found.setdefault(name, []).append(event)
            continue
        own = sound_of(file)
        for name, event in read_table(file):
            # A sound that the table is named after may be called as one with an ending is.
            found.setdefault(own if name in ("", own) else without_ending(name), []).append(event)
    return found


def read_table(path: Path) -> Iterator[tuple[str, Event]]:
    """The name of the file that an event is of, as a table of Raven gives it, or "", and the event.

    TableError as of `read_event_tables`.
    """
    # Some programs quote each text; a quote inside one is part of it.
    rows = [(row, [_bare(cell) for cell in cells]) for row, cells in rows_of(path, "\t")]
    if rows and _BEGIN in rows[0][1]:
        yield from _selections(path, rows)
        return
    for row, cells in rows:
        # Audacity writes the band of a selection into a line of its own.
        if cells[0] == "\\":
            continue
        if len(cells) != 3:
            raise TableError(f"{path.name}, row {row}: expected a start, an end and a label, got {len(cells)} cells")
        times = _seconds(path, row, "start", cells[0]), _seconds(path, row, "end", cells[1])
        yield "", _event(path, row, times, cells[2], "")


def is_event_table(path: Path) -> bool:
    """Whether a table is one of Raven or Audacity, or a folder of them, and not one of commas."""
    return path.is_dir() or is_table_name(path.name)


def is_table_name(name: str) -> bool:
    """Whether a file of that name may be a table of Raven or Audacity."""
    return PurePosixPath(name).suffix.lower() in _NAMES


def is_text_of_events(path: Path) -> bool:
    """Whether a text begins as a table of Raven or Audacity does."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline(10_000).rstrip("\n").split("\t")
        if _BEGIN in map(_bare, first):
            return True
        return len(first) == 3 and 0 <= float(first[0]) <= float(first[1])
    except (OSError, ValueError):
        return False


def heard_between(events: Sequence[Event], start_s: float, end_s: float) -> dict[str, float]:
    """Birds that sing in a part of a sound, and their highest score."""
    found: dict[str, float] = {}
    for one in events:
        inside_s = min(one.offset_s, end_s) - max(one.onset_s, start_s)
        if inside_s > 0 and inside_s >= min(_LEAST_S, (one.offset_s - one.onset_s) / 2) - 1e-6:
            found[one.bird] = max(one.score, found.get(one.bird, 0.0))
    return found


def sound_of(table: Path) -> str:
    """The name of the sound that a table of one sound is of.

    >>> sound_of(Path("H02_20230420_074000.Table.1.selections.txt")), sound_of(Path("XC1.BirdNET.selection.table.TXT"))
    ('H02_20230420_074000', 'XC1')
    """
    ending = _OF_TABLE.search(table.name)
    return table.name[: ending.start()] if ending else table.name


def _tables_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and not path.name.startswith("."))


def _cells(event: Event, digits: int) -> list[str]:
    return [f"{event.onset_s:.{digits}f}", f"{event.offset_s:.{digits}f}", event.bird, f"{event.score:.4f}"]


def _bare(cell: str) -> str:
    """A cell without the quotes around all of it."""
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _own(path: Path) -> Iterator[tuple[str, Event]]:
    for row, cells in table_rows(path, COLUMNS):
        times = _seconds(path, row, "onset_s", cells["onset_s"]), _seconds(path, row, "offset_s", cells["offset_s"])
        yield cells["soundscape"], _event(path, row, times, cells["bird"], cells["score"])


def _selections(path: Path, rows: list[tuple[int, list[str]]]) -> Iterator[tuple[str, Event]]:
    header = [name.strip() for name in rows[0][1]]
    species = next((name for name in _SPECIES if name in header), None)
    if _END not in header or species is None:
        raise TableError(f"{path.name}: expected the columns {_BEGIN}, {_END} and Species, got {', '.join(header)}")
    for row, values in rows[1:]:
        cells = dict(zip(header, values, strict=True))
        begin_s, end_s = (_seconds(path, row, name, cells[name]) for name in (_BEGIN, _END))
        file = PurePosixPath(cells.get(_FILE, "").replace("\\", "/")).name
        if file and cells.get(_OFFSET, ""):
            # Of several sounds that are shown as one, times are counted on.
            offset_s = _seconds(path, row, _OFFSET, cells[_OFFSET])
            begin_s, end_s = offset_s, offset_s + end_s - begin_s
        score = cells.get("Score") or cells.get("Confidence") or ""
        yield file, _event(path, row, (begin_s, end_s), cells[species], score)


def _event(path: Path, row: int, times: tuple[float, float], bird: str, score: str) -> Event:
    # The command line, which knows the names of the kinds, starts without NumPy.
    from birdclef_mind.data.labels import NOTHING, is_label

    where, bird = f"{path.name}, row {row}", bird.strip()
    bird = NOTHING if bird.casefold() == NOTHING else bird
    if not times[0] < times[1]:
        raise TableError(f"{where}: expected an end after the start, got {times[0]:g} and {times[1]:g}")
    if bird != NOTHING and not is_label(bird):
        raise TableError(f"{where}: expected a label of letters and digits, got {bird[:60]!r}")
    try:
        sure = float(score or 1)
    except ValueError:
        sure = -1.0
    if not 0 <= sure <= 1:
        raise TableError(f"{where}, column score: expected a number from 0 to 1, got {score!r}")
    return Event(*times, bird, sure)


def _seconds(path: Path, row: int, column: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    # Also false for what is not a number.
    if not 0 <= seconds < _LONGEST_S:
        raise TableError(
            f"{path.name}, row {row}, column {column}: expected seconds from 0 to {_LONGEST_S}, got {text!r}"
        )
    return seconds
