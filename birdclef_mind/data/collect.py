"""A folder a species becomes a competition folder: tables, and links to the sounds, which stay where they are."""

import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.data import collection
from birdclef_mind.data.answers import answer_header
from birdclef_mind.data.authors import Authors, author_of, read_authors
from birdclef_mind.data.form import METADATA, SAMPLE_SUBMISSION, SCORES, TEST_SOUNDSCAPES, TRAIN_AUDIO
from birdclef_mind.data.hold_back import held_back, short_of
from birdclef_mind.data.labels import is_empty, is_label, is_reserved
from birdclef_mind.data.sample_tables import TRUTH
from birdclef_mind.data.soundscapes import ROWS
from birdclef_mind.errors import TableError, printable
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.storage import files, folders
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.tables import csv_text

_COLUMNS = ("primary_label", "secondary_labels", "author", "common_name", "filename")
# Letters, digits and a few signs make a label, and these with a few more a name of a file.
_OTHERS, _OTHERS_IN_NAMES = re.compile(r"[^\w.'-]+"), re.compile(r"[^\w. ,'()-]+")
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Sound:
    """A recording of a collection: where it is, its label, who recorded it ("" for nobody), the name of its link."""

    path: Path
    label: str
    author: str
    name: str


@dataclass(frozen=True)
class Collected:
    """What was collected.

    Attributes
    ----------
    trained, held_out : recordings on either side. species : labels. rows : windows of what was held out.
    problems : a line for each file that was left out, and one where fewer are held out than were asked for.
    authors : how many are known. remarks : a line where a table of
        authors names files that are not there.
    """

    trained: int
    held_out: int
    species: int
    rows: int
    problems: tuple[str, ...]
    authors: int
    remarks: tuple[str, ...] = ()


def collect(
    folder: Path,
    out: Path,
    *,
    authors: Path | None = None,
    hold_out: int = 0,
    seed: int = 0,
    track: Track = untracked,
) -> Collected:
    """Make a competition folder in the form of 2023 from recordings in a folder a species, at any depth below it.

    Parameters
    ----------
    authors : a table with the columns filename and author; without it the tags of the files tell.
    hold_out : recordings of each species that become test soundscapes, of whole authors where these are known, and
        never all of a species.

    Raises
    ------
    TableError : no folder of folders with recordings, two of which would be one species, an author's table that names
        none of the recordings, or an `out` that holds something else or lies in the folder.
    """
    if not folder.is_dir():
        raise TableError(f"{folder}: expected a folder with a folder of recordings a species, found {kind_of(folder)}")
    if out.resolve().is_relative_to(folder.resolve()):
        raise TableError(f"{out}: expected another place than in the collection, {folder}")
    found = _sounds(folder, read_authors(authors, folder) if authors else None, track)
    sounds, names = found.sounds, found.names
    labels = [sound.label for sound in sounds]
    held_out = held_back(labels, [sound.author for sound in sounds], hold_out, np.random.default_rng(seed))
    short = short_of(labels, held_out, hold_out)
    with folders.claimed(out, "collection", TableError) as ledger:
        _refuse_sounds(ledger)
        with folders.renewed(ledger, last=collection.FACTS) as stage:
            _write_training(stage, [sound for place, sound in enumerate(sounds) if place not in held_out], names)
            tested, more = _write_tests(stage, [sounds[place] for place in sorted(held_out)], sorted(names))
            collection.write_facts(stage, out, folder)
    known = {sound.author for sound in sounds if sound.author}
    return Collected(
        len(sounds) - len(held_out), len(held_out), len(names), tested, (*found.problems, *more, *short), len(known),
        found.remarks,
    )  # fmt: skip


def _refuse_sounds(ledger: Ledger) -> None:
    """Refuse a folder in which a sound stands where a link was written: it may be the only one there is."""
    for name in ledger.names:
        path = ledger.folder / name
        if name.startswith((f"{TRAIN_AUDIO}/", f"{TEST_SOUNDSCAPES}/")) and path.exists() and not path.is_symlink():
            raise TableError(f"{path}: expected the link that was written there, found a file; move it away")


