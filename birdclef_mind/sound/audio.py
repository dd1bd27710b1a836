"""Sound files to mono samples at one rate, samples to segments, and samples back to files.

A recording is read, mixed, resampled and cut block by block, so that its sound is never held whole; only `read_audio`
and `cut` give it so.
"""

import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import count
from pathlib import Path
from types import MappingProxyType

import numpy as np
import soundfile
import soxr

from birdclef_mind.arrays import Array
from birdclef_mind.errors import AudioError
from birdclef_mind.sound.channels import mono
from birdclef_mind.sound.ogg_pages import with_stream
from birdclef_mind.sound.settings import Cutting, Features
from birdclef_mind.sound.sound_files import LONGEST_S as LONGEST_S
from birdclef_mind.sound.sound_files import SUFFIXES as SUFFIXES
from birdclef_mind.sound.sound_files import UNREAD_SUFFIXES as UNREAD_SUFFIXES
from birdclef_mind.sound.sound_files import Header as Header
from birdclef_mind.sound.sound_files import artist_of as artist_of
from birdclef_mind.sound.sound_files import duration_s as duration_s
from birdclef_mind.sound.sound_files import read_header as read_header
from birdclef_mind.sound.sound_files import streams
from birdclef_mind.storage.interrupts import later
from birdclef_mind.storage.places import at_hand

SILENCE_DBFS = -80.0
_FLOOR_DBFS = -120.0
# Lossy formats do not keep full scale exactly.
_FULL_SCALE = 0.99
_BEGINNING_SAMPLES = 1024
MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class Window:
    """One window of a recording.

    Attributes
    ----------
    number : its place among the recording's windows. start_s : of its sound.
    samples : (segment_samples,), float32, read-only; the mean of what the recording holds of it is taken away, and
        what lies beyond the recording's end is zero.
    clipped : share of its samples that stood at full scale.
    """

    number: int
    start_s: float
    samples: Array
    clipped: float


@dataclass(frozen=True)
class Segments:
    """All windows of one recording.

    Attributes
    ----------
    starts_s : start of each window in the recording.
    samples : (segments, segment_samples), float32, as in `Window`.
    """

    starts_s: tuple[float, ...]
    samples: Array


def loudness_dbfs(samples: Array) -> Array:
    """Root mean square of (…, samples) in decibels of full scale, (…); -120 for digital silence."""
    power = np.mean(np.square(samples), axis=-1, dtype=np.float64)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DBFS / 10))))


def read_audio(path: Path, sample_rate_hz: int) -> Array:
    """A sound file as mono at `sample_rate_hz`: (samples,), float32, nominally -1 to 1; see `read_blocks`."""
    return np.concatenate(list(read_blocks(path, sample_rate_hz)))


def read_blocks(path: Path, sample_rate_hz: int, longest_s: float | None = None) -> Iterator[Array]:
    """Decode a sound file to mono at `sample_rate_hz`, a block at a time: (samples,) each, float32.

    Whatever libsndfile reads at any sample rate and with any number of channels: their mean is taken, or in
    seconds in which they cancel, as those of opposite polarity do, the loudest one.

    Raises
    ------
    AudioError : a file that is missing, empty, not decodable, of a rate that no sound has, longer than `longest_s`, by
        default `LONGEST_S`, or with values that are not finite or beyond any sound. It may come after some blocks.
    """
    seconds, samples, most_s = 0.0, 0, LONGEST_S if longest_s is None else longest_s
    with at_hand(path) as own:
        for stream in streams(own):
            rate_hz = stream.header.sample_rate_hz
            for block in resampled(_limited(mono(stream), rate_hz, seconds, most_s), rate_hz, sample_rate_hz):
                samples += block.size
                yield block
            seconds = samples / sample_rate_hz
    if not samples:
        raise AudioError("holds no samples")


def resampled(blocks: Iterable[Array], from_hz: int, to_hz: int) -> Iterator[Array]:
    """Blocks (samples,), float32, at another rate; the same values however the sound is cut into blocks.

    Sound that stands clearly off zero is taken to have stood there before and afterwards: the step from zero would be
    heard as a click.
    """
    if from_hz == to_hz:
        yield from blocks
        return
    resampler = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    offset: np.float32 | None = None
    for block in blocks:
        offset = _offset(block[:_BEGINNING_SAMPLES]) if offset is None else offset
        yield resampler.resample_chunk(block - offset) + offset
    if offset is not None:
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True) + offset


def read_windows(
    path: Path, features: Features | Cutting, moved: Mapping[int, float] = MappingProxyType({})
) -> Iterator[Window]:
    """Windows of a sound file, see `windows`; AudioError as of `read_blocks`."""
    return windows(read_blocks(path, features.sample_rate_hz), features, moved)


def windows(
    blocks: Iterable[Array], features: Features | Cutting, moved: Mapping[int, float] = MappingProxyType({})
) -> Iterator[Window]:
    """Cut a recording, given by blocks (samples,) at the features' rate, into windows, as soon as each is complete.

    `moved` gives some windows, by number, another start in seconds; they come where their sound does. AudioError when
    the recording does not have such a window, or no sound there.
    """
    rate_hz, windowing = features.sample_rate_hz, features.windowing
    coming = merge(
        sorted((round(start_s * rate_hz), number) for number, start_s in moved.items()),
        ((number * features.step_samples, number) for number in count() if number not in moved),
    )
    start, number = next(coming)
    under_way: list[_UnderWay] = []
    end = 0
    for block in blocks:
        begin, end = end, end + block.size
        while start < end:
            under_way.append(_UnderWay(number, start, features))
            start, number = next(coming)
        for own in under_way:
            own.take(block, begin)
        # A window that later turns out to be a short tail must not have been given.
        sure = windowing.count(end / rate_hz)
        yield from (own.window(moved) for own in under_way if own.whole and own.number < sure)
        under_way = [own for own in under_way if not (own.whole and own.number < sure)]
    held = windowing.count(end / rate_hz)
    lost = [place for place in moved if place >= held or round(moved[place] * rate_hz) >= end]
    if lost:
        raise AudioError(f"is too short for the window at {moved[lost[0]]:g} s")
    yield from (own.window(moved) for own in under_way if own.number < held)


