"""A submission that is always valid: priors first, results as they come, done before the deadline."""

import csv
import io
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind import audio, competition, files
from birdclef_mind.ahead import ahead
from birdclef_mind.audio import Header
from birdclef_mind.bundle import Bundle
from birdclef_mind.competition import SampleSubmission
from birdclef_mind.config import Features
from birdclef_mind.errors import AudioError, TableError, reason_of
from birdclef_mind.folder_kinds import kind_of
from birdclef_mind.inference import Predictor, soundscape_pictures
from birdclef_mind.progress import Track, untracked
from birdclef_mind.submission_check import find_fault

Array = np.ndarray[Any, Any]

# Average precision adds rows of exactly 1, which no score may equal.
_HIGHEST = 1 - 1e-6
_USUAL_SOUNDSCAPE_S = 600.0
_WRITE_EVERY_S = 60.0
# Work is begun only when so many times what it took at its slowest fits before the deadline.
_SPARE = 1.5


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
        self._priors = self._text(np.asarray(bundle.priors))
        # As text, so that the file can be written often and every number is turned to text once.
        self.rows: dict[str, str | None] = dict.fromkeys(sample.row_ids if sample else ())

    def _text(self, scores: Array) -> str:
        """Scores of the bundle's classes in the table's columns; birds it does not know get zero."""
        row = ["0"] * len(self.columns)
        for place, score in zip(self._places, scores.tolist(), strict=True):
            if place >= 0 and np.isfinite(score):
                row[place] = f"{min(max(score, 0.0), _HIGHEST):.7g}"
        return ",".join(row)

    def expect(self, row_ids: Sequence[str]) -> None:
        """Add rows that must be there, with priors."""
        for row_id in row_ids:
            self.rows.setdefault(row_id, None)

    def fill(self, row_ids: Sequence[str], scores: Array) -> None:
        """Set the scores (rows, classes of the bundle) of some rows; those that are not asked for are left out."""
        for row_id, values in zip(row_ids, scores, strict=True):
            if row_id in self.rows:
                self.rows[row_id] = self._text(values)

    def forget(self) -> None:
        """Give all rows their priors again."""
        self.rows = dict.fromkeys(self.rows)

    @property
    def computed(self) -> int:
        """Rows that hold scores instead of priors."""
        return sum(row is not None for row in self.rows.values())

    def write(self, path: Path) -> None:
        """Write the table, whole or not at all."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(("row_id", *self.columns))
        for row_id, values in self.rows.items():
            buffer.write(f"{_quoted(row_id)},{self._priors if values is None else values}\n")
        files.write_text(path, buffer.getvalue())


def write_submission(
    bundle: Bundle,
    root: Path,
    out: Path,
    *,
    deadline_minutes: float | None = None,
    started: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    track: Track = untracked,
) -> SubmissionReport:
    """Classify every window of every test soundscape of the competition at `root`, into the file `out`.

    A valid file of priors is written first and replaced now and then and at the end. A soundscape that cannot be read
    keeps its priors and is listed. The next soundscapes are decoded while one is classified. What is written last is
    read again; where Kaggle would reject it, all rows keep their priors.

    Parameters
    ----------
    deadline_minutes : no soundscape is begun that would likely not be done by then.
    started : what the clock said when time began to count; None for now.
    """
    started = clock() if started is None else started
    _require_competition(root)
    sample_path = root / competition.SAMPLE_SUBMISSION
    table = Table(bundle, competition.read_sample_submission(sample_path) if sample_path.is_file() else None)
    paths = competition.list_soundscapes(root)
    listed = Counter(row_id.rpartition("_")[0] for row_id in table.rows)
    headers = {path: audio.read_header(path) for path in paths}
    for path, header in headers.items():
        table.expect(_expected_rows(path, header, bundle.features.side_by_side, table.rows, listed[path.stem]))
    begun = clock()
    _write_checked(table, out)
    # What it took to write priors and read them again it takes at the end too, and perhaps once before.
    ending_s = 2 * _SPARE * (clock() - begun)
    problems = _compute(table, bundle, paths, out, _Clock(clock, started, deadline_minutes), ending_s, track)
    fault = _write_checked(table, out)
    if fault:
        problems.append(f"all rows keep their priors, since what was written is not valid: {fault}")
        table.forget()
        table.write(out)
    report = SubmissionReport(len(table.rows), table.computed, len(paths), clock() - started, tuple(problems))
    _write_log(out, bundle, report, _remarks(headers, sample_path, bundle.features))
    return report


def _write_checked(table: Table, out: Path) -> str | None:
    table.write(out)
    return find_fault(out, table.columns, table.rows)


@dataclass(frozen=True)
class _Clock:
    now: Callable[[], float]
    started: float
    deadline_minutes: float | None

    def spare_s(self, needed_s: float) -> float | None:
        """Seconds to spare before `needed_s` of work must begin; None without a deadline, below 0 when too late."""
        if self.deadline_minutes is None:
            return None
        return self.deadline_minutes * 60 - (self.now() - self.started) - needed_s


def _compute(
    table: Table, bundle: Bundle, paths: Sequence[Path], out: Path, clock: _Clock, ending_s: float, track: Track
) -> list[str]:
    """Fill the table, soundscape by soundscape, leaving time to end; a line for each that keeps its priors."""
    predictor = Predictor(bundle)
    problems: list[str] = []
    written, slowest_s = clock.now(), 0.0
    pool = ThreadPoolExecutor(_workers())
    # The next ones are on their way; no more of them than fit in memory.
    coming = ahead(pool, partial(soundscape_pictures, bundle=bundle), paths, _workers())
    try:
        for number, (path, pictures) in enumerate(track(coming, len(paths), "soundscapes")):
            try:
                spare_s = clock.spare_s(_SPARE * slowest_s + ending_s)
                if spare_s is not None and spare_s < 0:
                    raise TimeoutError
                starts_s, own = pictures.result(timeout=spare_s)
                begun = clock.now()
                table.fill(row_ids(path, starts_s, bundle.features), predictor.scores(own.pixels))
                slowest_s = max(slowest_s, clock.now() - begun)
            except TimeoutError:
                problems += [f"{late.name}: no time left before the deadline" for late in paths[number:]]
                break
            except (AudioError, MemoryError) as error:
                problems.append(f"{path.name}: {reason_of(error)}")
            if clock.now() - written > _WRITE_EVERY_S:
                table.write(out)
                written = clock.now()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return problems


def _workers() -> int:
    return min(os.cpu_count() or 1, 4)


def row_ids(path: Path, starts_s: Sequence[float], features: Features) -> list[str]:
    """`<soundscape>_<end second>` of each window."""
    return [f"{path.stem}_{round(start_s + features.windowing.length_s)}" for start_s in starts_s]


def _require_competition(root: Path) -> None:
    parts = (competition.TEST_SOUNDSCAPES, competition.SAMPLE_SUBMISSION)
    if not any((root / part).exists() for part in parts):
        raise TableError(f"{root}: expected a competition folder with {' or '.join(parts)}, found {kind_of(root)}")


def _expected_rows(
    path: Path, header: Header | None, features: Features, rows: Mapping[str, Any], listed: int
) -> list[str]:
    """Rows a soundscape should give beside those the sample lists; an unreadable one is taken to have the usual length.

    Where the length is not known and the sample lists any of its rows, these are all. A sample that lists most of a
    soundscape's rows means all it wants: a sound a little too long gives no more.
    """
    if header is None and listed:
        return []
    duration_s = header.duration_s if header else _USUAL_SOUNDSCAPE_S
    if duration_s is None:
        if listed:
            return []
        # Its header does not tell, so it is read to its end.
        duration_s = audio.duration_s(path) or _USUAL_SOUNDSCAPE_S
    more = [row for row in row_ids(path, features.windowing.starts_s(duration_s), features) if row not in rows]
    return [] if listed > len(more) else more


def _quoted(row_id: str) -> str:
    """A cell of the table; soundscapes may be named with commas."""
    return '"' + row_id.replace('"', '""') + '"' if any(sign in row_id for sign in ',"\r\n') else row_id


def _remarks(headers: Mapping[Path, Header | None], sample: Path, features: Features) -> list[str]:
    """What is unusual, and how it was taken."""
    remarks = [] if sample.is_file() else [f"{sample.name} is missing: columns are the network's birds, by name"]
    if not headers:
        remarks.append("there are no soundscapes: every row the sample lists has its priors")
    for path, header in headers.items():
        if header and header.duration_s is not None and abs(header.duration_s - _USUAL_SOUNDSCAPE_S) > 1:
            remarks.append(f"{path.name}: {header.duration_s:.1f} s long instead of {_USUAL_SOUNDSCAPE_S:.0f}")
        if header and (header.channels, header.sample_rate_hz) != (1, features.sample_rate_hz):
            remarks.append(
                f"{path.name}: {header.channels} channels at {header.sample_rate_hz} Hz, taken as their mean at "
                f"{features.sample_rate_hz} Hz"
            )
    return remarks


def _write_log(out: Path, bundle: Bundle, report: SubmissionReport, remarks: Sequence[str]) -> None:
    lines = [
        f"features {bundle.features.fingerprint()}",
        f"rows {report.rows}, computed {report.computed}, soundscapes {report.soundscapes}",
        *report.problems,
        *remarks,
    ]
    files.write_text(out.with_suffix(".log"), "\n".join(lines) + "\n")
