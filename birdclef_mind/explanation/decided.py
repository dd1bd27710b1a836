"""What the examples' answers rest on: when, and the part of the sound that is kept or taken away, measured."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy
from birdclef_mind.backwards.reconstruction import rounded
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.evidence import maps
from birdclef_mind.evidence.asked import Asked, asked_of
from birdclef_mind.evidence.front import Front
from birdclef_mind.evidence.masks import find_masks
from birdclef_mind.evidence.moments import evidence_a_moment
from birdclef_mind.evidence.where import highest, last_map, where_maps
from birdclef_mind.explanation.card_facts import ExampleCard
from birdclef_mind.explanation.evidence_facts import Decided, Part, Rested, When
from birdclef_mind.explanation.examples import Examples
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.explanation.resting import MASK, WHERE, Parts, Resting, said
from birdclef_mind.sound.pictures import Pictures, samples_to_pictures
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.split import split_samples


def write_decided(
    reading: Reading, twin: Anatomy, chosen: Examples, cards: Sequence[ExampleCard], skipped: dict[str, str]
) -> Rested | None:
    """Write into the cards what their answers rest on, and give how well that is known; None where it cannot be.

    The parts' pictures are written and their sounds asked for. `twin` has random weights, and is a control. `skipped`
    then says why.
    """
    try:
        decided = _Deciding(reading, chosen)
        found = decided.masks()
    except (ConfigError, Obstacle) as error:
        skipped[MASK] = f"What an answer rests on is not shown: {error}."
        return None
    when = decided.when()
    parts, where = decided.parts(found), decided.where(found)
    tops = highest(where[WHERE], reading.features) if where else [None] * len(cards)
    for place, (card, top) in enumerate(zip(cards, tops, strict=True)):
        card["decided"] = decided.card(card["name"], place, found, parts, when[place])
        if top is not None:
            card["decided"]["highest"] = {"at_s": round(top.at_s, 3), "hz": round(top.hz, 1)}
    return decided.measured(found, parts, twin, where)


class _Deciding:
    """One network, asked about its answers to some examples."""

    def __init__(self, reading: Reading, chosen: Examples) -> None:
        self._reading, self._chosen, self._features = reading, chosen, reading.features
        self._anatomy = reading.backwards.anatomy
        self._whole = reading.answer(chosen.pictures.pixels)
        self._second = self._by_second(chosen.pictures)
        self._called = self._whole.argmax(axis=1)
        self._groups = [example.recording for example in chosen.each]
        self._asked = self._asked_of(self._anatomy)
        samples = [example.samples for example in chosen.each]
        self._samples = None if any(one is None for one in samples) else np.stack(samples)  # type: ignore[arg-type]

    def masks(self) -> Array:
        """The part that each answer rests on, (n, n_mels, frames), 0–1."""
        return find_masks(self._asked)

    def when(self) -> list[When]:
        """What each moment adds to each answer; nearly, by silencing it, where an answer is no sum."""
        try:
            found = evidence_a_moment(self._anatomy, self._chosen.pictures.pixels)
        except Obstacle:
            return [{"moments": rounded(one), "exact": False} for one in maps.silenced(self._asked)]
        own = found[np.arange(len(found)), :, self._called]
        return [{"moments": rounded(one, 5), "exact": True, "total": round(float(one.sum()), 4)} for one in own]

    def where(self, masks: Array) -> dict[str, Array]:
        """How much each place speaks for each answer, of masks, (n, n_mels, frames) both; nothing where no layer tells.

        It stands under its method's name.
        """
        try:
            return {WHERE: where_maps(self._asked, self._anatomy, masks)}
        except (ConfigError, Obstacle):
            return {}

    def parts(self, masks: Array) -> Parts:
        """What masks (n, n_mels, frames) keep and remove: of the recordings, or of their pictures alone."""
        samples = None if self._samples is None else split_samples(self._samples, masks, self._features)
        if samples is None:
            kept, removed = self._drawn(masks), self._drawn(1 - masks)
        else:
            kept, removed = (samples_to_pictures(part, self._features) for part in samples)
        scores = self._reading.answer(kept.pixels), self._reading.answer(removed.pixels)
        return Parts((kept, removed), scores, samples)

    def card(self, name: str, place: int, masks: Array, parts: Parts, when: When) -> Decided:
        """What is shown of one example; its pictures are written, and its sounds put in or asked for."""
        folder, bundle = self._reading.folder, self._reading.bundle
        kept, removed = (self._part(name, kind, place, parts) for kind in ("kept", "removed"))
        return {
            "label": bundle.classes.names[self._called[place]],
            "when": when,
            "mask": folder.picture(f"{name}-mask", _seen(255 * masks[place], self._features)),
            "share": round(float(masks[place].mean()), 4),
            "real": parts.samples is not None,
            "kept": kept,
            "removed": removed,
        }

    def measured(self, masks: Array, parts: Parts, twin: Anatomy, known: Mapping[str, Array]) -> Rested:
        """How well masks (n, n_mels, frames), whose parts are known, and each method say it, beside controls.

        `known` are other maps of that shape, by name.
        """
        anatomy = self._anatomy
        resting = Resting(
            asked=self._asked, whole=self._whole, called=self._called, groups=self._groups, features=self._features,
            split=self.parts, same_by_second=lambda own: self._by_second(own.pictures[0]) == self._second,
            steady=True,
        )  # fmt: skip
        ways: dict[str, Callable[[Asked], Array]] = {
            MASK: find_masks,
            "gradient_times_input": maps.gradient_times_input,
            "integrated_gradients": maps.integrated_gradients,
            "grad_cam": lambda asked: maps.grad_cam(asked, anatomy, last_map(anatomy)),
        }
        against = {"twin": lambda asked: find_masks(self._asked_of(twin))}
        return resting.measured(masks, parts, ways, against, known)

    def _asked_of(self, anatomy: Anatomy) -> Asked:
        front = Front(self._features)
        return asked_of(anatomy, front, front.bands(self._chosen.pictures), self._called)

    def _drawn(self, masks: Array) -> Pictures:
        """Pictures of parts, with the scale that their whole would have."""
        drawn = self._asked.front.pictures(self._asked.bands, np.asarray(masks, np.float32)).numpy()[..., 0]
        return Pictures(np.rint(drawn).astype(np.uint8), self._chosen.pictures.scale)

    def _part(self, name: str, kind: str, place: int, parts: Parts) -> Part:
        folder, names = self._reading.folder, self._reading.bundle.classes.names
        number = ("kept", "removed").index(kind)
        pictures = parts.pictures[number]
        pixels, scale = pictures.pixels[place : place + 1], pictures.scale[place]
        sound = (
            folder.sound(f"{name}-{kind}", parts.samples[number][place])
            if parts.samples is not None
            else folder.sound_later(f"{name}-{kind}", pixels[0], float(scale.low[0]), float(scale.width[0]))
        )
        return {
            "picture": folder.picture(f"{name}-{kind}", pixels[0]),
            "sound": sound,
            **said(names, parts.scores[number][place], int(self._called[place])),
            "second": names[int(self._reading.second(pixels)[0].argmax())],
        }

    def _by_second(self, pictures: Pictures) -> Array:
        """What the independent network calls pictures, (n,)."""
        return np.asarray(self._reading.second(pictures.pixels).argmax(axis=1))


def _seen(mask: Array, features: Features) -> Array:
    """A mask (n_mels, frames) as high as a picture; of cepstra, whose rows are no bands, each moment's mean."""
    if features.kind != "mfcc":
        return mask
    return np.broadcast_to(mask.mean(axis=0), (features.rows, mask.shape[1]))
