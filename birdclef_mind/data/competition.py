"""A BirdCLEF competition folder: its tables checked, its recordings and soundscapes.

Names in the tables are data from strangers: they are parsed, never evaluated, and never lead out of the folder.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from birdclef_mind.data.labels import is_label, is_reserved
from birdclef_mind.errors import TableError
from birdclef_mind.sound.audio import SUFFIXES
from birdclef_mind.storage import folder_kinds
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.tables import frame_of, rows_of, table_rows

if TYPE_CHECKING:
    import pandas as pd

METADATA = folder_kinds.COMPETITION
SAMPLE_SUBMISSION = "sample_submission.csv"
TRAIN_AUDIO = "train_audio"
TEST_SOUNDSCAPES = "test_soundscapes"
REQUIRED_COLUMNS = ("primary_label", "secondary_labels", "filename")

_NO_LABEL = ("", "nan", "none", "null", "<na>", "na")
_LABEL = r"""(?:'[^'"]*'|"[^"]*"|[^\s,;'"\[\](){}]+)"""
_LABELS = re.compile(rf"{_LABEL}(?:(?:\s+|\s*[,;]\s*){_LABEL})*\s*,?")
# A picture's file has the whole name of its recording in it, with a temporary name before and an ending behind.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Recording:
    """One row of the training table.

    Attributes
    ----------
    filename : path below `train_audio`, as the table gives it, with "/".
    label : the bird it was recorded for. secondary_labels : other birds heard in it.
    author, common_name : as the table gives them, "" where it does not.
    """

    filename: str
    label: str
    secondary_labels: tuple[str, ...] = ()
    author: str = ""
    common_name: str = ""


@dataclass(frozen=True)
class SampleSubmission:
    """Columns and row ids Kaggle asks for, in its order."""

    labels: tuple[str, ...]
    row_ids: tuple[str, ...]


@dataclass(frozen=True)
class Competition:
    """A checked competition folder; `open_competition` makes it."""

    root: Path
    recordings: tuple[Recording, ...]
    sample: SampleSubmission | None

    def table(self) -> "pd.DataFrame":
        """The training table as a DataFrame, a recording a row, with the columns of `Recording`."""
        return frame_of(Recording, self.recordings)

    def audio_path(self, recording: Recording) -> Path:
        """Where a recording's sound should be; it may be missing."""
        return self.root / TRAIN_AUDIO / recording.filename

    def soundscapes(self) -> list[Path]:
        """Test soundscapes on disk, sorted by name; none is legal, since Kaggle mounts them only in the hidden run."""
        return list_soundscapes(self.root)


def open_competition(root: Path) -> Competition:
    """Check a folder's tables and open it; TableError names table, column and row of what is wrong."""
    if not root.is_dir():
        raise TableError(f"{root}: expected a competition folder, found {kind_of(root)}")
    if not (root / METADATA).is_file():
        raise TableError(f"{root}: expected a competition folder with {METADATA}, found {kind_of(root)}")
    if not (root / TRAIN_AUDIO).is_dir():
        raise TableError(f"{root}: expected a competition folder with {TRAIN_AUDIO}/, found {_listing(root)}")
    sample = sample_of(root)
    recordings = read_metadata(root / METADATA, known_labels=sample.labels if sample else None)
    _refuse_links_out(root, recordings)
    return Competition(root, recordings, sample)


def recording_path(root: Path, filename: str) -> Path | None:
    """Where a recording's sound is; None when it is missing, or its name leads out of the folder."""
    home = (root / TRAIN_AUDIO).resolve()
    try:
        path = (home / filename).resolve()
    except (OSError, RuntimeError):
        return None
    return path if path.is_relative_to(home) and path.is_file() else None


def list_soundscapes(root: Path) -> list[Path]:
    """Sound files of `test_soundscapes`, sorted by name; an absent folder holds none."""
    folder = root / TEST_SOUNDSCAPES
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def read_metadata(path: Path, known_labels: Sequence[str] | None = None) -> tuple[Recording, ...]:
    """Read and check a training table.

    Parameters
    ----------
    known_labels : the labels that may stand in it; None allows any.

    Raises
    ------
    TableError : a missing column, no recording, an empty or unknown label, secondary labels that are no list of labels,
        a file name twice, one that leaves `train_audio`, or one that not every system can give.
    """
    recordings: list[Recording] = []
    seen: dict[str, int] = {}
    known = None if known_labels is None else set(known_labels)
    for row, cells in table_rows(path, REQUIRED_COLUMNS):
        filename = _safe_filename(path.name, row, cells["filename"])
        if filename in seen:
            raise TableError(
                f"{path.name}, row {row}, column filename: expected each file once, "
                f"got {filename!r} again (first in row {seen[filename]})"
            )
        seen[filename] = row
        label = _safe_label(path.name, row, "primary_label", cells["primary_label"], known)
        secondary = tuple(
            _safe_label(path.name, row, "secondary_labels", other, known)
            for other in _parse_list(path.name, row, cells["secondary_labels"])
        )
        author, common_name = cells.get("author") or "", cells.get("common_name") or ""
        recordings.append(Recording(filename, label, secondary, author, common_name))
    if not recordings:
        raise TableError(f"{path.name}: expected at least one recording, got none")
    return tuple(recordings)


def read_sample_submission(path: Path) -> SampleSubmission:
    """Read the columns and row ids of `sample_submission.csv`; the values in it do not matter.

    TableError for a row or a label that is there twice, and for columns that are not row_id and then labels.
    """
    row_ids: dict[str, int] = {}
    for row, cells in table_rows(path, ("row_id",)):
        if row_ids.setdefault(cells["row_id"], row) != row:
            again = f"{cells['row_id']!r} again (first in row {row_ids[cells['row_id']]})"
            raise TableError(f"{path.name}, row {row}: expected each row_id once, got {again}")
    _, header = next(rows_of(path))
    if header[0] != "row_id" or len(header) < 2:
        raise TableError(f"{path.name}: expected the columns row_id and then labels, got {header[:3]!r}")
    for label in header[1:]:
        if not label.strip():
            raise TableError(f"{path.name}: expected a label in every column, got an empty one")
        if header.count(label) > 1:
            raise TableError(f"{path.name}: expected each label once, got the column {label!r} twice")
    return SampleSubmission(tuple(header[1:]), tuple(row_ids))


def sample_of(root: Path) -> SampleSubmission | None:
    """The sample submission of a competition folder; None where there is none, TableError where it cannot be read."""
    path = root / SAMPLE_SUBMISSION
    return read_sample_submission(path) if path.is_symlink() or path.exists() else None


def _safe_filename(table: str, row: int, name: str) -> str:
    parts, where = PurePosixPath(name).parts, f"{table}, row {row}, column filename"
    leads_out = not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in parts[0]
    if leads_out or any(not part.strip(". ") for part in parts):
        raise TableError(f"{where}: expected a path inside {TRAIN_AUDIO}, got {name!r}")
    if len(name.encode()) > _LONGEST_NAME:
        raise TableError(f"{where}: expected a name of at most {_LONGEST_NAME} bytes, got {len(name.encode())}")
    if any(map(is_reserved, parts)):
        raise TableError(f"{where}: expected a name that every system can give a file, got {name!r}")
    return str(PurePosixPath(name))


def _safe_label(table: str, row: int, column: str, label: str, known: set[str] | None) -> str:
    if not is_label(label) or (column == "primary_label" and label.lower() in _NO_LABEL):
        raise TableError(f"{table}, row {row}, column {column}: expected a label, got {label!r}")
    if known is not None and label not in known:
        raise TableError(
            f"{table}, row {row}, column {column}: expected one of the {len(known)} labels of "
            f"{SAMPLE_SUBMISSION}, got {label!r}"
        )
    return label


def parse_labels(text: str) -> list[str] | None:
    """Labels as tables spell lists of them; None for what is no list.

    Python's and JSON's lists and tuples, NumPy's without commas, and labels parted by semicolons, commas or spaces. No
    text, NaN, None and quotes around nothing mean that there is none. Nothing is evaluated, and two never become one.

    >>> parse_labels("['barswa', 'comsan']"), parse_labels("['barswa' 'comsan']"), parse_labels("barswa;41663")
    (['barswa', 'comsan'], ['barswa', 'comsan'], ['barswa', '41663'])
    >>> parse_labels("['']"), parse_labels("nan"), parse_labels("['barswa''comsan']")
    ([], [], None)
    """
    inner = text.strip()
    for opening, closing in ("[]", "()"):
        if inner[:1] == opening and inner[-1:] == closing:
            inner = inner[1:-1].strip()
            break
    if inner.lower() in _NO_LABEL:
        return []
    if not _LABELS.fullmatch(inner):
        return None
    found = [label for label in re.findall(_LABEL, inner) if label.lower() not in _NO_LABEL]
    bare = [label[1:-1] if label[0] in "'\"" else label for label in found]
    return [label for label in bare if label]


def _parse_list(table: str, row: int, text: str) -> list[str]:
    labels = parse_labels(text)
    if labels is None:
        raise TableError(
            f"{table}, row {row}, column secondary_labels: expected a list such as ['barswa'], got {text[:60]!r}"
        )
    return labels


def _refuse_links_out(root: Path, recordings: Sequence[Recording]) -> None:
    # Kaggle's own mounts may be links, so what counts is the resolved audio folder.
    home = (root / TRAIN_AUDIO).resolve()
    for row, recording in enumerate(recordings, start=2):
        try:
            inside = (home / recording.filename).resolve().is_relative_to(home)
        except (OSError, RuntimeError):
            # Links in a circle lead nowhere; the recording is listed as missing.
            continue
        if not inside:
            raise TableError(
                f"{METADATA}, row {row}, column filename: expected a path inside {TRAIN_AUDIO}, "
                f"got {recording.filename!r}, a link that leads out of it"
            )


def _listing(root: Path) -> str:
    names = sorted(path.name for path in root.iterdir())
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "an empty folder"
