"""What Kaggle would say of a submission, asked before Kaggle is."""

import csv
import math
from collections.abc import Collection, Sequence
from pathlib import Path


def find_fault(path: Path, columns: Sequence[str], row_ids: Collection[str]) -> str | None:
    """Why Kaggle would reject a file: a row or column missing, unasked for or there twice, a value that is no score.

    None where it would not.
    Scores must lie in [0, 1): the competition's measure adds rows of exactly 1.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return _fault_of_table(csv.reader(file, strict=True), columns, set(row_ids))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return f"{path.name} cannot be read ({error})"


def _fault_of_table(table: "csv._reader", columns: Sequence[str], missing: set[str]) -> str | None:  # type: ignore[name-defined]
    if next(table, []) != ["row_id", *columns]:
        return "expected the columns row_id and then the labels of the sample submission"
    for line, cells in enumerate(table, start=2):
        row_id, values = "".join(cells[:1]), cells[1:]
        if row_id not in missing:
            return f"row {line}: {row_id!r} is not asked for, or there twice"
        missing.remove(row_id)
        if len(values) != len(columns):
            return f"row {line}: expected {len(columns)} scores, got {len(values)}"
        for column, value in zip(columns, values, strict=True):
            if value != "0" and not _is_score(value):
                return f"row {line}, column {column}: expected a score in [0, 1), got {value!r}"
    return f"{len(missing)} rows are missing, such as {min(missing)}" if missing else None


def _is_score(text: str) -> bool:
    try:
        return 0 <= float(text) < 1 and math.isfinite(float(text))
    except ValueError:
        return False
