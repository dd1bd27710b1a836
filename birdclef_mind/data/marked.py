"""Tables of Raven and Audacity beside soundscapes: which sound each selection is of, and which are of none."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TypeVar

from birdclef_mind.checks import some_of
from birdclef_mind.data.event_tables import Event, heard_between, is_table_name, is_text_of_events, read_table, sound_of
from birdclef_mind.data.labels import NOTHING
from birdclef_mind.errors import TableError
from birdclef_mind.sound.audio import duration_s as duration_of
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.sound.sound_files import SUFFIXES, without_ending

Row = tuple[str, float, float, tuple[str, ...]]
_Kind = TypeVar("_Kind", str, Path)
_Selections = Mapping[_Kind, Sequence[Event]]


@dataclass(frozen=True)
class Marked:
    """What tables beside soundscapes say.

    Attributes
    ----------
    rows : file, start, end and labels: of each sound that a table labels, five seconds each up to its end.
    birds : what each table names, by its own name. problems : a line for each table, or part of one, that is of no
        sound, and for each sound whose table is of others.
    """

    rows: tuple[Row, ...] = ()
    birds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Sounds:
    """Sounds of a folder by name: in whatever letters, however composed, with or without endings."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._alike: dict[str, list[Path]] = {}
        for path in paths:
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                self._alike.setdefault(_bare(path.name), []).append(path)

    def find(self, name: str) -> Path | None:
        """The sound that a name means; None where none or several have it."""
        alike, folded = self._alike.get(_bare(name), []), _folded(name)
        for found in (
            [path for path in alike if path.name == name],
            [path for path in alike if path.stem == name],
            [path for path in alike if folded in (_folded(path.name), _folded(path.stem))],
            alike,
        ):
            if found:
                return found[0] if len(found) == 1 else None
        return None


def read_marked(paths: Sequence[Path]) -> Marked:
    """What tables among the files of a folder say of the sounds there.

    A table is of the sound that it is named after, and of those that its selections name. One whose selections all name
    a single other file, which is not there, is of the sound that it is named after, which was renamed or converted.
    TableError for a table named after a sound that is none.
    """
    names = sorted(path for path in paths if is_table_name(path.name) and not path.name.startswith("."))
    sounds = Sounds(paths if names else ())
    tables = [table for path in names if (table := _table(path, sounds))]
    heard: dict[Path, list[Event]] = {}
    for table in tables:
        for sound, events in table.heard.items():
            heard.setdefault(sound, []).extend(events)
    problems = [line for table in tables for line in table.problems]
    problems += [
        f"{table.own.name}: all selections of {table.name} name other files, so nobody labelled it"
        for table in tables if table.own and table.own not in heard
    ]  # fmt: skip
    rows = [row for sound, events in sorted(heard.items()) for row in _rows(sound, events, problems)]
    birds = {table.name: frozenset(one.bird for own in table.heard.values() for one in own) for table in tables}
    return Marked(tuple(rows), birds, tuple(problems))


@dataclass(frozen=True)
class _Table:
    """A table: the sound that it is named after, if any is, what it says of each, and a line for what is of none."""

    name: str
    own: Path | None
    heard: _Selections[Path]
    problems: tuple[str, ...] = ()


def _table(path: Path, sounds: Sounds) -> _Table | None:
    own = sounds.find(sound_of(path))
    # A text of another kind, such as a list of places, is about no sound.
    if own is None and not is_text_of_events(path):
        return None
    try:
        selections = _by_file(path)
    except TableError as error:
        if own is not None:
            raise
        return _Table(path.name, None, {}, (f"{path.name}: is named after no sound here, and not used ({error})",))
    heard: dict[Path, list[Event]] = {own: []} if own and not selections else {}
    problems = [] if own or selections else [f"{path.name}: is named after no sound here, and names none: not used"]
    for file, sound in _whose(selections, own, sounds).items():
        if sound:
            heard.setdefault(sound, []).extend(selections[file])
        else:
            problems.append(_nowhere(path, file, len(selections[file])))
    return _Table(path.name, own, heard, tuple(problems))


def _whose(selections: _Selections[str], own: Path | None, sounds: Sounds) -> dict[str, Path | None]:
    """Which sound the selections are of that name a file; "" stands for those that name none."""
    whose = {file: sounds.find(file) if file else own for file in selections}
    if not any(whose.values()) and len({_bare(file) for file in whose}) == 1:
        return dict.fromkeys(whose, own)
    return whose


def _by_file(table: Path) -> _Selections[str]:
    found: dict[str, list[Event]] = {}
    for file, event in read_table(table):
        found.setdefault(file, []).append(event)
    return found


def _nowhere(table: Path, file: str, count: int) -> str:
    whose = f"name {file}" if file else "name no file"
    return f"{table.name}: {count} of its selections {whose}, are of no sound here, or of several, and are not used"


def _rows(sound: Path, events: Sequence[Event], problems: list[str]) -> Iterator[Row]:
    """Five seconds each up to the sound's end; `problems` gets a line for what is beyond, and for what is no sound."""
    duration_s = duration_of(sound)
    if not duration_s:
        problems.append(f"{sound.name}: its tables are not used, since its length cannot be read")
        return
    beyond = [one.bird for one in events if one.onset_s >= duration_s]
    if beyond:
        problems.append(f"{sound.name}: {len(beyond)} selections begin after its end, such as of {some_of(beyond, 1)}")
    for number in range(ceil(duration_s / ROW_S)):
        begin_s = float(number * ROW_S)
        labels = heard_between(events, begin_s, begin_s + ROW_S)
        yield sound.name, begin_s, begin_s + ROW_S, tuple(label for label in labels if label != NOTHING)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _bare(name: str) -> str:
    """A name folded, without any of its endings that are of sounds.

    >>> _bare("XC1.WAV.ogg"), _bare("H02.5")
    ('xc1', 'h02.5')
    """
    bare = _folded(name)
    while (shorter := without_ending(bare)) != bare:
        bare = shorter
    return bare
