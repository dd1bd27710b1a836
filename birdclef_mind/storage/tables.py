"""Tables: those of strangers are read, and what is wrong is said with file, row and column; our own are written."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from birdclef_mind.errors import TableError

# A cell of a table is a name or a short list; the csv module refuses anything longer with a clear error.
_LONGEST_CELL = 1_000_000


def table_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (row number, cells by column) of a CSV table; the header is row 1.

    Raises TableError for a required column that is missing or there twice, a row of another length, or what is no CSV.
    """
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            for column in required:
                if header.count(column) != 1:
                    raise TableError(f"{path.name}: expected the column {column} once, got {', '.join(header[:20])!r}")
            for row, values in enumerate(reader, start=2):
                if not values:
                    continue
                if len(values) != len(header):
                    raise TableError(f"{path.name}, row {row}: expected {len(header)} cells, got {len(values)}")
                yield row, dict(zip(header, values, strict=True))
    except UnicodeDecodeError as error:
        raise TableError(f"{path.name}: expected UTF-8 text, got byte {error.object[error.start]:#04x}") from error
    except csv.Error as error:
        raise TableError(f"{path.name}: expected comma-separated values, got {error}") from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from error


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
