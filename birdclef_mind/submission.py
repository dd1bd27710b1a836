"""A submission that is always valid: priors first, results as they come, done before the deadline."""

import csv
import io
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind import audio, competition, files
from birdclef_mind.bundle import Bundle
from birdclef_mind.competition import SampleSubmission
from birdclef_mind.config import Features
from birdclef_mind.errors import AudioError, TableError
from birdclef_mind.inference import Predictor, soundscape_pictures
from birdclef_mind.progress import Track, untracked

Array = np.ndarray[Any, Any]

# Average precision adds rows of exactly 1, which no score may equal.
_HIGHEST = 1 - 1e-6
_USUAL_SOUNDSCAPE_S = 600.0


@dataclass(frozen=True)
class SubmissionReport:
    """What was written: rows in all, rows computed, and a line for each soundscape that kept its priors."""

    rows: int
    computed: int
    soundscapes: int
    seconds: float
    problems: tuple[str, ...]


class Table:
    """Rows by id and columns by name, as Kaggle wants them; each row holds priors until it is filled."""

    def __init__(self, bundle: Bundle, sample: SampleSubmission | None) -> None:
        names = bundle.classes.names
        self.columns = sample.labels if sample else tuple(sorted(names))
        self._places = [self.columns.index(name) if name in self.columns else -1 for name in names]
        self._priors = self._spread(np.asarray(bundle.priors))
        self.rows: dict[str, Array | None] = dict.fromkeys(sample.row_ids if sample else ())

    def _spread(self, scores: Array) -> Array:
        """Scores of the bundle's classes in the table's columns; birds it does not know get zero."""
        row = np.zeros(len(self.columns))
        for place, score in zip(self._places, scores, strict=True):
            if place >= 0 and np.isfinite(score):
                row[place] = min(max(float(score), 0.0), _HIGHEST)
        return row

    def expect(self, row_ids: Sequence[str]) -> None:
        """Add rows that must be there, with priors."""
        for row_id in row_ids:
            self.rows.setdefault(row_id, None)

    def fill(self, row_ids: Sequence[str], scores: Array) -> None:
        """Set the scores (rows, classes of the bundle) of some rows."""
        for row_id, values in zip(row_ids, scores, strict=True):
            self.rows[row_id] = self._spread(values)

    @property
    def computed(self) -> int:
        """Rows that hold scores instead of priors."""
        return sum(row is not None for row in self.rows.values())

    def write(self, path: Path) -> None:
        """Write the table, whole or not at all."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow(("row_id", *self.columns))
        for row_id, values in self.rows.items():
            row = self._priors if values is None else values
            buffer.write(row_id + "," + ",".join([f"{value:.7g}" for value in row.tolist()]) + "\n")
        files.write_text(path, buffer.getvalue())


def write_submission(
    bundle: Bundle,
    root: Path,
    out: Path,
    *,
    deadline_minutes: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    track: Track = untracked,
) -> SubmissionReport:
    """Classify every window of every test soundscape of the competition at `root`, into the file `out`.

    A valid file of priors is written first and replaced at the end. A soundscape that cannot be read keeps its priors
    and is listed. With a deadline, no soundscape is begun that would likely not be done in time.
    """
    started = clock()
    _require_competition(root)
    sample_path = root / competition.SAMPLE_SUBMISSION
    table = Table(bundle, competition.read_sample_submission(sample_path) if sample_path.is_file() else None)
    paths = competition.list_soundscapes(root)
    for path in paths:
        table.expect(_expected_rows(path, bundle.features, table.rows))
    table.write(out)
    predictor = Predictor(bundle)
    problems: list[str] = []
    slowest = 0.0
    for path in track(paths, len(paths), "soundscapes"):
        begun = clock()
        if deadline_minutes is not None and begun - started + 1.5 * slowest > deadline_minutes * 60:
            problems.append(f"{path.name}: no time left before the deadline")
            continue
        try:
            starts_s, pictures = soundscape_pictures(path, bundle)
            table.fill(row_ids(path, starts_s, bundle.features), predictor.scores(pictures.pixels))
        except (AudioError, MemoryError) as error:
            problems.append(f"{path.name}: {error or 'not enough memory'}")
        slowest = max(slowest, clock() - begun)
    table.write(out)
    report = SubmissionReport(len(table.rows), table.computed, len(paths), clock() - started, tuple(problems))
    _write_log(out, bundle, report)
    return report


def row_ids(path: Path, starts_s: Sequence[float], features: Features) -> list[str]:
    """`<soundscape>_<end second>` of each window."""
    return [f"{path.stem}_{round(start_s + features.windowing.length_s)}" for start_s in starts_s]


def _require_competition(root: Path) -> None:
    parts = (competition.TEST_SOUNDSCAPES, competition.SAMPLE_SUBMISSION)
    if not any((root / part).exists() for part in parts):
        raise TableError(f"{root}: expected a competition folder with {' or '.join(parts)}, found neither")


def _expected_rows(path: Path, features: Features, listed: Mapping[str, Any]) -> list[str]:
    """Rows a soundscape should give, from its header; an unreadable one is taken to have the usual length."""
    duration_s = audio.duration_s(path)
    if duration_s is None:
        if any(row_id.startswith(f"{path.stem}_") for row_id in listed):
            return []
        duration_s = _USUAL_SOUNDSCAPE_S
    return row_ids(path, features.windowing.starts_s(duration_s), features)


def _write_log(out: Path, bundle: Bundle, report: SubmissionReport) -> None:
    lines = [
        f"features {bundle.features.fingerprint()}",
        f"rows {report.rows}, computed {report.computed}, soundscapes {report.soundscapes}",
        *report.problems,
    ]
    files.write_text(out.with_suffix(".log"), "\n".join(lines) + "\n")
