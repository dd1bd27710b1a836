"""One recording's pictures as one 8-bit grey PNG that carries all that is needed to turn it back.

The segments stand side by side, rows × (frames · segments), with low frequencies at the bottom of the image. A text
chunk holds, as JSON, the scale, start, loudness and clipped share of each segment, the fingerprint of the features, and
the path, size and digest of the sound file.
"""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from birdclef_mind.arrays import Pixels
from birdclef_mind.errors import StoreError
from birdclef_mind.sound.audio import SILENCE_DBFS
from birdclef_mind.sound.pictures import Pictures, PixelScale
from birdclef_mind.storage import archives

CHUNK = "birdclef_mind"
FORMAT = 2
_LISTS = ("starts_s", "low", "width", "loudness_dbfs", "clipped")
# Above zlib's level 1 a picture takes several times longer and shrinks by a few per cent.
_COMPRESSION = 1
_BROKEN = (OSError, SyntaxError, ValueError, EOFError)


@dataclass(frozen=True)
class Source:
    """The sound file a picture was made from: its path in the competition, size and SHA-256."""

    filename: str
    size: int
    sha256: str


@dataclass(frozen=True)
class StripFacts:
    """What a picture file says about itself, one value a segment where it is a tuple.

    Attributes
    ----------
    fingerprint : of the features that made it. source : the sound file it was made from.
    starts_s : start of each segment. low, width : its `PixelScale`. loudness_dbfs : its root mean square.
    clipped : share of its samples at full scale.
    """

    fingerprint: str
    source: Source
    starts_s: tuple[float, ...]
    low: tuple[float, ...]
    width: tuple[float, ...]
    loudness_dbfs: tuple[float, ...]
    clipped: tuple[float, ...]

    @property
    def silent(self) -> tuple[bool, ...]:
        """Whether a segment is too quiet to hold a bird, or shows nothing at all."""
        values = zip(self.loudness_dbfs, self.width, strict=True)
        return tuple(loudness < SILENCE_DBFS or width == 0 for loudness, width in values)


@dataclass(frozen=True)
class Strip:
    """All segments of one recording: pixels (segments, rows, frames), uint8, and what is known of them."""

    pixels: Pixels
    facts: StripFacts

    @property
    def pictures(self) -> Pictures:
        """The segments as pictures with their scale."""
        return Pictures(
            self.pixels, PixelScale(np.array(self.facts.low, np.float32), np.array(self.facts.width, np.float32))
        )


def encode(strip: Strip) -> bytes:
    """A strip as the bytes of a PNG; the same strip gives the same bytes."""
    facts = {"format": FORMAT, **asdict(strip.facts)}
    text = PngImagePlugin.PngInfo()
    text.add_itxt(CHUNK, json.dumps(facts, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
    return grey_png(np.concatenate(list(strip.pixels), axis=1), text)


def grey_png(pixels: Pixels, text: PngImagePlugin.PngInfo | None = None) -> bytes:
    """Pixels (rows, frames), uint8, row 0 lowest, as the bytes of an 8-bit grey PNG with row 0 at its bottom."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[::-1])).save(buffer, "PNG", compress_level=_COMPRESSION, pnginfo=text)
    return buffer.getvalue()


def read(path: Path) -> Strip:
    """Read a strip; StoreError says what is wrong with the file, be it a single bit."""
    content = _content(path)
    facts, image = _open(path, content)
    try:
        with image:
            wide = np.asarray(image)
    except _BROKEN as error:
        raise _broken(path, error) from error
    _verify(path, content)
    count = len(facts.starts_s)
    if wide.ndim != 2 or wide.shape[1] % count:
        raise StoreError(f"{path}: expected {count} segments side by side, got an image of shape {wide.shape}")
    pixels = wide[::-1].reshape(wide.shape[0], count, -1).transpose(1, 0, 2)
    return Strip(np.ascontiguousarray(pixels), facts)


def read_facts(path: Path) -> StripFacts:
    """What the file says about itself, without decoding pixels; StoreError when it says nothing, or a bit is wrong."""
    content = _content(path)
    facts, image = _open(path, content)
    image.close()
    _verify(path, content)
    return facts


def _verify(path: Path, content: bytes) -> None:
    """Compare the checksums of pixels, which decoding alone does not."""
    try:
        Image.open(io.BytesIO(content)).verify()
    except _BROKEN as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path}: broken picture ({error}); run `cache` again")


def _content(path: Path) -> bytes:
    try:
        return archives.read(path)
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; run `cache` again") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error


def _open(path: Path, content: bytes) -> tuple[StripFacts, Image.Image]:
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG",))
        facts = json.loads(image.info.get(CHUNK, "null"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise StoreError(f"{path}: expected a picture of this store, got {error}") from error
    if not _is_valid(facts):
        image.close()
        raise StoreError(f"{path}: expected a picture of this store with a chunk {CHUNK!r} of format {FORMAT}")
    lists = {name: tuple(map(float, facts[name])) for name in _LISTS}
    return StripFacts(facts["fingerprint"], Source(**facts["source"]), **lists), image


def _is_valid(facts: Any) -> bool:
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        return False
    lists = [facts.get(name) for name in _LISTS]
    source = facts.get("source")
    return (
        all(isinstance(values, list) and values and len(values) == len(lists[0] or []) for values in lists)
        and all(isinstance(value, int | float) for values in lists for value in values or [])
        and isinstance(facts.get("fingerprint"), str)
        and isinstance(source, dict)
        and set(source) == {"filename", "size", "sha256"}
    )
