"""Test yourself: which bird is it, by the sound a layer still gives of a recording the network never learned from."""

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.index import IndexRow
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation.folder import QUICK_ROUNDS
from birdclef_mind.sound.audio import wav_bytes
from birdclef_mind.sound.pictures import Pictures, pictures_to_samples
from birdclef_mind.studio.lessons import Lessons
from birdclef_mind.studio.quick import Quick

FEATURES = "features"
_OFFERED = 4
_REMEMBERED = 200


@dataclass(frozen=True)
class Question:
    """One clip: from which stage of the network it sounds, which bird it is, and what the network calls the same."""

    stage: str
    truth: str
    network: str
    sound: bytes
    offered: tuple[str, ...]


@dataclass
class Tally:
    """How often somebody, and the network, was right at a stage."""

    asked: int = 0
    person: int = 0
    network: int = 0


@dataclass
class BlindTest:
    """Questions one after the other; what is true is told when one is answered."""

    lessons: Lessons
    tallies: dict[str, Tally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        held_out = set(self.lessons.mind.bundle.record.validation_recordings)
        known = [row for row in self.lessons.rows if not row.also]
        self._rows = [row for row in known if row.recording in held_out] or known
        self._open: dict[int, Question] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._rng = np.random.default_rng()

    def ask(self) -> tuple[int, Question]:
        """A new question, and its number; ConfigError where there is nothing to ask about."""
        if not self._rows or len(self.lessons.cache.classes) < 2:
            raise ConfigError("expected recordings of two birds at least, to ask about")
        with self._lock:
            row = self._rows[int(self._rng.integers(len(self._rows)))]
            taps = self.lessons.mind.backwards.taps
            stage = int(self._rng.integers(len(taps) + 1)) - 1
            others = [name for name in self.lessons.cache.classes.names if name != row.label]
            offered = [row.label, *self._rng.permutation(others)[: _OFFERED - 1]]
            offered = [str(name) for name in self._rng.permutation(offered)]
            self._number += 1
            number = self._number
        question = self._made(row, stage, offered)
        with self._lock:
            self._open[number] = question
            for old in list(self._open)[:-_REMEMBERED]:
                del self._open[old]
        return number, question

    def take(self, number: int) -> Question:
        """A question that is not answered yet; ConfigError for another."""
        with self._lock:
            if number not in self._open:
                raise ConfigError(f"question: expected one that is not answered yet, got number {number}")
            return self._open[number]

    def answer(self, number: int, label: str) -> dict[str, Any]:
        """What is true, and how it stands; ConfigError for a question that is answered already, or another bird."""
        question = self.take(number)
        if label not in question.offered:
            raise ConfigError(f"bird: expected one of those on offer, got {label!r}")
        with self._lock:
            self._open.pop(number, None)
            tally = self.tallies.setdefault(question.stage, Tally())
            tally.asked += 1
            tally.person += label == question.truth
            tally.network += question.network == question.truth
        return {
            "right": label == question.truth, "truth": question.truth, "network": question.network,
            "stage": question.stage, "tallies": {stage: vars(one) for stage, one in self.tallies.items()},
        }  # fmt: skip

    def _made(self, row: IndexRow, stage: int, offered: list[str]) -> Question:
        mind, cache = self.lessons.mind, self.lessons.cache
        own = cache.pictures([row])
        pixels: Array = own.pixels.astype(np.float32)
        name = FEATURES
        if stage >= 0:
            name = mind.backwards.taps[stage].name
            _, pixels = Quick(mind.backwards, pixels).best(stage)
        sound = pictures_to_samples(Pictures(pixels, own.scale), cache.features, rounds=QUICK_ROUNDS)[0]
        called = mind.bundle.classes.names[int(mind.answer.chances(pixels).argmax())]
        return Question(name, row.label, called, wav_bytes(sound, cache.features.sample_rate_hz), tuple(offered))
