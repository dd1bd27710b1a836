"""How well a mask says what answers rest on: measured in one way, whoever gave the answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import Interval, with_interval
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.evidence import controls, measures
from birdclef_mind.evidence.asked import Asking
from birdclef_mind.explanation.evidence_facts import Rested, Said
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.sound.settings import Features

MASK, WHERE = "mask", "where"
# Of deletion and insertion curves.
_POINTS = 6
# Fewer places would be no sound to compare by.
_LEAST_SHARE = 0.02
# How much later a sound comes where it is asked whether a map moves with it.
_LATER_S = 0.25

_Asking = TypeVar("_Asking", bound=Asking)


@dataclass(frozen=True)
class Parts:
    """What is kept and what is removed of each example.

    Attributes
    ----------
    pictures, scores : of both, the scores (n, classes). samples : (n, segment_samples) where the recordings are at
        hand.
    """

    pictures: tuple[Pictures, Pictures]
    scores: tuple[Array, Array]
    samples: tuple[Array, Array] | None


@dataclass(frozen=True, kw_only=True)
class Resting(Generic[_Asking]):
    """Answers to some recordings, and whoever can be asked about parts of them.

    Attributes
    ----------
    whole : scores of the recordings, (n, classes). called : the class each is called, (n,). groups : recording of each.
    split : from masks (n, n_mels, frames) to what they keep and remove.
    same_by_second : whether an independent network calls the kept part as it called the whole, (n,); None without one.
    steady : whether it is also asked how maps move with the sound, for which each method is needed twice.
    """

    asked: _Asking
    whole: Array
    called: Array
    groups: Sequence[str]
    features: Features
    split: Callable[[Array], Parts]
    same_by_second: Callable[[Parts], Array] | None
    steady: bool

    def measured(
        self,
        masks: Array,
        parts: Parts,
        ways: Mapping[str, Callable[[_Asking], Array]],
        against: Mapping[str, Callable[[_Asking], Array]],
        known: Mapping[str, Array],
    ) -> Rested:
        """How well masks (n, n_mels, frames), whose parts are known, and each method say it, beside controls.

        Parameters
        ----------
        ways : methods by name, which give maps (n, n_mels, frames), the first of them the masks.
        against : controls by name, which give maps (n, n_mels, frames), beside those that every one has.
        known : other maps (n, n_mels, frames) by name, of which nobody asks how they move with the sound.
        """
        share, notes = max(_LEAST_SHARE, float(masks.mean())), []
        own: dict[str, dict[str, Interval]] = {}
        for number, (name, way) in enumerate(ways.items()):
            try:
                found = way(self.asked) if number else masks
                kept = self.split(measures.strongest(found, share)) if number else parts
                own[name] = self._measures(kept, found, way)
            except (ConfigError, Obstacle) as error:
                notes.append(f"{name}: {error}")
        for name, found in known.items():
            own[name] = self._measures(self.split(measures.strongest(found, share)), found, None)
        every: dict[str, Callable[[_Asking], Array]] = {
            "loudness": lambda asked: controls.loudness_maps(asked.bands, self.features),
            "random": lambda asked: controls.random_maps(asked.bands.shape),
        }
        if len(set(self.groups)) > 1:
            every = {"another": lambda asked: controls.anothers(masks, self.groups), **every}
        others = {}
        for name, control in {**against, **every}.items():
            found = control(self.asked)
            others[name] = self._measures(self.split(measures.strongest(found, share)), found, None)
        return {"segments": len(masks), "share": round(share, 4), "methods": own, "controls": others, "notes": notes}

    def _measures(self, parts: Parts, found: Array, way: Callable[[_Asking], Array] | None) -> dict[str, Interval]:
        """Means with intervals of what is kept and removed, and of the maps (n, n_mels, frames) that say so."""
        values: dict[str, Any] = dict(measures.faithfulness(self.whole, *parts.scores, self.called))
        if self.same_by_second is not None:
            values["same_by_second"] = self.same_by_second(parts)
        values["gini"], values["entropy"] = measures.gini(found), measures.entropy(found)
        deleted, inserted = measures.curves(found, self.asked.chances, _POINTS)
        values["deletion"], values["insertion"] = measures.area_under(deleted), measures.area_under(inserted)
        if way is not None and self.steady:
            later = round(_LATER_S * self.features.sample_rate_hz / self.features.hop_samples)
            values["stability"] = measures.stability(found, way, self.asked, later)
        return {name: with_interval(np.asarray(one, float), self.groups) for name, one in values.items()}


def said(names: Sequence[str], scores: Array, asked_about: int) -> Said:
    """What a part with these scores (classes,) is called, and its score for the class it was asked about."""
    called = int(scores.argmax())
    return {
        "called": names[called],
        "called_score": round(float(scores[called]), 4),
        "score": round(float(scores[asked_about]), 4),
    }
