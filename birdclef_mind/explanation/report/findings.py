"""What was found, in a few sentences for the page's first screen, each with the part that says it in full."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from birdclef_mind.explanation.facts import Explanation
from birdclef_mind.explanation.report.story import DECODER

_HALF = 0.5


class Finding(NamedTuple):
    """A sentence, and the part of the page that says it in full."""

    part: str
    words: str


def findings_of(facts: Explanation) -> list[Finding]:
    """What was found: how often it is right, how far a song goes, what answers rest on, what may be wrong."""
    found = [_right(facts), _redrawn(facts), _kept(facts), _rested(facts), _suspected(facts)]
    return [one for one in found if one is not None]


def _right(facts: Explanation) -> Finding | None:
    performance: Any = facts.get("performance")
    scores = performance.get("scores") if performance else None
    if not scores:
        return None
    own, classes = scores["segments"], max(1, scores["segments"]["classes"])
    return Finding(
        "performance",
        f"Of {own['rows']:,} segments it never learned from it names {_percent(own['top1'])} right at first; guessing "
        f"among {classes} birds would name {_percent(1 / classes)}.",
    )


def _redrawn(facts: Explanation) -> Finding | None:
    layers = list(_decoded(facts))
    if not layers:
        return None
    (first, own, _), (last, least, twin) = layers[0], layers[-1]
    other = "another listener" if "listener" in facts else "an independent network"
    words = f"Of songs redrawn from {first} alone {other} calls {_percent(own)} what it calls the recording"
    if last != first:
        words += f", of those redrawn from {last} {_percent(least)}"
    if twin is not None:
        words += f" ({_percent(twin)} where the network's weights are random)"
    return Finding("layers", f"{words}.")


def _kept(facts: Explanation) -> Finding | None:
    found = []
    for measure, word in (("pitch", "pitch"), ("onsets", "rhythm")):
        shares = [
            (layer["tap"], _mean(dict(layer["methods"]).get(DECODER), measure)) for layer in facts["fidelity"]["layers"]
        ]
        own = [tap for tap, share in shares if share is not None and share >= _HALF]
        if own:
            found.append(f"its {word} in at least half of all moments up to {own[-1]}")
    return Finding("last", f"What is redrawn keeps {' and '.join(found)}.") if found else None


def _rested(facts: Explanation) -> Finding | None:
    rested: Any = facts.get("rested")
    same = _mean({"measures": rested["methods"].get("mask")}, "same") if rested else None
    if same is None:
        return None
    return Finding(
        "rested",
        f"What an answer rests on: {_percent(rested['share'])} of the picture, kept alone, is called the same in "
        f"{_percent(same)} of {rested['segments']} example{'s' if rested['segments'] > 1 else ''}.",
    )


def _suspected(facts: Explanation) -> Finding | None:
    suspects: Any = facts.get("suspects")
    if not suspects or not suspects["found"]:
        return None
    count = len(suspects["found"])
    things = "One thing" if count == 1 else f"{count} things"
    return Finding(
        "suspects", f"{things} may be wrong in the training data. The likeliest: {suspects['found'][0]['reason']}."
    )


def _decoded(facts: Explanation) -> Iterator[tuple[str, float, float | None]]:
    """By tap, how many redrawn songs are called the same by who did not learn to redraw, and of a random twin's."""
    for layer in facts["fidelity"]["layers"]:
        own: Any = dict(layer["methods"]).get(DECODER)
        for measure in ("recognised_by_second", "recognised"):
            share = _mean(own, measure)
            if share is not None:
                twin = _mean({"measures": own["twin"]}, measure) if "twin" in own else None
                yield layer["tap"], share, twin
                break


def _mean(entry: Any, measure: str) -> float | None:
    measures = (entry or {}).get("measures") or {}
    return float(measures[measure]["mean"]) if measure in measures else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
