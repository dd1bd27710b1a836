"""What is left after each layer, a sentence or two a layer, of the numbers that stand in its table."""

from typing import Any, TypedDict

from birdclef_mind.explanation.facts import Explanation

# As in `backwards.reconstruction`, which this page does without: TensorFlow stands behind it.
METAMER, NEAREST, DECODER = "metamer", "nearest", "decoder"


class Told(TypedDict):
    """A layer, and what is said of it."""

    tap: str
    words: str


def story_of(facts: Explanation) -> list[Told]:
    """What each layer insists on, what could be recovered from it, and what it takes for the same."""
    told: list[Told] = []
    own = "listener" in facts
    network, other = ("it", "the other listener") if own else ("the network", "the independent one")
    for layer in facts["fidelity"]["layers"]:
        methods: dict[str, Any] = dict(layer["methods"])
        parts = [
            _insists(methods.get(METAMER), network, other),
            _recovered(methods.get(DECODER)),
            _takes(methods.get(NEAREST)),
        ]
        told.append({"tap": layer["tap"], "words": " ".join(filter(None, parts))})
    return [one for one in told if one["words"]]


def insisted_on(facts: Explanation) -> int:
    """How many examples metamers were made of; 0 for none."""
    made = [dict(layer["methods"]).get(METAMER) for layer in facts["fidelity"]["layers"]]
    return max((of_layer.get("segments", 0) for of_layer in made if of_layer), default=0)


def _insists(entry: dict[str, Any] | None, network: str, other: str) -> str:
    if entry is None:
        return ""
    measures, reached = entry["measures"], entry["reached"]
    words = f"What it insists on is called the same by {network} in {_share(measures, 'recognised')}"
    if "recognised_by_second" in measures:
        words += f", by {other} in {_share(measures, 'recognised_by_second')}"
    if "pitch" in measures and "onsets" in measures:
        words += f"; its pitch is the recording's in {_share(measures, 'pitch')} of moments, its rhythm in "
        words += _share(measures, "onsets")
    return words + ("." if reached > 0.999 else f"; found to the tolerance in {_percent(reached)}.")


def _recovered(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    own = entry["measures"]
    if "pitch" not in own or "onsets" not in own:
        return f"What could be recovered is called the same in {_share(own, 'recognised')}."
    return (
        f"What could be recovered keeps pitch in {_share(own, 'pitch')} of moments, rhythm in {_share(own, 'onsets')}, "
        f"level in {_share(own, 'level')}, and is called the same in {_share(own, 'recognised')}."
    )


def _takes(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    return f"The real recording it finds most alike is called the same in {_share(entry['measures'], 'recognised')}."


def _share(measures: dict[str, Any], name: str) -> str:
    return _percent(measures[name]["mean"])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
