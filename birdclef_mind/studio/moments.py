"""A moment that somebody clicked: how it looks and sounds, what is heard in it, what each layer still knows of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.fidelity import correlations
from birdclef_mind.backwards.metamers import make_metamers
from birdclef_mind.backwards.reconstruction import METAMER, NEAREST
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.data.strips import grey_png
from birdclef_mind.errors import BirdclefMindError, reason_of
from birdclef_mind.evidence.asked import Asked, asked_of
from birdclef_mind.evidence.front import Front
from birdclef_mind.evidence.masks import find_masks
from birdclef_mind.evidence.where import highest, where_maps
from birdclef_mind.explanation.folder import QUICK_ROUNDS
from birdclef_mind.sound.audio import wav_bytes
from birdclef_mind.sound.pictures import Pictures, pictures_to_samples, samples_to_pictures
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import hz_to_height
from birdclef_mind.sound.split import split_samples
from birdclef_mind.studio.ears import Ear
from birdclef_mind.studio.mind import Mind, likeliest
from birdclef_mind.studio.quick import Quick
from birdclef_mind.studio.shelf import Shelf
from birdclef_mind.studio.works import Work

_OTHERS = 64
# Where a browser finds what stands on the shelf.
MADE = "made"


@dataclass(frozen=True)
class Shown:
    """Puts pictures and sounds on a shelf, and gives what a browser needs to show them."""

    shelf: Shelf

    def picture(self, pixels: Pixels) -> str:
        """A picture, pixels (rows, frames), 0–255."""
        whole = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        return f"{MADE}/{self.shelf.put(grey_png(whole), 'image/png')}"

    def sound(self, samples: Array, rate_hz: int) -> str:
        """A sound, its samples (n,); quieter as a whole where it would clip."""
        return f"{MADE}/{self.shelf.put(wav_bytes(samples, rate_hz), 'audio/wav')}"

    def both(self, pictures: Pictures, features: Features) -> dict[str, str]:
        """A picture, the first of some, and the sound that is made of it, its phase invented."""
        sound = pictures_to_samples(pictures, features, rounds=QUICK_ROUNDS)[0]
        return {"picture": self.picture(pictures.pixels[0]), "sound": self.sound(sound, features.sample_rate_hz)}


def answers(ears: Sequence[Ear], samples: Array, rate_hz: int, most: int = 5) -> list[dict[str, Any]]:
    """What every ear names in a window's samples (n,); longer ones are heard by some in their middle."""
    found = []
    for ear in ears:
        length = min(samples.size, round(ear.length_s * rate_hz))
        begin = (samples.size - length) // 2
        chances = ear.chances(samples[None, begin : begin + length], rate_hz)
        named = [(bird, chance) for bird, chance in likeliest(chances, ear.birds, most)[0] if chance >= 0.005]
        found.append({"ear": ear.name, "birds": named})
    return found


@dataclass(frozen=True)
class Looked:
    """A window that is looked into, by one network: its `samples` (segment_samples,), and where what is made is put."""

    mind: Mind
    samples: Array
    shown: Shown

    @cached_property
    def pictures(self) -> Pictures:
        """The window as the network sees it."""
        return samples_to_pictures(self.samples[None], self.mind.bundle.features)

    @cached_property
    def pixels(self) -> Array:
        """The same, (1, rows, frames), float32, 0–255."""
        return self.pictures.pixels.astype(np.float32)

    @cached_property
    def quick(self) -> Quick:
        """The window read backwards from each tap."""
        return Quick(self.mind.backwards, self.pixels)

    @property
    def activations(self) -> list[Array]:
        """What the network makes of it at each of its taps, (1, …) each."""
        return self.quick.activations

    def named(self, pictures: Array) -> list[tuple[str, float]]:
        """What the network names in a picture made of it, (1, rows, frames); nothing where it is silent."""
        return self.mind.answer.named(pictures)[0] if self.pictures.scale.width[0] > 0 else []

    def told(self, tap: str, method: str, picture: Array) -> dict[str, Any]:
        """One reconstruction, picture (1, rows, frames): shown, heard again, measured, beside others as a control."""
        again = np.asarray(picture, np.float32)
        made = self.shown.both(Pictures(picture, self.pictures.scale), self.mind.bundle.features)
        told: dict[str, Any] = {"tap": tap, "method": method, **made}
        told |= {"names": self.named(again), "alike": _alike(again, self.pixels)}
        library = self.mind.control
        if library is not None:
            others = library.pixels[:_OTHERS].astype(np.float32)
            control = correlations(np.broadcast_to(again, others.shape), others)
            told["others"] = round(float(np.nanmean(control)), 3)
        return told


