"""Which windows an epoch of training shows, and where in their recordings they begin."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array, Pixels, Targets
from birdclef_mind.data.cache import IndexRow
from birdclef_mind.sound.pictures import Pictures, levels_to_pixels, levels_to_scale, pixels_to_levels
from birdclef_mind.sound.settings import Features
from birdclef_mind.training.recipe import Training

# Of a recording with at least so many windows, those with less than this share of its usual sound hold no bird.
_ENOUGH_WINDOWS = 4
_QUIET_SHARE = 0.75
# How steeply liking windows with sound grows with their sound.
_STEEPNESS = 2.0
_EVERY_FRAME = 4
_CHUNK = 256


@dataclass(frozen=True)
class Beside:
    """Windows of soundscapes with soft labels, that are laid over training segments.

    Attributes
    ----------
    pictures : of the windows. wanted : (windows, numbers), float32, soft labels, and behind them what a listener
        teaches of them where one does. odds : how likely each is drawn, (windows,), summing to 1.
    """

    pictures: Pictures
    wanted: Targets
    odds: Array


@dataclass(frozen=True)
class Material:
    """Training segments and what is needed to draw from them.

    Attributes
    ----------
    pictures : of all segments of the cache that are not silent. own : the place of each training segment in them,
        (segments,). targets : (segments, classes), float32.
    following : place of the next window of the same recording and birds, where both overlap enough to be joined, else
        -1, (segments,).
    odds : how likely each is drawn, (segments,), summing to 1. birdless : places of segments that hold none of the
        birds, (n,).
    draws : segments an epoch shows. lessons : what a listener makes of each, (segments, numbers), see `teacher`; None
        without one. Segments that only a listener has told of stand last, see `unlabelled`; their targets are 0.
    beside : windows of soundscapes that are laid over them; None without any.
    """

    pictures: Pictures
    own: Array
    targets: Targets
    following: Array
    odds: Array
    birdless: Array
    draws: int
    features: Features
    lessons: Array | None = None
    beside: Beside | None = None

    def pixels(self, places: Array) -> Array:
        """Pixels of the segments at some places (n,): (n, rows, frames), uint8, as the cache has them."""
        return self.pictures.pixels[self.own[places]]

    def levels(self, places: Array) -> Array:
        """Levels of the segments at some places (n,): (n, rows, frames), float32."""
        return pixels_to_levels(self.pixels(places), self.pictures.scale[self.own[places]])


@dataclass(frozen=True)
class Plan:
    """An epoch's draws, in order: segments, how many frames later each begins, how far it is turned, what is laid over.

    Attributes
    ----------
    places, shifts, turns, under, beside : (draws,), int64; `under` is -1 where no segment without a bird is mixed in,
        `beside` where no window of soundscapes is.
    """

    places: Array
    shifts: Array
    turns: Array
    under: Array
    beside: Array


def gather_material(
    rows: Sequence[IndexRow],
    pictures: Pictures,
    own: Array,
    targets: Targets,
    *,
    features: Features,
    training: Training,
    lessons: Array | None = None,
) -> Material:
    """Weigh training segments, and find which follow each other and which hold none of the birds.

    Parameters
    ----------
    pictures : of all segments of the cache that are not silent. own : the place of each row in them, (segments,).
    targets : (segments, classes), float32. lessons : what a listener makes of them, (segments, numbers).
    """
    sound = moving_sound(pictures.pixels, own)
    singing = targets.any(axis=1)
    birdless = np.flatnonzero(~singing | _is_quiet(rows, sound))
    odds = _odds(rows, sound, training)
    if training.network.answer == "softmax" and singing.any():
        odds = odds * singing
    # Overlapping windows show the same sound several times; an epoch shows each second about once.
    overlap = features.windowing.length_s / features.windowing.step_s
    draws = max(1, round(len(rows) / overlap)) if training.augmentation.shift else len(rows)
    following = _following(rows, targets, features)
    return Material(pictures, own, targets, following, odds / odds.sum(), birdless, draws, features, lessons)


def moving_sound(pixels: Pixels, own: Array) -> Array:
    """How much stands out in some pictures: root mean square above their bands' means, of 255, (n,).

    Frames beyond a recording's end, which are black, have no part in the means and hold nothing.

    Parameters
    ----------
    pixels : (segments, rows, frames), uint8. own : places of those that are asked for, (n,).
    """
    found = np.empty(len(own), np.float32)
    for start in range(0, len(own), _CHUNK):
        few = pixels[own[start : start + _CHUNK], :, ::_EVERY_FRAME].astype(np.float32)
        sounding = (few > 0).any(axis=1, keepdims=True)
        heard = np.maximum(sounding.sum(axis=2, keepdims=True), 1)
        above = np.maximum(few - few.sum(axis=2, keepdims=True) / heard, 0)
        found[start : start + _CHUNK] = np.sqrt(np.square(above).mean(axis=(1, 2)))
    return found


def plan_epoch(material: Material, training: Training, epoch: int) -> Plan:
    """Draw an epoch's windows; it follows from the seed and the epoch's number alone.

    Draws are spread evenly over the odds (systematic sampling): of n draws a segment with odds p gets floor(p·n) or
    ceil(p·n), each with a random start or turn of its own where it can be moved or turned.
    """
    rng = np.random.default_rng([training.seed, epoch])
    draws, augmentation = material.draws, training.augmentation
    places = _spread(material.odds, draws, rng)
    movable = augmentation.shift & (material.following[places] >= 0)
    frames, step = material.features.frames, step_frames(material.features)
    shifts = np.where(movable, rng.integers(0, step + 1, draws), 0)
    turns = np.where(movable | (not augmentation.roll), 0, rng.integers(0, frames, draws))
    under = np.full(draws, -1)
    if augmentation.background and material.birdless.size:
        chosen = material.birdless[rng.integers(0, material.birdless.size, draws)]
        share = augmentation.background * augmentation.strength(epoch, training.epochs)
        under = np.where(rng.random(draws) < share, chosen, -1)
    beside = np.full(draws, -1)
    if material.beside:
        chosen = _spread(material.beside.odds, draws, rng)
        share = augmentation.soundscapes * augmentation.strength(epoch, training.epochs)
        beside = np.where(rng.random(draws) < share, chosen, -1)
    return Plan(places, shifts, turns, under, beside)


def _spread(odds: Array, draws: int, rng: np.random.Generator) -> Array:
    """Places (draws,), in random order, so that each comes up as often as its odds (n,) say, rounded either way."""
    ladder = np.cumsum(odds)
    rungs = (rng.random() + np.arange(draws)) / draws
    return rng.permutation(np.minimum(np.searchsorted(ladder / ladder[-1], rungs, "right"), len(ladder) - 1))


def step_frames(features: Features) -> int:
    """Frames from one window's start to the next one's, rounded."""
    return round(features.step_samples / features.hop_samples)


def moved_windows(material: Material, places: Array, shifts: Array) -> Array:
    """Pixels of the windows at places (n,) that begin by shifts (n,), in frames, later: (n, rows, frames), uint8.

    Two windows that overlap are joined in the middle of what both show, where neither feels its end, and quantised
    anew: what a window cut there would show, but for rounding and half a frame.
    """
    pixels = material.pixels(places)
    moved = np.flatnonzero(shifts)
    if not moved.size:
        return pixels
    frames, step = material.features.frames, step_frames(material.features)
    join = (step + frames) // 2
    levels = [material.levels(chosen) for chosen in (places[moved], material.following[places[moved]])]
    long = np.concatenate([levels[0][:, :, :join], levels[1][:, :, join - step :]], axis=2)
    columns = shifts[moved, None] + np.arange(frames)
    window = np.take_along_axis(long, columns[:, None, :], axis=2)
    pixels[moved] = levels_to_pixels(window, levels_to_scale(window, material.features))
    return pixels


def _odds(rows: Sequence[IndexRow], sound: Array, training: Training) -> Array:
    """A recording's odds by its bird's count; within it, by the sound of its windows."""
    recordings = {row.recording: row.folder for row in rows}
    counts: dict[str, int] = {}
    for label in recordings.values():
        counts[label] = counts.get(label, 0) + 1
    places = {recording: index for index, recording in enumerate(recordings)}
    owner = np.array([places[row.recording] for row in rows])
    own = sound / np.maximum(_mean_by(owner, sound)[owner], 1e-6)
    liking = np.maximum(own, 1e-3) ** (_STEEPNESS * training.augmentation.prefer_sound)
    if training.balance == 0 and training.augmentation.prefer_sound == 0:
        return np.ones(len(rows))
    windows = np.bincount(owner)
    within = liking / (_mean_by(owner, liking) * windows)[owner]
    weight = np.array([counts[label] ** -float(training.balance) for label in recordings.values()])
    if training.balance == 0:
        weight = windows.astype(float)
    return np.asarray(weight[owner] * within)


def _mean_by(owner: Array, values: Array) -> Array:
    return np.bincount(owner, values) / np.bincount(owner)


def _is_quiet(rows: Sequence[IndexRow], sound: Array) -> Array:
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.recording, []).append(place)
    quiet = np.zeros(len(rows), bool)
    for own in places.values():
        if len(own) >= _ENOUGH_WINDOWS:
            quiet[own] = sound[own] < _QUIET_SHARE * np.median(sound[own])
    return quiet


def _following(rows: Sequence[IndexRow], targets: Targets, features: Features) -> Array:
    """The next window that overlaps enough to be joined, and has the same birds; a moved one is not."""
    following = np.full(len(rows), -1)
    if features.windowing.step_s > 0.75 * features.windowing.length_s:
        return following
    place_of = {(row.recording, row.segment): place for place, row in enumerate(rows)}
    for place, row in enumerate(rows):
        after = place_of.get((row.recording, row.segment + 1), -1)
        if after >= 0 and _is_regular(row, features) and _is_regular(rows[after], features):
            following[place] = after if np.array_equal(targets[place], targets[after]) else -1
    return following


def _is_regular(row: IndexRow, features: Features) -> bool:
    return abs(row.start_s - features.windowing.start_s(row.segment)) < 1e-6
