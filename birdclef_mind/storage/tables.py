"""Tables: those of strangers are read, and what is wrong is said with file, row and column; our own are written."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from birdclef_mind.errors import TableError

if TYPE_CHECKING:
    # It takes a quarter of a second to import, which `score` and `--help` do without.
    import pandas as pd

# A cell of a table is a name or a short list; the csv module refuses anything longer with a clear error.
_LONGEST_CELL = 1_000_000
# A device that never ends its line, as /dev/zero does, would fill the memory.
_LONGEST_LINE = 50_000_000
# What the csv module says of a quote that begins and does not end.
_UNCLOSED = "unexpected end of data"


class _Commas(csv.excel):
    strict = True


class _Tabs(_Commas):
    delimiter = "\t"
    quoting = csv.QUOTE_NONE


def rows_of(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, cells) of a CSV table; the header is row 1, and empty lines are passed over.

    Cells that tabs part have no quotes: programs that write them leave a ditto mark in a comment as it is.

    Raises TableError for a row of another length than the header, and for what is no UTF-8, no CSV or no file.
    """
    csv.field_size_limit(_LONGEST_CELL)
    width = row = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = _lines(file, path.name)
            for row, cells in enumerate(csv.reader(lines, _Tabs if delimiter == "\t" else _Commas), start=1):
                if not cells:
                    continue
                width = width or len(cells)
                if len(cells) != width:
                    raise TableError(f"{path.name}, row {row}: expected {width} cells, got {len(cells)}")
                yield row, cells
    except UnicodeDecodeError as error:
        raise TableError(f"{path.name}: expected UTF-8 text, got byte {error.object[error.start]:#04x}") from error
    except csv.Error as error:
        got = "a quote that nothing closes" if str(error) == _UNCLOSED else error
        raise TableError(f"{path.name}, row {row + 1}: expected comma-separated values, got {got}") from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error


def _lines(file: TextIO, name: str) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise TableError(f"{name}: expected a table, got a line of over {_LONGEST_LINE:,} characters")
        yield line


def header_of(path: Path) -> list[str]:
    """The columns of a table; none where there is no table that can be read."""
    try:
        return next(rows_of(path), (0, []))[1]
    except TableError:
        return []


def table_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row number, cells by column) of a CSV table; the header is row 1.

    Raises TableError for a required column that is missing or there twice, and for what `rows_of` refuses.
    """
    rows = rows_of(path)
    header = _header(path, rows, required)
    for row, cells in rows:
        yield row, dict(zip(header, cells, strict=True))


def read_frame(path: Path, text: Sequence[str] = ()) -> "pd.DataFrame":
    """A table of our own as a DataFrame: the columns `text` as they stand, all others as numbers.

    TableError names file, row and column of what is no number, or a column of `text` that is missing.
    """
    import pandas as pd

    rows = rows_of(path)
    header = _header(path, rows, text)
    values = [
        [cell if name in text else _number(path, row, name, cell) for name, cell in zip(header, cells, strict=True)]
        for row, cells in rows
    ]
    return pd.DataFrame(values, columns=header)


def frame_of(kind: type, values: Iterable[Any]) -> "pd.DataFrame":
    """Values of one dataclass as a DataFrame, a row each, a column a field."""
    import pandas as pd

    found = list(values)
    return pd.DataFrame({item.name: [getattr(value, item.name) for value in found] for item in fields(kind)})


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""A CSV table with a line feed at the end of each row; floats with six digits.

    >>> csv_text(["bird", "share"], [["a,b", 0.25], ["c\rd", 1 / 3]])
    'bird,share\n"a,b",0.25\n"c\rd",0.333333\n'
    """
    buffer = io.StringIO()
    writer = table_writer(buffer)
    writer.writerow(header)
    writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    return buffer.getvalue()


def table_writer(file: TextIO) -> "csv._writer":  # type: ignore[name-defined]
    """A writer of rows that end in a line feed, on every Python alike."""
    # Before 3.11.9, 3.12.3 and 3.13 a cell with a carriage return is quoted only where rows end in one.
    return csv.writer(_LineFeeds(file), lineterminator="\r\n")


class _LineFeeds:
    """Takes rows whole, as `csv.writer` gives them, and ends them by a line feed alone."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        return self._file.write(row.removesuffix("\r\n") + "\n")


def _header(path: Path, rows: Iterator[tuple[int, list[str]]], required: Sequence[str]) -> list[str]:
    _, header = next(rows, (1, []))
    for column in required:
        if header.count(column) != 1:
            hint = ", which has no comma" if len(header) == 1 and len(required) > 1 else ""
            raise TableError(f"{path.name}: expected the column {column} once, got {', '.join(header[:20])!r}{hint}")
    return header


def _number(path: Path, row: int, column: str, cell: str) -> float:
    try:
        return int(cell) if cell.isdecimal() else float(cell)
    except ValueError as error:
        raise TableError(f"{path.name}, row {row}, column {column}: expected a number, got {cell!r}") from error
