"""Soft labels as a page: for each bird windows of the soundscapes that it was taken to be in, to play in a browser."""

import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import jinja2
import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.competition import recording_path
from birdclef_mind.errors import printable
from birdclef_mind.storage.places import is_remote
from birdclef_mind.training.soft_labels import SoftLabels

# Of each bird: the surest windows, and those in which it is about as likely as not.
_SUREST, _DOUBTFUL = 6, 3
_PAGE = "soft_page.html"


class _Window(NamedTuple):
    recording: str
    start_s: float
    chance: float
    sound: str


class _Bird(NamedTuple):
    name: str
    total: float
    windows: int
    shown: list[_Window]


def soft_page(labels: SoftLabels, folder: Path) -> str:
    """The page, in HTML, to stand in a folder; windows are played from the soundscapes where they lie."""
    text = (resources.files("birdclef_mind.training") / _PAGE).read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(text)
    birds = list(_birds(labels, folder))
    heard = any(one.sound for bird in birds for one in bird.shown)
    return template.render(windows=len(labels.rows), birds=birds, heard=heard)


def _birds(labels: SoftLabels, folder: Path) -> Iterator[_Bird]:
    cache = labels.soundscapes.cache
    totals = labels.chances.sum(axis=0, dtype=float)
    for place in np.argsort(-totals, kind="stable")[: np.count_nonzero(totals)]:
        label, own = cache.classes.names[place], labels.chances[:, place]
        shown = [_window(labels, number, float(own[number]), folder) for number in _shown(own)]
        name = cache.common_names.get(label)
        yield _Bird(f"{name} ({label})" if name else label, float(totals[place]), int(np.count_nonzero(own)), shown)


def _shown(chances: Array) -> list[int]:
    """Places of the windows that are shown of one bird's chances (windows,): the surest, then those in doubt."""
    there = np.flatnonzero(chances)
    surest = there[np.argsort(-chances[there], kind="stable")][:_SUREST]
    others = np.setdiff1d(there, surest)
    return [*surest, *others[np.argsort(np.abs(chances[others] - 0.5), kind="stable")][:_DOUBTFUL]]


def _window(labels: SoftLabels, number: int, chance: float, folder: Path) -> _Window:
    row, cache = labels.rows[number], labels.soundscapes.cache
    path = recording_path(cache.competition, row.recording)
    sound = ""
    if path and not is_remote(path):
        # A browser plays a part of a file that is named so: W3C, "Media Fragments URI 1.0", section 4.2.1.
        end_s = row.start_s + cache.features.windowing.length_s
        near = os.path.relpath(path.resolve(), folder.resolve())
        sound = f"{quote(os.fsencode(near))}#t={row.start_s:g},{end_s:g}"
    return _Window(printable(row.recording), row.start_s, chance, sound)
