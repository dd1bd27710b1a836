"""The table of a submission: rows by id, columns by name, as Kaggle wants them."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.competition import SampleSubmission
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.storage.ledger import write_own
from birdclef_mind.storage.tables import table_writer

# The competition's measure adds rows of exactly 1, which no score may equal.
_HIGHEST = 1 - 1e-6


class Table:
    """Rows by id and columns by name, as Kaggle wants them; each row holds priors until it is filled."""

    def __init__(self, bundle: Bundle, sample: SampleSubmission | None) -> None:
        names = bundle.classes.names
        self.columns = sample.labels if sample else tuple(sorted(names))
        self._places = [self.columns.index(name) if name in self.columns else -1 for name in names]
        self.strangers = tuple(name for name in names if name not in self.columns)
        self._priors = self._text(np.asarray(bundle.priors))
        # As text, so that the file can be written often and every number is turned to text once.
        self.rows: dict[str, str | None] = {}
        self._by_name: dict[str, list[str]] = {}
        self.expect(sample.row_ids if sample else ())

    def _text(self, scores: Array) -> str:
        """Scores of the bundle's classes in the table's columns; birds it does not know get zero."""
        row = ["0"] * len(self.columns)
        for place, score in zip(self._places, scores.tolist(), strict=True):
            if place >= 0:
                row[place] = f"{min(max(score, 0.0), _HIGHEST):.7g}"
        return ",".join(row)

    def expect(self, row_ids: Sequence[str]) -> None:
        """Add rows that must be there, with priors."""
        for row_id in row_ids:
            if row_id not in self.rows:
                self.rows[row_id] = None
                self._by_name.setdefault(row_id.rpartition("_")[0], []).append(row_id)

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
        """Rows that hold scores instead of priors."""
        return sum(row is not None for row in self.rows.values())

    def write(self, path: Path) -> None:
        """Write the table, whole or not at all, in the place of an earlier one of this program."""
        buffer = io.StringIO()
        writer = table_writer(buffer)
        writer.writerow(("row_id", *self.columns))
        for row_id, values in self.rows.items():
            buffer.write(f"{_quoted(row_id)},{self._priors if values is None else values}\n")
        write_own(path, buffer.getvalue().encode("utf-8"))


def _quoted(row_id: str) -> str:
    """A cell of the table; soundscapes may be named with commas."""
    return '"' + row_id.replace('"', '""') + '"' if any(sign in row_id for sign in ',"\r\n') else row_id
