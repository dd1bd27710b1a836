"""What Kaggle would say of a submission, asked before Kaggle is."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from birdclef_mind.data.answers import fault_of


def find_fault(path: Path, form: str, header: Sequence[str], row_ids: Iterable[str]) -> str | None:
    """Why Kaggle would reject a file: a row or column missing, unasked for or there twice, a cell that is no answer.

    None where it would not. `form` says what answers look like, see `answers.fault_of`.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return _fault_of_table(csv.reader(file, strict=True), form, header, set(row_ids))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return f"{path.name} cannot be read ({error})"


def _fault_of_table(table: Iterator[list[str]], form: str, header: Sequence[str], missing: set[str]) -> str | None:
    if next(table, []) != [*header]:
        return (
            f"expected the columns {', '.join(header[:3])}{', …' if len(header) > 3 else ''} of the sample submission"
        )
    for line, cells in enumerate(table, start=2):
        row_id = "".join(cells[:1])
        if row_id not in missing:
            return f"row {line}: {row_id!r} is not asked for, or there twice"
        missing.remove(row_id)
        fault = fault_of(form, header[1:], cells[1:])
        if fault:
            return f"row {line}, {fault}"
    return f"{len(missing)} rows are missing, such as {min(missing)}" if missing else None
