"""Pages of an Ogg file: their checksums and numbers tell where sound is missing that its decoder passes over."""

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.storage.places import at_hand

_SIGN = b"OggS"
# Sign, version, flags, position, stream, number, checksum, count of segments (RFC 3533, section 6).
_HEAD = struct.Struct("<4sBBqIIIB")
_STREAM, _CHECKSUM = slice(14, 18), slice(22, 26)
_BEGINS = 2
_OPUS_HZ = 48_000
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def hole_s(path: Path) -> float | None:
    """Where sound is missing in the midst of an Ogg file, in seconds; None where none is, and for other files.

    A decoder goes on behind a hole as if nothing were missing, so that whatever follows comes too early. A file that
    merely ends too early has no hole.
    """
    try:
        with at_hand(path) as own, own.open("rb") as file:
            if file.read(len(_SIGN)) != _SIGN:
                return None
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _first_hole_s(content)
    except (OSError, ValueError):
        # Whoever decodes the file says what ails it.
        return None


def with_stream(content: bytes, stream: int) -> bytes:
    """An Ogg file of one stream, with another number for it, 0 to 2³² − 1.

    Encoders take a random one, by which files of the same sound differ.
    """
    found = bytearray(content)
    for page in _pages(content):
        whole = found[page.start : page.end]
        whole[_STREAM], whole[_CHECKSUM] = stream.to_bytes(4, "little"), bytes(4)
        whole[_CHECKSUM] = _checksum(whole).to_bytes(4, "little")
        found[page.start : page.end] = whole
    return bytes(found)


@dataclass(frozen=True)
class _Page:
    start: int
    end: int
    begins: bool
    position: int
    stream: int
    number: int
    body: bytes


@dataclass
class _Link:
    """Streams that lie side by side: rate and last number of each, and how far they have come."""

    rates_hz: dict[int, int]
    numbers: dict[int, int]
    reached_s: float = 0.0

    def takes(self, page: _Page) -> bool:
        """Note a page; False where one before it is missing."""
        follows = page.begins or page.number == self.numbers.get(page.stream, -2) + 1
        if page.begins:
            self.rates_hz[page.stream] = _rate_hz(page.body)
        self.numbers[page.stream] = page.number
        if follows and page.position > 0 and self.rates_hz.get(page.stream):
            self.reached_s = max(self.reached_s, page.position / self.rates_hz[page.stream])
        return follows


def _first_hole_s(content: mmap.mmap) -> float | None:
    before_s, in_head, end, link = 0.0, True, 0, _Link({}, {})
    for page in _pages(content):
        if page.begins and not in_head:
            before_s, link = before_s + link.reached_s, _Link({}, {})
        in_head = page.begins
        reached_s = link.reached_s
        if page.start != end or not link.takes(page):
            return before_s + reached_s
        end = page.end
    return None


def _pages(content: mmap.mmap | bytes) -> Iterator[_Page]:
    """Whole pages with the right checksum, in order."""
    at = 0
    while (at := content.find(_SIGN, at)) >= 0:
        page = _page(content, at)
        if page:
            yield page
        at = page.end if page else at + 1


def _page(content: mmap.mmap | bytes, start: int) -> _Page | None:
    head = content[start : start + _HEAD.size]
    if len(head) < _HEAD.size:
        return None
    _, _, flags, position, stream, number, checksum, count = _HEAD.unpack(head)
    sizes = content[start + _HEAD.size : start + _HEAD.size + count]
    end = start + _HEAD.size + count + sum(sizes)
    whole = bytearray(content[start:end])
    whole[_CHECKSUM] = bytes(4)
    if len(sizes) < count or len(whole) < end - start or _checksum(whole) != checksum:
        return None
    return _Page(start, end, bool(flags & _BEGINS), position, stream, number, bytes(whole[_HEAD.size + count :]))


def _checksum(content: bytearray) -> int:
    """Ogg's checksum: that of zlib with the bits of each byte, and of the result, in the other order, and from 0 on."""
    mirrored = zlib.crc32(content.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")


def _rate_hz(body: bytes) -> int:
    """Positions a second of a stream, by its first page; 0 for a coding that is not known."""
    if body[:7] == b"\x01vorbis":
        return int.from_bytes(body[12:16], "little")
    if body[:8] == b"OpusHead":
        return _OPUS_HZ
    if body[:5] == b"\x7fFLAC":
        return int.from_bytes(body[27:30], "big") >> 4
    return 0
