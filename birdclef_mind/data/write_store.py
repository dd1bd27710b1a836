"""Making a store: parallel, resumable, atomic a file; one bad recording never stops the rest."""

import errno
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.data import store_folder
from birdclef_mind.data.competition import Competition, require_linked
from birdclef_mind.data.index import FAILURES, INDEX, place_of
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.overrides import Moves, Override, find_moves
from birdclef_mind.data.store_folder import Mark
from birdclef_mind.data.store_kind import Maker
from birdclef_mind.data.strips import Source
from birdclef_mind.data.taxonomy import word_for
from birdclef_mind.data.training_table import Recording
from birdclef_mind.data.write_index import write_index
from birdclef_mind.errors import ConfigError, ListenerError, StoreError, TableError, reason_of
from birdclef_mind.sound.ogg_pages import hole_s
from birdclef_mind.storage import archives, files, places
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.storage.workers import check_workers, run_all

# Faults of this machine that no recording is to blame for.
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Failure:
    """A recording that gave no file, and why."""

    recording: str
    reason: str


@dataclass(frozen=True)
class StoreReport:
    """What a run of `write_store` did.

    Attributes
    ----------
    recordings : asked for. segments : in the store now. made, kept : files made now, or found right.
    removed : files that no longer belonged. failures : recordings that gave none. remarks : a line for labels that
        are in no segment. renewed : files made now in the place of others.
    """

    recordings: int
    segments: int
    made: int
    kept: int
    removed: int
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()
    renewed: int = 0


@dataclass(frozen=True)
class Working:
    """Who does the work: so many processes here, or the workers of a Dask cluster at the address of its `scheduler`."""

    jobs: int = 1
    scheduler: str = ""


ALONE = Working()


def write_store(
    competition: Competition,
    classes: Classes,
    maker: Maker,
    out: Path,
    *,
    overrides: Sequence[Override] = (),
    pack: bool = False,
    unlabelled: bool = False,
    working: Working = ALONE,
    track: Track = untracked,
) -> StoreReport:
    """Write or complete a store; files that are there and right are kept, stale ones are made anew.

    Killed at any moment and started again it ends with the same bytes as an undisturbed run. A recording that cannot
    be read is listed and does not stop the rest. Labelled soundscapes are recordings too; with `unlabelled` the store
    is of those that nobody labelled, and of nothing else. Of each recording memory holds a task and a result, never all
    of them. Of `overrides` only moved windows concern a store; a window that they do not name is at its regular start.
    With `pack` the files end in one archive a label. Recordings and files may stand in object storage, see `places`;
    archives may not.

    Raises
    ------
    ConfigError : archives in object storage, a number of jobs that is none, or a scheduler without workers.
    StoreError : the folder holds something else, or no recording can be read; what stood there stays.
    TableError : corrections that do not fit the competition, see `find_moves`; nothing to make files of; a collection
        whose sounds were moved away.
    """
    if pack and places.is_remote(out):
        raise ConfigError(f"--pack: expected a folder to put archives in, got {out}")
    check_workers(working.jobs, working.scheduler)
    chosen = set(classes.names)
    wanted = tuple(recording for recording in competition.recordings if recording.label in chosen)
    wanted = tuple(competition.unlabelled()) if unlabelled else (*wanted, *competition.labelled.soundscapes)
    if not wanted:
        raise TableError(f"{competition.root}: expected recordings to make {maker.naming.content} of, found none")
    require_linked(competition, wanted)
    naming, moves = maker.naming, find_moves(overrides, competition, maker.cutting)
    mark = Mark(out.absolute(), naming, json.dumps(maker.told))
    making = _Making(competition, classes, maker, wanted, moves, out, mark)
    store_folder.refuse_meeting(out, wanted, naming, pack)
    folders = {*classes.names, *(recording.folder for recording in wanted)}
    listed = places.is_remote(out) or bool(Ledger(out).kind)
    with store_folder.claimed(out, naming):
        if pack:
            archives.refuse_others(out / folder for folder in folders)
        earlier = store_folder.read_earlier(out, naming)
        # In a folder without its list, such as a copy, whatever says that it is a picture alone is one.
        known = earlier.recordings if listed else frozenset[str]()
        if not places.is_remote(out):
            archives.unpack(out, {*earlier.folders, *folders})
        stood = (out / naming.facts).is_file()
        if not stood:
            making.mark.set()
        tasks = [(task,) for task in _tasks(making, known)]
        made = run_all(_make, tasks, working.jobs, working.scheduler, lost=_ended)
        by_name = {result.filename: result for result in track(made, len(wanted), "recordings")}
        results = [by_name[recording.filename] for recording in wanted]
        # Processes that were ended leave what they were writing.
        files.remove_parts(out)
        if stood and not any(not result.failure for result in results):
            first = results[0]
            raise StoreError(
                f"{competition.root}: expected recordings that can be read, found none among {len(results)}, such as "
                f"{first.filename}: {first.failure}; {out} stays as it was"
            )
        return _finish(making, results, earlier.recordings, pack)


@dataclass(frozen=True)
class _Making:
    """What a store is made of, and where; `mark` is set before anything in it changes."""

    competition: Competition
    classes: Classes
    maker: Maker
    wanted: tuple[Recording, ...]
    moves: Moves
    out: Path
    mark: Mark


