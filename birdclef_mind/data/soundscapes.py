"""Which sound answers which rows of a submission: found before anything is computed, and what is odd is a line."""

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data import competition
from birdclef_mind.data.form import SAMPLE_SUBMISSION, SOUNDSCAPE_FOLDERS, TEST_SOUNDSCAPES, USUAL, Form
from birdclef_mind.errors import ConfigError, TableError, printable
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import ROW_S, Windowing
from birdclef_mind.sound.sound_files import Header
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.places import is_remote

# A row every five seconds.
ROWS = Windowing(length_s=ROW_S, step_s=ROW_S)
# Levels of folders, `test_soundscapes` the first, that are looked through for what the sample lists.
_DEEPEST = 3


@dataclass(frozen=True)
class Soundscape:
    """A sound, the name it has in row ids, and what its header says; None when that cannot be read."""

    path: Path
    name: str
    header: Header | None

    def row_id(self, number: int) -> str:
        """Id of a row, counted from 0: the name and the second at which it ends."""
        return f"{self.name}_{(number + 1) * ROW_S}"


@dataclass(frozen=True)
class Soundscapes:
    """The soundscapes of a competition.

    Attributes
    ----------
    found : in the order of their names. missing : a line for each that the sample lists and no sound is there for.
    odd : a line for each that is not as it should be, and is heard or passed over as the line says.
    absent : names that the sample lists and no file has. usual_s : how long they are, half of them longer.
    """

    found: tuple[Soundscape, ...]
    missing: tuple[str, ...] = field(default=())
    odd: tuple[str, ...] = field(default=())
    absent: frozenset[str] = frozenset()
    usual_s: float = USUAL.soundscape_s


def find_soundscapes(root: Path, row_ids: Iterable[str], form: Form = USUAL) -> Soundscapes:
    """Match sound files below `test_soundscapes` with the rows that are asked for.

    A name is the same however its letters with accents are composed. What lies deeper, or has no ending, is taken only
    where the sample lists it; of two sounds with one name the first is taken.
    """
    row_ids = list(row_ids)
    listed = {_composed(name): name for name in names_in(row_ids)}
    folder = root / TEST_SOUNDSCAPES
    taken: dict[str, Soundscape] = {}
    odd: list[str] = []
    below = sorted(_below(folder, _DEEPEST))
    paths = [*competition.list_soundscapes(root), *_others(folder, below, listed)]
    for path in paths:
        stem = form.row_name(path.stem)
        own = printable(stem)
        name = listed.get(_composed(own), own)
        if name in taken:
            mine, other = (printable(str(one.relative_to(folder))) for one in (path, taken[name].path))
            odd.append(f"{mine}: would have the rows of {other}, and is not heard")
            continue
        if own != stem:
            odd.append(f"{own}: its file's name is no text; its rows are named as here")
        taken[name] = Soundscape(path, name, _header(path))
    odd += _passed_over(folder, set(below) - set(paths), listed)
    missing = [(name, _file_of(folder, name)) for name in listed.values() if name not in taken]
    lengths = [one.header.duration_s for one in taken.values() if one.header and one.header.duration_s]
    return Soundscapes(
        found=tuple(sorted(taken.values(), key=lambda one: one.name)),
        missing=(*_nameless(row_ids), *(_missing(name, file) for name, file in missing if name)),
        odd=tuple(odd),
        absent=frozenset(name for name, file in missing if file is None),
        usual_s=median(lengths) if lengths else form.soundscape_s,
    )


def require_rows(root: Path) -> None:
    """Raise TableError for a folder with neither soundscapes nor a submission's sample: nothing says what is asked."""
    parts = (TEST_SOUNDSCAPES, SAMPLE_SUBMISSION)
    if not any((root / part).exists() for part in parts):
        raise TableError(f"{root}: expected a competition folder with {' or '.join(parts)}, found {kind_of(root)}")


def refuse_among(root: Path, place: Path) -> None:
    """Raise ConfigError for a place to write in a competition's own folder of soundscapes.

    There a next run may take it for a soundscape, or for a table of what sings in one.
    """
    if is_remote(root):
        return
    own = os.path.realpath(place)
    for folder in (root / name for name in SOUNDSCAPE_FOLDERS):
        if Path(own).is_relative_to(os.path.realpath(folder)):
            raise ConfigError(f"{place}: expected another place than among the soundscapes in {folder}")


def names_in(row_ids: Iterable[str]) -> Counter[str]:
    """The soundscapes that rows are of, in order of appearance, and how many each has."""
    return Counter(row_id.rpartition("_")[0] for row_id in row_ids)


def more_rows(sounds: Soundscapes, row_ids: Iterable[str]) -> list[str]:
    """Rows that soundscapes should give beside `row_ids`, those that the sample lists, see `expected_rows`."""
    rows, listed = dict.fromkeys(row_ids), names_in(row_ids)
    example = not all(listed[one.name] for one in sounds.found)
    each = (expected_rows(one, rows, listed[one.name], sounds.usual_s, example=example) for one in sounds.found)
    return [row_id for own in each for row_id in own]


