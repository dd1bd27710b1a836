"""Folders this program writes: claimed by one process at a time, and replaced only by what is whole.

    with claimed(out, "comparison", ConfigError) as ledger:
        with renewed(ledger) as stage:
            ...  # fill `stage`; when the block ends, what stood in `out` gives way to it

A claim refuses a folder with anything in it, at any depth, that this program did not write (see `ledger`). What is
renewed is made in a hidden folder first, then moved into its place, never onto anybody's file; a move that was stopped
is finished by whoever opens the folder next.
"""

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from birdclef_mind.errors import BirdclefMindError, StoreError
from birdclef_mind.storage import files, locks
from birdclef_mind.storage.folder_kinds import called, kind_of, known_kinds, taken
from birdclef_mind.storage.ledger import NAME, OWN, Ledger
from birdclef_mind.storage.places import is_remote

STAGE, READY = files.part_name("stage", pid=0), files.part_name("ready", pid=0)
_GOING = ".going.json"
# Moving a finished folder into its place takes less.
_PATIENCE_S = 10.0


def _nothing(folder: Path) -> Collection[str]:
    return ()


@contextmanager
def claimed(
    folder: Path,
    kind: str,
    error: type[BirdclefMindError],
    *,
    adopt: Callable[[Path], Collection[str]] = _nothing,
    shared: bool = False,
    wait_s: float = 0.0,
) -> Iterator[Ledger]:
    """Hold a folder to write to, made when it is missing; its ledger.

    Parameters
    ----------
    kind : what the folder will be, for its ledger and for messages: "cache", "bundle", …
    adopt : paths of files in a folder without a ledger that this program wrote all the same, by what they hold.
    shared : whether others' files may stand in a folder that is of this kind already; they are left alone.
    wait_s : how long to wait for another process.

    Raises
    ------
    error : a file stands there, another process is at work in it, it is of another kind, or holds something else.
    """
    refuse_unfit(folder, kind, error, adopt, shared=shared)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locks.held(folder, error, wait_s=wait_s):
            settle(folder)
            # Once more, now that nobody else writes.
            own = refuse_others(folder, kind, error, adopt, shared=shared)
            files.remove_parts(folder)
            ledger = Ledger(folder)
            if not ledger.exists or not ledger.kind:
                ledger.add(dict.fromkeys(own, OWN), kind)
            yield ledger
    finally:
        if made:
            with suppress(OSError):
                _remove_if_bare(folder)


def refuse_unfit(
    folder: Path,
    kind: str,
    error: type[BirdclefMindError],
    adopt: Callable[[Path], Collection[str]] = _nothing,
    *,
    shared: bool = False,
) -> None:
    """Raise `error` as `claimed` would, but for another process at work there; nothing is made or held."""
    _refuse_lost(folder, kind, error)
    if folder.exists() and not folder.is_dir():
        raise error(f"{folder}: expected a folder to write the {kind} to, found a file")
    refuse_others(folder, kind, error, adopt, shared=shared)


def refuse_others(
    folder: Path,
    kind: str,
    error: type[BirdclefMindError],
    adopt: Callable[[Path], Collection[str]] = _nothing,
    *,
    shared: bool = False,
) -> Collection[str]:
    """Raise `error` for a folder of another kind, or one that holds a link, or what this program did not write.

    Hidden files do not count: they are never touched. Gives what `adopt` finds where there is no ledger.
    """
    if not folder.is_dir():
        return ()
    refuse_links(folder, error)
    ledger, own = Ledger(folder), adopt(folder)
    if ledger.kind not in ("", kind):
        found = kind_of(folder) if kind_of(folder) in known_kinds() else called(ledger.kind)
        raise error(taken(folder, kind, found))
    if not (shared and (ledger.kind or own)):
        _refuse_strangers(folder, kind, {*ledger.names, *own}, error)
    return own if not ledger.kind else ()


def _refuse_lost(folder: Path, kind: str, error: type[BirdclefMindError]) -> None:
    """Raise `error` for a link that leads nowhere, at the place of a folder to write or above it."""
    for path in [] if is_remote(folder) else (folder, *folder.parents):
        if path.is_symlink() and not path.exists():
            raise error(f"{path}: expected a folder to write the {kind} to, or nothing, found {kind_of(path)}")


def _refuse_strangers(folder: Path, kind: str, own: Collection[str], error: type[BirdclefMindError]) -> None:
    """Raise `error` for the first file, link or device at any depth that is none of `own`, hidden ones aside."""
    known = {name.partition("/")[0] for name in own}
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.name not in known and not (path / NAME).is_file():
            found = kind_of(folder)
            what = found if found in known_kinds() and kind not in found and not known else path.name
            raise error(taken(folder, kind, what))
    for stranger in [] if is_remote(folder) else _strangers(folder, own):
        raise error(f"{stranger}: expected what this program wrote alone, and this may be yours; move it away")


