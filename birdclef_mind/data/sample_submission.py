"""The sample submission: which rows a competition asks for, and in which form they are answered."""

import json
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.data.form import ANSWERS, NAMES, SAMPLE_SUBMISSION, SCORED, SCORES, rows_of_header
from birdclef_mind.data.labels import is_taken, no_label
from birdclef_mind.errors import TableError
from birdclef_mind.storage.tables import rows_of, table_rows


@dataclass(frozen=True)
class SampleSubmission:
    """What Kaggle asks for, in its order.

    Attributes
    ----------
    labels : the columns, or in the form `ANSWERS` those that have rows; () in the form `NAMES`, which lists none.
    row_ids : of windows: name of the soundscape and second of the end. rows : the form of the answers.
    """

    labels: tuple[str, ...]
    row_ids: tuple[str, ...]
    rows: str = SCORES


def read_sample_submission(path: Path) -> SampleSubmission:
    """Read what `sample_submission.csv` asks for; the values in it do not matter.

    TableError for a row or a label that is there twice, for columns that are not row_id and then labels, birds or
    target, and for a row id that is no window of a label where there should be one.
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
    rows = rows_of_header(header)
    if rows == SCORES:
        for label in filter(is_taken, header[1:]):
            raise TableError(f"{path.name}: {no_label(label)}")
        return SampleSubmission(tuple(header[1:]), tuple(row_ids))
    if rows == NAMES:
        return SampleSubmission((), tuple(row_ids), rows)
    parted = [part_answer(path.name, row, row_id) for row_id, row in row_ids.items()]
    scored = _scored(path.parent) or tuple(dict.fromkeys(label for _, label in parted))
    return SampleSubmission(scored, tuple(dict.fromkeys(row_id for row_id, _ in parted)), ANSWERS)


def sample_of(root: Path) -> SampleSubmission | None:
    """The sample submission of a competition folder; None where there is none, TableError where it cannot be read."""
    path = root / SAMPLE_SUBMISSION
    return read_sample_submission(path) if path.is_symlink() or path.exists() else None


def part_answer(table: str, row: int, row_id: str) -> tuple[str, str]:
    """The window and the label that a row of the form `ANSWERS` is of.

    TableError for a row id without both.

    >>> part_answer("sample_submission.csv", 2, "soundscape_1000170626_akiapo_5")
    ('soundscape_1000170626_5', 'akiapo')
    """
    parts = row_id.rsplit("_", 2)
    if len(parts) < 3 or not all(parts):
        raise TableError(f"{table}, row {row}: expected a soundscape, a label and a second, got the row_id {row_id!r}")
    return f"{parts[0]}_{parts[2]}", parts[1]


def _scored(root: Path) -> tuple[str, ...]:
    """Labels of `scored_birds.json`; none where there is no such list."""
    path = root / SCORED
    if not path.is_file():
        return ()
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"{path}: expected a list of labels, got what cannot be read ({error})") from error
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str) and label for label in labels):
        raise TableError(f"{path}: expected a list of labels, got {str(labels)[:60]!r}")
    return tuple(dict.fromkeys(labels))
