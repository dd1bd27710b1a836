"""Sound files for tests, as strangers write them."""

import io

import numpy as np
import soundfile

RATE_HZ = 16_000


def encoded(samples, rate_hz=RATE_HZ, kind="WAV", subtype=None):
    buffer = io.BytesIO()
    channels = np.atleast_2d(samples.T).shape[0]
    with soundfile.SoundFile(buffer, "w", rate_hz, channels, format=kind, subtype=subtype) as file:
        for start in range(0, len(samples), rate_hz):
            file.write(samples[start : start + rate_hz])
    return buffer.getvalue()


def noise(seconds, rate_hz=RATE_HZ, channels=None):
    shape = round(seconds * rate_hz) if channels is None else (round(seconds * rate_hz), channels)
    return np.random.default_rng(3).normal(0, 0.1, shape).astype(np.float32)


def written(tmp_path, content, name="sound"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def as_to_a_pipe(flac):
    """The same FLAC with 36 bits of zeros for "how many samples is not known"."""
    content = bytearray(flac)
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    return bytes(content)


def without_table(mp3):
    """The same MP3 without its first frame, which holds no sound but tells how many there are."""
    return mp3[mp3.index(mp3[:2], 100) :]


# Container, coding, rate and channels that every browser plays, and with which ending; and those that some do not.
COPIED = [
    ("OGG", "VORBIS", 32_000, None, ".ogg"),
    ("OGG", "OPUS", 48_000, 2, ".ogg"),
    ("MP3", "MPEG_LAYER_III", 44_100, None, ".mp3"),
    ("FLAC", "PCM_16", 22_050, 2, ".flac"),
    ("WAV", "PCM_16", 48_000, None, ".wav"),
    ("WAV", "PCM_U8", 8_000, None, ".wav"),
]
CONVERTED = [
    ("AIFF", "PCM_16", 32_000, None),
    ("W64", "PCM_24", 44_100, 2),
    ("CAF", "PCM_16", 20_000, None),
    ("AU", "ULAW", 8_000, None),
    ("WAV", "PCM_24", 96_000, 2),
    ("WAV", "FLOAT", 250_000, None),
    ("WAV", "PCM_16", 384_000, None),
    ("WAV", "PCM_16", 4_000, None),
    ("WAV", "PCM_16", 32_000, 4),
    ("FLAC", "PCM_24", 32_000, None),
    ("OGG", "VORBIS", 96_000, None),
    ("RF64", "PCM_16", 32_000, None),
]
