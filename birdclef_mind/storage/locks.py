"""One writer at a time: a lock on a folder or a file, held by a process and gone with it.

The lock is a hidden file that the operating system locks (flock), so that a process that is killed leaves it free. It
names its process for whoever is refused. Where a file system knows no locks, the process it names decides.
"""

import errno
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.storage.places import is_remote

fcntl: Any
try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has none, and the named process decides
    fcntl = None

PREFIX = ".birdclef_mind-lock"
_BUSY = (errno.EAGAIN, errno.EACCES)
_PAUSE_S = 0.05
_OWN_WORDS = re.compile(rb"\d+ \S*\n")


@contextmanager
def held(path: Path, error: type[BirdclefMindError], *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock on what is written at `path`, a folder that is there or a file in one.

    Raises `error`, naming the process at work, when that is still there after `wait_s`. Nothing can be locked in object
    storage: there two commands at once are not noticed.
    """
    if is_remote(path):
        yield
        return
    lock = path / PREFIX if path.is_dir() else path.with_name(f"{PREFIX}-{path.name}.lock")
    until = time.monotonic() + wait_s
    while (descriptor := _taken(lock)) is None:
        if time.monotonic() >= until:
            raise error(f"{path}: is being written by another process, {_owner(lock)}; wait until it has ended")
        time.sleep(_PAUSE_S)
    try:
        yield
    finally:
        # Before it is free, so that nobody holds a lock that is gone.
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _taken(lock: Path) -> int | None:
    """A descriptor of the lock, locked by this process; None while another one has it."""
    # A link would lead to somebody else's file.
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except OSError as error:
        if os.path.lexists(lock) or error.errno is None:
            raise
        # Nothing can be written there, which is no fault of the lock.
        raise OSError(error.errno, os.strerror(error.errno), str(lock.parent)) from error
    try:
        held = os.pread(descriptor, 1024, 0)
        if held and not _OWN_WORDS.fullmatch(held):
            raise OSError(errno.EEXIST, "expected a lock of this program, found another file", str(lock))
        if not _lock(descriptor, lock) or not _is_there(descriptor, lock):
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        # On a full disk the lock holds without a name.
        with suppress(OSError):
            os.pwrite(descriptor, f"{os.getpid()} {socket.gethostname()}\n".encode(), 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _lock(descriptor: int, lock: Path) -> bool:
    try:
        if fcntl is None:
            return not _is_alive(lock)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _BUSY else not _is_alive(lock)
    return True


def _is_there(descriptor: int, lock: Path) -> bool:
    """Whether the locked file still has its name: the process before may just have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    except FileNotFoundError:
        return False


def _is_alive(lock: Path) -> bool:
    pid, _, host = _owner(lock).partition(" on ")
    if not pid.isdecimal() or int(pid) == os.getpid():
        return False
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _owner(lock: Path) -> str:
    """The process that a lock names: "123 on host"."""
    try:
        return " on ".join(lock.read_text(encoding="utf-8").split()) or "that just began"
    except (OSError, UnicodeDecodeError):
        return "that just ended"
