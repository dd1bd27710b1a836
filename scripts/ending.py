#!/usr/bin/env python3
"""What is gained at the end: windows shifted, rows smoothed, soundscapes' best, and bundles blended, each left out.

`python scripts/ending.py WORK BIRDS WEATHER BUNDLE …` makes places of real sounds in WORK, one a seed: held-out clips
of the competition BIRDS over the rain and sea of WEATHER. Every bundle hears them, and WORK/results.json says how well
their scores tell who sings where, as they are and after each step. Run again, it goes on. With `--page
docs/measurements.md --tables TITLE=WORK …` it writes the tables of several such folders there instead.
"""

import shutil
import sys
from datetime import date
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from benchmarks import page
from benchmarks.place import write_place
from benchmarks.trials import each_once, trial_parser, write_tables

SHIFTS, SMOOTHING, FILE_POWER = 2, (0.1, 0.8, 0.1), 0.4
# What each row of the table is: shifts, smoothing, power.
STEPS = {
    "as they are": (1, (), 0.0),
    "+ shifts": (SHIFTS, (), 0.0),
    "+ smoothing": (1, SMOOTHING, 0.0),
    "+ wide smoothing": (1, (0.1, 0.2, 0.4, 0.2, 0.1), 0.0),
    "+ the soundscape's best": (1, (), FILE_POWER),
    "all three": (SHIFTS, SMOOTHING, FILE_POWER),
    "all but shifts": (1, SMOOTHING, FILE_POWER),
    "all but smoothing": (SHIFTS, (), FILE_POWER),
    "all but the soundscape's best": (SHIFTS, SMOOTHING, 0.0),
}
BLENDS = ("mean", "ranks")
WORDS = """\
Written by `scripts/ending.py` on {date}. Held-out clips sing in minutes of rain and sea, one to four birds a
minute, each for a while, at −5 to 10 dB, half of them far away, half with an echo. Macro ROC-AUC and mean average
precision over all rows; the mean of every place and bundle, what each step adds to the first line, and how many of
them it helped. *Blend*: all bundles together. Shifts: {shifts}; smoothing: {smoothing}; power of the soundscape's
three best: {power}."""


def heard(bundles, root, shifts, listener=None):
    """Scores (rows, classes) of every soundscape by name, as bundles give them, and the names of classes."""
    from birdclef_mind.data.soundscapes import row_scores
    from birdclef_mind.kaggle.answering import open_answering

    answering, found = open_answering(bundles, listener, shifts=shifts), {}
    for path in sorted((root / "test_soundscapes").iterdir()):
        answer = answering.answer(answering.decode(path))
        found[path.stem] = row_scores(answer.starts_s, answer.scores, answering.known.length_s)
    return found, answering.known.classes.names


def told(scores, names, truth):
    """ROC-AUC and mean average precision of scores by soundscape."""
    return measured(np.asarray(truth.values), rows_of(scores, names, truth))


def rows_of(scores, names, truth):
    """Scores by soundscape as rows of the truth (rows, classes)."""
    places = [names.index(label) for label in truth.columns]
    ends = [str(row_id).rpartition("_") for row_id in truth.row_ids]
    return np.array([scores[name][int(end_s) // 5 - 1][places] for name, _, end_s in ends])


def measured(there, given):
    """Macro ROC-AUC and mean average precision of scores (rows, classes)."""
    from birdclef_mind.data.metrics import mean_average_precision, roc_aucs

    return [float(np.nanmean(roc_aucs(there, given))), float(mean_average_precision(there, given))]


def one_place(args, seed):
    """Every bundle's measures after every step, and those of all together."""
    from birdclef_mind.data.scoring import read_scores
    from birdclef_mind.kaggle.blending import mean_ranks
    from birdclef_mind.kaggle.settings import Submitting
    from birdclef_mind.kaggle.smoothing import smoothed

    root = args.work / f"place-{seed}"
    if not (root / "sample_submission.csv").is_file():
        shutil.rmtree(root, ignore_errors=True)
        write_place(args.birds, args.weather, root, seed, args.minutes)
    truth = read_scores(root / "truth.csv")
    raw, found = {}, {"single": {}, "blend": {}}
    for bundle in args.bundles:
        for shifts in (1, SHIFTS):
            raw[str(bundle), shifts], names = heard([bundle], root, shifts)
    for step, (shifts, smoothing, power) in STEPS.items():
        submitting = Submitting(smoothing=smoothing, file_power=power)
        own = [raw[str(bundle), shifts] for bundle in args.bundles]
        smooth = [{name: smoothed(rows, submitting) for name, rows in one.items()} for one in own]
        found["single"][step] = [told(one, names, truth) for one in smooth]
        if len(own) > 1:
            cuts = np.cumsum([len(rows) for rows in own[0].values()])[:-1]
            members = np.stack([np.concatenate(list(one.values())) for one in smooth])
            means = {name: smoothed(np.mean([one[name] for one in own], axis=0), submitting) for name in own[0]}
            ranks = dict(zip(own[0], np.split(mean_ranks(members), cuts), strict=True))
            for blend, together in zip(BLENDS, (means, ranks), strict=True):
                found["blend"].setdefault(blend, {})[step] = told(together, names, truth)
    print(f"place {seed}: {found['single']['as they are']}", flush=True)
    return found


def table(results):
    """Lines of Markdown: a row a step, single bundles and blends side by side."""
    blends = [blend for blend in BLENDS if all(blend in one["blend"] for one in results.values())]
    head = ["", "AUC", "mAP", *(f"blend by {blend}: AUC, mAP" for blend in blends)]
    single = {step: np.array([pair for one in results.values() for pair in one["single"][step]]) for step in STEPS}
    rows = []
    for step, values in single.items():
        gained = values - single["as they are"]
        cells = [cell(values[:, place], gained[:, place], step) for place in range(2)]
        for blend in blends:
            own = np.mean([one["blend"][blend][step] for one in results.values()], axis=0)
            cells.append(", ".join(f"{value:.3f}" for value in own))
        rows.append([step, *cells])
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


def cell(values, gained, step):
    if step == "as they are":
        return f"{values.mean():.3f}"
    return f"{values.mean():.3f} ({gained.mean():+.3f}, {(gained > 0).sum()} of {len(gained)})"


def work_through(args):
    results = each_once(args.work, map(str, args.seeds), lambda seed: one_place(args, int(seed)))
    for line in table(results):
        print(line)


def write_page(args):
    words = WORDS.format(date=f"{date.today():%d %B %Y}", shifts=SHIFTS, smoothing=SMOOTHING, power=FILE_POWER)
    write_tables(args, page.ENDING, words, table)


def main():
    parser = trial_parser(__doc__)
    parser.add_argument("birds", type=Path, nargs="?", help="competition with test_sources.csv")
    parser.add_argument("weather", type=Path, nargs="?", help="competition with recordings of rain and sea")
    parser.add_argument("bundles", type=Path, nargs="*")
    parser.add_argument("--minutes", type=int, default=40)
    args = parser.parse_args()
    write_page(args) if args.page else work_through(args)


if __name__ == "__main__":
    main()
