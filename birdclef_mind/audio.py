"""Sound files to mono samples at one rate, samples to segments, and samples back to files."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import soundfile

from birdclef_mind.config import Features
from birdclef_mind.errors import AudioError
from birdclef_mind.locations import at_hand

Array = np.ndarray[Any, Any]

SUFFIXES = (".ogg", ".wav", ".flac", ".mp3")
SILENCE_DBFS = -80.0
_FLOOR_DBFS = -120.0
# Lossy formats do not keep full scale exactly.
_FULL_SCALE = 0.99
# A header may promise any rate and any number of channels; a block stays at 16 MB.
_BLOCK_VALUES = 4 * 1024 * 1024
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 1_000, 1_000_000
# Longer ones would need more memory than a worker may take, and a picture wider than readers accept.
LONGEST_S = 2 * 3600


@dataclass(frozen=True)
class Segments:
    """Equal windows of one recording.

    Attributes
    ----------
    starts_s : start of each window in the recording.
    samples : (segments, segment_samples), float32, read-only; what lies beyond the recording's end is zero.
    """

    starts_s: tuple[float, ...]
    samples: Array

    def loudness_dbfs(self) -> Array:
        """Root mean square of each segment in decibels of full scale, (segments,); -120 for digital silence."""
        power = np.mean(np.square(self.samples), axis=1, dtype=np.float64)
        return 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DBFS / 10)))

    def clipped(self) -> Array:
        """Share of each segment's samples that stand at full scale, (segments,)."""
        return np.mean(np.abs(self.samples) >= _FULL_SCALE, axis=1)


def read_audio(path: Path, sample_rate_hz: int) -> Array:
    """Decode a sound file to mono at `sample_rate_hz`: (samples,), float32, nominally -1 to 1.

    Ogg, WAV, FLAC and MP3 at any sample rate and with any number of channels (their mean is taken).
    Raises AudioError for a file that is missing, empty, not decodable, or holds values that are not finite.
    """
    _refuse_endless(path)
    try:
        with at_hand(path) as own, soundfile.SoundFile(own) as file:
            rate_hz = file.samplerate
            # By blocks, since a header may promise hours of sound that the file does not hold.
            blocks = [block.mean(axis=1) for block in _blocks(file)]
    except (soundfile.LibsndfileError, RuntimeError, OSError, TypeError) as error:
        if not path.is_file():
            raise AudioError("missing") from error
        reason = "empty file" if path.stat().st_size == 0 else f"cannot be decoded ({_reason(error)})"
        raise AudioError(reason) from error
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if samples.size == 0:
        raise AudioError("holds no samples")
    if not np.isfinite(samples).all():
        raise AudioError(f"holds a value that is not a number, at sample {np.argmin(np.isfinite(samples))}")
    return samples if rate_hz == sample_rate_hz else _resample(samples, rate_hz, sample_rate_hz)


@dataclass(frozen=True)
class Header:
    """What a sound file says of itself; its length is at most `LONGEST_S`."""

    duration_s: float
    sample_rate_hz: int
    channels: int


def read_header(path: Path) -> Header | None:
    """Read a sound file's header; None when it cannot be read."""
    try:
        _refuse_endless(path)
        with at_hand(path) as own:
            info = soundfile.info(own)
    except (AudioError, soundfile.LibsndfileError, RuntimeError, OSError, TypeError):
        return None
    return Header(min(float(info.duration), float(LONGEST_S)), info.samplerate, info.channels)


def duration_s(path: Path) -> float | None:
    """Length of a sound file as its header says, at most `LONGEST_S`; None when it cannot be read."""
    header = read_header(path)
    return header.duration_s if header else None


def cut(samples: Array, features: Features, moved: Mapping[int, float] = MappingProxyType({})) -> Segments:
    """Cut a recording into windows; the last one is padded with zeros before any transform sees it.

    `moved` gives some windows, by number, another start in seconds.
    """
    length, step = features.segment_samples, features.step_samples
    starts_s = features.windowing.starts_s(samples.size / features.sample_rate_hz)
    padded = np.zeros((len(starts_s) - 1) * step + length, np.float32)
    kept = samples[: padded.size]
    padded[: kept.size] = kept
    # A view that cannot be written to, since windows may overlap.
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[::step]
    if moved:
        windows = windows.copy()
    for segment, start_s in moved.items():
        starts_s[segment] = start_s
        windows[segment] = window(samples, start_s, features)
    return Segments(tuple(starts_s), windows)


def window(samples: Array, start_s: float, features: Features) -> Array:
    """One segment of a recording from any start: (segment_samples,), zeros beyond the recording's end."""
    own = samples[round(start_s * features.sample_rate_hz) :][: features.segment_samples]
    return np.pad(own, (0, features.segment_samples - own.size))


def wav_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """16-bit WAV of (samples,) float; quieter as a whole where its peak would clip."""
    return _encode(samples, sample_rate_hz, "WAV", "PCM_16")


def ogg_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """Ogg Vorbis of (samples,) float; quieter as a whole where its peak would clip."""
    return _encode(samples, sample_rate_hz, "OGG", "VORBIS")


def mp3_bytes(samples: Array, sample_rate_hz: int) -> bytes:
    """MP3, which every browser plays, of (samples,) float; quieter as a whole where its peak would clip."""
    return _encode(samples, sample_rate_hz, "MP3", "MPEG_LAYER_III")


def _encode(samples: Array, sample_rate_hz: int, kind: str, subtype: str) -> bytes:
    peak = float(np.abs(samples).max(initial=0.0))
    loud = samples / max(1.0, peak)
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", sample_rate_hz, 1, format=kind, subtype=subtype) as file:
        # libsndfile's Vorbis encoder crashes on one long write.
        for start in range(0, loud.size, sample_rate_hz):
            file.write(loud[start : start + sample_rate_hz])
    return buffer.getvalue()


def _blocks(file: soundfile.SoundFile) -> Iterator[Array]:
    if not _LOWEST_RATE_HZ <= file.samplerate <= _HIGHEST_RATE_HZ:
        raise AudioError(f"has a sample rate of {file.samplerate} Hz")
    left = LONGEST_S * file.samplerate
    while left:
        block = file.read(min(left, max(1, _BLOCK_VALUES // file.channels)), dtype="float32", always_2d=True)
        if len(block) == 0:
            return
        left -= len(block)
        yield block
    if len(file.read(1)):
        raise AudioError(f"longer than {LONGEST_S // 3600} hours")


def _refuse_endless(path: Path) -> None:
    """A pipe or a device never ends, and opening one may wait for ever."""
    if path.exists() and not path.is_file():
        raise AudioError("is no file")


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")


def _resample(samples: Array, from_hz: int, to_hz: int) -> Array:
    # librosa takes seconds to import and most recordings already have the right rate.
    import librosa

    resampled: Array = librosa.resample(samples, orig_sr=from_hz, target_sr=to_hz, res_type="soxr_hq")
    return resampled.astype(np.float32, copy=False)