def expected_rows(
    soundscape: Soundscape,
    rows: Mapping[str, Any],
    listed: int,
    usual_s: float = USUAL.soundscape_s,
    *,
    example: bool = False,
) -> list[str]:
    """Rows a soundscape should give beside the `listed` ones that the sample lists of it, among `rows`.

    One that cannot be read is taken to be as long as the others usually are, `usual_s`. Where the length is not known
    and the sample lists any of its rows, these are all, unless it is an `example`, which lists none of other
    soundscapes. A sample that lists most of a soundscape's rows means all it wants: a sound a little too long gives no
    more.
    """
    header = soundscape.header
    duration_s = header.duration_s if header else usual_s
    if listed and not example and (header is None or duration_s is None):
        return []
    if duration_s is None:
        # Its header does not tell, so it is read to its end.
        duration_s = audio.duration_s(soundscape.path) or usual_s
    more = [soundscape.row_id(number) for number in range(ROWS.count(duration_s))]
    more = [row_id for row_id in more if row_id not in rows]
    return [] if listed > len(more) else more


def row_scores(starts_s: Sequence[float], scores: Array, length_s: float) -> Array:
    """Scores of rows from those of windows: the mean of the windows that overlap a row, weighted by how much.

    Parameters
    ----------
    starts_s : of the windows, in order, the first at 0. scores : (windows, classes). length_s : of a window.

    Returns
    -------
    (rows, classes), one every `ROW_S` seconds as far as windows reach; windows of a row's length are the rows.
    """
    starts = np.asarray(starts_s, float)
    count = int(np.ceil((starts[-1] + length_s) / ROW_S - 1e-9))
    begins = ROW_S * np.arange(count)[:, None]
    overlap = np.minimum(starts + length_s, begins + ROW_S) - np.maximum(starts, begins)
    weights = np.maximum(overlap, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(weights @ np.asarray(scores, float))


def remarks(soundscapes: Iterable[Soundscape], sample_rate_hz: int | None, usual_s: float) -> Iterator[str]:
    """What is unusual about some soundscapes, which should last `usual_s` seconds, and how it was taken.

    Without a sample rate no rate is unusual.
    """
    for one in soundscapes:
        header, file = one.header, printable(one.path.name)
        if header is None:
            continue
        if header.duration_s is not None and abs(header.duration_s - usual_s) > 1:
            yield f"{file}: {header.duration_s:.1f} s long instead of {usual_s:.0f}"
        if (header.channels, header.sample_rate_hz) != (1, sample_rate_hz or header.sample_rate_hz):
            at = f" at {sample_rate_hz} Hz" if sample_rate_hz else ""
            mixed = f"{header.channels} channels, their mean or one where they cancel,"
            heard = "one channel" if header.channels == 1 else mixed
            yield f"{file}: {heard} at {header.sample_rate_hz} Hz, taken{at}"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _others(folder: Path, below: Iterable[Path], listed: Mapping[str, str]) -> Iterator[Path]:
    """Sounds that the sample lists, by their content in a file without an ending, or deeper in the folder."""
    for path in below:
        if not path.name.startswith(".") and _composed(printable(path.stem)) in listed:
            is_sound = path.suffix.lower() in audio.SUFFIXES
            if (path.parent != folder and is_sound) or (path.suffix == "" and _header(path)):
                yield path


def _passed_over(folder: Path, paths: Iterable[Path], listed: Collection[str]) -> Iterator[str]:
    """A line for sounds that lie deeper and are not listed, and one for those of endings that nobody reads here."""
    # What is listed is missing, and said to be so.
    left = [path for path in sorted(paths) if path.name[0] != "." and _composed(printable(path.stem)) not in listed]
    deep = [path for path in left if path.parent != folder and path.suffix.lower() in audio.SUFFIXES]
    closed = [path for path in left if path.suffix.lower() in audio.UNREAD_SUFFIXES]
    for found, why in ((deep, "lie deeper, and are not listed"), (closed, "are of an ending that is not read")):
        if found:
            first = printable(str(found[0].relative_to(folder)))
            yield f"sounds in {folder.name} that {why}, {len(found)} in all, such as {first}, are not heard"


def _below(folder: Path, deepest: int) -> Iterator[Path]:
    if deepest == 0 or not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from _below(path, deepest - 1)
        elif path.is_file():
            yield path


def _file_of(folder: Path, name: str) -> str | None:
    """A file that has the name of a soundscape and is none; None where there is none."""
    names = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((printable(path.name) for path in names if _composed(printable(path.stem)) == _composed(name)), None)


def _nameless(row_ids: Iterable[str]) -> list[str]:
    """A line for each row that is of no soundscape at all."""
    return [
        f"row_id {row_id!r}: expected a soundscape's name, _ and a second; the row is asked for, and no sound is meant"
        for row_id in row_ids
        if not row_id.rpartition("_")[0]
    ]


def _missing(name: str, file: str | None) -> str:
    if file is not None:
        return f"{name}: expected a sound that can be read, found {file}"
    return f"{name}: its rows are asked for, and there is no sound of that name"


def _header(path: Path) -> Header | None:
    try:
        return audio.read_header(path)
    except Exception:  # Whatever a library makes of one header, the others are heard.
        return None
