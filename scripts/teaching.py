#!/usr/bin/env python3
"""What each part of a winning run adds: a teacher, labelled soundscapes, rounds with those nobody labelled, the end.

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
from ending import STEPS, heard, measured, rows_of

MINUTES = (40, 90, 16)
RESAMPLED = 200
# Of the ends of the run, what each step adds to the one before: shifts, smoothing, power of the soundscape's best.
SHIFTS, SMOOTHING, POWER = STEPS["all three"]
ENDS = {
    "+ shifts": (SHIFTS, (), 0.0),
    "+ smoothing": (SHIFTS, SMOOTHING, 0.0),
    "+ the soundscape's best": (SHIFTS, SMOOTHING, POWER),
}
HEAD = "+ a head on the listener"
ALL_BUT = {
    "all but shifts": (1, SMOOTHING, POWER),
    "all but smoothing": (SHIFTS, (), POWER),
    "all but the soundscape's best": (SHIFTS, SMOOTHING, 0.0),
}
WORDS = """\
Written by `scripts/teaching.py` on {date}. Held-out clips sing in minutes of rain and sea: {test} minutes are the
test, {untold} nobody labelled, {told} somebody did; no recording of the test sings in the others. Macro ROC-AUC and
mean average precision over all rows of the test, the mean of {seeds}; in the first table what each line adds to the
one before, in the second what is lost where one part is left out. In brackets 95 of 100 where the test's minutes are
drawn anew; a place where a round gained nothing keeps the network before. `modern`, {epochs} epochs; teacher, soft
labels and head are of one listener."""


def one_seed(args, seed):
    """ROC-AUC and mean average precision of each step and its redrawn ones, (1 + RESAMPLED, 2)."""
    from birdclef_mind.data.scoring import read_scores

    root = args.work / f"place-{seed}"
    networks, head, without = learned_at(args, root, seed)
    truth = read_scores(root / "whole" / "truth.csv")
    draws = redrawn(truth, seed)
    found = {}

    def tell(step, bundles, shifts=1, smoothing=(), power=0.0):
        found[step] = judged(args, root, bundles, (shifts, smoothing, power), truth, draws)
        print(f"place {seed}: {step} {found[step][0]}", flush=True)

    for step, bundle in networks.items():
        tell(step, [bundle])
    best, before = networks[list(networks)[-1]], networks["+ labelled soundscapes"]
    for step, end in ENDS.items():
        tell(step, [best], *end)
    whole = ENDS["+ the soundscape's best"]
    tell(HEAD, [best, head], *whole)
    tell("the head alone", [head], *whole)
    tell("all but rounds", [before, head], *whole)
    for step, bundles in without.items():
        tell(step, bundles, *whole)
    tell("all but rounds and labelled soundscapes", [networks["+ teacher"], head], *whole)
    for step, end in ALL_BUT.items():
        tell(step, [best, head], *end)
    return found


def learned_at(args, root, seed):
    """Bundles by what they learned from, in order; the head on the listener; bundles by what was left out of learning.

    What is there is kept.
    """
    ears = prepared(args, root, seed)
    clips = learned(root / "clips-cache", root / "clips-bundle", args, seed)
    taught = learned(root / "clips-cache", root / "taught-bundle", args, seed, "--teacher", ears["clips"])

    def rounds_on(name, out, *more):
        told = ("--soundscapes", root / "untold-cache", "--heard", ears["untold"], "--rounds", args.rounds, *more)
        learned(root / f"{name}-cache", root / out, args, seed, *told)
        numbered = {number: root / out / f"round_{number}" for number in range(args.rounds + 1)}
        return {number: folder for number, folder in numbered.items() if (folder / "bundle.json").is_file()}

    def head_on(name, out):
        if not (root / out / "bundle.json").is_file():
            run("train", "--listener", ears[name], root / out, "--seed", seed)
        return root / out

    rounds, head = rounds_on("whole", "rounds", "--teacher", ears["whole"]), head_on("whole", "head")
    networks = {"labels of clips alone": clips, "+ teacher": taught, "+ labelled soundscapes": rounds.pop(0)}
    networks |= {f"+ round {number}": folder for number, folder in rounds.items()}
    untaught = rounds_on("whole", "rounds-untaught")
    unlabelled = rounds_on("clips", "rounds-clips", "--teacher", ears["clips"])
    without = {
        "all but the teacher": [untaught[max(untaught)], head],
        "all but labelled soundscapes": [unlabelled[max(unlabelled)], head_on("clips", "head-clips")],
    }
    return networks, head, without


def prepared(args, root, seed):
    """A place, its caches and what the listener makes of them, by name; what is there is kept."""
    whole = root / "whole"
    if not (whole / "taxonomy.csv").is_file():
        shutil.rmtree(root, ignore_errors=True)
        write_place_to_learn_from(args.birds, args.weather, root, seed, args.minutes)
    ears = {name: root / f"{name}-heard" for name in ("clips", "whole", "untold")}
    for name in ("clips", "whole"):
        run("cache", root / name, root / f"{name}-cache", "--preset", args.preset, "--step", 2.5)
        run("embed", args.listener, root / name, ears[name], "--step", 2.5)
    run("cache", whole, root / "untold-cache", "--preset", args.preset, "--unlabelled")
    run("embed", args.listener, whole, ears["untold"], "--unlabelled")
    return ears


def judged(args, root, bundles, end, truth, draws):
    """Measures of bundles' scores as they are, and of every draw of rows."""
    from birdclef_mind.kaggle.settings import Submitting
    from birdclef_mind.kaggle.smoothing import smoothed

    shifts, smoothing, power = end
    submitting = Submitting(smoothing=smoothing, file_power=power)
    with_head = any(bundle.name.startswith("head") for bundle in bundles)
    scores, names = heard(bundles, root / "whole", shifts, args.listener if with_head else None)
    given = rows_of({name: smoothed(rows, submitting) for name, rows in scores.items()}, names, truth)
    there = np.asarray(truth.values)
    return [measured(there[rows], given[rows]) for rows in draws]


