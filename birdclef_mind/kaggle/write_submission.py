"""A submission that is always valid: priors first, results as they come, done before the deadline."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from birdclef_mind.arrays import Array
from birdclef_mind.checks import is_number, require
from birdclef_mind.data.form import SCORES, Form, form_of_rows, hour_of
from birdclef_mind.data.sample_submission import sample_of
from birdclef_mind.data.soundscapes import (
    Soundscape,
    find_soundscapes,
    more_rows,
    refuse_among,
    require_rows,
    row_scores,
)  # fmt: skip
from birdclef_mind.errors import ConfigError, printable, reason_of
from birdclef_mind.kaggle.answer import Known
from birdclef_mind.kaggle.answering import Answering, PictureAnswering
from birdclef_mind.kaggle.blending import Ranks
from birdclef_mind.kaggle.clock import SPARE, Clock
from birdclef_mind.kaggle.outputs import log_path, refuse_outputs
from birdclef_mind.kaggle.plan import Plan
from birdclef_mind.kaggle.settings import RANKS, Submitting
from birdclef_mind.kaggle.smoothing import smoothed
from birdclef_mind.kaggle.submission_check import find_fault
from birdclef_mind.kaggle.submission_table import Table
from birdclef_mind.kaggle.submission_words import not_done, nothing, nowhere, unusual
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.sound.ogg_pages import hole_s
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.storage import locks
from birdclef_mind.storage.ahead import ahead
from birdclef_mind.storage.ledger import write_own
from birdclef_mind.storage.progress import Say, Track, untracked

_WRITE_EVERY_S = 60.0


@dataclass(frozen=True)
class SubmissionReport:
    """What was written.

    Attributes
    ----------
    rows, computed : in all, and those that hold scores. problems : a line for each soundscape, or its rows, that kept
        priors. warnings : a line for whatever else is not as it was asked for. remarks : what is unusual, and how it
        was taken. stayed : whether an earlier submission stays, since no row was computed. notes : what computed it.
    plan : how thoroughly soundscapes were heard, and from which on.
    """

    rows: int
    computed: int
    soundscapes: int
    seconds: float
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    stayed: bool = False
    notes: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()


def write_submission(
    bundle: Bundle | Answering,
    root: Path,
    out: Path,
    *,
    submitting: Submitting = Submitting(),
    deadline_minutes: float | None = None,
    started: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> SubmissionReport:
    """Classify every window of every test soundscape of the competition at `root`, into the file `out`.

    A valid file of priors is written first and replaced now and then and at the end; an earlier submission that stands
    there is replaced at the end alone, and stays where no row was computed and it has the rows that are asked for.
    Whatever a soundscape or a library does costs that soundscape at most: it keeps its priors and is listed, in the log
    beside the file too. The next soundscapes are decoded while one is classified. What is written last is read again;
    where Kaggle would reject it, all rows keep their priors.

    Parameters
    ----------
    submitting : what is done with scores; of competitions that want names or answers instead a warning says that it
        is not.
    deadline_minutes : no soundscape is begun that would likely not be done by then, and where all that are left would
        not, they are heard less thoroughly, see `plan`, which `say` tells.
    started : what the clock said when time began to count; None for now.

    Raises
    ------
    ConfigError : `out` is among the soundscapes, somebody else's file stands there or at its log, another process
        writes there, or the deadline is none.
    TableError : the folder is no competition, or its sample submission no table.
    """
    started = clock() if started is None else started
    answering = PictureAnswering(bundle, submitting.shifts) if isinstance(bundle, Bundle) else bundle
    good = deadline_minutes is None or (is_number(deadline_minutes) and deadline_minutes > 0)
    require(good, "deadline", "minutes above 0", deadline_minutes)
    require_rows(root)
    refuse_among(root, out)
    refuse_outputs(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    own = Clock(clock, started, deadline_minutes)
    with locks.held(out, ConfigError):
        return _write(answering, root, out, submitting, clock=own, say=say, track=track)


def _write(
    answering: Answering, root: Path, out: Path, submitting: Submitting, *, clock: Clock, say: Say, track: Track
) -> SubmissionReport:
    sample, form, known = sample_of(root), form_of_rows(root), answering.known
    table = Table(known, sample, form.rows)
    asked = tuple(table.rows)
    sounds = find_soundscapes(root, asked, form)
    table.expect(more_rows(sounds, asked))
    # Where soundscapes are there, those that are not may be an example of the sample submission alone.
    for name in sounds.absent if sounds.found else ():
        table.drop(name)
    begun, stood = clock.now(), out.exists()
    if stood:
        # What stands may be good, and is all there is if this run ends before it is done.
        table.text()
    else:
        table.write(out)
    fits = _fault_of(table, out) is None
    if not stood:
        write_own(log_path(out), f"{known.made_of}\nunder way: every row has its priors\n".encode())
    # What it took to write priors and read them again it takes at the end too, and perhaps once before.
    ending_s = 2 * SPARE * (clock.now() - begun)
    plan = Plan(answering, clock, len(sounds.found), ending_s, say)
    problems = [*sounds.missing] if sounds.found else []
    try:
        between = None if stood else out
        asked_for = submitting if table.form == SCORES else Submitting(shifts=submitting.shifts)
        work = _Computing(answering, asked_for, clock, plan, form)
        problems += _compute(table, work, sounds.found, between, track=track)
    except Exception as error:  # A valid file stands; what no soundscape is to blame for must not take it away.
        problems.append(f"nothing more was computed: {reason_of(error)}")
    # Where nothing is asked for, or nothing was computed, what stood there is worth more.
    kept = stood and not table.computed and (not table.count or (fits and bool(problems)))
    if not kept:
        table.write(out)
    fault = None if kept else _fault_of(table, out)
    if fault:
        problems.append(f"all rows keep their priors, since what was written is not valid: {fault}")
        table.forget()
        table.write(out)
    seconds = clock.now() - clock.started
    warnings = [*sounds.odd, *nothing(table), *nowhere(table, known), *not_done(submitting, answering, table)]
    if kept:
        warnings.append(f"no row was computed: the submission that stood at {out} before stays as it was")
    report = SubmissionReport(
        table.count, table.computed, len(sounds.found), seconds, tuple(problems), tuple(warnings),
        tuple(unusual(sounds, table, sample is not None, known, form)), kept, answering.notes, tuple(plan.lines),
    )  # fmt: skip
    _write_log(out, known, report)
    return report


def _fault_of(table: Table, out: Path) -> str | None:
    return find_fault(out, table.form, table.header, (row_id for row_id, _ in table.lines()))


@dataclass(frozen=True)
class _Computing:
    """Who answers, what is done with the answers, how much time there is, and how it is shared out."""

    answering: Answering
    submitting: Submitting
    clock: Clock
    plan: Plan
    form: Form

    def at(self, one: Soundscape) -> Callable[[Array], Array]:
        """What changes scores (…, classes) by where and when a soundscape was recorded."""
        habits, stem = self.answering.known.habits, one.path.stem
        site, hour, power = self.form.site_of(stem), hour_of(stem), self.submitting.habits
        return partial(habits.likelier, site=site, hour=hour, power=power)


def _compute(
    table: Table, work: _Computing, found: Sequence[Soundscape], out: Path | None, *, track: Track
) -> list[str]:
    """Fill the table, soundscape by soundscape, leaving time to end; a line for each that keeps its priors.

    With `out` it is written there now and then.
    """
    answering, clock, plan = work.answering, work.clock, work.plan
    length_s, ranks = answering.known.length_s, Ranks(work.submitting)
    problems: list[str] = []
    if found:
        with suppress(Exception):  # It is raised again, and told, where the first soundscape is answered for.
            answering.ready()
    ended = written = clock.now()
    pool = ThreadPoolExecutor(_workers())
    # The next ones are on their way; no more of them than fit in memory.
    coming = ahead(pool, partial(_decoded, answering=answering), found, _workers())
    try:
        for number, (one, decoded) in enumerate(track(coming, len(found), "soundscapes")):
            try:
                spare_s = clock.spare_s(SPARE * plan.slowest_s + plan.ending_s)
                if spare_s is not None and spare_s < 0:
                    raise TimeoutError
                given, hole = decoded.result(timeout=spare_s)
                answer = answering.answer(given)
                there, members = work.at(one), answer.members
                scores = there(row_scores(answer.starts_s, answer.scores, length_s))
                # Behind a hole sound comes too early, so that its rows would be those of another time.
                scores = scores if hole is None else scores[: int(hole // ROW_S)]
                row_ids = [one.row_id(row) for row in range(len(scores))]
                table.fill(row_ids, smoothed(scores, work.submitting))
                if members is not None and work.submitting.blend == RANKS:
                    ranks.add(row_ids, there(members[:, : len(scores)]))
                problems += _unfilled(table, one, hole)
                # From one's end to the next one's, so that waiting for sound to be decoded counts.
                begun, ended = ended, clock.now()
                plan.measured(ended - begun)
            except TimeoutError:
                problems += [f"{_file(late)}: no time left before the deadline" for late in found[number:]]
                break
            except Exception as error:  # Whatever a library raises costs this soundscape alone.
                problems.append(f"{_file(one)}: {reason_of(error)}")
            if out and clock.now() - written > _WRITE_EVERY_S:
                problems += _write_between(table, out)
                written = clock.now()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    ranks.fill(table)
    return problems


def _decoded(one: Soundscape, answering: Answering) -> tuple[Any, float | None]:
    """What is answered for, and where sound is missing in its midst."""
    return answering.decode(one.path), hole_s(one.path)


def _file(one: Soundscape) -> str:
    return printable(one.path.name)


def _write_between(table: Table, out: Path) -> list[str]:
    """Write what there is; where that fails, the file before it stands, and the last one is still to come."""
    try:
        table.write(out)
    except OSError as error:
        return [f"{out.name}: could not be written in between ({error.strerror})"]
    return []


def _unfilled(table: Table, one: Soundscape, hole: float | None) -> list[str]:
    """A line for rows of a soundscape that are asked for and that its sound does not reach, or only behind a hole."""
    left = [row for row, values in table.of(one.name).items() if values is None]
    if not left:
        return []
    if hole is not None:
        return [f"{_file(one)}: sound is missing at {hole:.1f} s; {len(left)} rows from there on, such as {left[0]}"]
    return [f"{_file(one)}: {len(left)} rows are no 5 s of its sound, such as {left[0]}"]


def _workers() -> int:
    return min(os.cpu_count() or 1, 4)


def _write_log(out: Path, own: Known, report: SubmissionReport) -> None:
    counts = f"rows {report.rows}, computed {report.computed}, soundscapes {report.soundscapes}"
    lines = [own.made_of, counts, *report.problems, *report.warnings, *report.remarks, *report.notes, *report.plan]
    write_own(log_path(out), "".join(f"{printable(line)}\n" for line in lines).encode("utf-8"))
