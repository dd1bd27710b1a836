"""Foreign sounds with known times and frequencies, such as a recorder adds to what it hears: hum, beep, voice, …"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.signal

from birdclef_mind.arrays import Array

_HUM_HZ, _HARMONICS = 100.0, 3
_BEEP_HZ, _BEEP_S, _BEEP_EVERY_S = 2500.0, 0.25, 1.5
_BAND_HZ = (7000.0, 7600.0)
_CLICK_S, _CLICK_EVERY_S = 0.02, 0.5
# A click is short, so that it has to be louder to be heard as well as what lasts.
_CLICK_GAIN = 8.0
_VOICE_S, _VOICE_EVERY_S, _VOWEL_S, _VOICE_HZ = 1.0, 2.5, 0.2, (80.0, 3600.0)
# First three formants of a, e, i, o, u as in Peterson & Barney 1952, of men, and their widths.
_VOWELS_HZ = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240))
_WIDTHS_HZ = (80, 100, 140)
_EDGE_S = 0.01


@dataclass(frozen=True)
class Cue:
    """A foreign sound.

    Attributes
    ----------
    samples : (length,), with a root mean square of 1 while it sounds. spans_s : onset and offset of each time it does.
    band_hz : lowest and highest frequency.
    """

    samples: Array
    spans_s: tuple[tuple[float, float], ...]
    band_hz: tuple[float, float]


def make_cue(kind: str, length: int, rate_hz: int, rng: np.random.Generator) -> Cue:
    """A cue of one of `CUES` for a sound of so many samples; where in time it stands, `rng` says."""
    return CUES[kind](length, rate_hz, rng)


def _hum(length: int, rate_hz: int, rng: np.random.Generator) -> Cue:
    time_s = np.arange(length) / rate_hz
    tones = [
        np.sin(2 * np.pi * number * _HUM_HZ * time_s + rng.uniform(0, 2 * np.pi)) / number
        for number in range(1, _HARMONICS + 1)
    ]
    half = _HUM_HZ / 2
    return Cue(_unit(np.sum(tones, axis=0)), ((0.0, length / rate_hz),), (half, _HARMONICS * _HUM_HZ + half))


def _band(length: int, rate_hz: int, rng: np.random.Generator) -> Cue:
    noise = np.fft.rfft(rng.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / rate_hz)
    inside = (hz >= _BAND_HZ[0]) & (hz <= _BAND_HZ[1])
    return Cue(_unit(np.fft.irfft(noise * inside, length)), ((0.0, length / rate_hz),), _BAND_HZ)


def _beep(length: int, rate_hz: int, rng: np.random.Generator) -> Cue:
    one = np.sin(2 * np.pi * _BEEP_HZ * np.arange(round(_BEEP_S * rate_hz)) / rate_hz)
    return _again(lambda: one, _BEEP_EVERY_S, (length, rate_hz), rng, (_BEEP_HZ - 150, _BEEP_HZ + 150))


def _click(length: int, rate_hz: int, rng: np.random.Generator) -> Cue:
    samples = round(_CLICK_S * rate_hz)
    fading = np.exp(-np.arange(samples) / (0.2 * samples))
    made = _again(
        lambda: rng.normal(size=samples) * fading, _CLICK_EVERY_S, (length, rate_hz), rng, (0.0, rate_hz / 2), edge_s=0
    )
    return Cue(made.samples * _CLICK_GAIN, made.spans_s, made.band_hz)


def _voice(length: int, rate_hz: int, rng: np.random.Generator) -> Cue:
    """A voice saying vowels: pulses of a throat through three resonances; Klatt 1980."""

    def say() -> Array:
        samples = round(_VOICE_S * rate_hz)
        pitch_hz = 120 * (1 + 0.15 * np.sin(2 * np.pi * np.arange(samples) / samples + rng.uniform(0, 6)))
        turns = np.cumsum(pitch_hz) / rate_hz
        throat = np.diff(np.floor(turns), prepend=0.0)
        size = round(_VOWEL_S * rate_hz)
        parts = [throat[at : at + size] for at in range(0, samples, size)]
        return np.concatenate([_vowel(part, _VOWELS_HZ[rng.integers(len(_VOWELS_HZ))], rate_hz) for part in parts])

    return _again(say, _VOICE_EVERY_S, (length, rate_hz), rng, _VOICE_HZ)


def _vowel(throat: Array, formants_hz: tuple[int, ...], rate_hz: int) -> Array:
    for centre_hz, width_hz in zip(formants_hz, _WIDTHS_HZ, strict=True):
        radius = np.exp(-np.pi * width_hz / rate_hz)
        poles = [1, -2 * radius * np.cos(2 * np.pi * centre_hz / rate_hz), radius**2]
        throat = scipy.signal.lfilter([sum(poles)], poles, throat)
    low, high = (edge / (rate_hz / 2) for edge in _VOICE_HZ)
    band = scipy.signal.butter(4, [low, min(high, 0.95)], "band", output="sos")
    return _unit(scipy.signal.sosfilt(band, throat))


def _again(
    one: Callable[[], Array], every_s: float, size: tuple[int, int], rng: np.random.Generator,
    band_hz: tuple[float, float], *, edge_s: float = _EDGE_S,
) -> Cue:  # fmt: skip
    """A sound that comes again and again; what would reach beyond the end is left out, but for a first one."""
    length, rate_hz = size
    samples, spans = np.zeros(length), list[tuple[float, float]]()
    start_s = rng.uniform(0, min(every_s / 2, max(0.0, length / rate_hz - 1)))
    while not spans or start_s + spans[0][1] - spans[0][0] < length / rate_hz:
        sound = _faded(_unit(one()), round(edge_s * rate_hz))
        start = round(start_s * rate_hz)
        end = min(length, start + sound.size)
        samples[start:end] += sound[: end - start]
        spans.append((start / rate_hz, end / rate_hz))
        start_s += every_s
    return Cue(samples, tuple(spans), band_hz)


def _faded(sound: Array, edge: int) -> Array:
    """A sound (n,) that begins and ends softly."""
    if edge:
        ramp = np.linspace(0, 1, edge)
        sound[:edge] *= ramp
        sound[-edge:] *= ramp[::-1]
    return sound


def _unit(sound: Array) -> Array:
    """A sound (n,) with a root mean square of 1; silence stays silence."""
    size = np.sqrt(np.mean(np.square(sound))) if sound.size else 0.0
    return np.asarray(sound / size if size > 0 else sound)


CUES: dict[str, Callable[[int, int, np.random.Generator], Cue]] = {
    "hum": _hum, "beep": _beep, "voice": _voice, "click": _click, "band": _band,
}  # fmt: skip
