"""A submission against the truth: the same measures as training prints."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import some_of
from birdclef_mind.data import metrics
from birdclef_mind.data.event_tables import Events, heard_between, read_event_tables
from birdclef_mind.data.form import ANSWERS, FORMS, NAMES, SCORES, form_of_rows, rows_of_header
from birdclef_mind.data.labels import NOTHING, parse_labels
from birdclef_mind.data.sample_submission import part_answer
from birdclef_mind.errors import TableError
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.tables import rows_of

if TYPE_CHECKING:
    import pandas as pd


_SAID = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


class Scored(metrics.ByLevel):
    """Measures of a submission; `metric` is the one its competition ranks by.

    `passed_over` counts rows of the submission that the truth says nothing of; `problems` has a line for these, and
    for events that it says nothing of.
    """

    metric: str
    passed_over: int
    problems: list[str]


@dataclass(frozen=True)
class Scores:
    """A table of numbers with named rows and columns.

    Attributes
    ----------
    row_ids : of windows. values : (rows, columns), float; 0 and 1 where a table names or answers.
    form : of the table, see `form`. numbers : in which row of the file each stands, its first one.
    """

    row_ids: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array
    form: str = SCORES
    numbers: tuple[int, ...] = ()

    def table(self) -> "pd.DataFrame":
        """As a DataFrame: a row a row_id, a column a label."""
        import pandas as pd

        return pd.DataFrame(self.values, index=pd.Index(self.row_ids, name="row_id"), columns=list(self.columns))


def read_submission(path: Path) -> "pd.DataFrame":
    """A submission, or a truth table, as a DataFrame: a row a row_id, a column a label; TableError as `read_scores`."""
    return read_scores(path).table()


def read_scores(path: Path) -> Scores:
    """Read a submission or a truth table in any year's form; TableError names row and column of what is no answer."""
    if path.is_dir() or not path.exists():
        raise TableError(f"{path}: expected a table of scores, found {kind_of(path)}")
    numbered = rows_of(path)
    _, header = next(numbered, (0, []))
    if not header:
        raise TableError(f"{path}: expected a table of scores, found an empty file")
    # Before the rows, which of another table have other lengths.
    if header[0] != "row_id" or len(header) < 2:
        raise TableError(f"{path.name}: expected the columns row_id and then labels, got {header[:3]!r}")
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise TableError(f"{path.name}: expected each column once, got {twice[0]!r} {header.count(twice[0])} times")
    rows = list(numbered)
    if not rows:
        raise TableError(f"{path.name}: expected at least one row, found none")
    _refuse_again(path, rows)
    form = rows_of_header(header)
    if form == NAMES:
        return _named(path, rows)
    if form == ANSWERS:
        return _answered(path, rows)
    ids, numbers = tuple(cells[0] for _, cells in rows), tuple(number for number, _ in rows)
    return Scores(ids, tuple(header[1:]), _numbers(path, header, rows), SCORES, numbers)


def score(submission: Path, truth: Path, metric: str = "", *, events: bool = False) -> Scored:
    """Measures of a submission, for its rows and for whole soundscapes (maximum over rows).

    Rows and columns are those of the truth, matched by name; in the form of names what only the submission names is a
    column too. `metric` is the measure to put first, by its name in `metrics.OF_YEARS`; without one the form tells, and
    the competition's folder that the truth stands in. With `events` the submission is a table of events, or a folder of
    them: a row has the highest score of what sings in it. TableError where the submission lacks a row or column, is of
    another form, a score does not lie from 0 to 1, or the truth holds anything but 0 and 1, or no 1.
    """
    wanted = read_scores(truth)
    found = read_event_tables(submission) if events else {}
    given = _of_events(submission, found, wanted) if events else read_scores(submission)
    if given.form != wanted.form:
        raise TableError(f"{submission.name}: expected rows in the form of {truth.name}, found another year's")
    if wanted.form == NAMES:
        given, wanted = _of_all(given, wanted)
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
    known = set(wanted.row_ids)
    passed_over = [row_id for row_id in given.row_ids if row_id not in known]
    problems = _left_out(found, wanted) if events else _beside(passed_over)
    levels = metrics.measures_by_level(wanted.values, values, wanted.columns, soundscapes)
    metric = metric or _metric(truth, wanted.form)
    return {"metric": metric, "passed_over": len(passed_over), "problems": problems, **levels}


def _of_events(path: Path, found: Events, wanted: Scores) -> Scores:
    """Events as scores of the truth's rows and columns; where rows name birds, what events name is a column, too."""
    names = {row_id.rpartition("_")[0] for row_id in wanted.row_ids}
    if not names & set(found):
        few = some_of(sorted(found), 3) or "none"
        raise TableError(f"{path}: expected events of the soundscapes of the truth, such as {min(names)}, found {few}")
    heard = {one.bird for name in names for one in found.get(name, ())} - {NOTHING}
    columns = tuple(sorted({*wanted.columns, *heard})) if wanted.form == NAMES else wanted.columns
    values = np.zeros((len(wanted.row_ids), len(columns)))
    places = {name: place for place, name in enumerate(columns)}
    for row, row_id in enumerate(wanted.row_ids):
        name, _, end = row_id.rpartition("_")
        if not end.isdecimal():
            raise TableError(f"the truth: expected rows that end in a second, got the row_id {row_id!r}")
        for bird, score in heard_between(found.get(name, ()), int(end) - ROW_S, int(end)).items():
            if bird in places:
                values[row, places[bird]] = score
    return replace(wanted, columns=columns, values=values)


