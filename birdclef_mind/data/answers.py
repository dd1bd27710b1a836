"""How a window is answered in a submission: the rows of it and their cells, in each year's form."""

import math
from collections.abc import Iterable, Iterator, Sequence

from birdclef_mind.data.form import ANSWERS, NAMES, SCORES
from birdclef_mind.data.labels import NOTHING, is_label
from birdclef_mind.storage.tables import csv_text


def answer_header(form: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The columns of a submission.

    >>> answer_header("scores", ["barswa"]), answer_header("names", ["barswa"]), answer_header("answers", ["barswa"])
    (('row_id', 'barswa'), ('row_id', 'birds'), ('row_id', 'target'))
    """
    return ("row_id", *{SCORES: labels, NAMES: ("birds",), ANSWERS: ("target",)}[form])


def names_cell(labels: Sequence[str]) -> str:
    """Names as one cell; nothing has a name too."""
    return " ".join(labels) or NOTHING


def answer_lines(form: str, labels: Sequence[str], row_id: str, cells: str) -> Iterator[tuple[str, str]]:
    """Row id, and the other cells, of each line that a window has; `cells` are its answers, parted by commas.

    >>> list(answer_lines("answers", ["akiapo", "iiwi"], "soundscape_1_5", "True,False"))
    [('soundscape_1_akiapo_5', 'True'), ('soundscape_1_iiwi_5', 'False')]
    """
    if form != ANSWERS:
        yield row_id, cells
        return
    name, _, end = row_id.rpartition("_")
    for label, cell in zip(labels, cells.split(","), strict=True):
        yield f"{name}_{label}_{end}", cell


def answers_text(form: str, labels: Sequence[str], windows: Iterable[tuple[str, str]]) -> str:
    """A whole table of answers: of windows, by id, with their cells parted by commas."""
    lines = (line for row_id, cells in windows for line in answer_lines(form, labels, row_id, cells))
    return csv_text(answer_header(form, labels), [[row_id, *cells.split(",")] for row_id, cells in lines])


def constant_cells(form: str, labels: Sequence[str]) -> str:
    """The cells of a window of which nothing is known: every score the same, or nothing heard."""
    score = f"{1 / (len(labels) + 1):.7g}"
    return NOTHING if form == NAMES else ",".join([score if form == SCORES else "False"] * len(labels))


def fault_of(form: str, columns: Sequence[str], cells: Sequence[str]) -> str | None:
    """What Kaggle would not take in the cells of a line; None where there is nothing.

    Scores must lie in [0, 1): the measure of 2023 adds rows of exactly 1.
    """
    if len(cells) != len(columns):
        return f"expected {len(columns)} cells, got {len(cells)}"
    expected, is_right = _CELLS[form]
    for column, cell in zip(columns, cells, strict=True):
        if not is_right(cell):
            return f"column {column}: expected {expected}, got {cell!r}"
    return None


def _is_score(text: str) -> bool:
    try:
        return text == "0" or (0 <= float(text) < 1 and math.isfinite(float(text)))
    except ValueError:
        return False


def _is_name(text: str) -> bool:
    return text == NOTHING or is_label(text)


_CELLS = {
    SCORES: ("a score in [0, 1)", _is_score),
    NAMES: ("names, or nocall", lambda cell: bool(cell) and all(map(_is_name, cell.split(" ")))),
    ANSWERS: ("True or False", lambda cell: cell in ("True", "False")),
}
