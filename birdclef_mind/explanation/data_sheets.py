"""Is the training data good: segments with their sound, and flags for those an expert should hear first."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.audit.suspicion import MOST_CLIPPED
from birdclef_mind.data.cache import Cache, IndexRow
from birdclef_mind.data.competition import recording_path
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.errors import AudioError, reason_of
from birdclef_mind.explanation.examples import evenly
from birdclef_mind.explanation.facts import Segment, Sheets
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.sound.copies import alike_recordings
from birdclef_mind.sound.likeness import likeness

FLAGS = {
    "silent": "silent: nothing to hear",
    "clipped": "clipped: louder than the recorder could take",
    "copy": "near-duplicate of another recording",
    "unlike": "least like the others of its label",
    "called_other": "the network is sure that it is another",
}
_SURE = 0.8
# Of each bird's segments so many are called least like the rest, where there are enough to tell.
_UNLIKE_SHARE = 0.05
_ENOUGH = 8
# Of two recordings that are copies, segments at least so alike show the same moments.
_SAME = 0.6
# A segment needs not be like all others of its bird, only like a few.
_NEIGHBOURS = 3
_HEARD = 6


def choose_segments(rows: Sequence[IndexRow], most: int, always: Sequence[IndexRow]) -> list[IndexRow]:
    """At most so many segments, evenly from all rows, besides those that are always shown; in the rows' order."""
    chosen = {(row.recording, row.segment) for row in (*evenly(rows, most), *always)}
    return [row for row in rows if (row.recording, row.segment) in chosen]


def size_of(recordings: Collection[str], competition: Path) -> int:
    """Bytes that some recordings take together; those that are missing take none."""
    paths = (recording_path(competition, recording) for recording in recordings)
    return sum(path.stat().st_size for path in paths if path)


def write_sheets(reading: Reading, rows: Sequence[IndexRow], pixels: Pixels, *, whole: bool = True) -> Sheets:
    """Segments with their pictures, their sound, and flags; files are written to the folder.

    Parameters
    ----------
    rows, pixels : segments of the reading's cache and their pictures (n, rows, frames), uint8.
    whole : whether whole recordings are put in, or each segment's own sound is made.
    """
    cache, folder, held_out = reading.cache, reading.folder, reading.held_out
    if not rows:
        return {
            "in_cache": len(cache.rows), "flag_words": FLAGS, "flagged": {}, "recordings": [], "segments": [],
            "right": [], "wrong": [],
        }  # fmt: skip
    scores, names = reading.answer(pixels), cache.classes.names
    alike = _likeness_to_others(rows, pixels, cepstral=cache.features.kind == "mfcc")
    flags = _flags(rows, scores, alike, cache)
    recordings = list(dict.fromkeys(row.recording for row in rows))
    authors = {row.recording: row.author for row in rows}
    places = {recording: place for place, recording in enumerate(recordings)}
    answered, surest = scores.argmax(axis=1), scores.max(axis=1)
    sounds: list[str | None] = [None] * len(rows) if whole else _clips(reading, rows)
    segments: list[Segment] = [
        {
            "recording": places[row.recording],
            "start_s": row.start_s,
            "window_s": cache.features.windowing.start_s(row.segment),
            "label": row.label,
            "also": list(row.also),
            "birdless": row.birdless,
            "held_out": row.recording in held_out,
            "loudness_dbfs": row.loudness_dbfs,
            "clipped": row.clipped,
            "picture": folder.picture(f"segment-{place + 1:05d}", pixels[place]),
            "sound": sounds[place],
            "answer": {"label": names[answered[place]], "score": round(float(surest[place]), 4)},
            "likeness": _rounded(alike.own[place]),
            "copy_of": int(alike.nearest[place]) if "copy" in flags[place] else None,
            "copy_likeness": _rounded(alike.highest[place]),
            "flags": flags[place],
        }
        for place, row in enumerate(rows)
    ]
    right, wrong = _right_and_wrong(segments)
    return {
        "in_cache": len(cache.rows),
        "flag_words": FLAGS,
        "flagged": dict(Counter(flag for found in flags for flag in found)),
        "recordings": [
            {
                "recording": recording,
                "author": authors[recording],
                "sound": _recording(reading, recording, place) if whole else None,
            }
            for place, recording in enumerate(recordings)
        ],
        "segments": segments,
        "right": right,
        "wrong": wrong,
    }