def cut(samples: Array, features: Features, moved: Mapping[int, float] = MappingProxyType({})) -> Segments:
    """Cut a recording's samples (samples,) into windows, in order of their number; see `windows`."""
    found = sorted(windows([samples], features, moved), key=lambda window: window.number)
    return Segments(tuple(window.start_s for window in found), np.stack([window.samples for window in found]))


class _UnderWay:
    """A window that waits for the rest of its samples."""

    def __init__(self, number: int, start: int, features: Features | Cutting) -> None:
        self.number, self._start, self._held = number, start, 0
        self._regular_s = features.windowing.start_s(number)
        self._samples = np.zeros(features.segment_samples, np.float32)

    @property
    def whole(self) -> bool:
        return self._held == self._samples.size

    def take(self, block: Array, begin: int) -> None:
        """Take over what the block, which begins at that sample of the recording, holds of this window."""
        own = block[self._start + self._held - begin :][: self._samples.size - self._held]
        self._samples[self._held : self._held + own.size] = own
        self._held += own.size

    def window(self, moved: Mapping[int, float]) -> Window:
        held = self._samples[: self._held]
        clipped = float(np.count_nonzero(np.abs(held) >= _FULL_SCALE) / self._samples.size)
        held -= np.float32(held.mean(dtype=np.float64))
        self._samples.flags.writeable = False
        return Window(self.number, moved.get(self.number, self._regular_s), self._samples, clipped)


def _limited(blocks: Iterable[Array], rate_hz: int, before_s: float, longest_s: float) -> Iterator[Array]:
    samples = 0
    for block in blocks:
        samples += block.size
        if before_s + samples / rate_hz > longest_s:
            raise AudioError(f"longer than {longest_s / 3600:g} hours")
        yield block


def _offset(beginning: Array) -> np.float32:
    """What a sound stands at that begins like this; 0 for one that swings about zero."""
    mean = beginning.mean(dtype=np.float64)
    return np.float32(mean) if abs(mean) > beginning.std(dtype=np.float64) else np.float32(0)


def ogg_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """Ogg Vorbis of samples (n,), float; quieter as a whole where its peak would clip.

    The same samples give the same bytes.
    """
    own = np.asarray(samples, np.float32)
    return ogg_of_blocks(_seconds_of(_within(own), sample_rate_hz), sample_rate_hz)


def ogg_of_blocks(blocks: Iterable[Array], sample_rate_hz: int) -> bytes:
    """Ogg Vorbis of a sound that comes in blocks (n,) of a second or less, float32 from -1 to 1; see `ogg_bytes`."""
    stream = 0

    def counted() -> Iterator[Array]:
        nonlocal stream
        for block in blocks:
            stream = zlib.crc32(block.tobytes(), stream)
            yield block

    content = _encoded(counted(), sample_rate_hz, "OGG", "VORBIS")
    return with_stream(content, stream)


def mp3_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """MP3, which every browser plays, of samples (n,), float; quieter as a whole where its peak would clip.

    At a rate that MP3 does not have the sound is resampled.
    """
    rate_hz = mp3_rate_hz(sample_rate_hz)
    own = np.concatenate(list(resampled([np.asarray(samples, np.float32)], sample_rate_hz, rate_hz)))
    return _encode(own, rate_hz, "MP3", "MPEG_LAYER_III")


def wav_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """WAV of samples (n,), float, with 16 bits; quieter as a whole where its peak would clip."""
    return _encode(samples, sample_rate_hz, "WAV", "PCM_16")


def mp3_rate_hz(sample_rate_hz: int) -> int:
    """The lowest rate of MP3 that keeps all of a sound, or its highest.

    >>> mp3_rate_hz(22_050), mp3_rate_hz(20_000), mp3_rate_hz(96_000)
    (22050, 22050, 48000)
    """
    return next((rate_hz for rate_hz in MP3_RATES_HZ if rate_hz >= sample_rate_hz), MP3_RATES_HZ[-1])


def _encode(samples: Array, sample_rate_hz: int, kind: str, subtype: str) -> bytes:
    return _encoded(_seconds_of(_within(samples), sample_rate_hz), sample_rate_hz, kind, subtype)


def _encoded(blocks: Iterable[Array], sample_rate_hz: int, kind: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    # soundfile calls `buffer` from within its library.
    with later():
        file = soundfile.SoundFile(buffer, "w", sample_rate_hz, 1, format=kind, subtype=subtype)
    try:
        for block in blocks:
            with later():
                file.write(block)
    finally:
        with later():
            file.close()
    return buffer.getvalue()


def _within(samples: Array) -> Array:
    """Samples (n,) quieter as a whole where their peak would clip."""
    return np.asarray(samples / max(1.0, float(np.abs(samples).max(initial=0.0))))


def _seconds_of(samples: Array, sample_rate_hz: int) -> Iterator[Array]:
    """Samples (n,) a second at a time: libsndfile's Vorbis encoder crashes on one long write."""
    for start in range(0, samples.size, sample_rate_hz):
        yield samples[start : start + sample_rate_hz]
