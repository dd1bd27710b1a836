"""A sound file, or a part of it, opened to be read once: as it stands, a link of a chained Ogg, MPEG frames alone."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import soundfile

from birdclef_mind.arrays import Array
from birdclef_mind.storage.interrupts import later
from birdclef_mind.storage.quiet import quietly

# libsndfile's largest number stands for a length that is not known.
_NOT_KNOWN = 2**63 - 1
_SCANNED_BYTES = 1024 * 1024
_OGG_PAGE = re.compile(rb"OggS\x00([\x00-\x07])", re.DOTALL)
_FIRST_PAGE = 2
# An empty tag, by which libsndfile knows MPEG frames that come in another way than by a path.
_ID3 = b"ID3\x03" + bytes(5) + b"\x0a" + bytes(10)
# An ID3v1 tag: the last bytes of an MP3 file, which its reader looks at first.
_ID3V1_BYTES = 128


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read from its beginning to its end.

    soundfile looks up and sets the place in the file around each block, and reads no further than the header says:
    that fails where a header names no length. Ctrl-C waits for the end of what is read at once: a file that is not
    the system's own is asked from within the library.
    """

    def __init__(self, source: Any) -> None:
        with later():
            super().__init__(source)

    def read(self, *args: Any, **options: Any) -> Array:
        with later():
            block: Array = super().read(*args, **options)
        return block

    def seekable(self) -> bool:
        return False


class _Part(io.RawIOBase):
    """Some bytes of a file as a file: `lead`, then those from `start` to `end`; it may claim to be longer."""

    def __init__(self, file: IO[bytes], start: int, end: int, lead: bytes = b"", times: int = 1) -> None:
        self._file, self._start, self._lead = file, start, lead
        self._size = len(lead) + end - start
        self._claimed, self._at = times * self._size, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + (0, self._at, self._claimed)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        got = self._bytes(len(buffer))
        buffer[: len(got)] = got
        self._at += len(got)
        return len(got)

    def _bytes(self, count: int) -> bytes:
        if self._at >= max(self._size, self._claimed - _ID3V1_BYTES):
            return bytes(min(count, self._claimed - self._at)) if self._claimed > self._size else b""
        if self._at < len(self._lead):
            return self._lead[self._at : self._at + count]
        self._file.seek(self._start + self._at - len(self._lead))
        return self._file.read(max(0, min(count, self._size - self._at)))


@contextmanager
def opened(path: Path, part: tuple[int, int] | None) -> Iterator[soundfile.SoundFile]:
    """A file, or a part of it, for reading; what it is is told by its content, not by its ending."""
    with path.open("rb") as raw:
        size = raw.seek(0, io.SEEK_END)
        if part:
            source: Any = _Part(raw, *part)
        elif _is_mp3_without_table(raw):
            # Its reader guesses the length from the first frames and the file's size, and reads no further.
            source = _Part(raw, 0, size, lead=_ID3, times=256)
        elif path.suffix.lower() == ".raw":
            source = _Part(raw, 0, size)
        else:
            # soundfile encodes names as UTF-8, which not every name on a disk is.
            source = str(path) if os.name == "nt" else os.fsencode(path)
        # The reader of MP3 writes what it makes of a broken one to the terminal by itself.
        with quietly():
            file = _Forwards(source)
        with file:
            yield file


def tells_length(file: soundfile.SoundFile) -> bool:
    """Whether the header of a file that is `opened` says how long it is."""
    return file.frames != _NOT_KNOWN and not (file.format == "MP3" and isinstance(file.name, _Part))


def links(path: Path) -> list[tuple[int, int]]:
    """First byte and end of each link of a chained Ogg file; none for other files.

    A link begins with a page that begins a stream after one that does not (RFC 3533, section 4).
    """
    with path.open("rb") as raw:
        if raw.read(4) != b"OggS":
            return []
        starts, in_head, kept, at = [0], True, b"OggS", 0
        while chunk := raw.read(_SCANNED_BYTES):
            chunk = kept + chunk
            for page in _OGG_PAGE.finditer(chunk):
                begins = bool(page[1][0] & _FIRST_PAGE)
                if begins and not in_head:
                    starts.append(at + page.start())
                in_head = begins
            # A sign of a page may be cut in two; it is looked for again with what follows.
            kept = chunk[-5:]
            at += len(chunk) - len(kept)
        return list(zip(starts, [*starts[1:], raw.tell()], strict=True))


def _is_mp3_without_table(raw: IO[bytes]) -> bool:
    """Whether MPEG frames begin here and the first of them, which tells the length, is missing."""
    raw.seek(0)
    head = raw.read(10)
    tag = 0
    if head[:3] == b"ID3" and len(head) == 10:
        tag = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    raw.seek(tag)
    frame = raw.read(4096)
    is_mpeg = len(frame) > 4 and frame[0] == 0xFF and frame[1] & 0xE0 == 0xE0 and frame[1] & 0x06 != 0
    return is_mpeg and not any(name in frame for name in (b"Xing", b"Info", b"VBRI"))