def layers(looked: Looked, work: Work) -> Iterator[dict[str, Any]]:
    """What could be recovered from each layer of a window, the first layer first.

    Each with what the network names in it again, and how alike it is: to this window, to others, and, as a second
    control, how alike what the same network keeps of it without having learned anything.
    """
    untaught = Quick(looked.mind.twin, looked.pixels)
    taps = looked.mind.backwards.taps
    for place, tap in enumerate(work.track(taps, len(taps), "layers")):
        told = looked.told(tap.name, *looked.quick.best(place))
        _, control = untaught.best(place)
        yield {**told, "twin": _alike(control, looked.pixels)}


def alike(looked: Looked, competition: Path | None, work: Work) -> Iterator[dict[str, Any]]:
    """For each layer the real recording of the training data that it finds most alike, with its own sound."""
    mind, features = looked.mind, looked.mind.bundle.features
    library, cache = mind.library(work.track), mind.cache
    if library is None or cache is None:
        return
    for tap, activation in zip(mind.backwards.taps, looked.activations, strict=True):
        place = int(library.nearest(tap.name, activation, [""], 1).places[0, 0])
        if place < 0:
            continue
        row = mind.known[place]
        told = looked.told(tap.name, NEAREST, library.pixels[place][None].astype(np.float32))
        (real,) = real_sounds([row], competition, features, {}, cache=cache)
        if real is not None:
            told |= {"sound": looked.shown.sound(real, features.sample_rate_hz), "real": True}
        bird = cache.common_names.get(row.label) or row.label
        yield {**told, "recording": row.recording, "start_s": row.start_s, "bird": bird}


def insisted(looked: Looked, work: Work) -> Iterator[dict[str, Any]]:
    """What each layer insists on: noise changed until the layer takes it for the window."""
    library, backwards = looked.mind.library(work.track), looked.mind.backwards
    if library is None:
        return
    others, taps = library.pixels[:_OTHERS].astype(np.float32), backwards.taps
    for tap in work.track(taps, len(taps), "layers"):
        try:
            made = make_metamers(backwards.anatomy, tap, looked.pixels, others, seeds=(0,))
        except BirdclefMindError as error:
            yield {"tap": tap.name, "method": METAMER, "why": reason_of(error)}
            continue
        yield {**looked.told(tap.name, METAMER, made.pictures[0]), "reached": bool(made.reached[0, 0])}


def decided(looked: Looked) -> Iterator[dict[str, Any]]:
    """The part of a window that the answer rests on, with the place that speaks most for it, and the rest."""
    mind, features = looked.mind, looked.mind.bundle.features
    called = mind.answer.chances(looked.pixels).argmax(axis=1)
    front = Front(features)
    asked = asked_of(mind.backwards.anatomy, front, front.bands(looked.pictures), called)
    masks = find_masks(asked)
    parts = split_samples(looked.samples[None], masks, features)
    share = float(masks.mean())
    for name, part, own_share in zip(("kept", "removed"), parts, (share, 1 - share), strict=True):
        own = samples_to_pictures(part, features)
        yield {
            "part": name,
            "bird": mind.ear.birds[int(called[0])],
            "share": round(own_share, 3),
            "picture": looked.shown.picture(own.pixels[0]),
            "sound": looked.shown.sound(part[0], features.sample_rate_hz),
            "names": looked.named(own.pixels.astype(np.float32)),
            **(_most(mind, asked, masks) if name == "kept" else {}),
        }


def _most(mind: Mind, asked: Asked, masks: Array) -> dict[str, Any]:
    """The place that speaks most for an answer, and how high it stands in a picture of bands, 0–1.

    Nothing where no layer tells places, or no place speaks for it.
    """
    features = mind.bundle.features
    try:
        (place,) = highest(where_maps(asked, mind.backwards.anatomy, masks), features)
    except BirdclefMindError:
        return {}
    if place is None:
        return {}
    most = {"at_s": round(place.at_s, 3), "hz": round(place.hz, 1)}
    if features.kind != "mfcc":
        most |= {"height": round(float(hz_to_height(np.array(place.hz), features)), 4)}
    return {"most": most}


def through(looked: Looked, features: Features) -> dict[str, Any]:
    """A window as other features keep it, and what the network still names."""
    pictures = samples_to_pictures(looked.samples[None], features)
    sound = pictures_to_samples(pictures, features, rounds=QUICK_ROUNDS)
    again = samples_to_pictures(sound, looked.mind.bundle.features).pixels.astype(np.float32)
    return {
        "picture": looked.shown.picture(pictures.pixels[0]),
        "sound": looked.shown.sound(sound[0], features.sample_rate_hz),
        "names": looked.named(again),
        "alike": _alike(again, looked.pixels),
    }


def _alike(one: Array, other: Array) -> float:
    """Correlation of two pictures (1, rows, frames); 0 where one is all of one grey."""
    found = float(correlations(np.asarray(one, np.float32), np.asarray(other, np.float32))[0])
    return round(found, 3) if np.isfinite(found) else 0.0
