"""One recording's embeddings as one file of arrays, with what is needed to know it again.

A NumPy archive: `facts`, a text of JSON as a picture's chunk holds it; `embeddings` and `opinion`, both float16.
"""

import io
import json
import struct
import tokenize
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.strips import Source, StripFacts
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners.hearing import HeardRecording
from birdclef_mind.storage import archives

FORMAT = 1
SUFFIX = ".npz"
_MARK = "birdclef_mind embeddings"
# The first member of the archive has this name, which a file of another program has not.
_FIRST = "birdclef_mind_facts"
# What NumPy, zipfile and JSON raise for whatever stands there instead.
_BROKEN = (
    OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
    SyntaxError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Embedded:
    """What a file holds: embeddings (segments, windows, numbers) and opinion (segments, windows, known), float16."""

    facts: StripFacts
    embeddings: Array
    opinion: Array


def encode(heard: HeardRecording, fingerprint: str, source: Source) -> bytes:
    """A recording as the bytes of a file; the same gives the same bytes. ValueError for numbers that are not finite."""
    embeddings, opinion = (_half(values) for values in (heard.embeddings, heard.opinion))
    count = len(heard.starts_s)
    facts = StripFacts(
        fingerprint, source, heard.starts_s, (0.0,) * count, (1.0,) * count,
        tuple(heard.loudness_dbfs.round(2).tolist()), tuple(heard.clipped.round(6).tolist()),
    )  # fmt: skip
    text = json.dumps({"mark": _MARK, "format": FORMAT, **asdict(facts)}, separators=(",", ":"), allow_nan=False)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_FIRST: np.array(text)}, embeddings=embeddings, opinion=opinion)
    return buffer.getvalue()


def read(path: Path) -> Embedded:
    """Read a file; StoreError says what is wrong with it, be it a single bit."""
    try:
        with np.load(io.BytesIO(_content(path)), allow_pickle=False) as arrays:
            facts = _facts(str(arrays[_FIRST]))
            found = Embedded(facts, arrays["embeddings"], arrays["opinion"])
    except _BROKEN as error:
        raise _broken(path, error) from error
    segments, windows = len(facts.starts_s), found.embeddings.shape[1:2]
    for values in (found.embeddings, found.opinion):
        if values.ndim != 3 or values.shape[:2] != (segments, *windows) or not _is_half(values):
            raise StoreError(
                f"{path}: expected finite numbers of {segments} segments, float16, got an array of {values.shape}, "
                f"{values.dtype}; run `embed` again"
            )
    return found


def read_facts(path: Path) -> StripFacts:
    """What a file says about itself; StoreError when it says nothing, or is broken anywhere."""
    return read(path).facts


def is_own(content: bytes) -> bool:
    """Whether a file begins as one of ours does.

    >>> is_own(b"a photograph")
    False
    """
    return _FIRST.encode() in content[:256]


def _content(path: Path) -> bytes:
    try:
        return archives.read(path)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; run `embed` again") from error


def _broken(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path}: expected embeddings of this program, got {type(error).__name__}; run `embed` again")


def _facts(text: str) -> StripFacts:
    """Facts from their text; KeyError, ValueError or TypeError for another."""
    values: dict[str, Any] = json.loads(text)
    if values.pop("mark") != _MARK or values.pop("format") != FORMAT:
        raise ValueError("another format")
    source, fingerprint = Source(**values.pop("source")), str(values.pop("fingerprint"))
    lists = {name: tuple(map(float, own)) for name, own in values.items()}
    if not lists["starts_s"] or len(set(map(len, lists.values()))) != 1:
        raise ValueError("lists of different lengths")
    return StripFacts(fingerprint, source, **lists)


def _is_half(values: Array) -> bool:
    return values.dtype == np.float16 and bool(np.isfinite(values).all())


def _half(values: Array) -> Array:
    """Values of any shape with half the digits; ValueError where they are not finite."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError("the listener gave numbers that are not finite")
    return half
