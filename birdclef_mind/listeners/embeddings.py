"""Reading embeddings: a folder of one file a recording, and the tables derived from them.

OUT/<label>/<recording>.npz   what the listener made of a recording, see `embedding_files`
OUT/index.csv                 one row a segment
OUT/embeddings.json           listener, its species, hearing, counts; `complete` is false while the work is under way
OUT/failures.csv              recordings that gave none, and why; absent when there are none
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import INDEX, Index, IndexRow, place_of, read_index
from birdclef_mind.data.strips import Source
from birdclef_mind.errors import ConfigError, ListenerError, StoreError, reason_of
from birdclef_mind.listeners import embedding_files
from birdclef_mind.listeners.hearing import Hearing
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.sound.settings import Cutting, Windowing
from birdclef_mind.storage import files, folder_kinds
from birdclef_mind.storage.places import ask_each, is_remote
from birdclef_mind.storage.progress import Track, untracked

FACTS = folder_kinds.EMBEDDINGS
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class HeardBy:
    """Who heard, and how: what is kept with all that follows from it, since the listener itself is not.

    Attributes
    ----------
    name, kind, digest, licence : of the listener. answer : what its logits mean. hearing : how it heard segments.
    match : which of its species stand for the classes. rate_hz, reach_s : of the sound of a segment.
    """

    name: str
    kind: str
    digest: str
    licence: str
    answer: str
    rate_hz: int
    reach_s: float
    hearing: Hearing
    match: Match

    @classmethod
    def of(cls, listener: Listener, hearing: Hearing, match: Match) -> Self:
        """A listener that hears in a way, with its counterparts of the classes."""
        cutting = hearing.cutting(listener)
        return cls(
            name=listener.name, kind=listener.kind, digest=listener.digest, licence=listener.terms.licence,
            answer=listener.answer, rate_hz=listener.rate_hz, reach_s=cutting.reach_s, hearing=hearing, match=match,
        )  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as `dataclasses.asdict` gives them; KeyError or TypeError for others."""
        own = dict(values)
        hearing, match = own.pop("hearing"), own.pop("match")
        return cls(
            **own,
            hearing=Hearing(windowing=Windowing(**hearing["windowing"]), shifts=hearing["shifts"]),
            match=Match(tuple(match["labels"]), tuple(map(tuple, match["places"])), tuple(match["by_genus"])),
        )

    @property
    def cutting(self) -> Cutting:
        """How recordings were cut."""
        return Cutting(sample_rate_hz=self.rate_hz, windowing=self.hearing.windowing, reach_s=self.reach_s)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that differ whenever embeddings would differ, whatever the listener is called."""
        heard = {name: value for name, value in asdict(self).items() if name not in ("name", "licence")}
        return str(files.sealed(heard)["sha256"])[:16]

    def require(self, listener: Listener) -> None:
        """Raise ListenerError for another listener than the one that was heard with."""
        if listener.digest != self.digest:
            raise ListenerError(
                f"{listener.name}: expected the model that the embeddings were made with, {self.name} of digest "
                f"{self.digest[:16]}…, got one of {listener.digest[:16]}…; run `embed` and `train` again"
            )


@dataclass(frozen=True, kw_only=True)
class Embeddings(Index):
    """Embeddings of a competition, opened: what they are, and their segments; arrays are read on demand."""

    heard_by: HeardBy

    @property
    def cutting(self) -> Cutting:
        """How recordings were cut into these segments."""
        return self.heard_by.cutting

    def arrays(self, rows: Sequence[IndexRow], track: Track = untracked) -> "Arrays":
        """What was heard in some segments, in their order; each recording is read once.

        StoreError for files that are missing, broken, or not those of this index.
        """
        places: dict[tuple[str, str], list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault((row.folder, row.recording), []).append(place)
        found = ask_each(lambda name: self._read(*name), places, remote=is_remote(self.root))
        embeddings: list[Array] = [np.zeros(0)] * len(rows)
        opinion: list[Array] = [np.zeros(0)] * len(rows)
        read = zip(places.items(), found, strict=True)
        for ((folder, recording), wanted), own in track(read, len(places), "reading embeddings"):
            for place in wanted:
                row = rows[place]
                if not row.is_among(own.facts.starts_s):
                    path = self._path(folder, recording)
                    raise StoreError(f"{path}: expected segment {row.segment} at {row.start_s:g} s; run `embed` again")
                embeddings[place], opinion[place] = own.embeddings[row.segment], own.opinion[row.segment]
        if not rows:
            return Arrays(np.zeros((0, 0, 0), np.float32), np.zeros((0, 0, len(self.heard_by.match.known)), np.float32))
        return Arrays(np.stack(embeddings).astype(np.float32), np.stack(opinion).astype(np.float32))

    def source(self, row: IndexRow) -> Source:
        """The sound file that was heard for a row; StoreError for embeddings that are missing or broken."""
        return embedding_files.read_facts(self._path(row.folder, row.recording)).source

    def require_same_sounds(self, cache: Cache) -> None:
        """Raise StoreError where recordings of a cache were heard in other files than its pictures were made of."""
        first = {(row.folder, row.recording): row for row in reversed(cache.rows)}
        mine = {(row.folder, row.recording) for row in self.rows}
        shared = [row for name, row in first.items() if name in mine]
        own, others = (
            ask_each(self.source, shared, remote=is_remote(self.root)),
            ask_each(cache.source, shared, remote=is_remote(cache.root)),
        )
        for row, heard, seen in zip(shared, own, others, strict=True):
            if heard.sha256 != seen.sha256:
                raise StoreError(
                    f"{self.root}: expected what was heard in the sounds of {cache.root}, found another "
                    f"{row.recording}; run `embed` again"
                )

    def _path(self, folder: str, recording: str) -> Path:
        return place_of(self.root, folder, recording, embedding_files.SUFFIX)

    def _read(self, folder: str, recording: str) -> embedding_files.Embedded:
        path = self._path(folder, recording)
        found = embedding_files.read(path)
        own = self.heard_by.fingerprint()
        if found.facts.fingerprint != own or found.facts.source.filename != recording:
            raise StoreError(
                f"{path}: expected embeddings of {recording} by {own}, found those of "
                f"{found.facts.source.filename} by {found.facts.fingerprint}; run `embed` again"
            )
        return found


@dataclass(frozen=True)
class Arrays:
    """What was heard: embeddings (segments, windows, numbers), and opinion (segments, windows, known), float32."""

    embeddings: Array
    opinion: Array


def open_embeddings(root: Path) -> Embeddings:
    """Open complete embeddings; StoreError says what is missing."""
    facts = files.read_facts(root, FACTS, "embeddings", StoreError, FORMAT)
    if not facts.get("complete"):
        raise StoreError(
            f"{root}: expected complete embeddings; their making was interrupted, run `embed` again to finish it"
        )
    try:
        heard_by = HeardBy.from_dict(facts["heard_by"])
        if facts["fingerprint"] != heard_by.fingerprint():
            raise StoreError(f"{root}: holds embeddings of another version of this program; run `embed` again")
        return Embeddings(heard_by=heard_by, **vars(read_index(root, facts, "embed")))
    except (OSError, KeyError, ValueError, TypeError, ConfigError) as error:
        raise StoreError(
            f"{root / INDEX}: expected the index of embeddings, got {reason_of(error)}; run `embed` again"
        ) from error