@dataclass(frozen=True)
class _Result:
    filename: str
    made: bool = False
    failure: str = ""


def _finish(making: _Making, results: Sequence[_Result], earlier: Collection[str], pack: bool) -> StoreReport:
    """Derive the tables from the files that are there now, which makes the store complete."""
    out, maker, wanted = making.out, making.maker, making.wanted
    naming = maker.naming
    failures = [Failure(result.filename, result.failure) for result in results if result.failure]
    good = [recording for recording, result in zip(wanted, results, strict=True) if not result.failure]
    # A recording that cannot be read today keeps the file it has; the index does not name it.
    own = {place_of(making.mark.out, r.folder, r.filename, naming.suffix) for r in wanted}
    removed = store_folder.remove_strangers(making.mark, own, maker)
    index = write_index(out, good, maker, making.classes, before=making.mark.set)
    _write_failures(out, failures)
    if pack:
        archives.pack(sorted({place_of(out, r.folder, r.filename, naming.suffix).parent for r in good}))
    made = sum(result.made for result in results)
    counts = {"recordings": len(good), "segments": index.segments, "failed": len(failures)}
    files.write_facts(
        out / naming.facts,
        {
            "complete": True,
            **maker.told,
            "fingerprint": maker.fingerprint,
            "classes": list(making.classes.names),
            "competition": str(making.competition.root.resolve()),
            "common_names": _names(making),
            "metric": making.competition.form.metric,
            "are": word_for(making.competition.species[name] for name in making.classes.names),
            "counts": counts,
            "moved": {recording: dict(windows) for recording, windows in making.moves.items()},
            "index_sha256": files.sha256(out / INDEX),
            "seconds": round(index.seconds, 3),
        },
        naming.format,
    )
    return StoreReport(
        len(wanted), index.segments, made, len(good) - made, removed, tuple(failures), index.remarks,
        renewed=sum(result.made and result.filename in earlier for result in results),
    )  # fmt: skip


@dataclass(frozen=True)
class _Task:
    """One recording's file; `known` tells whether an earlier run made one."""

    path: Path
    filename: str
    maker: Maker
    moved: Mapping[int, float]
    target: Path
    known: bool
    mark: Mark


def _names(making: _Making) -> dict[str, str]:
    """Common names by label, or scientific ones where there are no others."""
    species = making.competition.species
    return {name: species[name].common_name or species[name].scientific_name for name in making.classes.names}


def _tasks(making: _Making, known: Collection[str]) -> list[_Task]:
    return [
        _Task(
            making.competition.audio_path(recording).absolute(),
            recording.filename,
            making.maker,
            making.moves.get(recording.filename, {}),
            place_of(making.out.absolute(), recording.folder, recording.filename, making.maker.naming.suffix),
            recording.filename in known,
            making.mark,
        )
        for recording in making.wanted
    ]


def _make(task: _Task) -> _Result:
    """Make one recording's file, unless it is there and right."""
    filename, maker, target = task.filename, task.maker, task.target
    try:
        with places.at_hand(task.path) as own:
            if not own.is_file():
                return _Result(filename, failure="is no file" if own.exists() else "missing")
            if (hole := hole_s(own)) is not None:
                return _Result(filename, failure=f"lacks sound in its midst, at {hole:.1f} s")
            source = Source(filename, own.stat().st_size, files.sha256(own))
            if _is_current(task, source):
                return _Result(filename)
            if not task.known and _is_others(target, maker):
                place = f"the place of its {maker.naming.content}, {target}"
                return _Result(filename, failure=f"somebody else's file stands in {place}")
            content = maker.encode(own, task.moved, source)
    except FileNotFoundError:
        return _Result(filename, failure="missing")
    except OSError as error:
        if error.errno in _FULL:
            raise
        return _Result(filename, failure=f"cannot be read ({error.strerror or reason_of(error)})")
    except ListenerError:
        # A model that cannot be opened where the work is done is no fault of one recording.
        raise
    except places.faults():
        # Nor is a store that cannot be reached.
        raise
    except Exception as error:
        return _Result(filename, failure=reason_of(error))
    task.mark.set()
    with files.whole(target) as part:
        part.write_bytes(content)
    return _Result(filename, made=True)


def _is_others(target: Path, maker: Maker) -> bool:
    """Whether somebody else's file stands in the place of one of ours; nobody asks a store for each."""
    there = not places.is_remote(target) and target.is_file()
    return there and not maker.is_own(target.read_bytes())


def _ended(task: _Task) -> _Result:
    """The result for a recording that ends each process that reads it."""
    return _Result(task.filename, failure="ended the process that read it twice (too little memory or a broken file)")


def _is_current(task: _Task, source: Source) -> bool:
    maker = task.maker
    try:
        facts = maker.read_facts(task.target)
    except StoreError:
        return False
    regular = map(maker.cutting.windowing.start_s, range(len(facts.starts_s)))
    starts_s = tuple(task.moved.get(segment, start_s) for segment, start_s in enumerate(regular))
    return facts.fingerprint == maker.fingerprint and facts.source == source and facts.starts_s == starts_s


def _write_failures(out: Path, failures: Sequence[Failure]) -> None:
    if not failures:
        (out / FAILURES).unlink(missing_ok=True)
        return
    rows = [(failure.recording, failure.reason) for failure in failures]
    files.write_text(out / FAILURES, csv_text(("recording", "reason"), rows))
