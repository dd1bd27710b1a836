"""A store's folder as it is written: by one process at a time, and others' files in it stay."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from uuid import uuid4

from birdclef_mind.data.index import FAILURES, INDEX, place_of
from birdclef_mind.data.store_kind import Maker, Naming
from birdclef_mind.data.training_table import Recording
from birdclef_mind.errors import StoreError
from birdclef_mind.storage import archives, files, folders, places
from birdclef_mind.storage.folder_kinds import called, taken

_MARKING = Lock()


@dataclass(frozen=True)
class Mark:
    """That a store is not complete, set by whichever process changes the first thing in it, before it does.

    Until then what stood there is as it was, and a run that fails or is interrupted leaves it so.
    """

    out: Path
    naming: Naming
    # As text, since a mark is looked up by what it holds.
    told: str
    # Processes outlive a run, and have to set the mark once a run.
    run: str = field(default_factory=lambda: uuid4().hex)

    def set(self) -> None:
        """Write it, once a process; threads of one wait for each other."""
        with _MARKING:
            _set(self)


@lru_cache(maxsize=8)
def _set(mark: Mark) -> None:
    try:
        facts = {"complete": False, **json.loads(mark.told)}
        files.write_facts(mark.out / mark.naming.facts, facts, mark.naming.format)
    except FileNotFoundError:
        # On another machine a process of the same number may have written it under the same temporary name.
        if files.read_object(mark.out, mark.naming.facts, called(mark.naming.kind), StoreError).get("complete"):
            raise


@dataclass(frozen=True)
class Earlier:
    """What an earlier run made in a folder: folders of files, and recordings of its index."""

    folders: frozenset[str]
    recordings: frozenset[str]


def read_earlier(out: Path, naming: Naming) -> Earlier:
    """What the tables of a folder name, as far as they can be read."""
    labels: set[str] = set()
    recordings: set[str] = set()
    with suppress(OSError, ValueError, AttributeError, TypeError):
        labels = set(json.loads((out / naming.facts).read_text(encoding="utf-8")).get("classes", ()))
    with suppress(OSError, ValueError, KeyError, StopIteration, csv.Error):
        rows = csv.reader(io.StringIO((out / INDEX).read_text(encoding="utf-8"), newline=""))
        place = next(rows).index("recording")
        recordings = {row[place] for row in rows if len(row) > place}
        labels |= {recording.partition("/")[0] for recording in recordings if "/" in recording}
    return Earlier(frozenset(labels), frozenset(recordings))


@contextmanager
def claimed(out: Path, naming: Naming) -> Iterator[None]:
    """Hold a store's folder to write to; a place in object storage is only looked at.

    StoreError where something else stands, or another process is at work.
    """
    if places.is_remote(out):
        _refuse_foreign_place(out, naming)
        yield
        return

    def own(folder: Path) -> list[str]:
        return [naming.facts] if files.is_sealed(folder / naming.facts) else []

    with folders.claimed(out, naming.kind, StoreError, adopt=own, shared=True):
        if (out / FAILURES).is_file() and not _is_own_list(out / FAILURES):
            raise StoreError(f"{out / FAILURES}: expected a list of failures, or nothing, found another file")
        yield


def _refuse_foreign_place(out: Path, naming: Naming) -> None:
    if out.is_dir() and not files.is_sealed(out / naming.facts):
        strangers = [path.name for path in out.iterdir()]
        if strangers:
            raise StoreError(taken(out, naming.kind, strangers[0]))


def refuse_meeting(out: Path, recordings: Sequence[Recording], naming: Naming, pack: bool = False) -> None:
    """Raise StoreError when two recordings would have one file, on a disk that knows capitals from small or not.

    Also when a label has the name of a table, or of another label's archive.
    """
    labels = {recording.folder.casefold(): recording.folder for recording in recordings}
    taken = {naming.facts, INDEX, FAILURES} | ({label + archives.SUFFIX for label in labels} if pack else set())
    for folded, label in labels.items():
        if folded in taken:
            raise StoreError(f"{label}: expected a label that is not the name of another file of the {naming.kind}")
    seen: dict[str, Recording] = {}
    for recording in recordings:
        own = place_of(out, recording.folder, recording.filename, naming.suffix)
        place = str(own).casefold()
        other = seen.setdefault(place, recording)
        if other is not recording:
            raise StoreError(
                f"{other.filename} and {recording.filename}: expected names that give two {naming.content}, got one, "
                f"{own.name}; rename one of them"
            )


def remove_strangers(mark: Mark, wanted: set[Path], maker: Maker) -> int:
    """Delete files of this store that do not belong to the run, so that configurations never mix; how many."""
    out = mark.out
    removed = 0
    for path in sorted(out.glob(f"*/*{maker.naming.suffix}")):
        if path not in wanted and _is_own_place(out, path, maker):
            mark.set()
            path.unlink()
            removed += 1
            if not places.is_remote(out) and not any(path.parent.iterdir()):
                path.parent.rmdir()
    return removed


def _is_own_place(out: Path, path: Path, maker: Maker) -> bool:
    """Whether a file stands where this program would put it, and is no copy that somebody keeps elsewhere."""
    try:
        source = maker.read_facts(path).source.filename
    except StoreError:
        return False
    return path == place_of(out, path.parent.name, source, maker.naming.suffix)


def _is_own_list(path: Path) -> bool:
    return path.read_bytes().startswith(b"recording,reason\n")
