"""A submission against the truth: the same measures as training prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data import metrics
from birdclef_mind.errors import TableError
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.tables import rows_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Scores:
    """A table of numbers with named rows and columns: values (rows, columns), float."""

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array

    def table(self) -> "pd.DataFrame":
        """As a DataFrame: a row a row_id, a column a label."""
        import pandas as pd

        return pd.DataFrame(self.values, index=pd.Index(self.row_ids, name="row_id"), columns=list(self.columns))


def read_submission(path: Path) -> "pd.DataFrame":
    """A submission, or a truth table, as a DataFrame: a row a row_id, a column a label; TableError as `read_scores`."""
    return read_scores(path).table()


def read_scores(path: Path) -> Scores:
    """Read a submission or a truth table; TableError names the row and column of what is not a finite number."""
    if path.is_dir() or not path.exists():
        raise TableError(f"{path}: expected a table of scores, found {kind_of(path)}")
    rows = [cells for _, cells in rows_of(path)]
    if not rows:
        raise TableError(f"{path}: expected a table of scores, found an empty file")
    header = rows.pop(0)
    if header[0] != "row_id" or len(header) < 2 or len(set(header)) < len(header):
        raise TableError(f"{path.name}: expected the columns row_id and then labels, each once, got {header[:3]!r}")
    ids = tuple(row[0] for row in rows)
    if not ids:
        raise TableError(f"{path.name}: expected at least one row, found none")
    seen: dict[str, int] = {}
    for number, row_id in enumerate(ids, start=2):
        if seen.setdefault(row_id, number) != number:
            again = f"{row_id!r} again (first in row {seen[row_id]})"
            raise TableError(f"{path.name}, row {number}: expected each row_id once, got {again}")
    return Scores(ids, tuple(header[1:]), _numbers(path, header, rows))


def score(submission: Path, truth: Path) -> metrics.ByLevel:
    """Measures of a submission, for its rows and for whole soundscapes (maximum over rows).

    Rows and columns are those of the truth, matched by name. TableError where the submission lacks one of them, a score
    does not lie from 0 to 1, or the truth holds anything but 0 and 1, or no 1.
    """
    given, wanted = read_scores(submission), read_scores(truth)
    for kind, have, need in (
        ("row", given.row_ids, wanted.row_ids),
        ("column", given.columns, wanted.columns),
    ):
        missing = sorted(set(need) - set(have))
        if missing:
            raise TableError(f"{submission.name}: expected the {kind} {missing[0]} of {truth.name}, found none")
    _refuse(truth, wanted, ~np.isin(wanted.values, (0, 1)), "0 or 1")
    if not wanted.values.any():
        raise TableError(f"{truth.name}: expected a 1 for every label that is heard, found none: nothing to measure")
    _refuse(submission, given, (given.values < 0) | (given.values > 1), "a score from 0 to 1")
    rows = {row_id: index for index, row_id in enumerate(given.row_ids)}
    columns = {name: index for index, name in enumerate(given.columns)}
    values = given.values[np.ix_([rows[i] for i in wanted.row_ids], [columns[c] for c in wanted.columns])]
    soundscapes = [row_id.rpartition("_")[0] for row_id in wanted.row_ids]
    return metrics.measures_by_level(wanted.values, values, wanted.columns, soundscapes)


def _refuse(path: Path, scores: Scores, wrong: Array, expected: str) -> None:
    """Raise TableError for the first value that is wrong, where there is one."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise TableError(
            f"{path.name}, row {row + 2}, column {scores.columns[column]}: expected {expected}, "
            f"got {scores.values[row, column]:g}"
        )


def _numbers(path: Path, header: list[str], rows: list[list[str]]) -> Array:
    try:
        # Python also reads underscores and the digits of other scripts, which nobody means.
        odd = any("_" in cell or not cell.isascii() for row in rows for cell in row[1:])
        values = np.full((len(rows), len(header) - 1), np.nan)
        values = values if odd else np.array([row[1:] for row in rows], dtype=np.float64)
    except ValueError:
        values = np.full((len(rows), len(header) - 1), np.nan)
    if np.isfinite(values).all():
        return values
    for number, row in enumerate(rows, start=2):
        for column, cell in zip(header[1:], row[1:], strict=True):
            if not _is_number(cell):
                raise TableError(f"{path.name}, row {number}, column {column}: expected a finite number, got {cell!r}")
    raise TableError(f"{path.name}: expected finite numbers")  # pragma: no cover


def _is_number(cell: str) -> bool:
    try:
        return "_" not in cell and cell.isascii() and bool(np.isfinite(float(cell)))
    except ValueError:
        return False
