"""What is left of an example after each tap of a listener: a card an example."""

from collections.abc import Mapping, Sequence

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import correlations, picture_errors
from birdclef_mind.backwards.reconstruction import DRAWN, METAMER, NEAREST, in_order, rounded
from birdclef_mind.explanation.bounds import DRAWS
from birdclef_mind.explanation.card_facts import Again, Called, ExampleCard, LayerCard, RealSegment
from birdclef_mind.explanation.examples import Examples
from birdclef_mind.explanation.folder import safe_names, sound_errors
from birdclef_mind.explanation.listener_ways import InsistedSound, ListenerMind
from birdclef_mind.explanation.real_segments import write_real_segments
from birdclef_mind.explanation.sound_judges import Sounded, sound_of
from birdclef_mind.listeners.listener import EMBEDDING
from birdclef_mind.storage.progress import Track, untracked

_NEAR_SHOWN = 5
_SUREST = 5


def own_sounds(chosen: Examples) -> Sounded:
    """Examples as they were recorded."""
    return Sounded(chosen.pictures, np.stack([one.samples for one in chosen.each if one.samples is not None]))


def classes_shown(mind: ListenerMind, logits: Array) -> tuple[str, ...]:
    """The competition's labels that the listener knows, then what else it is surest of in logits (n, species)."""
    match, names = mind.reading.match, mind.reading.names
    heard = [names[place] for row in logits for place in np.argsort(-row, kind="stable")[:_SUREST]]
    return tuple(dict.fromkeys([*(match.labels[number] for number in match.known), *heard]))


def write_listener_cards(
    mind: ListenerMind,
    chosen: Examples,
    found: Mapping[str, InsistedSound],
    classes: Sequence[str],
    *,
    distance: float,
    track: Track = untracked,
) -> list[ExampleCard]:
    """Cards of examples with what each tap gives back; pictures and sounds are written.

    Parameters
    ----------
    classes : whose scores a card gives, from `classes_shown`. distance : the unit of the picture error.
    """
    reading, own = mind.reading, own_sounds(chosen)
    logits = reading.listener.hear(own.samples).logits
    cards = _without_layers(mind, chosen, own, logits, classes)
    _add_when(mind, cards, own, logits)
    recordings = [one.recording for one in chosen.each]
    near = _near(mind, own, recordings)
    for number, tap in enumerate(track(reading.taps, len(reading.taps), "examples, taps"), start=1):
        activation = reading.hear(own.samples, [tap.name])[tap.name]
        ways = mind.ways(tap, own, recordings, activation)
        more = [mind.drawn(tap, own, recordings, activation, seed=seed) for seed in range(1, DRAWS)]
        again = [one for one in more if one is not None]
        if tap.name in found:
            made = found[tap.name]
            ways[METAMER] = Sounded(made.pictures[0], made.metamers.samples[0])
        for method, sounded in in_order(ways).items():
            layers = _layers(mind, own, sounded, logits, distance)
            errors = sound_errors(
                np.asarray(sounded.pictures.pixels, np.float32), sounded.pictures.scale, sounded.samples,
                reading.features,
            )  # fmt: skip
            for place, (card, layer) in enumerate(zip(cards, layers, strict=True)):
                name = f"{card['name']}-{number:02d}-{method}"
                layer.update({"tap": tap.name, "method": method})
                if method == NEAREST:
                    alike = near[tap.name, place]
                    layer.update({"near": alike, "picture": alike[0]["picture"], "sound": alike[0]["sound"]})
                else:
                    layer["picture"] = reading.folder.picture(name, sounded.pictures.pixels[place])
                    layer["sound"] = reading.folder.sound(name, sounded.samples[place])
                if method == DRAWN:
                    layer["again"] = [_written(mind, f"{name}-{seed}", one, place) for seed, one in enumerate(again, 2)]
                if method == METAMER:
                    _add_metamer(mind, layer, found[tap.name], place, name)
                elif method != NEAREST:
                    layer["sound_error"] = round(float(errors[place]), 3)
                card["layers"].append(layer)
    return cards


