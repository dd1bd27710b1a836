"""Sound in a bird expert's terms: pitch, onsets, rate of syllables, how long it sounds, how wide and loud it is.

What stands out is measured against each band's floor, so that a steady hum or hiss is none of it. All of it is read
from mel bands, so that pictures and sounds are measured alike, and no invented phase has a part in it.
"""

from dataclasses import dataclass

import numpy as np
import scipy.ndimage

from birdclef_mind.arrays import Array
from birdclef_mind.sound.pictures import Pictures, levels_to_bands, pixels_to_levels
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import bands_to_hz

# A band is at its floor for at least this share of the time; a fifth of noise's power lies so far below its mean.
_FLOOR_SHARE, _FLOOR_DB = 0.2, 6.5
_STANDS_OUT_DB = 10.0
# In one moment bands that are weaker than this beside the strongest are its skirt.
_SKIRT_DB = 25.0
# What lies deeper below a segment's loudest place is taken for nothing.
_DEEPEST_DB = 80.0
_WIDTH_DB = 10.0
# Of two onsets that are nearer than this the stronger one counts; one that is less steep is none.
_APART_S, _LEAST_FLUX_DB = 0.06, 0.5
_STEEP = 0.2
TOLERANCE_S = 0.05
_SEMITONE = 1.0
TERMS = {
    "pitch": "share of moments whose loudest line stays within a semitone",
    "onsets": "beginnings of syllables that stay within 50 ms (F1)",
    "rate": "rate of syllables",
    "duration": "how long something stands out",
    "bandwidth": "width of its spectrum, 10 dB below the strongest band",
    "level": "how loud it is: 1 for the same, 0 from 20 dB apart on",
}
_LEVEL_APART_DB = 20.0


@dataclass(frozen=True)
class Songs:
    """What stands out in some segments.

    Attributes
    ----------
    pitch_hz : of the strongest line, (n, frames), NaN where nothing stands out. onsets : (n, frames), bool.
    rate_hz, duration_s, bandwidth_hz, level_db : (n,); bandwidth and level are NaN where nothing stands out.
    frame_s : from one frame to the next.
    """

    pitch_hz: Array
    onsets: Array
    rate_hz: Array
    duration_s: Array
    bandwidth_hz: Array
    level_db: Array
    frame_s: float

    def __getitem__(self, places: Array) -> "Songs":
        """Those of some segments, by their places (n,)."""
        return Songs(
            self.pitch_hz[places], self.onsets[places], self.rate_hz[places], self.duration_s[places],
            self.bandwidth_hz[places], self.level_db[places], self.frame_s,
        )  # fmt: skip


def songs_in(pictures: Pictures, features: Features) -> Songs:
    """What stands out in some pictures, whose pixels may be fractions."""
    return songs_of(levels_to_bands(pixels_to_levels(pictures.pixels, pictures.scale), features), features)


def songs_of(bands: Array, features: Features) -> Songs:
    """What stands out in mel bands (n, n_mels, frames), magnitudes to the power of the features."""
    loudest = bands.max(axis=(1, 2), keepdims=True)
    least = np.maximum(loudest * 10 ** (-_DEEPEST_DB * features.power / 20), 1e-30)
    level = 20 / features.power * np.log10(np.maximum(bands, least))
    above = level - np.quantile(level, _FLOOR_SHARE, axis=2, keepdims=True) - _FLOOR_DB
    sounding = above.max(axis=1) >= _STANDS_OUT_DB
    frame_s = features.hop_samples / features.sample_rate_hz
    onsets = _onsets(above, frame_s)
    power = np.where((above >= _STANDS_OUT_DB) & sounding[:, None], 10 ** (level / 10), 0).sum(axis=2)
    frames = np.maximum(sounding.sum(axis=1), 1)
    with np.errstate(divide="ignore"):
        level_db = np.where(sounding.any(axis=1), 10 * np.log10(power.sum(axis=1) / frames), np.nan)
    return Songs(
        pitch_hz=np.where(sounding, _peaks_hz(above, features), np.nan),
        onsets=onsets,
        rate_hz=onsets.sum(axis=1) / (bands.shape[2] * frame_s),
        duration_s=sounding.sum(axis=1) * frame_s,
        bandwidth_hz=np.where(sounding.any(axis=1), _widths_hz(power, features), np.nan),
        level_db=level_db,
        frame_s=frame_s,
    )


