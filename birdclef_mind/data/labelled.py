"""Soundscapes that somebody labelled: 2021's table of windows, 2026's with start and end, or Raven's and Audacity's."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from birdclef_mind.data.form import Form
from birdclef_mind.data.labels import NOTHING, parse_labels
from birdclef_mind.data.marked import Row, Sounds, read_marked
from birdclef_mind.data.training_table import Recording, Window
from birdclef_mind.errors import TableError
from birdclef_mind.sound.audio import SUFFIXES
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.storage.tables import header_of, table_rows

_IDS = ("row_id", "birds")
_SPANS = ("filename", "start", "end", "primary_label")
_CLOCK = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Labelled:
    """Labelled soundscapes, sorted by name, as recordings with windows.

    Attributes
    ----------
    rows, distinct : of the table, and how many of them differ. outside : how often labels were left out that are none
        of the classes, by label. of : the tables that have such labels. problems : a line for what tables beside
        soundscapes say of none, see `marked`.
    """

    soundscapes: tuple[Recording, ...] = ()
    rows: int = 0
    distinct: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    of: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_labelled(root: Path, form: Form, known_labels: Collection[str]) -> Labelled:
    """Read the labels of a competition's soundscapes; nothing where its form has no such table, or it is not there.

    Rows that stand twice count once; of several rows of one window each label counts.

    Raises
    ------
    TableError : columns of neither form, a row that is no window, or labels that are no list.
    """
    folder, path = root / form.soundscapes, root / form.labelled
    paths = list(folder.iterdir()) if form.soundscapes and folder.is_dir() else []
    marked = read_marked(paths)
    has_own = bool(form.labelled) and path.is_file()
    if not marked.rows and not has_own:
        return Labelled(problems=marked.problems)
    found: dict[str, dict[tuple[float, float], dict[str, None]]] = {}
    rows, distinct, outside = 0, set(), Counter[str]()
    own = list(_rows(path)) if has_own else []
    file_of = _Files(paths, form)
    for name, start_s, end_s, labels in (*own, *marked.rows):
        rows += 1
        file = file_of(name)
        if (file, start_s, end_s, labels) in distinct:
            continue
        distinct.add((file, start_s, end_s, labels))
        window = found.setdefault(file, {}).setdefault((start_s, end_s), {})
        outside.update(label for label in labels if label not in known_labels)
        window.update(dict.fromkeys(label for label in labels if label in known_labels))
    names = {path.name: {label for *_, labels in own for label in labels}} if has_own else {}
    of = [table for table, birds in {**names, **marked.birds}.items() if not outside.keys().isdisjoint(birds)]
    soundscapes = [
        Recording(
            f"{form.soundscapes}/{file}", "", session=form.site_of(PurePosixPath(file).stem),
            windows=tuple(Window(*span, tuple(labels)) for span, labels in sorted(windows.items())),
        )
        for file, windows in sorted(found.items())
    ]  # fmt: skip
    return Labelled(tuple(soundscapes), rows, len(distinct), outside, tuple(of), marked.problems)


def unlabelled(root: Path, form: Form, labelled: Collection[str] = ()) -> Iterator[Recording]:
    """Soundscapes to learn from that nobody labelled, sorted by name, without looking into them."""
    for name in sorted(_files(root / form.soundscapes, form).values()) if form.soundscapes else []:
        if f"{form.soundscapes}/{name}" not in labelled:
            yield Recording(
                f"{form.soundscapes}/{name}", "", session=form.site_of(PurePosixPath(name).stem), windows=()
            )


def heard_in(recording: Recording, start_s: float, end_s: float) -> tuple[str, ...] | None:
    """Labels that are surely heard in a part of a soundscape; None where nobody can say.

    What a window inside the part holds is heard in it; what a window holds that is only partly inside is so where all
    such windows hold it. Nobody can say where nobody listened to all of the part, or where something is heard in a
    window of which only some is in it.
    """
    near = _near(recording, start_s, end_s)
    covered = sum(min(one.end_s, end_s) - max(one.start_s, start_s) for one in near)
    if not near or covered < (end_s - start_s) * 0.98:
        return None
    inside = [one for one in near if one.start_s >= start_s - 1e-6 and one.end_s <= end_s + 1e-6]
    sure = dict.fromkeys(label for one in inside for label in one.labels)
    shared = set.intersection(*(set(one.labels) for one in near))
    sure |= dict.fromkeys(label for label in near[0].labels if label in shared)
    perhaps = {label for one in near for label in one.labels} - set(sure)
    return None if perhaps else tuple(sure)


def lost_rows(recording: Recording, segments: Iterable[tuple[float, float]]) -> list[Window]:
    """Labelled windows of a soundscape that end in no segment: some label of theirs is surely heard in none.

    So it is with those that lie beside all segments, or reach into several and fill none, as 3 to 8 s in every 5 s.

    Parameters
    ----------
    segments : start and end of each, in seconds.
    """
    left = {(one, label) for one in recording.windows or () for label in one.labels}
    for start_s, end_s in segments if left else ():
        heard = heard_in(recording, start_s, end_s) or ()
        left -= {(one, label) for one in _near(recording, start_s, end_s) for label in one.labels if label in heard}
    return sorted({one for one, _ in left}, key=lambda one: (one.start_s, one.end_s))


def _near(recording: Recording, start_s: float, end_s: float) -> list[Window]:
    """Labelled windows that reach into a part of a soundscape."""
    return [one for one in recording.windows or () if one.start_s < end_s - 1e-6 and one.end_s > start_s + 1e-6]


class _Files:
    """Which file a soundscape of a table is, by its name there: the one that is there, if any is."""

    def __init__(self, paths: Sequence[Path], form: Form) -> None:
        self._sounds, self._by_row = Sounds(paths), _by_row_name(paths, form)

    def __call__(self, name: str) -> str:
        if not PurePosixPath(name).suffix:
            return self._by_row.get(name, f"{name}.ogg")
        found = self._sounds.find(name)
        return found.name if found else name


def _files(folder: Path, form: Form) -> dict[str, str]:
    """Sound files of a folder by the names that they have in row ids."""
    return _by_row_name(folder.iterdir(), form) if folder.is_dir() else {}


def _by_row_name(paths: Iterable[Path], form: Form) -> dict[str, str]:
    return {
        form.row_name(path.stem): path.name
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    }


def _rows(path: Path) -> Iterator[Row]:
    """Soundscape, start, end and labels of each row."""
    header = header_of(path)
    required = _SPANS if set(_SPANS) <= set(header) else _IDS
    for row, cells in table_rows(path, required):
        where = f"{path.name}, row {row}"
        if required is _SPANS:
            name, text = cells["filename"], cells["primary_label"]
            start_s, end_s = (_seconds(where, column, cells[column]) for column in ("start", "end"))
        else:
            name, _, end = cells["row_id"].rpartition("_")
            end_s, text = _seconds(where, "row_id", end), cells["birds"]
            start_s = end_s - ROW_S
        if not 0 <= start_s < end_s or not name or len(PurePosixPath(name).parts) > 1 or "\\" in name:
            raise TableError(f"{where}: expected a window of a soundscape, got {', '.join(list(cells.values())[:3])}")
        labels = parse_labels(text)
        if labels is None:
            raise TableError(f"{where}: expected labels, got {text[:60]!r}")
        yield name, start_s, end_s, tuple(dict.fromkeys(label for label in labels if label != NOTHING))


def _seconds(where: str, column: str, text: str) -> float:
    """Seconds, given as such or as hours, minutes and seconds."""
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        return float(text)
    except ValueError as error:
        raise TableError(f"{where}, column {column}: expected a time in seconds, got {text!r}") from error
