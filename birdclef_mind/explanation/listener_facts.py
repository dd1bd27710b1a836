"""What stands in `explanation.json` of a listener: what it is, and all that was found, as the page reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from birdclef_mind.backwards.reconstruction import DECODER, DRAWN, METAMER, METHODS, NEAREST
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.taxonomy import word_for
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.blind_test import blind_clips
from birdclef_mind.explanation.card_facts import ExampleCard
from birdclef_mind.explanation.facts import BundleFacts, Explanation, Fidelity, ListenerFacts, StageFacts
from birdclef_mind.explanation.listener_reading import ListenerReading
from birdclef_mind.explanation.listener_windows import WindowSides
from birdclef_mind.explanation.notes import heard_notes
from birdclef_mind.listeners.terms import what_it_heard

_WAYS = (METAMER, NEAREST, DRAWN, DECODER)


def listener_facts(
    reading: ListenerReading,
    sides: WindowSides,
    competition: Competition,
    fidelity: Fidelity,
    cards: list[ExampleCard],
    *,
    classes: Sequence[str],
    skipped: dict[str, str],
    second: str | None,
) -> Explanation:
    """All facts of an explanation but a judge's.

    Parameters
    ----------
    classes : whose scores the cards give. second : the name of the listener that heard all that was measured.
    """
    known = [reading.match.labels[number] for number in reading.match.known]
    return {
        "bundle": _as_bundle(reading, competition, classes),
        "listener": _listener(reading, sides, second),
        "performance": None,
        "real_sound": str(reading.competition),
        "notes": _notes(reading, sides),
        "failures": reading.failed,
        "methods": {name: METHODS[name].replace("layer", "tap") for name in _WAYS},
        "skipped": skipped,
        "anatomy": _anatomy(reading),
        "filters": [],
        "fidelity": fidelity,
        "examples": cards,
        "answers": {"cards": [], "summary": []},
        "comparison": None,
        "data": {
            "in_cache": 0, "flag_words": {}, "flagged": {}, "recordings": [], "segments": [], "right": [], "wrong": [],
        },
        "blind": blind_clips(cards, [], known),
        "corrections": None,
    }  # fmt: skip


def add_errors(fidelity: Fidelity, cards: Sequence[ExampleCard]) -> None:
    """Write the mean error of the examples' sounds that were rebuilt into the fidelity table."""
    gathered: dict[tuple[str, str], list[float]] = {}
    for card in cards:
        for layer in card["layers"]:
            if "sound_error" in layer:
                gathered.setdefault((layer["tap"], layer["method"]), []).append(layer["sound_error"])
    for of_layer in fidelity["layers"]:
        for method, entry in of_layer["methods"].items():
            if (of_layer["tap"], method) in gathered:
                entry["sound_error"] = round(float(np.mean(gathered[of_layer["tap"], method])), 3)


def _as_bundle(reading: ListenerReading, competition: Competition, classes: Sequence[str]) -> BundleFacts:
    """What a page asks of whatever it explains, in a bundle's words."""
    own = [competition.species[label] for label in reading.match.labels if label in competition.species]
    names = {one.label: one.common_name or one.scientific_name for one in own}
    return {
        "sha256": reading.listener.digest,
        "network": reading.listener.name,
        "members": 1,
        "fingerprint": reading.features.fingerprint(),
        "features": asdict(reading.features),
        "classes": list(classes),
        "common_names": {label: name for label, name in names.items() if name},
        "record": {"are": word_for(own)},
    }


def _listener(reading: ListenerReading, sides: WindowSides, second: str | None) -> ListenerFacts:
    listener = reading.listener
    return {
        "name": listener.name,
        "kind": listener.kind,
        "licence": listener.terms.licence,
        "heard": what_it_heard(listener),
        "species": len(listener.species),
        "rate_hz": listener.rate_hz,
        "window_s": listener.window_s,
        "unknown": list(reading.match.unknown),
        "learned": {"segments": len(sides.learn.rows), "recordings": len(set(sides.learn.recordings))},
        "second": second,
    }


def _anatomy(reading: ListenerReading) -> list[StageFacts]:
    shapes: Mapping[str, tuple[int, ...]] = reading.listener.taps
    return [
        {
            "place": place, "name": name, "kind": "tap", "scale": 1, "shape": list(shape), "stride": None,
            "receptive_field": None, "tapped": name in reading.tap_names,
        }
        for place, (name, shape) in enumerate(shapes.items(), start=1)
    ]  # fmt: skip


def _notes(reading: ListenerReading, sides: WindowSides) -> list[str]:
    name = reading.listener.name
    found = [
        explanation.PHASE,
        "A reconstruction shows what a tap still holds, never why the listener decided.",
        f"{name} hears sounds, so every reconstruction is judged as a sound, not as a picture. Pictures here are ours, "
        f"of its own windows of {reading.features.windowing.length_s:g} s; what it sees may be less, or more.",
        what_it_heard(reading.listener),
        "Not here are parts that belong to a network of this program: its filters, how it learned, its training data "
        "with corrections, and what it thinks a bare name sounds like.",
    ]
    if not sides.apart:
        found.append(
            "No recording could be held out, so the measures are of recordings that the decoders learned from."
        )
    return [*found, *heard_notes(reading.failed)]