class _Alike:
    """How alike each segment is to those of other recordings: values (n,), NaN where there are too few.

    Attributes
    ----------
    own : mean of the highest few likenesses to its own bird. highest, nearest : to those of recordings that are copies
        of its own, and the place of that one.
    """

    def __init__(self, own: Array, highest: Array, nearest: Array) -> None:
        self.own, self.highest, self.nearest = own, highest, nearest


def _likeness_to_others(rows: Sequence[IndexRow], pixels: Pixels, *, cepstral: bool) -> _Alike:
    names, recordings = np.unique([row.recording for row in rows], return_inverse=True)
    labels = np.unique([row.label for row in rows], return_inverse=True)[1]
    values = likeness(pixels, pixels)
    values[recordings[:, None] == recordings] = -np.inf
    copies = np.zeros((len(names), len(names)), bool)
    for pair in alike_recordings(pixels, [row.recording for row in rows], cepstral=cepstral):
        one, other = np.searchsorted(names, pair)
        copies[one, other] = copies[other, one] = True
    of_copies = np.where(copies[recordings][:, recordings], values, -np.inf)
    nearest, highest = of_copies.argmax(axis=1), of_copies.max(axis=1)
    values[labels[:, None] != labels] = -np.inf
    few = -np.partition(-values, min(_NEIGHBOURS, len(rows)) - 1, axis=1)[:, :_NEIGHBOURS]
    own = np.where(np.isfinite(few).all(axis=1), few.mean(axis=1), np.nan)
    return _Alike(own, np.where(np.isfinite(highest), highest, np.nan), nearest)


def _flags(rows: Sequence[IndexRow], scores: Array, alike: _Alike, cache: Cache) -> list[list[str]]:
    labels = cache.classes.indices([row.label for row in rows])
    silent = np.array([row.silent for row in rows])
    expected = cache.targets(rows) > 0
    found = {
        "silent": silent,
        "clipped": np.array([row.clipped > MOST_CLIPPED for row in rows]),
        "copy": np.nan_to_num(alike.highest) >= _SAME,
        "unlike": _unlike(labels, np.where(silent, np.nan, alike.own)),
        "called_other": (scores.max(axis=1) >= _SURE)
        & ~expected[np.arange(len(rows)), scores.argmax(axis=1)]
        & ~silent,
    }
    return [[flag for flag in FLAGS if found[flag][place]] for place in range(len(rows))]


def _unlike(labels: Array, own: Array) -> Array:
    found = np.zeros(len(own), bool)
    for label in np.unique(labels):
        places = np.flatnonzero((labels == label) & np.isfinite(own))
        if len(places) >= _ENOUGH:
            least = max(1, round(_UNLIKE_SHARE * len(places)))
            found[places[np.argsort(own[places], kind="stable")[:least]]] = True
    return found


def _right_and_wrong(segments: Sequence[Segment]) -> tuple[list[int], list[int]]:
    """Places of held-out segments to play: those the network is surest of, of different recordings."""
    kinds: tuple[dict[int, int], dict[int, int]] = {}, {}
    by_surest = sorted(range(len(segments)), key=lambda place: -segments[place]["answer"]["score"])
    for place in by_surest:
        segment = segments[place]
        if segment["held_out"] and not segment["birdless"] and "silent" not in segment["flags"]:
            right = segment["answer"]["label"] in (segment["label"], *segment["also"])
            kinds[not right].setdefault(segment["recording"], place)
    right_ones, wrong_ones = (list(kind.values())[:_HEARD] for kind in kinds)
    return right_ones, wrong_ones


def _clips(reading: Reading, rows: Sequence[IndexRow]) -> list[str | None]:
    heard = real_sounds(rows, reading.competition, reading.features, reading.failed, cache=reading.cache)
    return [
        None if samples is None else reading.folder.sound(f"segment-{place + 1:05d}", samples)
        for place, samples in enumerate(heard)
    ]


def _recording(reading: Reading, recording: str, place: int) -> str | None:
    if reading.competition is None:
        return None
    path = recording_path(reading.competition, recording)
    if path is None:
        reading.failed[recording] = "missing"
        return None
    try:
        return reading.folder.recording(f"recording-{place + 1:05d}", path)
    except (AudioError, MemoryError) as error:
        # It was changed since its pictures were made.
        reading.failed[recording] = reason_of(error)
        return None


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
