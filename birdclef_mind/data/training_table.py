"""The training table: recordings, checked row by row.

Names in it are data from strangers: they are parsed, never evaluated, and never lead out of the folder.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from birdclef_mind.data.form import SAMPLE_SUBMISSION, USUAL, Form
from birdclef_mind.data.labels import is_empty, is_label, is_reserved, no_label, parse_labels
from birdclef_mind.errors import TableError
from birdclef_mind.storage.tables import table_rows

REQUIRED_COLUMNS = ("primary_label", "secondary_labels", "filename")

# An author by this name is nobody.
_NOBODY = "unknown"
_PLACE_AND_DAY = ("latitude", "longitude", "date")
# A picture's file has the whole name of its recording in it, with a temporary name before and an ending behind.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Window:
    """Part of a soundscape, in seconds, and the labels of what is heard in it; none where none of the classes is."""

    start_s: float
    end_s: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Recording:
    """One row of the training table, or a soundscape to learn from.

    Attributes
    ----------
    filename : path below the folder of recordings, as the table gives it, with "/"; of a soundscape below the
        competition's folder.
    label : the species it was recorded for; "" for a soundscape. secondary_labels : other species heard in it.
    author : as the table gives it, "" where nobody is named. common_name : of the label, "" where it is not known.
    session : what was recorded together where no author tells: a place and a day, or a site; "" where it is not known.
    windows : of a soundscape those that somebody labelled; None for a recording of the table.
    """

    filename: str
    label: str
    secondary_labels: tuple[str, ...] = ()
    author: str = ""
    common_name: str = ""
    session: str = ""
    windows: tuple[Window, ...] | None = None

    @property
    def folder(self) -> str:
        """What it is kept under: its label, or the folder of soundscapes."""
        return self.label or self.filename.partition("/")[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """What is surely in it: its label, or what is heard in the windows of a soundscape."""
        heard = (label for window in self.windows or () for label in window.labels)
        return (self.label,) if self.label else tuple(dict.fromkeys(heard))


@dataclass(frozen=True)
class TrainingTable:
    """A training table as it was read.

    Attributes
    ----------
    outside : how often secondary labels were left out, since they are none of the classes, by label.
    class_names : scientific name and animal class by label, as far as the table tells: ("", "") where it does not.
    """

    recordings: tuple[Recording, ...]
    outside: Counter[str] = field(default_factory=Counter)
    class_names: dict[str, tuple[str, str]] = field(default_factory=dict)


def read_training_table(path: Path, known_labels: Sequence[str] | None = None, form: Form = USUAL) -> TrainingTable:
    """Read and check a training table.

    Of secondary labels those are left out that are empty, the primary one, or none of the classes.

    Parameters
    ----------
    known_labels : the classes; None for the primary labels that stand in it.

    Raises
    ------
    TableError : a missing column, no recording, an empty or unknown primary label, secondary labels that are no list of
        labels, a file name twice, one that leaves the folder, or one that not every system can give.
    """
    found: list[Recording] = []
    seen: dict[str, int] = {}
    names: dict[str, tuple[str, str]] = {}
    for row, cells in table_rows(path, REQUIRED_COLUMNS):
        label = _safe_label(path.name, row, "primary_label", cells["primary_label"], known_labels)
        filename = cells["filename"] if form.nested else f"{label}/{cells['filename']}"
        filename = _safe_filename(path.name, row, filename, form)
        if filename in seen:
            raise TableError(
                f"{path.name}, row {row}, column filename: expected each file once, "
                f"got {cells['filename']!r} again (first in row {seen[filename]})"
            )
        seen[filename] = row
        secondary = [
            _safe_label(path.name, row, "secondary_labels", other, None)
            for other in _parse_list(path.name, row, cells["secondary_labels"])
        ]
        names.setdefault(label, (cells.get("scientific_name") or "", cells.get("class_name") or ""))
        found.append(_recording(filename, label, secondary, cells))
    if not found:
        raise TableError(f"{path.name}: expected at least one recording, got none")
    classes = {recording.label for recording in found} if known_labels is None else set(known_labels)
    outside = Counter(other for one in found for other in one.secondary_labels if other not in classes)
    inside = [
        replace(one, secondary_labels=tuple(other for other in one.secondary_labels if other in classes))
        if outside else one
        for one in found
    ]  # fmt: skip
    return TrainingTable(tuple(inside), outside, names)


def _recording(filename: str, label: str, secondary: Sequence[str], cells: dict[str, str]) -> Recording:
    author = (cells.get("author") or "").strip()
    where = [(cells.get(name) or "").strip() for name in _PLACE_AND_DAY]
    return Recording(
        filename,
        label,
        tuple(dict.fromkeys(other for other in secondary if other != label)),
        "" if author.casefold() == _NOBODY else author,
        cells.get("common_name") or "",
        " ".join(where) if not any(map(is_empty, where)) else "",
    )


def _safe_filename(table: str, row: int, name: str, form: Form) -> str:
    parts, where = PurePosixPath(name).parts, f"{table}, row {row}, column filename"
    # What begins with the name of the other folder would be looked for there.
    leads_out = (
        not parts
        or parts[0] == form.soundscapes
        or name.startswith("/")
        or ".." in parts
        or "\\" in name
        or "\0" in name
        or ":" in parts[0]
    )
    if leads_out or name.endswith("/") or any(not part.strip(". ") for part in parts):
        raise TableError(f"{where}: expected a path inside {form.audio}, got {name!r}")
    if len(name.encode()) > _LONGEST_NAME:
        raise TableError(f"{where}: expected a name of at most {_LONGEST_NAME} bytes, got {len(name.encode())}")
    if any(map(is_reserved, parts)):
        raise TableError(f"{where}: expected a name that every system can give a file, got {name!r}")
    return str(PurePosixPath(name))


def _safe_label(table: str, row: int, column: str, label: str, known: Collection[str] | None) -> str:
    if not is_label(label) or (column == "primary_label" and is_empty(label)):
        raise TableError(f"{table}, row {row}, column {column}: {no_label(label)}")
    if known is not None and label not in known:
        raise TableError(
            f"{table}, row {row}, column {column}: expected one of the {len(known)} labels of "
            f"{SAMPLE_SUBMISSION}, got {label!r}"
        )
    return label


def _parse_list(table: str, row: int, text: str) -> list[str]:
    labels = parse_labels(text)
    if labels is None:
        raise TableError(
            f"{table}, row {row}, column secondary_labels: expected a list such as ['barswa'], got {text[:60]!r}"
        )
    return labels
