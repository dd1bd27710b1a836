"""What is left after each layer, a sentence or two a layer, of the numbers that stand in its table."""

from typing import Any, TypedDict

from birdclef_mind.explanation.facts import Explanation

# As in `backwards.reconstruction`, which this page does without: TensorFlow stands behind it.
METAMER, NEAREST, DRAWN, DECODER = "metamer", "nearest", "drawn", "decoder"
REFINED = "refined"


class Told(TypedDict):
    """A layer, and what is said of it: a part for each way back."""

    tap: str
    parts: list[str]


def story_of(facts: Explanation) -> list[Told]:
    """What each layer insists on, what could be recovered from it, what it could have been, and what it takes for it.

    With what a judge names first, where one was asked.
    """
    told: list[Told] = []
    own, named = "listener" in facts, _named(facts)
    network, other = ("it", "the other listener") if own else ("the network", "the independent one")
    for layer in facts["fidelity"]["layers"]:
        methods: dict[str, Any] = dict(layer["methods"])
        words = {
            METAMER: _insists(methods.get(METAMER), network, other),
            DECODER: _recovered(methods.get(DECODER), "What could be recovered"),
            REFINED: _recovered(methods.get(REFINED), "Refined until the layer agrees it"),
            DRAWN: _could_have_been(methods.get(DRAWN), network, other),
            NEAREST: _takes(methods.get(NEAREST)),
        }
        parts = [part + named.get((layer["tap"], method), "") for method, part in words.items() if part]
        told.append({"tap": layer["tap"], "parts": parts})
    return [one for one in told if one["parts"]]


def _named(facts: Explanation) -> dict[tuple[str, str], str]:
    """How often a judge names the examples' sounds first, in a sentence, by the tap and the way back."""
    judge = facts.get("judge")
    ways = judge["layers"] if judge else []
    return {
        (way["tap"], way["method"]): f" {judge['name']} names it first in {_percent(way['own']['named']['mean'])}."
        for way in ways
        if judge and way["own"]
    }


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
    words += "." if reached > 0.999 else f"; found to the tolerance in {_percent(reached)}."
    if "apart" in entry and "nearest_other" in entry:
        words += f" In this layer it is {_distance(entry['apart'])} of the usual distance from the recording, "
        words += f"the nearest other recording {_distance(entry['nearest_other'])}."
    return words


def _recovered(entry: dict[str, Any] | None, what: str) -> str:
    if entry is None:
        return ""
    own = entry["measures"]
    if "pitch" not in own or "onsets" not in own:
        return f"{what} is called the same in {_share(own, 'recognised')}."
    return (
        f"{what} keeps pitch in {_share(own, 'pitch')} of moments, rhythm in {_share(own, 'onsets')}, "
        f"level in {_share(own, 'level')}, and is called the same in {_share(own, 'recognised')}."
    )


def _could_have_been(entry: dict[str, Any] | None, network: str, other: str) -> str:
    if entry is None:
        return ""
    own = entry["measures"]
    words = f"One recording it could have been is called the same by {network} in {_share(own, 'recognised')}"
    if "recognised_by_second" in own:
        words += f", by {other} in {_share(own, 'recognised_by_second')}"
    return f"{words}; it is {_percent(own['detail']['mean'])} as sharp as the recording."


def _takes(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return ""
    return f"The real recording it finds most alike is called the same in {_share(entry['measures'], 'recognised')}."


def _share(measures: dict[str, Any], name: str) -> str:
    return _percent(measures[name]["mean"])


def _distance(square: float) -> str:
    return f"{square**0.5:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
