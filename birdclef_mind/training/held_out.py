"""Which segments of a cache are trained on, and which are held out: never the same sound on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array, Pixels, Targets
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import Index, IndexRow
from birdclef_mind.data.overrides import CorrectedCache
from birdclef_mind.data.training_table import Recording, Window
from birdclef_mind.sound.copies import alike_recordings
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.folds import Split, fold_recordings, split_recordings
from birdclef_mind.training.recipe import Training


@dataclass(frozen=True)
class Part:
    """Segments on one side of a split, as they are trained on or measured.

    Attributes
    ----------
    pictures : of all segments of the cache that are not silent. places : of this side's among them, (segments,).
    targets : (segments, classes), float32.
    """

    rows: tuple[IndexRow, ...]
    pictures: Pictures
    places: Array
    targets: Targets

    @property
    def pixels(self) -> Array:
        """The rows' pictures, (segments, rows, frames), uint8."""
        return self.pictures.pixels[self.places]


@dataclass(frozen=True)
class Parts:
    """Both sides of a split: `learn` is trained on, `check` is held out and empty where nothing is."""

    learn: Part
    check: Part


def one_split(cache: Cache, pictures: Pictures, training: Training, say: Say, track: Track = untracked) -> Split:
    """The split of a single training; copies are looked for only where any recordings are to be held out."""
    pairs = pairs_of_copies(cache, pictures, say, track) if training.validation_share else []
    return split_recordings(recordings_of(cache), training.validation_share, training.split_seed, pairs)


def fold_splits(
    cache: Cache, pictures: Pictures, training: Training, folds: int, *, say: Say, track: Track = untracked
) -> tuple[Split, ...]:
    """The splits of a cross-validation."""
    pairs = pairs_of_copies(cache, pictures, say, track)
    return fold_recordings(recordings_of(cache), folds, training.split_seed, pairs)


def heard_pictures(cache: Cache, track: Track = untracked) -> Pictures:
    """Pictures of all segments that are not silent, in the cache's order."""
    return cache.pictures(cache.heard, track)


def pairs_of_copies(cache: Cache, pictures: Pictures, say: Say, track: Track = untracked) -> list[tuple[str, str]]:
    """Pairs of recordings that hold the same sound, as far as their windows that stand side by side show it."""
    pairs = copies_among(cache, cache.heard, pictures.pixels, track)
    if pairs:
        count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
        say(f"{count} of recordings hold the same sound and stay together, such as {' and '.join(pairs[0])}")
    return pairs


def copies_among(
    cache: Cache, rows: Sequence[IndexRow], pixels: Pixels, track: Track = untracked
) -> list[tuple[str, str]]:
    """The same among some segments of a cache, whose pixels are (segments, rows, frames), without saying anything."""
    step = apart(cache)
    chosen = np.array([place for place, row in enumerate(rows) if row.segment % step == 0 and not row.silent], int)
    recordings = [rows[place].recording for place in chosen]
    return alike_recordings(pixels, recordings, chosen, track, cepstral=cache.features.kind == "mfcc")


def recordings_of(cache: Index) -> list[Recording]:
    """The recordings of a cache that can be heard, once each, in its order, with what they were cached under.

    A soundscape has its labels as windows. What is silent, or what nobody listened to, has nothing to train on or to
    measure, and no say in the split.
    """
    rows: dict[str, list[IndexRow]] = {}
    for row in cache.heard:
        if row.told:
            rows.setdefault(row.recording, []).append(row)
    length_s = cache.cutting.windowing.length_s
    return [
        Recording(
            first.recording, "" if first.soundscape else first.folder, first.secondary_labels, first.author,
            session=first.session,
            windows=tuple(_window(row, length_s) for row in own) if first.soundscape else None,
        )
        for own in rows.values() for first in own[:1]
    ]  # fmt: skip


def _window(row: IndexRow, length_s: float) -> Window:
    return Window(row.start_s, row.start_s + length_s, tuple(name for name in (row.label, *row.also) if name))


def parts(cache: CorrectedCache, pictures: Pictures, split: Split, training: Training) -> Parts:
    """Segments to train on and held out; of overlapping windows those held out stand side by side.

    `pictures` are those of the cache without corrections, from `heard_pictures`.
    """
    places = {(row.recording, row.segment): place for place, row in enumerate(cache.as_cached.heard)}
    step, both = apart(cache), cache.sides(split.validation)

    def part(rows: list[IndexRow], secondary_weight: float) -> Part:
        own = np.array([places[row.recording, row.segment] for row in rows], int)
        return Part(tuple(rows), pictures, own, cache.targets(rows, secondary_weight))

    # Recordings that nobody listened to are on no side of the split, even where corrections tell what is in them.
    learn = [row for row in both.learn if row.told and row.recording in split.training]
    check = [row for row in both.check if row.told and row.segment % step == 0]
    return Parts(part(learn, training.secondary_target), part(check, 0.0))


def apart(cache: Index) -> int:
    """How many windows begin before one that does not overlap the first."""
    windowing = cache.cutting.windowing
    return max(1, int(np.ceil(windowing.length_s / windowing.step_s - 1e-9)))