def _without_layers(
    mind: ListenerMind, chosen: Examples, own: Sounded, logits: Array, classes: Sequence[str]
) -> list[ExampleCard]:
    reading, folder = mind.reading, mind.reading.folder
    again = sound_of(chosen.pictures, reading.features)
    scale = chosen.pictures.scale
    errors = sound_errors(chosen.pictures.pixels.astype(np.float32), scale, again.samples, reading.features)
    has_embedding = EMBEDDING in reading.tap_names
    embeddings = reading.hear(own.samples, [EMBEDDING])[EMBEDDING] if has_embedding else np.zeros((len(logits), 0))
    cards: list[ExampleCard] = []
    for place, (one, name) in enumerate(zip(chosen.each, safe_names(len(chosen.each), "example"), strict=True)):
        vector = embeddings[place].reshape(-1, embeddings.shape[-1]).mean(axis=0) if has_embedding else np.zeros(0)
        cards.append(
            {
                "name": name, "recording": one.recording, "start_s": one.start_s, "window_s": None, "label": one.label,
                "author": one.author, "why": one.why, "picture": folder.picture(name, chosen.pictures.pixels[place]),
                "scale": {"low": float(scale.low[place]), "width": float(scale.width[place])},
                "original_sound": folder.sound(f"{name}-original", own.samples[place]),
                "features_sound": folder.sound(f"{name}-features", again.samples[place]),
                "features_sound_error": round(float(errors[place]), 3),
                "answer": _called(mind, logits[place]), "second_answer": {"label": "", "score": 0.0},
                "embedding": rounded(vector),
                "scores": _scores(mind, logits[place], classes), "moments": [], "layers": [],
            }
        )  # fmt: skip
    return cards


def _add_when(mind: ListenerMind, cards: Sequence[ExampleCard], own: Sounded, logits: Array) -> None:
    """What each moment of examples adds to what they are called, where that is a sum over moments."""
    adds = mind.reading.listener.sums_a_moment(own.samples)
    if adds is not None:
        for card, one, called in zip(cards, adds, logits.argmax(axis=1), strict=True):
            total = round(float(one[:, called].sum()), 4)
            card["when"] = {"moments": rounded(one[:, called], 5), "exact": True, "total": total}


def _layers(mind: ListenerMind, own: Sounded, sounded: Sounded, logits: Array, distance: float) -> list[LayerCard]:
    """What the listener says of sounds, and how their pictures are like the recordings'; without names."""
    heard = mind.reading.listener.hear(sounded.samples).logits
    pixels, real = (np.asarray(one.pictures.pixels, np.float32) for one in (sounded, own))
    closeness, errors = correlations(pixels, real), picture_errors(pixels, real, distance)
    return [
        {
            "tap": "", "method": "", "picture": "", "sound": "", "answer": _called(mind, row),
            "second_answer": {"label": "", "score": 0.0},
            "same_answer": bool(row.argmax() == before.argmax()),
            "correlation": round(float(close), 4), "picture_error": round(float(error), 4),
        }
        for row, before, close, error in zip(heard, logits, closeness, errors, strict=True)
    ]  # fmt: skip


def _add_metamer(mind: ListenerMind, layer: LayerCard, made: InsistedSound, place: int, name: str) -> None:
    layer["apart"] = round(float(made.metamers.errors[0, place]), 4)
    others = zip(made.pictures[1:], made.metamers.samples[1:], strict=True)
    layer["again"] = [_written(mind, f"{name}-{seed}", Sounded(*one), place) for seed, one in enumerate(others, 2)]


def _written(mind: ListenerMind, name: str, sounded: Sounded, place: int) -> Again:
    folder = mind.reading.folder
    return {
        "picture": folder.picture(name, sounded.pictures.pixels[place]),
        "sound": folder.sound(name, sounded.samples[place]),
    }


def _near(mind: ListenerMind, own: Sounded, recordings: Sequence[str]) -> dict[tuple[str, int], list[RealSegment]]:
    """The real windows that each tap finds most like each example, by the tap and the example's place."""
    reading = mind.reading
    alike = {
        tap: mind.nearest(tap, reading.hear(own.samples, [tap])[tap], recordings, _NEAR_SHOWN)
        for tap in reading.tap_names
    }
    places = {int(place) for found in alike.values() for place in found.places.ravel() if place >= 0}
    written = write_real_segments(reading, mind.real.rows, mind.real.pictures, places)
    return {
        (tap, example): [
            {**written[int(place)], "cosine": round(float(cosine), 4)}
            for place, cosine in zip(found.places[example], found.cosines[example], strict=True) if place >= 0
        ]
        for tap, found in alike.items() for example in range(len(recordings))
    }  # fmt: skip


def _called(mind: ListenerMind, logits: Array) -> Called:
    best = int(logits.argmax())
    return {
        "label": mind.reading.names[best], "score": round(float(mind.reading.listener.chances(logits)[best]), 4),
    }  # fmt: skip


def _scores(mind: ListenerMind, logits: Array, classes: Sequence[str]) -> list[float]:
    """The chance of each class, of several species of one name the largest."""
    chances = mind.reading.listener.chances(logits)
    best: dict[str, float] = {}
    for name, chance in zip(mind.reading.names, chances.tolist(), strict=True):
        best[name] = max(best.get(name, 0.0), chance)
    return rounded([best[name] for name in classes], 6)
