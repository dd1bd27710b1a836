"""A recording as it is scrolled through: tiles of its spectrogram, so that only what is looked at is ever made."""

import threading

import numpy as np

from birdclef_mind.data.strips import grey_png
from birdclef_mind.sound.pictures import PixelScale, levels_to_pixels, samples_to_levels
from birdclef_mind.sound.settings import Features, Windowing
from birdclef_mind.sound.spectrum import hz_to_mel
from birdclef_mind.studio.listened import Recording

TILE_S = 10.0
# Decibels below the loudest that was looked at, in which a picture goes from black to white.
_RANGE_DB = 65.0
_ROWS = 160
_TICKS_KHZ = (0.5, 1, 2, 4, 8, 12)


class Views:
    """Tiles of recordings, all of a recording on one scale of brightness."""

    def __init__(self, rate_hz: int) -> None:
        self._features = Features(
            kind="logmel", n_mels=_ROWS, power=2.0, fmin_hz=50.0, fmax_hz=rate_hz / 2, sample_rate_hz=rate_hz,
            windowing=Windowing(length_s=TILE_S, step_s=TILE_S),
        )  # fmt: skip
        self._peaks_db: dict[int, float] = {}
        self._lock = threading.Lock()

    def tile(self, recording: Recording, number: int) -> bytes:
        """The picture of ten seconds, low frequencies at the bottom, as PNG; black where there is nothing yet."""
        levels = samples_to_levels(recording.samples(number * TILE_S, TILE_S)[None], self._features)[..., :-1]
        with self._lock:
            peak = max(self._peaks_db.get(recording.number, -60.0), float(levels.max()))
            self._peaks_db[recording.number] = peak
        scale = PixelScale(np.array([peak - _RANGE_DB], np.float32), np.array([_RANGE_DB], np.float32))
        return grey_png(levels_to_pixels(levels, scale)[0])

    def is_whole(self, recording: Recording, number: int) -> bool:
        """Whether a tile will look the same later."""
        return recording.is_whole or recording.seconds >= (number + 1) * TILE_S

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Frequencies in kHz, and how high in the picture they stand, 0 to 1."""
        return ticks_of(self._features)


def ticks_of(features: Features) -> list[tuple[float, float]]:
    """Frequencies in kHz, and how high in pictures of these features they stand, 0 to 1; none for cepstra."""
    if features.kind == "mfcc":
        return []
    low, high = hz_to_mel(np.array([features.fmin_hz, features.fmax_hz]))
    wanted = [khz for khz in _TICKS_KHZ if features.fmin_hz <= 1000 * khz <= features.fmax_hz]
    return [(khz, round(float((hz_to_mel(np.array(1000 * khz)) - low) / (high - low)), 4)) for khz in wanted]
