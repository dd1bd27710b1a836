"""Reading tables that strangers wrote: what is wrong is said with file, row and column."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

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