@dataclass(frozen=True)
class _Found:
    """Recordings by label and path, a line for each file that is none, the name of each label's folder, remarks."""

    sounds: list[Sound]
    problems: list[str]
    names: dict[str, str]
    remarks: tuple[str, ...]


def _leads_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads to a place below a folder; links in a circle lead nowhere."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, RuntimeError):
        return False


def _sounds(folder: Path, authors: Authors | None, track: Track) -> _Found:
    homes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    files_in = {home: list(_files(home)) for home in homes}
    found = [(home, [path for path in own if path.suffix.lower() in audio.SUFFIXES]) for home, own in files_in.items()]
    problems = [f"{printable(home.name)}: no recordings in it" for home, own in found if not own]
    closed = [path for own in files_in.values() for path in own if path.suffix.lower() in audio.UNREAD_SUFFIXES]
    problems += [f"{printable(str(path.relative_to(folder)))}: is of an ending that is not read" for path in closed]
    known = (*audio.SUFFIXES, *audio.UNREAD_SUFFIXES)
    loose = [path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in known]
    problems += [f"{printable(path.name)}: lies in no species' folder" for path in sorted(loose)]
    labels = _labels(folder, [home for home, own in found if own])
    files_of = [(home, path) for home, own in found for path in own]
    inside = {path for _, path in files_of if _leads_inside(path, folder)}
    twice = _twice([path for _, path in files_of if path in inside])
    copies: dict[Path, list[Path]] = {}
    for other, first in twice.items():
        copies.setdefault(first, []).append(other)
    sounds: list[Sound] = []
    taken: dict[str, set[str]] = {}
    for home, path in track(files_of, len(files_of), "recordings"):
        below = printable(str(path.relative_to(folder)))
        if path not in inside:
            problems.append(
                f"{below}: is a link that leads {'out of the collection' if _is_there(path) else 'nowhere'}"
            )
        elif path in twice:
            problems.append(f"{below}: is the same sound as {printable(str(twice[path].relative_to(folder)))}")
        elif not (told := _told(path, copies.get(path, ()), folder, authors)):
            problems.append(f"{below}: cannot be read")
        else:
            own = taken.setdefault(labels[home], set())
            name = _name(path.relative_to(home), own)
            own.add(name.casefold())
            sounds.append(Sound(path, labels[home], told[0], name))
            if len(told) > 1:
                own_author, *others = map(printable, told)
                problems.append(f"{below}: is of {own_author}, but of {' and '.join(others)} where it stands once more")
    if not sounds:
        raise TableError(f"{folder}: expected a folder of recordings a species, found {kind_of(folder)}")
    if authors is not None and not any(sound.author for sound in sounds):
        raise TableError(f"{folder}: expected a table of authors with files of this folder, found none of them in it")
    remark = authors.remark(path.relative_to(folder) for _, path in files_of) if authors else ""
    names = {label: printable(home.name) for home, label in labels.items() if label in taken}
    return _Found(sounds, problems, names, (remark,) if remark else ())


def _told(path: Path, copies: Sequence[Path], folder: Path, authors: Authors | None) -> list[str]:
    """Who recorded a sound, by whichever of its files tells, each name once; [""] for nobody, [] for no sound."""
    own = author_of(path, folder, authors)
    if own is None:
        return []
    # Tags are part of the same.
    others = [authors.of(copy.relative_to(folder)) for copy in copies] if authors else []
    return list(dict.fromkeys(author for author in (own, *others) if author)) or [""]


def _twice(paths: Sequence[Path]) -> dict[Path, Path]:
    """Files that hold the same as an earlier one, and which that is; only files of one size are read."""
    by_size: dict[int, list[Path]] = {}
    for path in paths:
        with suppress(OSError):
            # A pipe or a device never ends.
            if path.is_file():
                by_size.setdefault(path.stat().st_size, []).append(path)
    found: dict[Path, Path] = {}
    for alike in by_size.values():
        seen: dict[str, Path] = {}
        # A link's own name says less of a sound than that of the file.
        for path in sorted(alike, key=Path.is_symlink) if len(alike) > 1 else ():
            with suppress(OSError):
                first = seen.setdefault(files.sha256(path), path)
                if first is not path:
                    found[path] = first
    return found


