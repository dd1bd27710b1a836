#!/usr/bin/env python3
"""What explanations measured, as tables of Markdown: every way back from every layer, its judges, controls and bounds.

`python scripts/minds.py docs/measurements.md "TITLE=EXPLANATION" …` writes them into the page of the documentation, in
the place of those of the same title; others stay. Every number is in the `explanation.json` of its folder.
"""

import argparse
import json
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from benchmarks import page

COLUMNS = {
    "correlation": "correlation",
    "detail": "detail",
    "recognised": "called the same",
    "recognised_by_second": "by the independent one",
    "named": "named right",
    "named_by_second": "by the second",
    "pitch": "pitch",
    "onsets": "rhythm",
}
FAITHFULNESS = {
    "increase": "AI",
    "drop": "AD",
    "gain": "AG",
    "removed": "FF",
    "same": "Fid-In",
    "same_by_second": "by the independent one",
    "deletion": "deletion",
    "insertion": "insertion",
    "gini": "Gini",
    "entropy": "entropy",
    "stability": "stability",
}
# Of the recipe for L-MAC that its authors keep in SpeechBrain, recipes/ESC50/interpret/README.md.
PUBLISHED = """\
Measures are those of L-MAC (Paissan, Ravanelli & Subakan 2024), shares of 1, of scores after softmax or sigmoid, made
once. Its authors' recipe for ESC-50 reports for sounds outside of what it learned from: L-MAC AI .62, AD .04, AG .33,
FF .40, Fid-In .82; L2I (Parekh and others 2022) .07, .26, .01, .26, .01. What differs: theirs is one decoder of masks,
trained beforehand, for a CNN14 and its softmax of 50 classes, over sounds that were mixed; the mask here is sought anew
for each sound, by slopes of the very network that then judges it, so that AD and Fid-In are what was asked for, and *by
the independent one* is not. Other methods and controls keep as many places as the mask does."""
LAYERS, ANSWERS, RESTED = "layers", "answers", "rested"


def section(explanations, parts=(LAYERS, ANSWERS, RESTED), standing=None):
    """Markdown of explanations, by title: (facts of an `explanation.json`) each, behind those that stand there."""
    lines = [
        page.MINDS,
        "",
        "Written by `scripts/minds.py` from the `explanation.json` of each. Means; in brackets those of the twin with "
        "random weights. *Named first* is what a judge made elsewhere says of the sounds of the examples, among all "
        "that it knows. Intervals stand in the reports.",
    ]
    for title, text in (standing or {}).items():
        if title not in explanations:
            lines += ["", f"### {title}", "", text]
    for title, facts in explanations.items():
        lines += ["", f"### {title}", "", f"Written on {date.today():%d %B %Y}."]
        if LAYERS in parts:
            lines += ["", *layers(facts)]
        if ANSWERS in parts and facts["answers"]["summary"]:
            lines += ["", *answers(facts)]
        if RESTED in parts and facts.get("rested"):
            lines += ["", *rested(facts["rested"])]
    return "\n".join(lines) + "\n"


def standing(place):
    """The explanations that stand on a page, by title."""
    _, _, after = place.read_text(encoding="utf-8").partition(f"{page.MINDS}\n")
    each = after.partition("\n## ")[0].split("\n### ")[1:]
    return {title: text.strip("\n") for title, _, text in (one.partition("\n") for one in each)}


def rested(facts):
    """What answers rested on: a row a method, then the controls."""
    columns = [name for name in FAITHFULNESS if any(name in one for one in facts["methods"].values())]
    rows = [[words, *(mean(one, name) for name in columns)] for words, one in facts["methods"].items()]
    rows += [[f"control: {words}", *(mean(one, name) for name in columns)] for words, one in facts["controls"].items()]
    return [
        f"What {facts['segments']} answers rested on, of which {share(facts['share'])} of the picture is kept:",
        "",
        *table(
            ["kept by", *(FAITHFULNESS[name] for name in columns)],
            [[one[0].replace("_", " "), *one[1:]] for one in rows],
        ),
        "",
        PUBLISHED,
    ]


def layers(facts):
    """A row a layer and way back, the bounds last."""
    fidelity, judge = facts["fidelity"], facts.get("judge")
    entries = [entry for layer in fidelity["layers"] for entry in layer["methods"].values()]
    columns = [name for name in COLUMNS if any(name in entry["measures"] for entry in entries)]
    head = ["from", "way back", "segments", *(COLUMNS[name] for name in columns)]
    head += [f"named first by {judge['name']}"] if judge else []
    ways = {(way["tap"], way["method"]): way["own"] for way in judge["layers"]} if judge else {}
    rows = [
        [layer["tap"], method, str(entry.get("segments", fidelity["segments"]))]
        + [with_twin(entry, name) for name in columns]
        + ([first(ways.get((layer["tap"], method)))] if judge else [])
        for layer in fidelity["layers"]
        for method, entry in layer["methods"].items()
    ]
    bounds = [("the recordings", "recording", "recording"), ("their pictures", "input", "features")]
    bounds += [("mean picture", "mean_picture", None)]
    for words, name, judged in bounds:
        if name in fidelity:
            cells = [mean(fidelity[name], column) for column in columns]
            own = (judge[judged]["own"] if judged else judge["mean_picture"]["judged"]) if judge else None
            rows.append([words, "", str(fidelity["segments"]), *cells, *([first(own)] if judge else [])])
    return table(head, rows)


def answers(facts):
    """A row a way to answer a bare name."""
    judge = facts.get("judge")
    head = ["a bare name", "seed", "called so", "by the independent one"]
    head += [f"named first by {judge['name']}"] if judge else []
    rows = [
        [one["way"], "" if one["seed"] is None else str(one["seed"]), f"{one['recognised']} of {one['classes']}",
         f"{one['recognised_by_second']} of {one['classes']}"]
        + ([f"{one['named_by_judge']} of {one['judged']}"] if judge else [])
        for one in facts["answers"]["summary"]
    ]  # fmt: skip
    return table(head, rows)


def with_twin(entry, name):
    """A mean, and the twin's in brackets."""
    own = mean(entry["measures"], name)
    twin = mean(entry.get("twin", {}), name)
    return own if "–" in (own, twin) else f"{own} ({twin})"


def mean(measures, name):
    return share(measures[name]["mean"]) if name in measures else "–"


def first(judged):
    return share(judged["named"]["mean"]) if judged else "–"


def share(value):
    """A number with two digits, without the zero before the point."""
    return f"{value:.2f}".replace("-", "−").replace("0.", ".", 1)


def table(head, rows):
    """Lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="page of Markdown that stands there already")
    parser.add_argument(
        "explanations", nargs="+", metavar="TITLE=EXPLANATION", help="a title, and a folder of `explain`"
    )
    every = (LAYERS, ANSWERS, RESTED)
    parser.add_argument("--parts", nargs="+", choices=every, default=every, help="of each explanation (default: all)")
    args = parser.parse_args()
    found = {}
    for given in args.explanations:
        title, _, folder = given.rpartition("=")
        found[title or folder] = json.loads((Path(folder) / "explanation.json").read_text(encoding="utf-8"))
    page.write_section(args.page, page.MINDS, section(found, args.parts, standing(args.page)))


if __name__ == "__main__":
    main()
