"""What is left of an example after each layer: a card an example."""

from collections.abc import Mapping, Sequence

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.fidelity import correlations, picture_errors
from birdclef_mind.backwards.reconstruction import METAMER, NEAREST, in_order, rounded
from birdclef_mind.errors import BundleError
from birdclef_mind.explanation.bounds import Bounds, Real
from birdclef_mind.explanation.card_facts import Again, Called, ExampleCard, Moments, RealSegment, Scale
from birdclef_mind.explanation.examples import Examples
from birdclef_mind.explanation.facts import Fidelity
from birdclef_mind.explanation.folder import Folder, safe_names
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.explanation.real_segments import write_real_segments
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.events import Listener
from birdclef_mind.sound.pictures import ROUNDS

# Birds whose moments are shown below an example.
_BIRDS_SHOWN = 2
_NEAR_SHOWN = 5


def write_examples(
    reading: Reading, chosen: Examples, real: Real, found: Bounds, *, distance: float
) -> list[ExampleCard]:
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
    recordings = [example.recording for example in each]
    rebuilt = _in_order(backwards.pictures(pixels, activations, recordings), found)
    near = _near(reading, real, dict(zip(rebuilt, activations, strict=True)), recordings)
    heard, others_say = _moments(bundle, pictures.pixels), reading.second(pixels)
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
                "second_answer": _answer(others_say[place], names),
                "embedding": rounded(embeddings[place].ravel()),
                "scores": rounded(scores[place], 6),
                "moments": heard[place],
                "layers": [],
            }
        )
    for number, (tap, ways) in enumerate(rebuilt.items()):
        made = found.pictures(tap)
        for method, redrawn in ways.items():
            again, witness = reading.answer(redrawn), reading.second(redrawn)
            closeness = correlations(redrawn, pixels)
            errors = picture_errors(redrawn, pixels, distance)
            for place, card in enumerate(cards):
                name = f"{card['name']}-{number + 1:02d}-{method}"
                alike = near.get((tap, place), []) if method == NEAREST else []
                own: Again = (
                    {"picture": alike[0]["picture"], "sound": alike[0]["sound"]}
                    if alike
                    else _written(folder, name, redrawn[place], card["scale"])
                )
                card["layers"].append(
                    {
                        "tap": tap,
                        "method": method,
                        "picture": own["picture"],
                        "sound": own["sound"],
                        "answer": _answer(again[place], names),
                        "second_answer": _answer(witness[place], names),
                        "same_answer": bool(again[place].argmax() == scores[place].argmax()),
                        "correlation": round(float(closeness[place]), 4),
                        "picture_error": round(float(errors[place]), 4),
                    }
                )
                if alike:
                    card["layers"][-1]["near"] = alike
                if method == METAMER:
                    metamers = found.insisted[tap].metamers
                    card["layers"][-1]["apart"] = round(float(metamers.errors[0, place]), 4)
                    card["layers"][-1]["nearest_other"] = round(float(metamers.nearest_other[place]), 4)
                if method in made:
                    card["layers"][-1]["again"] = [
                        _written(folder, f"{name}-{number}", pictures[place], card["scale"])
                        for number, pictures in enumerate(made[method][1:], start=2)
                    ]
    return cards


def _written(folder: Folder, name: str, pixels: Pixels, scale: Scale) -> Again:
    sound = folder.sound_later(name, pixels, scale["low"], scale["width"])
    return {"picture": folder.picture(name, pixels), "sound": sound}


def _in_order(rebuilt: Mapping[str, Mapping[str, Array]], found: Bounds) -> dict[str, dict[str, Array]]:
    """Reconstructions by tap and method, and the first metamers and draws among them, in the order of `METHODS`."""
    firsts = {tap: {method: made[0] for method, made in found.pictures(tap).items()} for tap in rebuilt}
    return {tap: in_order({**ways, **firsts[tap]}) for tap, ways in rebuilt.items()}


def _near(
    reading: Reading, real: Real, activations: Mapping[str, Array], recordings: Sequence[str]
) -> dict[tuple[str, int], list[RealSegment]]:
    """The real segments that each tap finds most like each example, by the tap and the example's place."""
    library = reading.backwards.library
    if library is None:
        return {}
    alike = {tap: library.nearest(tap, values, recordings, _NEAR_SHOWN) for tap, values in activations.items()}
    places = {int(place) for found in alike.values() for place in found.places.ravel() if place >= 0}
    written = write_real_segments(reading, real.rows, real.pictures, places)
    return {
        (tap, example): [
            {**written[int(place)], "cosine": round(float(cosine), 4)}
            for place, cosine in zip(found.places[example], found.cosines[example], strict=True)
            if place >= 0
        ]
        for tap, found in alike.items()
        for example in range(len(recordings))
    }


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
            # A recording's own sound was not rebuilt.
            if layer["method"] != NEAREST:
                layer["sound_error"] = round(errors[layer["sound"]], 3)
                gathered.setdefault((layer["tap"], layer["method"]), []).append(errors[layer["sound"]])
    for of_layer in fidelity["layers"]:
        for method, entry in of_layer["methods"].items():
            if method != NEAREST:
                entry["sound_error"] = round(float(np.mean(gathered[of_layer["tap"], method])), 3)
