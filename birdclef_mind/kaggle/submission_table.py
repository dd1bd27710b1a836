"""The table of a submission: rows of windows by id, written in the form that Kaggle wants them in."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.answers import answer_header, answer_lines, names_cell
from birdclef_mind.data.form import ANSWERS, NAMES, SCORES
from birdclef_mind.data.sample_submission import SampleSubmission
from birdclef_mind.kaggle.answer import Known
from birdclef_mind.storage.ledger import write_own
from birdclef_mind.storage.tables import table_writer

# The measure of 2023 adds rows of exactly 1, which no score may equal.
_HIGHEST = 1 - 1e-6


class Table:
    """Rows of windows by id, answered in one of the forms; each row holds priors until it is filled.

    Attributes
    ----------
    form : of the answers. columns : labels that are answered for. strangers : classes of the network that are not.
    """

    def __init__(self, known: Known, sample: SampleSubmission | None, form: str = SCORES) -> None:
        names = known.classes.names
        self.form = sample.rows if sample else form
        listed = sample.labels if sample else ()
        self.columns = listed or (tuple(sorted(names)) if self.form == SCORES else names)
        self._places = [self.columns.index(name) if name in self.columns else -1 for name in names]
        self.strangers = tuple(name for name in names if name not in self.columns)
        self._calibration = known.calibration
        self._priors = self._text(np.asarray(known.priors))
        # As text, so that the file can be written often and every number is turned to text once.
        self.rows: dict[str, str | None] = {}
        self._by_name: dict[str, list[str]] = {}
        self.expect(sample.row_ids if sample else ())

    def _text(self, scores: Array) -> str:
        """Scores (classes,) of the bundle as the cells of a window; labels it does not know get zero."""
        if self.form == SCORES:
            cells = [f"{min(max(score, 0.0), _HIGHEST):.7g}" for score in scores.tolist()]
            return ",".join(self._placed(cells, "0"))
        heard = self._calibration.heard(scores)
        if self.form == NAMES:
            return names_cell([self.columns[place] for place, one in zip(self._places, heard, strict=True) if one])
        return ",".join(self._placed([str(bool(one)) for one in heard], "False"))

    def _placed(self, cells: Sequence[str], nothing: str) -> list[str]:
        row = [nothing] * len(self.columns)
        for place, cell in zip(self._places, cells, strict=True):
            if place >= 0:
                row[place] = cell
        return row

    def expect(self, row_ids: Sequence[str]) -> None:
        """Add rows that must be there, with priors."""
        for row_id in row_ids:
            if row_id not in self.rows:
                self.rows[row_id] = None
                self._by_name.setdefault(row_id.rpartition("_")[0], []).append(row_id)

    def drop(self, soundscape: str) -> None:
        """Leave out the rows of a soundscape."""
        for row_id in self._by_name.pop(soundscape, ()):
            del self.rows[row_id]

    def fill(self, row_ids: Sequence[str], scores: Array) -> None:
        """Set the scores (rows, classes) of some rows, by the bundle's classes; rows not asked for are left out.

        ValueError for scores that are not finite.
        """
        if not np.isfinite(scores).all():
            raise ValueError("the network's scores are not finite")
        for row_id, values in zip(row_ids, scores, strict=True):
            if row_id in self.rows:
                self.rows[row_id] = self._text(values)

    def of(self, soundscape: str) -> dict[str, str | None]:
        """The rows of a soundscape, by id."""
        return {row_id: self.rows[row_id] for row_id in self._by_name.get(soundscape, ())}

    def forget(self) -> None:
        """Give all rows their priors again."""
        self.rows = dict.fromkeys(self.rows)

    @property
    def computed(self) -> int:
        """Lines that hold scores instead of priors."""
        return self._lines * sum(row is not None for row in self.rows.values())

    @property
    def count(self) -> int:
        """Lines of the file, without its header."""
        return self._lines * len(self.rows)

    @property
    def _lines(self) -> int:
        """Lines a row."""
        return len(self.columns) if self.form == ANSWERS else 1

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of the file."""
        return answer_header(self.form, self.columns)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Row id, and the other cells, of each line of the file."""
        for row_id, values in self.rows.items():
            yield from answer_lines(self.form, self.columns, row_id, self._priors if values is None else values)

    def text(self) -> str:
        """The file."""
        buffer = io.StringIO()
        writer = table_writer(buffer)
        writer.writerow(self.header)
        for row_id, cells in self.lines():
            buffer.write(f"{_quoted(row_id)},{cells}\n")
        return buffer.getvalue()

    def write(self, path: Path) -> None:
        """Write the table, whole or not at all, in the place of an earlier one of this program."""
        write_own(path, self.text().encode("utf-8"))


def _quoted(row_id: str) -> str:
    """A cell of the table; soundscapes may be named with commas."""
    return '"' + row_id.replace('"', '""') + '"' if any(sign in row_id for sign in ',"\r\n') else row_id