def kept(rebuilt: Songs, original: Songs) -> dict[str, Array]:
    """How much of each of `TERMS` is kept, 0 to 1, (n,) each; NaN where the original has none of it.

    Rate, duration and bandwidth are the smaller over the larger of both.
    """
    singing = np.isfinite(original.pitch_hz)
    with np.errstate(invalid="ignore"):
        apart = np.abs(12 * np.log2(rebuilt.pitch_hz / original.pitch_hz))
    same = (np.nan_to_num(apart, nan=np.inf) <= _SEMITONE) & singing
    heard = singing.any(axis=1)
    level = 1 - np.minimum(np.abs(rebuilt.level_db - original.level_db) / _LEVEL_APART_DB, 1)
    return {
        "pitch": np.where(heard, same.sum(axis=1) / np.maximum(singing.sum(axis=1), 1), np.nan),
        "onsets": onset_f1(rebuilt.onsets, original.onsets, original.frame_s),
        "rate": _smaller_over_larger(rebuilt.rate_hz, original.rate_hz),
        "duration": _smaller_over_larger(rebuilt.duration_s, original.duration_s),
        "bandwidth": _smaller_over_larger(rebuilt.bandwidth_hz, np.where(heard, original.bandwidth_hz, 0)),
        "level": np.where(heard, np.nan_to_num(level), np.nan),
    }


def onset_f1(found: Array, wanted: Array, frame_s: float) -> Array:
    """F1 of onsets within 50 ms, each matched once at most, (n,); NaN where none is wanted.

    The definition of Raffel and others 2014, "mir_eval". On a line the earliest that still fits is as good a partner as
    any, so that one pass finds the largest matching.

    Parameters
    ----------
    found, wanted : (n, frames), bool.
    """
    scores = np.full(len(wanted), np.nan)
    for place in np.flatnonzero(wanted.any(axis=1)):
        one, other = (np.flatnonzero(some[place]) * frame_s for some in (found, wanted))
        scores[place] = 2 * _matches(one, other) / (len(one) + len(other))
    return scores


def _matches(one: Array, other: Array) -> int:
    count = first = second = 0
    while first < len(one) and second < len(other):
        apart = one[first] - other[second]
        if abs(apart) <= TOLERANCE_S + 1e-9:
            count, first, second = count + 1, first + 1, second + 1
        elif apart < 0:
            first += 1
        else:
            second += 1
    return count


def _smaller_over_larger(one: Array, other: Array) -> Array:
    """Of values (n,) from 0 on, (n,), 0 to 1; 0 where the first has none, NaN where the second has none."""
    one = np.nan_to_num(one)
    larger = np.maximum(one, other)
    return np.where(other > 0, np.minimum(one, other) / np.where(larger > 0, larger, 1), np.nan)


def _onsets(above: Array, frame_s: float) -> Array:
    """Peaks of spectral flux, (n, frames), bool: where what stands out grows in many bands at once.

    Böck & Widmer 2013, "Maximum filter vibrato suppression for onset detection": a band that takes over from its
    neighbour is no onset.
    """
    own = above >= above.max(axis=1, keepdims=True) - _SKIRT_DB
    out = np.maximum(above - _STANDS_OUT_DB, 0) * own
    before = np.pad(scipy.ndimage.maximum_filter1d(out, 3, axis=1), ((0, 0), (0, 0), (2, 0)))[:, :, : out.shape[2]]
    flux = np.maximum(out - before, 0).mean(axis=1)
    side = max(1, round(_APART_S / frame_s))
    highest = scipy.ndimage.maximum_filter1d(flux, 2 * side + 1, axis=1)
    steep = np.maximum(_STEEP * flux.max(axis=1, keepdims=True), _LEAST_FLUX_DB)
    peaks = (flux >= highest) & (flux >= steep)
    # Where a peak is flat its first frame counts.
    return np.asarray(peaks & ~np.pad(peaks, ((0, 0), (1, 0)))[:, :-1])


def _peaks_hz(above: Array, features: Features) -> Array:
    """The strongest band's frequency in every frame, (n, frames), between bands by a parabola through three."""
    best = above.argmax(axis=1)
    inner = np.clip(best, 1, above.shape[1] - 2)
    left, middle, right = (
        np.take_along_axis(above, (inner + step)[:, None], axis=1)[:, 0] for step in (-1, 0, 1)
    )  # fmt: skip
    curve = left - 2 * middle + right
    shift = np.where(curve < 0, 0.5 * (left - right) / np.where(curve < 0, curve, 1), 0)
    return bands_to_hz(np.where(best == inner, best + np.clip(shift, -0.5, 0.5), best), features)


def _widths_hz(power: Array, features: Features) -> Array:
    """From the lowest to the highest band within 10 dB of the strongest, of power (n, n_mels), edges counted: (n,)."""
    strong = power >= power.max(axis=1, keepdims=True) * 10 ** (-_WIDTH_DB / 10)
    lowest, highest = strong.argmax(axis=1), power.shape[1] - 1 - strong[:, ::-1].argmax(axis=1)
    return bands_to_hz(highest + 0.5, features) - bands_to_hz(lowest - 0.5, features)