def _labels(folder: Path, homes: Sequence[Path]) -> dict[Path, str]:
    """A label for each species' folder; TableError where two would have one, on whatever disk."""
    labels = {home: _label(home.name) for home in homes}
    seen: dict[str, Path] = {}
    for home, label in labels.items():
        other = seen.setdefault(label.casefold(), home)
        if other is not home:
            raise TableError(f"{folder}: expected a folder a species, found {other.name!r} and {home.name!r}")
    return labels


def _files(home: Path) -> Iterator[Path]:
    """Files at any depth, sorted; links to folders are not followed, so that no walk is endless."""
    for place, inside, names in os.walk(home):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _label(name: str) -> str:
    """The label of a species' folder.

    >>> _label("Barn Swallow"), _label("barswa"), _label("Cyanistes caeruleus (L.)"), _label("None")
    ('Barn_Swallow', 'barswa', 'Cyanistes_caeruleus_L.', 'species_None')
    """
    # Some systems write an umlaut as two signs.
    label = _OTHERS.sub("_", printable(unicodedata.normalize("NFC", name))).strip("_")[:60]
    label = label if is_label(label) and not is_empty(label) else f"species_{label.strip('.')}"[:60]
    if not is_label(label):
        raise TableError(f"{printable(name)}: expected a folder whose name can be a label of letters and digits")
    return label


def _name(path: Path, taken: Collection[str]) -> str:
    """The name of a link: what the path below the species' folder says, as far as every system can give it."""
    stem = _OTHERS_IN_NAMES.sub("_", printable("__".join(path.with_suffix("").parts))).strip(". ") or "sound"
    while len(stem.encode()) > _LONGEST_NAME:
        stem = stem[:-1]
    stem = f"_{stem}" if is_reserved(stem) else stem
    suffix, number, name = path.suffix.lower(), 1, f"{stem}{path.suffix.lower()}"
    while name.casefold() in taken:
        number += 1
        name = f"{stem}_{number}{suffix}"
    return name


def _write_training(out: Path, sounds: Sequence[Sound], names: Mapping[str, str]) -> None:
    rows = []
    for sound in sounds:
        _link(sound.path, out / TRAIN_AUDIO / sound.label / sound.name)
        rows.append([sound.label, "[]", sound.author, names[sound.label], f"{sound.label}/{sound.name}"])
    files.write_text(out / METADATA, csv_text(_COLUMNS, rows))


def _write_tests(out: Path, sounds: Sequence[Sound], labels: Sequence[str]) -> tuple[int, list[str]]:
    """Write soundscapes, their truth and the sample submission: (rows, a line for each that has no length)."""
    (out / TEST_SOUNDSCAPES).mkdir(parents=True)
    rows: list[list[str]] = []
    problems: list[str] = []
    for number, sound in enumerate(sounds, start=1):
        name = f"soundscape_{number:05d}"
        duration_s = audio.duration_s(sound.path)
        if not duration_s:
            problems.append(f"{printable(sound.path.name)}: its length cannot be found, it is left out of the test")
            continue
        _link(sound.path, out / TEST_SOUNDSCAPES / f"{name}{sound.path.suffix.lower()}")
        there = [str(int(label == sound.label)) for label in labels]
        rows += [[f"{name}_{(row + 1) * ROW_S}", *there] for row in range(ROWS.count(duration_s))]
    header = answer_header(SCORES, labels)
    if rows:
        files.write_text(out / TRUTH, csv_text(header, rows))
    files.write_text(out / SAMPLE_SUBMISSION, csv_text(header, [[row[0], *["0"] * len(labels)] for row in rows]))
    return len(rows), problems


def _link(sound: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(sound.resolve())
