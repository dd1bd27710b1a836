"""Whether what an explanation points at is the cause that is known: where a cue stands, and who points there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.plant import Box
from birdclef_mind.evidence.measures import energy_inside, points_inside
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import hz_to_mel, mel_to_hz


@dataclass(frozen=True)
class Pointing:
    """How a method's maps point at known places of n recordings: `energy_inside` and `points_inside`, (n,) each."""

    energy: Array
    pointed: Array


def boxes_to_map(boxes: Sequence[Box], features: Features) -> Array:
    """Which places of a picture's bands boxes reach, (n_mels, frames), bool.

    A frame sees as much sound as its window is long, and a band as far as its neighbours' middles: what of these lies
    half inside a box is inside.
    """
    lowest, highest = hz_to_mel(np.array([features.fmin_hz, features.fmax_hz]))
    edges = mel_to_hz(np.linspace(lowest, highest, features.n_mels + 2))
    low, high = (edges[:-2] + edges[1:-1]) / 2, (edges[1:-1] + edges[2:]) / 2
    middle_s = np.arange(features.frames) * features.hop_samples / features.sample_rate_hz
    half_s = features.n_fft / features.sample_rate_hz / 4
    inside = np.zeros((features.n_mels, features.frames), bool)
    for onset_s, offset_s, low_hz, high_hz in boxes:
        frames = (middle_s + half_s >= onset_s) & (middle_s - half_s <= offset_s)
        inside |= ((high >= low_hz) & (low <= high_hz))[:, None] & frames
    return inside


def pointing(maps: Array, boxes: Array) -> Pointing:
    """How maps (n, bands, frames) point into boxes of the same shape, bool."""
    return Pointing(energy_inside(maps, boxes), points_inside(maps, boxes))


def evidence_inside(adds: Array, boxes: Array) -> Array:
    """What moments inside known events add of all that speaks for an answer, over the events' share of time, (n,).

    1 where events are as good as any other time; NaN where they take all of it or none, or nothing speaks for it.

    Parameters
    ----------
    adds : what each moment adds, (n, moments). boxes : where events are, (n, bands, frames), bool.
    """
    times = np.asarray(boxes.any(axis=1), float)
    moments = adds.shape[1]
    edges = np.linspace(0, times.shape[1], moments + 1).round().astype(int)
    inside = np.stack([times[:, low:high].mean(axis=1) for low, high in pairwise(edges)], axis=1)
    positive = np.maximum(adds, 0)
    total, share = positive.sum(axis=1), times.mean(axis=1)
    known = (total > 0) & (share > 0) & (share < 1)
    found = np.full(len(adds), np.nan)
    found[known] = ((positive * inside).sum(axis=1)[known] / total[known]) / share[known]
    return found
