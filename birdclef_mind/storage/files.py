"""Files that are whole or absent: written under a temporary name, then renamed; and their digests."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.storage.folder_kinds import kind_of, remedy
from birdclef_mind.storage.places import is_remote, put

PART_PREFIX = ".part-"
_SEAL = "sha256"
_SURROGATE = re.compile("[\ud800-\udfff]")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name keeps the suffix, which some writers insist on. The folder is made when it is missing.
    Two processes may write the same path: the last to finish wins. For object storage the temporary file is on this
    machine, and the object is put at the end. FileExistsError where a folder or a device stands at `path`.
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
    part = path.with_name(part_name(path.name))
    try:
        yield part
        part.replace(path)
    except OSError as error:
        # A disk that is full does not say where.
        error.filename = error.filename or str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def part_name(name: str, *, pid: int | None = None) -> str:
    """The temporary name of a file; the digits in it tell it from a file that somebody else named alike."""
    pid = os.getpid() if pid is None else pid
    # Names are limited to 255 bytes, and what the name ends in is what writers look at.
    kept = os.fsdecode(os.fsencode(name)[-200:])
    return f"{PART_PREFIX}{pid}-{_proof(pid, kept)}-{kept}"


def is_part(name: str) -> bool:
    """Whether `part_name` made a name."""
    pid, _, rest = name.removeprefix(PART_PREFIX).partition("-")
    proof, _, kept = rest.partition("-")
    return name.startswith(PART_PREFIX) and pid.isdecimal() and proof == _proof(int(pid), kept)


def _proof(pid: int, name: str) -> str:
    return hashlib.sha256(b"birdclef_mind %d %s" % (pid, os.fsencode(name))).hexdigest()[:8]


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all; line ends are written as they are."""
    with whole(path) as part:
        part.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON; NaN and infinity are refused, since JSON has neither."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """A value as indented JSON; what no encoding can write, such as a path in Latin-1, is escaped.

    ValueError for NaN and infinity.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return _SURROGATE.sub(lambda sign: f"\\u{ord(sign.group()):04x}", text)


def expect_in(folder: Path, name: str, kind: str, error: type[BirdclefMindError]) -> None:
    """Raise `error` for a folder that should be `kind`, as "a cache", and lacks the file that such a one has."""
    if not (folder / name).is_file():
        raise error(f"{folder}: expected {kind}, a folder with {name}, found {kind_of(folder)}")


def read_object(folder: Path, name: str, kind: str, error: type[BirdclefMindError]) -> dict[str, Any]:
    """The JSON object `name` of a folder that should be `kind`, as "a cache"; `error` says what is there instead."""
    expect_in(folder, name, kind, error)
    path = folder / name
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(f"{path}: cannot be read ({reason.strerror})") from reason
    except ValueError as reason:
        raise error(f"{path}: expected JSON, got {reason}") from reason
    if not isinstance(facts, dict):
        raise error(f"{path}: expected a JSON object, got {type(facts).__name__}")
    return facts


def write_facts(path: Path, facts: Mapping[str, Any], version: int) -> None:
    """Write what a folder is, with its format and a digest by which `read_facts` knows that no value has changed."""
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


def is_sealed(path: Path) -> bool:
    """Whether a JSON file is what `write_facts` wrote, of whatever format, by the digest of its values."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return isinstance(facts, dict) and facts.get(_SEAL) == sealed(facts)[_SEAL]
    except (OSError, ValueError):
        return False


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with the SHA-256 of all of them but itself."""
    bare = {name: value for name, value in facts.items() if name != _SEAL}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return {**bare, _SEAL: hashlib.sha256(text.encode()).hexdigest()}


def remove_parts(folder: Path) -> None:
    """Delete what interrupted runs left under temporary names in `folder` and one level below it."""
    if is_remote(folder):
        return
    for pattern in (f"{PART_PREFIX}*", f"*/{PART_PREFIX}*"):
        for part in filter(lambda path: is_part(path.name), folder.glob(pattern)):
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(*arrays: np.ndarray[Any, Any]) -> str:
    """Digest of arrays' shapes, types and bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
