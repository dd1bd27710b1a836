"""What a listener's answers rest on: the part of a sound kept or taken away, found with gradients or without."""

from collections.abc import Callable, Sequence

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.reconstruction import rounded
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.evidence import maps
from birdclef_mind.evidence.asked_ears import AskedEars
from birdclef_mind.evidence.masks import find_masks, least_masks
from birdclef_mind.explanation.card_facts import ExampleCard
from birdclef_mind.explanation.evidence_facts import Decided, Part, Rested
from birdclef_mind.explanation.listener_reading import ListenerReading
from birdclef_mind.explanation.listener_ways import ListenerMind
from birdclef_mind.explanation.resting import MASK, Parts, Resting, said
from birdclef_mind.explanation.sound_judges import Sounded
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.split import split_samples

_SURROGATE = "surrogate"
# Windows whose masks are sought together: more take more memory, fewer are compiled for more often.
_TOGETHER = 6
# Parts a surrogate takes a window apart into, and how often some of them are kept: every try is heard.
_PATCHES, _TRIES = (8, 16), 160


def write_listener_decided(
    mind: ListenerMind, own: Sounded, cards: Sequence[ExampleCard], skipped: dict[str, str]
) -> Rested | None:
    """Write into the cards what a listener's answers rest on, and give how well that is known; None where it cannot be.

    Pictures and sounds are written; `skipped` then says why not.
    """
    deciding = _Deciding(mind, own, [card["recording"] for card in cards])
    try:
        found = deciding.masks()
    except (ConfigError, Obstacle) as error:
        skipped[MASK] = f"What an answer rests on is not shown: {error}."
        return None
    parts = deciding.parts(found)
    for place, card in enumerate(cards):
        card["decided"] = deciding.card(card, place, found, parts)
    return deciding.measured(found, parts)


class _Deciding:
    """One listener, asked about its answers to some windows."""

    def __init__(self, mind: ListenerMind, own: Sounded, groups: Sequence[str]) -> None:
        self._mind, self._reading, self._own, self._groups = mind, mind.reading, own, groups
        self._whole = self._reading.listener.scores(own.samples)
        self._called = self._whole.argmax(axis=1)
        self._asked = self._asked_of(self._reading)
        self._find = find_masks if self._asked.read is not None else _by_surrogate

    def masks(self) -> Array:
        """The part that each answer rests on, (n, n_mels, frames), 0–1."""
        return self._find(self._asked)

    def parts(self, masks: Array) -> Parts:
        """What masks (n, n_mels, frames) keep of the windows, and what they remove."""
        features, listener = self._reading.features, self._reading.listener
        kept, removed = split_samples(self._own.samples, masks, features)
        pictures = samples_to_pictures(kept, features), samples_to_pictures(removed, features)
        return Parts(pictures, (listener.scores(kept), listener.scores(removed)), (kept, removed))

    def card(self, card: ExampleCard, place: int, masks: Array, parts: Parts) -> Decided:
        """What is shown of one window; its pictures and sounds are written."""
        name, folder = card["name"], self._reading.folder
        silenced = maps.silenced(self._asked.some(slice(place, place + 1))) if "when" not in card else None
        kept, removed = (self._part(name, kind, place, parts) for kind in ("kept", "removed"))
        return {
            "label": self._reading.names[self._called[place]],
            "when": card["when"] if silenced is None else {"moments": rounded(silenced[0]), "exact": False},
            "mask": folder.picture(f"{name}-mask", 255 * masks[place]),
            "share": round(float(masks[place].mean()), 4),
            "real": True,
            "kept": kept,
            "removed": removed,
        }

    def measured(self, masks: Array, parts: Parts) -> Rested:
        """How well masks (n, n_mels, frames), whose parts are known, and each method say it, beside controls."""
        features, twin = self._reading.features, self._mind.twin
        resting = Resting(
            asked=self._asked, whole=self._whole, called=self._called, groups=self._groups, features=features,
            split=self.parts, same_by_second=None, steady=False,
        )  # fmt: skip
        ways: dict[str, Callable[[AskedEars], Array]] = {MASK: self._find}
        if self._find is find_masks:
            ways[_SURROGATE] = _surrogate
        against: dict[str, Callable[[AskedEars], Array]] = {}
        if twin is not None:
            against["twin"] = lambda asked: self._find(self._asked_of(twin))
        return resting.measured(masks, parts, ways, against, {})

    def _asked_of(self, reading: ListenerReading) -> AskedEars:
        listener = reading.listener
        return AskedEars(
            hear=lambda samples: listener.hear(samples).logits, read=listener.logits_reader(),
            exclusive=listener.answer == "softmax", samples=self._own.samples, wanted=self._called,
            features=reading.features, together=_TOGETHER,
        )  # fmt: skip

    def _part(self, name: str, kind: str, place: int, parts: Parts) -> Part:
        folder, number = self._reading.folder, ("kept", "removed").index(kind)
        samples = parts.samples
        return {
            "picture": folder.picture(f"{name}-{kind}", parts.pictures[number].pixels[place]),
            "sound": folder.sound(f"{name}-{kind}", samples[number][place]) if samples is not None else "",
            **said(self._reading.names, parts.scores[number][place], int(self._called[place])),
            "second": None,
        }


def _surrogate(asked: AskedEars) -> Array:
    return maps.surrogate(asked, _PATCHES, tries=_TRIES)


def _by_surrogate(asked: AskedEars) -> Array:
    return least_masks(asked, _surrogate(asked))
