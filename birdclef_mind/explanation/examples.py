"""Which segments are explained: chosen from the held-out ones, named, or brought in a sound file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.cache import Cache, IndexRow
from birdclef_mind.data.overrides import CorrectedCache
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.errors import AudioError, ConfigError, printable, reason_of
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import Pictures, PixelScale, samples_to_pictures
from birdclef_mind.sound.settings import Features

_MOST_OF_A_FILE = 12
_One = TypeVar("_One")


@dataclass(frozen=True)
class Example:
    """A segment to explain.

    Attributes
    ----------
    recording, start_s : where it comes from. window_s : regular start of its window; None for a sound of your own.
    label : its bird, "" when unknown. why : the reason it was chosen for.
    samples : its real sound (samples,), None when it is not at hand.
    """

    recording: str
    start_s: float
    window_s: float | None
    label: str
    author: str
    why: str
    samples: Array | None


@dataclass(frozen=True)
class Examples:
    """Segments to explain, and their pictures in the same order."""

    each: tuple[Example, ...]
    pictures: Pictures


def choose_rows(rows: Sequence[IndexRow], scores: Array, truth: Array, count: int) -> list[tuple[int, str]]:
    """Places of segments to show, and why: right and confident, right and unsure, wrong; from different recordings.

    Parameters
    ----------
    scores : (rows, classes). truth : (rows,), the place of each row's bird among the classes.
    """
    surest, answered = scores.max(axis=1), scores.argmax(axis=1)
    right = answered == truth
    by_surest = np.argsort(-surest, kind="stable")
    kinds = [
        ("right and confident", [place for place in by_surest if right[place]]),
        ("right and unsure", [place for place in by_surest[::-1] if right[place]]),
        ("wrong", [place for place in by_surest if not right[place]]),
    ]
    chosen: dict[int, str] = {}
    recordings: set[str] = set()
    # In turn, so that a kind that runs out leaves its share to the others.
    while len(chosen) < count:
        before = len(chosen)
        for why, places in kinds:
            labels = {rows[place].label for place, kind in chosen.items() if kind == why}
            free = [place for place in places if rows[place].recording not in recordings]
            if free and len(chosen) < count:
                # A bird that is not yet shown for this reason comes first.
                place = next((place for place in free if rows[place].label not in labels), free[0])
                chosen[int(place)] = why
                recordings.add(rows[place].recording)
        if len(chosen) == before:
            break
    return [(place, why) for why, _ in kinds for place, kind in chosen.items() if kind == why]


def evenly(rows: Sequence[_One], most: int) -> list[_One]:
    """At most so many rows, or places, evenly from all."""
    return [rows[place] for place in np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)]


def some_of_each(rows: Sequence[IndexRow], most: int) -> list[IndexRow]:
    """At most so many segments of each recording, evenly from all of it, recording by recording."""
    own: dict[str, list[IndexRow]] = {}
    for row in rows:
        own.setdefault(row.recording, []).append(row)
    return [row for group in own.values() for row in evenly(group, most)]


def find_row(cache: CorrectedCache, wanted: str) -> IndexRow:
    """The segment named RECORDING@SECONDS, its own start; ConfigError says what there is."""
    recording, _, seconds = wanted.rpartition("@")
    own = [row for row in cache.rows if row.recording == recording]
    if not own:
        raise ConfigError(f"segment: expected RECORDING@SECONDS with a recording of the cache, got {wanted!r}")
    try:
        return next(row for row in own if abs(row.start_s - float(seconds)) < 1e-6)
    except (StopIteration, ValueError):
        starts = ", ".join(f"{row.start_s:g}" for row in own[:12]) + (", …" if len(own) > 12 else "")
        raise ConfigError(f"segment: expected {recording}@ one of {starts}, got {wanted!r}") from None


def from_rows(
    cache: Cache, chosen: Sequence[tuple[IndexRow, str]], competition: Path | None, failed: dict[str, str]
) -> Examples:
    """Cached segments as examples, with their real sound where the competition folder has it; see `real_sounds`."""
    sounds = real_sounds([row for row, _ in chosen], competition, cache.features, failed, cache=cache)
    start_s = cache.features.windowing.start_s
    each = tuple(
        Example(row.recording, row.start_s, start_s(row.segment), row.label, row.author, why, samples)
        for (row, why), samples in zip(chosen, sounds, strict=True)
    )
    return Examples(each, cache.pictures([row for row, _ in chosen]))


def from_files(paths: Sequence[Path], features: Features) -> list[Examples]:
    """The first twelve windows of each of some sound files as examples; ConfigError for one that cannot be read.

    Files of one name are told apart by as many of their folders as it takes.
    """
    return [_from_file(path, name, features) for path, name in zip(paths, _names_apart(paths), strict=True)]


def _names_apart(paths: Sequence[Path]) -> list[str]:
    """The shortest end of each path that no other path has, at least its name.

    >>> _names_apart([Path("d/a/x.ogg"), Path("d/b/x.ogg"), Path("x.ogg"), Path("d/a/y.ogg")])
    ['a/x.ogg', 'b/x.ogg', 'x.ogg', 'y.ogg']
    """
    ends = [[Path(*path.parts[-count:]) for count in range(1, len(path.parts) + 1)] for path in paths]
    shared = Counter(end for own in ends for end in own)
    alone = [[end for end in own if shared[end] == 1] for own in ends]
    return [str((found or [path])[0]) for found, path in zip(alone, paths, strict=True)]


def _from_file(path: Path, name: str, features: Features) -> Examples:
    try:
        windows = list(islice(audio.read_windows(path, features), _MOST_OF_A_FILE))
    except (AudioError, MemoryError) as error:
        raise ConfigError(f"{path}: {reason_of(error)}") from error
    shown = printable(name)
    each = tuple(Example(shown, own.start_s, None, "", "", "your own recording", own.samples) for own in windows)
    return Examples(each, samples_to_pictures(np.stack([own.samples for own in windows]), features))


def join(groups: Sequence[Examples]) -> Examples:
    """Several groups of examples as one."""
    each = tuple(example for group in groups for example in group.each)
    pictures = [group.pictures for group in groups]
    scales = [one.scale for one in pictures]
    scale = PixelScale(np.concatenate([s.low for s in scales]), np.concatenate([s.width for s in scales]))
    return Examples(each, Pictures(np.concatenate([one.pixels for one in pictures]), scale))
