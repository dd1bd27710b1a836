"""Reading the picture cache: a folder of one PNG a recording, and the tables derived from it.

OUT/<label>/<recording>.png   the pictures, see `strips`; packed, they stand in OUT/<label>.zip, see `archives`
OUT/index.csv                 one row a segment
OUT/cache.json                features, versions, counts; `complete` is false while the work is under way
OUT/failures.csv              recordings that gave no picture, and why; absent when there are none
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.data import strips
from birdclef_mind.data.index import FAILURES as FAILURES
from birdclef_mind.data.index import INDEX as INDEX
from birdclef_mind.data.index import Index, place_of, read_index
from birdclef_mind.data.index import IndexRow as IndexRow
from birdclef_mind.data.index import Sides as Sides
from birdclef_mind.errors import StoreError, reason_of
from birdclef_mind.sound.pictures import Pictures, PixelScale
from birdclef_mind.sound.settings import Cutting, Features
from birdclef_mind.storage import files, folder_kinds
from birdclef_mind.storage.places import ask_each, is_remote
from birdclef_mind.storage.progress import Track, untracked

FACTS = folder_kinds.CACHE
FORMAT = 1
SUFFIX = ".png"


@dataclass(frozen=True, kw_only=True)
class Cache(Index):
    """A complete cache, opened: its facts and its segments; pixels are read on demand."""

    features: Features

    @property
    def cutting(self) -> Cutting:
        """How recordings were cut into these segments."""
        return self.features.cutting

    def strip(self, folder: str, recording: str) -> strips.Strip:
        """All pictures of one recording; StoreError when other features made them, or of another recording."""
        path = picture_path(self.root, folder, recording)
        strip = strips.read(path)
        own = self.features.fingerprint()
        if strip.facts.fingerprint != own:
            raise StoreError(f"{path}: expected fingerprint {own}, got {strip.facts.fingerprint}")
        if strip.facts.source.filename != recording:
            raise StoreError(
                f"{path}: expected the pictures of {recording}, found those of {strip.facts.source.filename}; "
                "run `cache` again"
            )
        return strip

    def source(self, row: IndexRow) -> strips.Source:
        """The sound file that a row's pictures were made of; StoreError for pictures that are missing or broken."""
        return strips.read_facts(picture_path(self.root, row.folder, row.recording)).source

    def pictures(self, rows: Sequence[IndexRow], track: Track = untracked) -> Pictures:
        """Pictures of some rows, in their order; each recording is read once.

        StoreError for pictures that are missing, broken, or not those of this cache's index.
        """
        pixels = np.empty((len(rows), self.features.rows, self.features.frames), np.uint8)
        low, width = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
        places: dict[tuple[str, str], list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault((row.folder, row.recording), []).append(place)
        strips = ask_each(lambda name: self.strip(*name), places, remote=is_remote(self.root))
        read = zip(places.values(), strips, strict=True)
        for wanted, strip in track(read, len(places), "reading pictures"):
            segments = [rows[place].segment for place in wanted]
            _require_segments(self.root, [rows[place] for place in wanted], strip)
            pixels[wanted] = strip.pixels[segments]
            low[wanted] = [strip.facts.low[segment] for segment in segments]
            width[wanted] = [strip.facts.width[segment] for segment in segments]
        return Pictures(pixels, PixelScale(low, width))


def _require_segments(root: Path, rows: Sequence[IndexRow], strip: strips.Strip) -> None:
    """Refuse pictures that were made since the index was written, such as those of another cache."""
    starts_s = strip.facts.starts_s
    for row in rows:
        if not row.is_among(starts_s):
            path = picture_path(root, row.folder, row.recording)
            raise StoreError(
                f"{path}: expected segment {row.segment} at {row.start_s:g} s, as {INDEX} says, "
                f"found {len(starts_s)} that begin elsewhere; run `cache` again"
            )


def picture_path(root: Path, label: str, recording: str) -> Path:
    """Where a recording's picture stands, see `place_of`."""
    return place_of(root, label, recording, SUFFIX)


def open_cache(root: Path) -> Cache:
    """Open a complete cache; StoreError says what is missing."""
    facts = files.read_facts(root, FACTS, "a cache", StoreError, FORMAT)
    if not facts.get("complete"):
        raise StoreError(
            f"{root}: expected a complete cache; its making was interrupted, run `cache` again to finish it"
        )
    try:
        features = Features.from_dict(facts["features"])
        if facts["fingerprint"] != features.fingerprint():
            raise StoreError(f"{root}: holds pictures of another version of this program; run `cache` again")
        return Cache(features=features, **vars(read_index(root, facts, "cache")))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise StoreError(
            f"{root / INDEX}: expected the index of a cache, got {reason_of(error)}; run `cache` again"
        ) from error
