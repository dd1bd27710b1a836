#!/usr/bin/env python3
"""What soundscapes teach: labels alone, labelled soundscapes, and each round with those that nobody labelled.

`python scripts/teaching.py WORK BIRDS WEATHER --listener MODEL` makes places of real sounds in WORK, one a seed, with
soundscapes to learn from, as `benchmarks.place` says; trains networks on the clips of the competition BIRDS, then with
what there is besides; and writes WORK/results.json: how well each tells who sings where in soundscapes that none has
heard. Run again, it goes on. With `--page docs/measurements.md --tables TITLE=WORK …` it writes the tables of several
such folders there instead.
"""

import shutil
import sys
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from benchmarks import page
from benchmarks.place import write_place_to_learn_from
from benchmarks.trials import each_once, learned, run, trial_parser, write_tables
from ending import STEPS, heard, told

MINUTES = (40, 90, 16)
WORDS = """\
Written by `scripts/teaching.py` on {date}. Held-out clips sing in minutes of rain and sea: {test} minutes are the
test, {untold} nobody labelled, {told} somebody did; no recording of the test sings in the others. Macro ROC-AUC and
mean average precision over all rows of the test, the mean of {seeds}, and what each line adds to the one before;
`modern`, {epochs} epochs. Soft labels are of the network before and of a listener."""


def one_seed(args, seed):
    """ROC-AUC and mean average precision of each network, by what it learned from."""
    from birdclef_mind.data.scoring import read_scores
    from birdclef_mind.kaggle.settings import Submitting
    from birdclef_mind.kaggle.smoothing import smoothed

    root = args.work / f"place-{seed}"
    whole, untold, ears = root / "whole", root / "untold-cache", root / "untold-heard"
    if not (whole / "taxonomy.csv").is_file():
        shutil.rmtree(root, ignore_errors=True)
        write_place_to_learn_from(args.birds, args.weather, root, seed, args.minutes)
    for name in ("clips", "whole"):
        run("cache", root / name, root / f"{name}-cache", "--preset", args.preset, "--step", 2.5)
    run("cache", whole, untold, "--preset", args.preset, "--unlabelled")
    run("embed", args.listener, whole, ears, "--unlabelled")
    clips = learned(root / "clips-cache", root / "clips-bundle", args, seed)
    more = ("--soundscapes", untold, "--heard", ears, "--rounds", args.rounds)
    rounds = learned(root / "whole-cache", root / "rounds", args, seed, *more)
    networks = {"labels of clips alone": clips, "+ labelled soundscapes": rounds / "round_0"}
    for number in range(1, args.rounds + 1):
        if (rounds / f"round_{number}" / "bundle.json").is_file():
            networks[f"+ round {number}"] = rounds / f"round_{number}"
    truth, found = read_scores(whole / "truth.csv"), {}
    for step, bundle in networks.items():
        scores, names = heard(bundle, whole, 1)
        found[step] = told(scores, names, truth)
    shifts, smoothing, power = STEPS["all three"]
    scores, names = heard(list(networks.values())[-1], whole, shifts)
    submitting = Submitting(smoothing=smoothing, file_power=power)
    found["+ shifts, smoothing, the soundscape's best"] = told(
        {name: smoothed(rows, submitting) for name, rows in scores.items()}, names, truth
    )
    print(f"place {seed}: {found}", flush=True)
    return found


def table(results):
    """Lines of Markdown: a row a step, over the seeds that came to it."""
    steps = sorted({step for one in results.values() for step in one}, key=_order)
    rows = [["", "places", "AUC", "mAP"], ["---"] * 4]
    for place, step in enumerate(steps):
        own = np.array([one[step] for one in results.values() if step in one])
        cells = [f"{value:.3f}" for value in own.mean(axis=0)]
        if place:
            # Of a place where a round gained nothing the last line is that of the round before.
            gained = np.mean(
                [np.subtract(one[step], _before(one, steps, place)) for one in results.values() if step in one], axis=0
            )
            cells = [f"{cell} ({gain:+.3f})" for cell, gain in zip(cells, gained, strict=True)]
        rows.append([step, str(len(own)), *cells])
    return [f"| {' | '.join(row)} |" for row in rows]


def _before(one, steps, place):
    """What the nearest step before came to."""
    return next(one[step] for step in reversed(steps[:place]) if step in one)


def _order(step):
    return (step.startswith("+"), "shifts" in step, "round" in step, step)


def work_through(args):
    results = each_once(args.work, map(str, args.seeds), lambda seed: one_seed(args, int(seed)))
    for line in table(results):
        print(line)


def write_page(args):
    test, untold, labelled = args.minutes
    seeds = f"seeds {', '.join(map(str, args.seeds))}"
    words = WORDS.format(
        date=f"{date.today():%d %B %Y}", test=test, untold=untold, told=labelled, seeds=seeds, epochs=args.epochs
    )
    write_tables(args, page.TEACHING, words, table)


def main():
    parser = trial_parser(__doc__)
    parser.add_argument("birds", type=Path, nargs="?", help="competition with test_sources.csv")
    parser.add_argument("weather", type=Path, nargs="?", help="competition with recordings of rain and sea")
    parser.add_argument("--listener", type=Path, help="model that also labels soundscapes")
    parser.add_argument("--minutes", type=int, nargs=3, default=MINUTES, metavar=("TEST", "UNTOLD", "TOLD"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset", default="logmel128")
    parser.add_argument("--recipe", default="modern")
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    write_page(args) if args.page else work_through(args)


if __name__ == "__main__":
    main()
