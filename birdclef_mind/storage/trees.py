"""Whole folders below a claimed one, made anew each time: what stood in them is removed only where it is all our own.

While such a folder is filled its ledger names it as a whole; afterwards every file that is in it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import OWN, Ledger


@contextmanager
def rebuilt(ledger: Ledger, name: str, error: type[BirdclefMindError]) -> Iterator[Path]:
    """Give an empty folder to fill in the place of `name` below a claimed folder; `error` names what is not our own."""
    clear(ledger, name, error)
    path = ledger.folder / name
    ledger.add({f"{name}/": OWN})
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        if not _below(path):
            # Without a file to list, the next claim would take it for somebody else's.
            shutil.rmtree(path)
        _list(ledger, name)


@contextmanager
def replaced(ledger: Ledger, name: str, error: type[BirdclefMindError]) -> Iterator[Path]:
    """As `rebuilt`, but what stood there stays until the new folder is whole; it is filled under a name of its own."""
    refuse_others(ledger, name, error)
    part = ledger.folder / files.part_name(name, pid=0)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        clear(ledger, name, error)
        ledger.add({f"{name}/": OWN})
        part.rename(ledger.folder / name)
        _list(ledger, name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_others(ledger: Ledger, name: str, error: type[BirdclefMindError]) -> None:
    """Raise `error` for the first thing in a folder below a claimed one that this program did not put there."""
    path = ledger.folder / name
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise error(f"{path}: expected a folder, or nothing, found a file or a link")
    if f"{name}/" in ledger.names:
        return
    own = set(ledger.names)
    for found in _below(path):
        if found.relative_to(ledger.folder).as_posix() not in own:
            raise error(f"{found}: expected what this program wrote alone, and this may be yours; move it away")


def clear(ledger: Ledger, name: str, error: type[BirdclefMindError]) -> None:
    """Remove a folder below a claimed one; `error` as of `refuse_others`."""
    refuse_others(ledger, name, error)
    path = ledger.folder / name
    if path.is_dir():
        for folder, _, _ in os.walk(path):
            # Kernels' inputs are made so that nobody can write to them.
            with suppress(OSError):
                Path(folder).chmod(0o755)
        shutil.rmtree(path)
    ledger.settle(gone=_names(ledger, name))


def _list(ledger: Ledger, name: str) -> None:
    found = _below(ledger.folder / name)
    before = _names(ledger, name)
    now = {path.relative_to(ledger.folder).as_posix(): OWN for path in found}
    ledger.settle(now, gone=set(before) - set(now))


def _names(ledger: Ledger, name: str) -> list[str]:
    return [own for own in ledger.names if own.startswith(f"{name}/")]


def _below(folder: Path) -> list[Path]:
    """Every file and link below a folder; links are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found += [Path(place) / name for name in (*links, *names)]
    return sorted(found)