def _strangers(folder: Path, own: Collection[str]) -> Iterator[Path]:
    """What stands below a folder and is none of its own; below a folder with a ledger that one's claim looks."""
    for place, folders, names in os.walk(folder):
        below = {name: (Path(place) / name).relative_to(folder).as_posix() for name in sorted((*folders, *names))}
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        others = [name for name in (*links, *names) if not name.startswith(".") and below[name] not in own]
        # In the place of a file of ours a folder is somebody's.
        others += [name for name in folders if name not in links and below[name] in own]
        yield from (Path(place) / name for name in sorted(others))
        # A folder that is listed as a whole is all our own.
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and f"{below[name]}/" not in own and not (Path(place) / name / NAME).is_file()
        ]


def refuse_links(folder: Path, error: type[BirdclefMindError]) -> None:
    """Raise `error` when a folder to write to holds a link: what is written or removed behind it lies elsewhere."""
    for path in [] if is_remote(folder) else sorted(folder.glob("*")):
        if path.is_symlink():
            raise error(f"{path}: expected a file or a folder to write to, found a link to {path.readlink()}")


@contextmanager
def renewed(
    ledger: Ledger, *, last: str = "", keep: Callable[[str], bool] = lambda name: False, pages: Collection[str] = ()
) -> Iterator[Path]:
    """Give an empty folder to fill; when the block ends without an error its files take the place of what was listed.

    StoreError, and what stood there stays, when somebody else's file stands in the place of a new one by then.

    Parameters
    ----------
    ledger : of a folder that is claimed. last : the file that is moved at the end, by which the folder is whole.
    keep : whether a listed file stays beside the new ones. pages : single files that were made from the old ones and go
        with them; others stay.
    """
    stage = ledger.folder / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    try:
        yield stage
        new = sorted(_files_below(stage), key=lambda name: (name == last, name))
        fresh = _refuse_taken(ledger, new)
        ledger.add(dict.fromkeys(new, OWN))
        own = [name for name in ledger.names if not ledger.is_single(name) or (name in pages and ledger.wrote(name))]
        going = [name for name in own if name not in new and not keep(name)]
        (stage / _GOING).write_text(json.dumps({"going": going, "new": new, "fresh": fresh}), encoding="ascii")
        stage.rename(ledger.folder / READY)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    _move(ledger.folder)


def settle(folder: Path) -> None:
    """Finish a replacement that was stopped while files were moved into their places."""
    if not is_remote(folder) and (folder / READY).is_dir():
        _move(folder)


def settled(folder: Path) -> None:
    """The same for whoever only reads: waits for a process that is moving files, and raises StoreError if it lasts."""
    if not is_remote(folder) and (folder / READY).is_dir():
        with locks.held(folder, StoreError, wait_s=_PATIENCE_S):
            settle(folder)


def cleared(folder: Path) -> None:
    """Remove what a folder's ledger lists as part of it, and the folder where nothing else is left in it.

    Single files that were written there, such as a submission, stay and stay listed.
    """
    ledger = Ledger(folder)
    parts = [name for name in ledger.names if not ledger.is_single(name)]
    for name in parts:
        _remove(folder, name)
    if any((folder / name).exists() for name in ledger.names if name not in parts):
        ledger.settle(gone=parts)
    else:
        ledger.remove()
    with suppress(OSError):
        _remove_if_bare(folder)


def _move(folder: Path) -> None:
    ready, ledger = folder / READY, Ledger(folder)
    # The plan goes last: without it everything has been moved.
    if (ready / _GOING).is_file():
        plan = json.loads((ready / _GOING).read_text(encoding="ascii"))
        for name in plan["going"]:
            _remove(folder, name)
        for name in plan["new"]:
            if (ready / name).is_file():
                if name in plan.get("fresh", ()):
                    _refuse_file(folder, name)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (ready / name).replace(folder / name)
        ledger.settle(gone=plan["going"])
        (ready / _GOING).unlink()
    shutil.rmtree(ready)


def _refuse_taken(ledger: Ledger, new: Iterable[str]) -> list[str]:
    """Raise StoreError where somebody else's file would give way to a new one; names at which nothing of ours stood."""
    fresh = []
    for name in new:
        if (ledger.folder / name).is_dir() or not ledger.owns(name):
            _refuse_file(ledger.folder, name)
            fresh.append(name)
    return fresh


def _refuse_file(folder: Path, name: str) -> None:
    """Raise StoreError when something stands at the place of a file, or a file or a link at that of a folder above."""
    path = folder / name
    above = [folder / one for one in path.relative_to(folder).parents if one != Path()]
    taken = [one for one in above if one.is_symlink() or one.is_file()]
    if taken or os.path.lexists(path):
        raise StoreError(f"{[*taken, path][0]}: expected nothing there, found what may be yours; move it away")


def _files_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _remove(folder: Path, name: str) -> None:
    """Remove a file, and the folders above it that are empty then."""
    if not (folder / name).is_dir() or (folder / name).is_symlink():
        (folder / name).unlink(missing_ok=True)
    for above in (folder / name).relative_to(folder).parents:
        if above != Path() and (folder / above).is_dir():
            with suppress(OSError):
                (folder / above).rmdir()


def _remove_if_bare(folder: Path) -> None:
    """Remove a folder that holds nothing but an empty ledger."""
    if [path for path in folder.iterdir() if path.name != NAME] or Ledger(folder).names:
        return
    Ledger(folder).remove()
    folder.rmdir()
