"""Making a picture cache: parallel, resumable, atomic a file; one bad recording never stops the rest."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from birdclef_mind import __version__
from birdclef_mind.data import cache, cache_folder, strips
from birdclef_mind.data.cache_folder import Earlier, Mark
from birdclef_mind.data.competition import Competition, require_linked
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.overrides import Moves, Override, find_moves
from birdclef_mind.data.taxonomy import word_for
from birdclef_mind.data.training_table import Recording
from birdclef_mind.data.write_index import write_index
from birdclef_mind.errors import ConfigError, StoreError, TableError, reason_of
from birdclef_mind.sound.recordings import Pictured, picture
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage import archives, files, places
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.storage.workers import check_workers, run_all

# Faults of this machine that no recording is to blame for.
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Failure:
    """A recording that gave no picture, and why."""

    recording: str
    reason: str


@dataclass(frozen=True)
class CacheReport:
    """What a run of `write_cache` did.

    Attributes
    ----------
    recordings : asked for. segments : in the cache now. made, kept : pictures made now, or found right.
    removed : pictures that no longer belonged. failures : recordings that gave none. remarks : a line for labels that
        are in no segment.
    """

    recordings: int
    segments: int
    made: int
    kept: int
    removed: int
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()


def write_cache(
    competition: Competition,
    classes: Classes,
    features: Features,
    out: Path,
    *,
    overrides: Sequence[Override] = (),
    pack: bool = False,
    unlabelled: bool = False,
    jobs: int = 1,
    scheduler: str = "",
    track: Track = untracked,
) -> CacheReport:
    """Write or complete a cache; pictures that are there and right are kept, stale ones are made anew.

    Killed at any moment and started again it ends with the same bytes as an undisturbed run. A recording that cannot
    be read is listed and does not stop the rest. Labelled soundscapes are recordings too; with `unlabelled` the cache
    is of those that nobody labelled, and of nothing else. Of each recording memory holds a task and a result, never all
    sounds or pictures. Of `overrides` only moved windows concern a cache; a window that they do not name is at its
    regular start. With `pack` the pictures end in one archive a label. With the address of a Dask `scheduler` the
    workers of its cluster make the pictures. Recordings and pictures may stand in object storage, see `places`;
    archives may not.

    Raises
    ------
    ConfigError : archives in object storage, a number of jobs that is none, or a scheduler without workers.
    StoreError : the folder holds something else, or no recording can be read; what stood there stays.
    TableError : corrections that do not fit the competition, see `find_moves`; nothing to make pictures of; a
        collection whose sounds were moved away.
    """
    if pack and places.is_remote(out):
        raise ConfigError(f"--pack: expected a folder to put archives in, got {out}")
    check_workers(jobs, scheduler)
    chosen = set(classes.names)
    wanted = tuple(recording for recording in competition.recordings if recording.label in chosen)
    wanted = tuple(competition.unlabelled()) if unlabelled else (*wanted, *competition.labelled.soundscapes)
    if not wanted:
        raise TableError(f"{competition.root}: expected recordings to make pictures of, found none")
    require_linked(competition, wanted)
    moves, mark = find_moves(overrides, competition, features), Mark(out.absolute(), features)
    making = _Making(competition, classes, features, wanted, moves, out, mark)
    cache_folder.refuse_meeting(out, wanted, pack)
    folders = {*classes.names, *(recording.folder for recording in wanted)}
    with cache_folder.claimed(out):
        if pack:
            archives.refuse_others(out / folder for folder in folders)
        earlier = cache_folder.read_earlier(out)
        if not places.is_remote(out):
            archives.unpack(out, {*earlier.folders, *folders})
        stood = (out / cache.FACTS).is_file()
        if not stood:
            making.mark.set()
        made = run_all(_make, [(task,) for task in _tasks(making, earlier)], jobs, scheduler, lost=_ended)
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
        return _finish(making, results, pack)


@dataclass(frozen=True)
class _Making:
    """What a cache is made of, and where; `mark` is set before anything in it changes."""

    competition: Competition
    classes: Classes
    features: Features
    wanted: tuple[Recording, ...]
    moves: Moves
    out: Path
    mark: Mark


@dataclass(frozen=True)
class _Result:
    filename: str
    made: bool = False
    failure: str = ""


def _finish(making: _Making, results: Sequence[_Result], pack: bool) -> CacheReport:
    """Derive the tables from the pictures that are there now, which makes the cache complete."""
    out, features, wanted = making.out, making.features, making.wanted
    failures = [Failure(result.filename, result.failure) for result in results if result.failure]
    good = [recording for recording, result in zip(wanted, results, strict=True) if not result.failure]
    # A recording that cannot be read today keeps the picture it has; the index does not name it.
    places_of = {cache.picture_path(making.mark.out, r.folder, r.filename) for r in wanted}
    removed = cache_folder.remove_strangers(making.mark, places_of)
    index = write_index(out, good, features, making.classes, before=making.mark.set)
    _write_failures(out, failures)
    if pack:
        archives.pack(sorted({cache.picture_path(out, r.folder, r.filename).parent for r in good}))
    made = sum(result.made for result in results)
    counts = {"recordings": len(good), "segments": index.segments, "failed": len(failures)}
    files.write_facts(
        out / cache.FACTS,
        {
            "complete": True,
            "features": asdict(features),
            "fingerprint": features.fingerprint(),
            "classes": list(making.classes.names),
            "competition": str(making.competition.root.resolve()),
            "common_names": _names(making),
            "metric": making.competition.form.metric,
            "are": word_for(making.competition.species[name] for name in making.classes.names),
            "versions": {"birdclef_mind": __version__, "store_format": strips.FORMAT},
            "counts": counts,
            "moved": {recording: dict(windows) for recording, windows in making.moves.items()},
            "index_sha256": files.sha256(out / cache.INDEX),
            "seconds": round(index.seconds, 3),
        },
        cache.FORMAT,
    )
    return CacheReport(
        len(wanted), index.segments, made, len(good) - made, removed, tuple(failures), index.remarks
    )  # fmt: skip


@dataclass(frozen=True)
class _Task:
    """One recording's picture; `known` tells whether an earlier run made one."""

    path: Path
    filename: str
    features: Features
    moved: Mapping[int, float]
    target: Path
    known: bool
    mark: Mark