def _left_out(found: Events, wanted: Scores) -> list[str]:
    """A line for events of soundscapes that the truth does not have, and one for those of labels it does not."""
    names = {row_id.rpartition("_")[0] for row_id in wanted.row_ids}
    elsewhere = Counter({name: len(own) for name, own in found.items() if own and name not in names})
    heard = Counter(one.bird for name, own in found.items() if name in names for one in own)
    others = Counter({bird: count for bird, count in heard.items() if bird not in (*wanted.columns, NOTHING)})
    return [
        f"{left.total()} events are of {what} the truth does not have, and count for nothing: {some_of(sorted(left))}"
        for left, what in ((elsewhere, "soundscapes that"), (others, "labels that"))
        if left
    ]


def _beside(row_ids: Sequence[str]) -> list[str]:
    """A line for rows that the truth does not have."""
    few = some_of(row_ids, 3)
    return [f"not in the truth, so that they count for nothing: {len(row_ids)} of the rows, {few}"] if row_ids else []


def _metric(truth: Path, form: str) -> str:
    """The measure of the year that a truth is of."""
    if form != SCORES:
        return next(one.metric for one in FORMS.values() if one.rows == form)
    return form_of_rows(truth.parent).metric


def _refuse_again(path: Path, rows: Sequence[tuple[int, list[str]]]) -> None:
    seen: dict[str, int] = {}
    for number, (row_id, *_) in rows:
        if seen.setdefault(row_id, number) != number:
            again = f"{row_id!r} again (first in row {seen[row_id]})"
            raise TableError(f"{path.name}, row {number}: expected each row_id once, got {again}")


def _named(path: Path, rows: Sequence[tuple[int, list[str]]]) -> Scores:
    """A table with the names of a window in one cell."""
    found: list[list[str]] = []
    for number, (_, cell) in rows:
        labels = parse_labels(cell)
        if not labels:
            raise TableError(f"{path.name}, row {number}, column birds: expected names or {NOTHING}, got {cell[:60]!r}")
        found.append([label for label in labels if label != NOTHING])
    columns = tuple(sorted({label for labels in found for label in labels}))
    values = np.array([[float(column in labels) for column in columns] for labels in found]).reshape(len(rows), -1)
    return Scores(tuple(row_id for _, (row_id, _) in rows), columns, values, NAMES, tuple(number for number, _ in rows))


def _answered(path: Path, rows: Sequence[tuple[int, list[str]]]) -> Scores:
    """A table with a row for each window and label."""
    cells: dict[tuple[str, str], float] = {}
    windows: dict[str, int] = {}
    for number, (row_id, cell) in rows:
        window, label = part_answer(path.name, number, row_id)
        if cell.casefold() not in _SAID:
            raise TableError(f"{path.name}, row {number}, column target: expected True or False, got {cell!r}")
        windows.setdefault(window, number)
        cells[window, label] = _SAID[cell.casefold()]
    columns = tuple(dict.fromkeys(label for _, label in cells))
    for window, label in product(windows, columns):
        if (window, label) not in cells:
            raise TableError(f"{path.name}: expected a row of every label for {window}, found none for {label}")
    values = np.array([[cells[window, label] for label in columns] for window in windows])
    return Scores(tuple(windows), columns, values, ANSWERS, tuple(windows.values()))


def _of_all(given: Scores, wanted: Scores) -> tuple[Scores, Scores]:
    """Both tables with the columns of either."""
    columns = tuple(sorted({*given.columns, *wanted.columns}))

    def widened(one: Scores) -> Scores:
        values = np.zeros((len(one.row_ids), len(columns)))
        values[:, [columns.index(name) for name in one.columns]] = one.values
        return replace(one, columns=columns, values=values)

    return widened(given), widened(wanted)


def _refuse(path: Path, scores: Scores, wrong: Array, expected: str) -> None:
    """Raise TableError for the first value that is wrong, where there is one."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise TableError(
            f"{path.name}, row {scores.numbers[row]}, column {scores.columns[column]}: expected {expected}, "
            f"got {scores.values[row, column]:g}"
        )


def _numbers(path: Path, header: list[str], rows: Sequence[tuple[int, list[str]]]) -> Array:
    """The numbers of a table, (rows, columns)."""
    values = np.full((len(rows), len(header) - 1), np.nan)
    # Python also reads underscores and the digits of other scripts, which nobody means.
    if not any("_" in cell or not cell.isascii() for _, cells in rows for cell in cells[1:]):
        with suppress(ValueError):
            values = np.array([cells[1:] for _, cells in rows], dtype=np.float64)
    if np.isfinite(values).all():
        return values
    for number, cells in rows:
        for column, cell in zip(header[1:], cells[1:], strict=True):
            if not _is_number(cell):
                raise TableError(f"{path.name}, row {number}, column {column}: expected a finite number, got {cell!r}")
    raise TableError(f"{path.name}: expected finite numbers")  # pragma: no cover


def _is_number(cell: str) -> bool:
    try:
        return "_" not in cell and cell.isascii() and bool(np.isfinite(float(cell)))
    except ValueError:
        return False
