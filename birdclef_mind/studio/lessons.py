"""What to listen to next: segments of the training data, the least sure or most suspicious first, or more like one."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.audit.measured import own_vectors
from birdclef_mind.audit.suspicion import Suspicion
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.overrides import corrected
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.explanation.folder import QUICK_ROUNDS, Folder
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.explanation.suspects import find_suspects
from birdclef_mind.sound.audio import wav_bytes
from birdclef_mind.sound.pictures import pictures_to_samples
from birdclef_mind.studio.marks import Key, Mark, Marks
from birdclef_mind.studio.mind import Mind
from birdclef_mind.studio.works import Work

UNSURE, SUSPICIOUS, IN_ORDER = ORDERS = ("unsure", "suspicious", "in order")
_TOGETHER = 512


@dataclass
class Scanned:
    """What a network makes of all segments: chances of their labels, (n,), what it hears, (n,), vectors of length 1."""

    sure: Array
    named: Array
    vectors: Array


@dataclass
class Lessons:
    """The segments of a cache as an expert goes through them.

    `suspicions` says of some of which kind their suspicion is, and why, the likeliest first, once the audit is done.
    """

    mind: Mind
    cache: Cache
    marks: Marks
    competition: Path | None
    scanned: Scanned | None = None
    suspicions: dict[int, Suspicion] | None = None
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = tuple(row for row in self.cache.rows if row.label and not row.silent)
        self._starts = self.cache.features.windowing.start_s
        self._names = self.cache.common_names

    def key(self, place: int) -> Key:
        """How a segment is named in corrections."""
        row = self.rows[place]
        return row.recording, self._starts(row.segment)

    def scan(self, work: Work) -> Iterator[dict[str, Any]]:
        """Let the network hear all segments once, a few at a time."""
        sure, named, vectors = [], [], []
        truth = self.mind.bundle.classes.indices([row.label for row in self.rows])
        parts = range(0, len(self.rows), _TOGETHER)
        for start in work.track(parts, len(parts), "segments"):
            own = slice(start, start + _TOGETHER)
            pixels = self.cache.pictures(self.rows[own]).pixels
            chances = self.mind.answer.chances(pixels.astype(np.float32))
            sure.append(chances[np.arange(len(chances)), truth[own]])
            named.append(chances.argmax(axis=1))
            found = own_vectors(self.mind.backwards.anatomy, pixels)
            vectors.append(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))
        self.scanned = Scanned(np.concatenate(sure), np.concatenate(named), np.concatenate(vectors).astype(np.float32))
        yield {"segments": len(self.rows)}

    def look_through(self, work: Work) -> Iterator[dict[str, Any]]:
        """Audit all segments: what may be wrong with them, and why."""
        places = {(row.recording, row.segment): place for place, row in enumerate(self.rows)}
        backwards, answer = self.mind.backwards, self.mind.answer.chances
        asked = corrected(self.cache, self.mind.bundle.record.overrides)
        with tempfile.TemporaryDirectory() as root:
            reading = Reading(
                bundle=self.mind.bundle, cache=asked, folder=Folder(Path(root), self.cache.features),
                backwards=backwards, answer=answer, second=answer, competition=self.competition, failed=self.failed,
            )  # fmt: skip
            pixels = self.cache.pictures(self.rows, work.track).pixels
            found = find_suspects(reading, self.mind.folder, self.rows, pixels, track=work.track)
        suspicions: dict[int, Suspicion] = {}
        for suspicion in found.now:
            for row in suspicion.rows:
                place = places.get((row.recording, row.segment))
                if place is not None:
                    suspicions.setdefault(place, suspicion)
        self.suspicions = suspicions
        yield {"suspicions": len(suspicions)}

    def queue(self, order: str, words: str = "", most: int = 100, *, unheard: bool = True) -> list[dict[str, Any]]:
        """Segments in an order, as a browser shows them; those of birds and recordings with such words in them."""
        places = [place for place in self._order(order) if self._answers(place, words)]
        if unheard:
            said = self.marks.all()
            places = [place for place in places if self.key(place) not in said]
        return [self.told(place) for place in places[:most]]

    def like(self, place: int, most: int = 60) -> list[dict[str, Any]]:
        """The segments of other recordings that the network hears most alike, nearest first; none before the scan."""
        if self.scanned is None:
            return []
        near = self.scanned.vectors @ self.scanned.vectors[place]
        order = [int(one) for one in np.argsort(-near, kind="stable")]
        others = [one for one in order if self.rows[one].recording != self.rows[place].recording]
        return [{**self.told(one), "near": round(float(near[one]), 3)} for one in others[:most]]

    def told(self, place: int) -> dict[str, Any]:
        """One segment as a browser shows it, with what was said of it."""
        row, (recording, start_s) = self.rows[place], self.key(place)
        suspicion = (self.suspicions or {}).get(place)
        told: dict[str, Any] = {
            "place": place, "recording": recording, "window_s": start_s, "start_s": row.start_s, "label": row.label,
            "bird": self._called(row.label), "also": list(row.also), "mark": self.mark((recording, start_s)),
            "kind": suspicion.kind if suspicion else "", "reason": suspicion.reason if suspicion else "",
        }  # fmt: skip
        if self.scanned is not None:
            heard = self.mind.bundle.classes.names[int(self.scanned.named[place])]
            told |= {"sure": round(float(self.scanned.sure[place]), 3), "heard": self._called(heard)}
        return told

    def mark(self, key: Key) -> dict[str, Any]:
        """What was said of a segment, as a browser takes it."""
        own: Mark = self.marks.of(key)
        return {**vars(own), "also": list(own.also)}

    def sound(self, place: int) -> bytes:
        """A segment as WAV: as it was recorded, or made of its picture where the recording is not at hand."""
        row, features = self.rows[place], self.cache.features
        (samples,) = real_sounds([row], self.competition, features, self.failed, cache=self.cache)
        if samples is None:
            samples = pictures_to_samples(self.cache.pictures([row]), features, rounds=QUICK_ROUNDS)[0]
        return wav_bytes(samples, features.sample_rate_hz)

    def _order(self, order: str) -> Sequence[int]:
        if order == UNSURE and self.scanned is not None:
            return [int(place) for place in np.argsort(self.scanned.sure, kind="stable")]
        if order == SUSPICIOUS and self.suspicions is not None:
            return list(self.suspicions)
        return range(len(self.rows))

    def _answers(self, place: int, words: str) -> bool:
        row: IndexRow = self.rows[place]
        text = f"{row.recording} {row.label} {self._called(row.label)}".casefold()
        return all(word in text for word in words.casefold().split())

    def _called(self, label: str) -> str:
        return self._names.get(label) or label