def redrawn(truth, seed):
    """Rows of all minutes, then of minutes that are drawn with replacement, each time anew."""
    minutes = np.array([str(row_id).rpartition("_")[0] for row_id in truth.row_ids])
    each = [np.flatnonzero(minutes == name) for name in np.unique(minutes)]
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(len(each), size=len(each)) for _ in range(RESAMPLED)]
    return [np.arange(len(minutes)), *(np.concatenate([each[one] for one in own]) for own in drawn)]


def table(results):
    """Lines of Markdown: a row a step, and the gain over the step before; then a row a part left out."""
    steps = sorted({step for one in results.values() for step in one if step[0] in "l+"}, key=_order)
    whole = [np.array(_at(one, steps, len(steps) - 1)) for one in results.values()]
    rows = [["", "places", "AUC", "mAP"], ["---"] * 4]
    for place, step in enumerate(steps):
        there = [_at(one, steps, place) for one in results.values()]
        before = [_at(one, steps, place - 1) for one in results.values()] if place else None
        rows.append([step, str(sum(step in one for one in results.values())), *_cells(there, before)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    others = [step for step in next(iter(results.values())) if step not in steps]
    rows = [["", "AUC", "mAP"], ["---"] * 3]
    rows += [[step, *_cells([one[step] for one in results.values()], whole)] for step in others]
    return [*lines, "", *(f"| {' | '.join(row)} |" for row in rows)]


def _cells(there, before):
    """What steps came to in the mean of places, and what they are more than those before, with the interval."""
    values = np.mean([np.array(one) for one in there], axis=0)
    if before is None:
        return [f"{value:.3f}" for value in values[0]]
    gains = values - np.mean([np.array(one) for one in before], axis=0)
    low, high = np.percentile(gains[1:], (2.5, 97.5), axis=0)
    own = zip(values[0], gains[0], low, high, strict=True)
    return [f"{value:.3f}, {gain:+.3f} ({least:+.3f} to {most:+.3f})" for value, gain, least, most in own]


def _at(one, steps, place):
    """What a place came to at a step, or at the nearest before: of rounds that gained nothing there are none."""
    return next(one[step] for step in reversed(steps[: place + 1]) if step in one)


def _order(step):
    firsts = ("labels", "+ teacher", "+ labelled", "+ round", "+ shifts", "+ smoothing", "+ the", "+ a head")
    return next(place for place, first in enumerate(firsts) if step.startswith(first)), step


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