def _names(making: _Making) -> dict[str, str]:
    """Common names by label, or scientific ones where there are no others."""
    species = making.competition.species
    return {name: species[name].common_name or species[name].scientific_name for name in making.classes.names}


def _tasks(making: _Making, earlier: Earlier) -> list[_Task]:
    return [
        _Task(
            making.competition.audio_path(recording).absolute(),
            recording.filename,
            making.features,
            making.moves.get(recording.filename, {}),
            cache.picture_path(making.out.absolute(), recording.folder, recording.filename),
            recording.filename in earlier.recordings,
            making.mark,
        )
        for recording in making.wanted
    ]


def _make(task: _Task) -> _Result:
    """Make one recording's picture, unless it is there and right."""
    filename, features, target = task.filename, task.features, task.target
    try:
        with places.at_hand(task.path) as own:
            if not own.is_file():
                return _Result(filename, failure="is no file" if own.exists() else "missing")
            source = strips.Source(filename, own.stat().st_size, files.sha256(own))
            if _is_current(task, source):
                return _Result(filename)
            if not task.known and _is_others(target):
                return _Result(filename, failure=f"somebody else's file stands in the place of its picture, {target}")
            content = strips.encode(make_strip(picture(own, features, task.moved), features, source))
    except FileNotFoundError:
        return _Result(filename, failure="missing")
    except OSError as error:
        if error.errno in _FULL:
            raise
        return _Result(filename, failure=f"cannot be read ({error.strerror or reason_of(error)})")
    except places.faults():
        # A store that cannot be reached is no fault of one recording.
        raise
    except Exception as error:
        return _Result(filename, failure=reason_of(error))
    task.mark.set()
    with files.whole(target) as part:
        part.write_bytes(content)
    return _Result(filename, made=True)


def _is_others(target: Path) -> bool:
    """Whether somebody else's file stands in the place of a picture; nobody asks a store for each."""
    there = not places.is_remote(target) and target.is_file()
    return there and not archives.is_marked(target.read_bytes())


def _ended(task: _Task) -> _Result:
    """The result for a recording that ends each process that reads it."""
    return _Result(task.filename, failure="ended the process that read it twice (too little memory or a broken file)")


def make_strip(found: Pictured, features: Features, source: strips.Source) -> strips.Strip:
    """A recording's pictures as the strip that is stored."""
    facts = strips.StripFacts(
        features.fingerprint(),
        source,
        found.starts_s,
        tuple(found.pictures.scale.low.tolist()),
        tuple(found.pictures.scale.width.tolist()),
        tuple(found.loudness_dbfs.round(2).tolist()),
        tuple(found.clipped.round(6).tolist()),
    )
    return strips.Strip(found.pictures.pixels, facts)


def _is_current(task: _Task, source: strips.Source) -> bool:
    features = task.features
    try:
        facts = strips.read_facts(task.target)
    except StoreError:
        return False
    regular = map(features.windowing.start_s, range(len(facts.starts_s)))
    starts_s = tuple(task.moved.get(segment, start_s) for segment, start_s in enumerate(regular))
    return facts.fingerprint == features.fingerprint() and facts.source == source and facts.starts_s == starts_s


def _write_failures(out: Path, failures: Sequence[Failure]) -> None:
    if not failures:
        (out / cache.FAILURES).unlink(missing_ok=True)
        return
    rows = [(failure.recording, failure.reason) for failure in failures]
    files.write_text(out / cache.FAILURES, csv_text(("recording", "reason"), rows))
