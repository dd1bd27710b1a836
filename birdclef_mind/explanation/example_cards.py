"""What is left of an example after each layer: a card an example."""

from collections.abc import Sequence

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.fidelity import correlations, picture_errors
from birdclef_mind.backwards.reconstruction import rounded
from birdclef_mind.errors import BundleError
from birdclef_mind.explanation.card_facts import Called, ExampleCard, Moments
from birdclef_mind.explanation.examples import Examples
from birdclef_mind.explanation.facts import Fidelity
from birdclef_mind.explanation.folder import safe_names
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.events import Listener
from birdclef_mind.sound.pictures import ROUNDS

# Birds whose moments are shown below an example.
_BIRDS_SHOWN = 2


def write_examples(reading: Reading, chosen: Examples, *, distance: float) -> list[ExampleCard]:
    """Cards of examples with their reconstructions; pictures are written and sounds asked for.

    Parameters
    ----------
    distance : mean distance of two held-out pictures, the unit of the picture error.
    """
    backwards, folder, bundle = reading.backwards, reading.folder, reading.bundle
    anatomy, names = backwards.anatomy, bundle.classes.names
    each, pictures = chosen.each, chosen.pictures
    pixels = pictures.pixels.astype(np.float32)
    *activations, embeddings, scores = anatomy.activations(
        [*backwards.taps, anatomy.embedding, anatomy.classes], pixels
    )
    rebuilt = backwards.pictures(pixels, activations)
    heard = _moments(bundle, pictures.pixels)
    cards: list[ExampleCard] = []
    for place, (example, name) in enumerate(zip(each, safe_names(len(each), "example"), strict=True)):
        low, width = float(pictures.scale.low[place]), float(pictures.scale.width[place])
        cards.append(
            {
                "name": name,
                "recording": example.recording,
                "start_s": example.start_s,
                "window_s": example.window_s,
                "label": example.label,
                "author": example.author,
                "why": example.why,
                "picture": folder.picture(name, pixels[place]),
                "scale": {"low": low, "width": width},
                "original_sound": None
                if example.samples is None
                else folder.sound(f"{name}-original", example.samples),
                "features_sound": folder.sound_later(f"{name}-features", pixels[place], low, width, rounds=ROUNDS),
                "answer": _answer(scores[place], names),
                "embedding": rounded(embeddings[place].ravel()),
                "scores": rounded(scores[place], 6),
                "moments": heard[place],
                "layers": [],
            }
        )
    for number, (tap, ways) in enumerate(rebuilt.items()):
        for method, redrawn in ways.items():
            again, witness = reading.answer(redrawn), reading.second(redrawn)
            closeness = correlations(redrawn, pixels)
            errors = picture_errors(redrawn, pixels, distance)
            for place, card in enumerate(cards):
                name = f"{card['name']}-{number + 1:02d}-{method}"
                card["layers"].append(
                    {
                        "tap": tap,
                        "method": method,
                        "picture": folder.picture(name, redrawn[place]),
                        "sound": folder.sound_later(name, redrawn[place], card["scale"]["low"], card["scale"]["width"]),
                        "answer": _answer(again[place], names),
                        "second_answer": _answer(witness[place], names),
                        "same_answer": bool(again[place].argmax() == scores[place].argmax()),
                        "correlation": round(float(closeness[place]), 4),
                        "picture_error": round(float(errors[place]), 4),
                    }
                )
    return cards


def _moments(bundle: Bundle, pixels: Pixels) -> list[list[Moments]]:
    """When each segment's surest birds are heard, and how sure every moment is; nothing without scores a moment."""
    try:
        listener = Listener(bundle)
    except BundleError:
        return [[] for _ in pixels]
    names = bundle.classes.names
    found: list[list[Moments]] = []
    for chances, segment in zip(listener.chances(pixels), pixels, strict=True):
        events = listener.events(segment[None])
        surest = np.argsort(-chances.max(axis=0), kind="stable")[:_BIRDS_SHOWN]
        found.append(
            [
                {
                    "label": names[bird],
                    "chances": rounded(chances[:, bird], 3),
                    "events": [[event.onset_s, event.offset_s] for event in events if event.bird == names[bird]],
                }
                for bird in surest
            ]
        )
    return found


def _answer(scores: Array, names: Sequence[str]) -> Called:
    best = int(scores.argmax())
    return {"label": names[best], "score": round(float(scores[best]), 4)}


def add_sound_errors(cards: list[ExampleCard], fidelity: Fidelity, errors: dict[str, float]) -> None:
    """Write the error of each sound beside it, and its mean by tap and method into the fidelity table."""
    gathered: dict[tuple[str, str], list[float]] = {}
    for card in cards:
        card["features_sound_error"] = round(errors[card["features_sound"]], 3)
        for layer in card["layers"]:
            layer["sound_error"] = round(errors[layer["sound"]], 3)
            gathered.setdefault((layer["tap"], layer["method"]), []).append(errors[layer["sound"]])
    for of_layer in fidelity["layers"]:
        for method, entry in of_layer["methods"].items():
            entry["sound_error"] = round(float(np.mean(gathered[of_layer["tap"], method])), 3)
