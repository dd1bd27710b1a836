"""Sound files as strangers write them: what their headers say, and their samples, block by block, to the very end."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile

from birdclef_mind.arrays import Array
from birdclef_mind.errors import AudioError
from birdclef_mind.sound.parts import links, opened, tells_length
from birdclef_mind.storage.places import at_hand
from birdclef_mind.storage.quiet import quietly

# Headerless sound says nothing of itself; resource forks and matrices are rarely sound.
_NOT_BY_ENDING = {"RAW", "SD2", "MAT4", "MAT5"}
_ALIASES = (".aif", ".aifc", ".oga", ".opus", ".snd", ".wave", ".mp2", ".8svx", ".iff", ".sph", ".sf")
# All endings of sound that libsndfile reads; what a file holds is decided by its content.
SUFFIXES = tuple(sorted({f".{name.lower()}" for name in soundfile.available_formats() if name not in _NOT_BY_ENDING}
                        .union(_ALIASES)))  # fmt: skip
# Of sounds that it does not read, such as those of telephones.
UNREAD_SUFFIXES = frozenset({".m4a", ".m4b", ".mp4", ".aac", ".wma", ".amr", ".3gp", ".webm", ".mka", ".ape", ".wv"})
# Longer ones would give a picture wider than readers accept.
LONGEST_S = 2 * 3600
# A header may promise any number of channels; a block stays at 4 MB.
BLOCK_VALUES = 1024 * 1024
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 1_000, 1_000_000
# Sound may be written as whole numbers of 16 bits in floats; beyond this its powers leave float32.
_LOUDEST = 1e6


@dataclass(frozen=True)
class Header:
    """What a sound file says of itself.

    Attributes
    ----------
    duration_s : at most `LONGEST_S`; None where the header does not tell, as when it was written to a pipe.
    sample_rate_hz, channels : of its first stream. kind, subtype : container and coding, in libsndfile's words.
    """

    duration_s: float | None
    sample_rate_hz: int
    channels: int
    kind: str = ""
    subtype: str = ""


@dataclass(frozen=True)
class Stream:
    """A run of sound in a file of the file system; chained Ogg files hold several, each with a rate of its own.

    Attributes
    ----------
    part : its first byte and the one after its last; None for the whole file.
    """

    path: Path
    part: tuple[int, int] | None
    header: Header

    def blocks(self) -> Iterator[Array]:
        """Its samples from the beginning, (n, channels) each, float32, finite; AudioError where they cannot be had."""
        with _faults_of(self.path), opened(self.path, self.part) as file:
            if not _LOWEST_RATE_HZ <= file.samplerate <= _HIGHEST_RATE_HZ:
                raise AudioError(f"has a sample rate of {file.samplerate} Hz")
            at, frames = 0, max(1, BLOCK_VALUES // file.channels)
            hushed = quietly if file.format == "MP3" else nullcontext
            while True:
                with hushed():
                    block = file.read(frames, dtype="float32", always_2d=True)
                if not len(block):
                    break
                _refuse_no_sound(block, at)
                at += len(block)
                yield block


def streams(path: Path) -> list[Stream]:
    """The streams of a file of the file system, in order; AudioError for a file that is missing or no sound."""
    with _faults_of(path):
        _refuse_endless(path)
        parts = links(path)
        found = []
        for part in parts if len(parts) > 1 else [None]:
            with opened(path, part) as file:
                found.append(Stream(path, part, _header(file, path, part)))
        return found


def without_ending(name: str) -> str:
    """A file's name without its ending, where that is one of sounds.

    >>> without_ending("XC1.WAV"), without_ending("H02.5")
    ('XC1', 'H02.5')
    """
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in {*SUFFIXES, *UNREAD_SUFFIXES} else name


def read_header(path: Path) -> Header | None:
    """Read a sound file's header; None when it cannot be read."""
    try:
        with at_hand(path) as own:
            headers = [stream.header for stream in streams(own)]
    except (AudioError, OSError):
        return None
    lengths = [header.duration_s for header in headers]
    known = [length for length in lengths if length is not None]
    duration_s = min(sum(known), float(LONGEST_S)) if len(known) == len(lengths) else None
    return Header(
        duration_s, headers[0].sample_rate_hz, headers[0].channels, headers[0].kind, headers[0].subtype
    )  # fmt: skip


def duration_s(path: Path) -> float | None:
    """Length of a sound file, at most `LONGEST_S`; None when it cannot be read.

    Where the header does not tell, the file is read to its end.
    """
    header = read_header(path)
    if header is None or header.duration_s is not None:
        return header.duration_s if header else None
    try:
        with at_hand(path) as own:
            seconds = 0.0
            for stream in streams(own):
                for block in stream.blocks():
                    seconds += len(block) / stream.header.sample_rate_hz
                    if seconds > LONGEST_S:
                        return float(LONGEST_S)
    except (AudioError, OSError):
        return None
    return seconds


def artist_of(path: Path) -> str:
    """Who recorded a file, by its tags; "" where they do not tell or cannot be read."""
    try:
        with quietly(), soundfile.SoundFile(path) as file:
            return str(file.copy_metadata().get("artist", ""))
    except Exception:  # What a library makes of a file's tags says nothing of its sound.
        return ""


def _header(file: soundfile.SoundFile, path: Path, part: tuple[int, int] | None) -> Header:
    length_s = min(file.frames / file.samplerate, float(LONGEST_S)) if tells_length(file) else None
    return Header(length_s, file.samplerate, file.channels, file.format, file.subtype)


def _refuse_no_sound(block: Array, at: int) -> None:
    """Refuse values that no sound has: not finite, or so large that powers of them are not."""
    if max(block.max(), -block.min()) <= _LOUDEST:
        return
    good = np.isfinite(block).all(axis=1)
    if not good.all():
        raise AudioError(f"holds a value that is not a number, at sample {at + np.argmin(good)}")
    place = np.argmax((np.abs(block) > _LOUDEST).any(axis=1))
    raise AudioError(f"holds a value beyond any sound, at sample {at + place}")


def _refuse_endless(path: Path) -> None:
    """A pipe or a device never ends, and opening one may wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise AudioError("is no file")


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """Whatever goes wrong with one file is an AudioError: libraries raise errors of many kinds over broken ones."""
    try:
        yield
    except (AudioError, MemoryError):
        raise
    except Exception as error:
        raise AudioError(_fault_of(path, error)) from error


def _fault_of(path: Path, error: Exception) -> str:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return "missing"
    except OSError as other:
        return f"cannot be read ({other.strerror})"
    if size == 0:
        return "empty file"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    reason = " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")
    if "does not exist" in reason:
        # So libsndfile says it of an MP3 without a frame.
        reason = ""
    return f"cannot be decoded ({reason or 'of no format that libsndfile knows'})"
