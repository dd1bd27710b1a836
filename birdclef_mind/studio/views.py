"""A recording as it is scrolled through: tiles of its spectrogram, so that only what is looked at is ever made."""

import math
from dataclasses import replace

import numpy as np

from birdclef_mind.data.strips import grey_png
from birdclef_mind.sound.pictures import PixelScale, levels_to_pixels, samples_to_levels
from birdclef_mind.sound.settings import Features, Windowing
from birdclef_mind.sound.spectrum import hz_to_height
from birdclef_mind.studio.listened import Recording

TILE_S = 10.0
# Decibels below a tone as loud as the loudest of the recording, in which a picture goes from black to white, and how
# coarsely that is told, so that tiles are drawn anew a few times at most while a recording comes in.
_RANGE_DB, _STEP_DB = 65.0, 6.0
# Frames on both sides of a tile that are not shown: where sound is cut off there is a click that nobody heard.
_AROUND = 8
_ROWS = 160
_TONE_HZ = 2000.0
_TICKS_KHZ = (0.5, 1, 2, 4, 8, 12)


class Views:
    """Tiles of recordings, all of a recording on one scale of brightness."""

    def __init__(self, rate_hz: int) -> None:
        self._features = Features(
            kind="logmel", n_mels=_ROWS, power=2.0, fmin_hz=50.0, fmax_hz=rate_hz / 2, sample_rate_hz=rate_hz,
        )  # fmt: skip
        self._around_s = _AROUND * self._features.hop_samples / rate_hz
        length_s = TILE_S + 2 * self._around_s
        self._features = replace(self._features, windowing=Windowing(length_s=length_s, step_s=length_s))
        times = np.arange(self._features.segment_samples, dtype=np.float32) / rate_hz
        tone = np.sin(2 * np.pi * _TONE_HZ * times, dtype=np.float32)
        self._tone_db = float(samples_to_levels(tone[None], self._features).max())

    def tile(self, recording: Recording, number: int) -> bytes:
        """The picture of ten seconds, low frequencies at the bottom, as PNG; black where there is nothing yet."""
        samples = recording.samples(number * TILE_S - self._around_s, TILE_S + 2 * self._around_s)
        levels = samples_to_levels(samples[None], self._features)[..., _AROUND : -_AROUND - 1]
        lowest = self._tone_db + self.scale(recording) * _STEP_DB - _RANGE_DB
        scale = PixelScale(np.array([lowest], np.float32), np.array([_RANGE_DB], np.float32))
        return grey_png(levels_to_pixels(levels, scale)[0])

    def scale(self, recording: Recording) -> int:
        """On which scale of brightness all its tiles are now, in steps of 6 dB below the loudest there can be."""
        return math.ceil(20 * math.log10(max(recording.loudest, 1e-3)) / _STEP_DB)

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Frequencies in kHz, and how high in the picture they stand, 0 to 1."""
        return ticks_of(self._features)


def ticks_of(features: Features) -> list[tuple[float, float]]:
    """Frequencies in kHz, and how high in pictures of these features they stand, 0 to 1; none for cepstra."""
    if features.kind == "mfcc":
        return []
    wanted = [khz for khz in _TICKS_KHZ if features.fmin_hz <= 1000 * khz <= features.fmax_hz]
    heights = hz_to_height(1000 * np.array(wanted), features)
    return [(khz, round(float(height), 4)) for khz, height in zip(wanted, heights, strict=True)]
