"""Where recordings and pictures stand: in a folder, or in object storage at an address such as s3://bucket/birds.

A place in object storage is a `UPath` of universal_pathlib, which answers as a `Path` does and reaches whatever fsspec
knows. An object there is whole or absent, so nothing is renamed; what needs a file is given a copy.
"""

import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from birdclef_mind.errors import ConfigError
from birdclef_mind.storage.ahead import ahead

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")
# Requests under way at once: each waits for the network and hardly for a processor.
_REQUESTS = 16


def location(text: str) -> Path:
    """A folder's path, or a place in object storage where `text` is an address; nothing is asked there yet.

    ConfigError for no text, an address of a kind that is not known, and where universal_pathlib is not installed.

    >>> location("runs/cache").as_posix()
    'runs/cache'
    """
    if not text:
        raise ConfigError("expected a path, or an address such as s3://bucket/birds, got ''")
    if not _ADDRESS.match(text):
        return Path(text)
    try:
        from upath import UPath

        # Other processes write there too, so that no listing is kept.
        return cast(Path, UPath(text, use_listings_cache=False))
    except ImportError as error:
        raise ConfigError(
            f"{text}: expected universal_pathlib to be installed; `pip install birdclef_mind[cluster]` does it"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{text}: expected an address that fsspec knows, such as s3://bucket/birds") from error


def reached(text: str) -> Path:
    """A `location`; ConfigError where it is a store that cannot be reached."""
    place = location(text)
    if is_remote(place):
        try:
            place.exists()
        except Exception as error:  # Each kind of store has errors of its own.
            raise ConfigError(f"{text}: expected a store that can be reached, got {error}") from error
    return place


def is_remote(path: Path) -> bool:
    """Whether a path leads into object storage."""
    return not isinstance(path, Path)


@contextmanager
def at_hand(path: Path) -> Iterator[Path]:
    """A file of the file system with the content of `path`: itself, or a copy that is gone afterwards."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        yield copy


def put(file: Path, path: Path) -> None:
    """Make a file the object at `path` of a remote store, whole or not at all."""
    remote: Any = path
    remote.fs.put_file(str(file), remote.path)


def ask_each(work: Callable[[Any], Any], items: Iterable[Any], *, remote: bool) -> Iterator[Any]:
    """Results of `work` for each item, in order; several at once where each is a request to a remote store."""
    if not remote:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(_REQUESTS) as pool:
        for _, answer in ahead(pool, work, items, _REQUESTS):
            yield answer.result()


def faults() -> tuple[type[Exception], ...]:
    """What may be raised when a file or an object cannot be reached, besides our own errors."""
    boto = sys.modules.get("botocore.exceptions")
    return (OSError, boto.BotoCoreError) if boto else (OSError,)
