"""Files that are whole or absent: written under a temporary name, then renamed; and their digests."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.folder_kinds import kind_of, known_kinds, remedy
from birdclef_mind.locations import is_remote, put

PART_PREFIX = ".part-"
_SEAL = "sha256"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name keeps the suffix, which some writers insist on. The folder is made when it is missing.
    Two processes may write the same path: the last to finish wins. In object storage the object is put at the end.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / path.name
            put(Path(folder) / path.name, path)
        return
    if path.exists() and not path.is_file():
        # Renaming would put a file in the place of a device or a pipe.
        raise FileExistsError(errno.EEXIST, "expected a file or nothing to write to, found a folder or a device", path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{PART_PREFIX}{os.getpid()}-{path.name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all; line ends are written as they are."""
    with whole(path) as part:
        part.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_object(folder: Path, name: str, kind: str, error: type[BirdclefMindError]) -> dict[str, Any]:
    """The JSON object `name` of a folder that should be a `kind`; `error` says what is there instead."""
    path = folder / name
    if not path.is_file():
        raise error(f"{folder}: expected {kind}, a folder with {name}, found {kind_of(folder)}")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise error(f"{path}: expected JSON, got {reason}") from reason
    if not isinstance(facts, dict):
        raise error(f"{path}: expected a JSON object, got {type(facts).__name__}")
    return facts


def write_facts(path: Path, facts: Mapping[str, Any], version: int) -> None:
    """Write what a folder is, with its format and a digest by which `read_facts` knows that no byte has changed."""
    write_json(path, sealed({"format": version, **facts}))


def read_facts(folder: Path, name: str, kind: str, error: type[BirdclefMindError], version: int) -> dict[str, Any]:
    """What `write_facts` wrote; `error` for another format, or anything that was changed since."""
    facts = read_object(folder, name, kind, error)
    if facts.get("format") != version:
        got = facts.get("format", "none")
        raise error(f"{folder / name}: expected {kind} of format {version}, got {got!r}; {remedy(name)}")
    expected = sealed(facts)[_SEAL]
    if facts.get(_SEAL) != expected:
        raise error(f"{folder / name}: was changed since it was written (its digest is {expected}); {remedy(name)}")
    return facts


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with the SHA-256 of all of them but itself."""
    bare = {name: value for name, value in facts.items() if name != _SEAL}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return {**bare, _SEAL: hashlib.sha256(text.encode()).hexdigest()}


def refuse_foreign(folder: Path, own: Collection[str], kind: str, error: type[BirdclefMindError]) -> None:
    """Raise `error` for a folder to write to that is a file, holds a link, or more than `own`, names with `*`."""
    if folder.exists() and not folder.is_dir():
        raise error(f"{folder}: expected a folder to write the {kind} to, found a file")
    strangers = sorted(path.name for path in folder.glob("*") if not any(fnmatch(path.name, name) for name in own))
    if strangers:
        found = kind_of(folder)
        what = found if found in known_kinds() else strangers[0]
        raise error(f"{folder}: expected a new, empty or {kind} folder, found {what}")
    refuse_links(folder, error)


def refuse_links(folder: Path, error: type[BirdclefMindError]) -> None:
    """Raise `error` when a folder to write to holds a link: what is written or removed behind it lies elsewhere."""
    for path in [] if is_remote(folder) else sorted(folder.glob("*")):
        if path.is_symlink():
            raise error(f"{path}: expected a file or a folder to write to, found a link to {path.readlink()}")


def remove_parts(folder: Path) -> None:
    """Delete what interrupted runs left under temporary names in `folder` and one level below it."""
    if is_remote(folder):
        return
    for pattern in (f"{PART_PREFIX}*", f"*/{PART_PREFIX}*"):
        for part in folder.glob(pattern):
            part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(*arrays: np.ndarray[Any, Any]) -> str:
    """Digest of arrays' shapes and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
