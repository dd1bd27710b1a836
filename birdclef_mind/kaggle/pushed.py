"""What was pushed from a work folder, kept in it as `pushed.json`, so that the same command goes on after any stop.

A kernel is noted before it is pushed, without a version, and again right after, with the version that Kaggle gave it.
One whose answer was lost on the way is thus known to be on its way, perhaps.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from birdclef_mind.errors import KaggleError
from birdclef_mind.storage import files, ledger

NAME = "pushed.json"


@dataclass(frozen=True)
class Pushed:
    """A push of a kernel.

    Attributes
    ----------
    build : of the dataset it is meant for. content : digest of all that was sent.
    version : Kaggle's number for it, None while it is not known. time : when, in UTC.
    fetched : whether its output and log are here.
    """

    build: str
    content: str
    version: int | None
    time: str
    fetched: bool = False


def refuse_other(work: Path) -> None:
    """Raise KaggleError where somebody else's file has the name."""
    ledger.refuse_others([work / NAME], KaggleError)


def content_of(folder: Path) -> str:
    """Digest of the files of a staged kernel."""
    digest = sha256()
    for path in sorted(folder.iterdir()):
        digest.update(f"{path.name}\0{files.sha256(path)}\0".encode())
    return digest.hexdigest()


def last_push(work: Path, kernel: str) -> Pushed | None:
    """What was pushed last from a work folder to a kernel; None when nothing is known."""
    facts = _read(work).get(kernel)
    try:
        return Pushed(**facts) if isinstance(facts, dict) else None
    except TypeError:
        return None


def note(work: Path, kernel: str, build: str, content: str, version: int | None) -> None:
    """Keep what is pushed, whole or not at all."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _write(work, {**_read(work), kernel: asdict(Pushed(build, content, version, now))})


def note_fetched(work: Path, kernel: str) -> None:
    """Keep that its output and log are here."""
    known = last_push(work, kernel)
    if known:
        _write(work, {**_read(work), kernel: asdict(replace(known, fetched=True))})


def forget(work: Path, kernel: str) -> None:
    """Drop what is known of a kernel: nothing of it runs that is worth waiting for."""
    _write(work, {name: facts for name, facts in _read(work).items() if name != kernel})


def _read(work: Path) -> dict[str, object]:
    try:
        facts = json.loads((work / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _write(work: Path, facts: Mapping[str, object]) -> None:
    ledger.write_own(work / NAME, files.json_text(facts).encode("utf-8"))
