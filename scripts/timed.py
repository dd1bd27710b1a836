#!/usr/bin/env python3
"""Whether moments that speak for a bird are those in which it sings, where a table of the truth knows when.

`python scripts/timed.py BUNDLE COMPETITION …` asks a network whose answer is a sum over moments about the test
soundscapes of competitions with `truth.csv`, such as the built-in sample. A window that begins in the middle of a row
lies half in the next; where a bird sings in one of the two rows alone it is known in which half it may be heard. What
is printed is how much of what speaks for the bird lies in that half, over the half's share of time, wherever anything
speaks for it: 1 where nothing is known of when, 2 at most. Beside it stand the same of birds that sing in neither row,
and of the network with random weights.
"""

import argparse
import sys
from pathlib import Path

import numpy as np


def halves(truth, name, starts_s, length_s):
    """Windows that straddle two rows: (windows, classes), 0 or 1 for the half that a bird sings in, −1 for neither.

    NaN where it sings in both rows, or where a row is not in the truth.
    """
    rows = dict(zip(truth.row_ids, np.asarray(truth.values), strict=True))
    unknown = np.full(len(truth.columns), np.nan)
    found = []
    for start_s in starts_s:
        ends_s = start_s + length_s / 2, start_s + 1.5 * length_s
        own = [rows.get(f"{name}_{end_s:g}") for end_s in ends_s]
        if any(row is None for row in own):
            found.append(unknown)
            continue
        first, second = (row > 0 for row in own)
        found.append(np.where(first & second, np.nan, np.where(first, 0, np.where(second, 1, -1))))
    return np.array(found).reshape(-1, len(truth.columns))


def evidence(bundle, root):
    """Pictures of straddling windows, which half each bird sings in, (windows, classes), and their soundscapes."""
    from birdclef_mind.data.scoring import read_scores
    from birdclef_mind.networks.predictor import windows_for_rows

    truth, length_s = read_scores(root / "truth.csv"), bundle.features.windowing.length_s
    pictures, sings, names = [], [], []
    for path in sorted((root / "test_soundscapes").iterdir()):
        starts_s, every = windows_for_rows(path, bundle, 2)
        across = [place for place, start_s in enumerate(starts_s) if start_s % length_s]
        pictures.append(every.pixels[across])
        sings.append(halves(truth, path.stem, np.array(starts_s)[across], length_s))
        names += [path.stem] * len(across)
    columns = [truth.columns.index(label) if label in truth.columns else None for label in bundle.classes.names]
    known = np.concatenate(sings)
    unheard = np.full(len(known), np.nan)
    by_class = np.stack([unheard if column is None else known[:, column] for column in columns], axis=1)
    return np.concatenate(pictures), by_class, np.array(names)


def ratios(anatomy, pictures, sings):
    """Evidence inside the half that a bird sings in, over its share; the same of birds that sing in neither row.

    Each with the windows they are of, (pairs,) both: of all windows and birds of which it is known, of the others as
    many, drawn alike each time, of whom the first half is asked for.
    """
    from birdclef_mind.evidence.moments import evidence_a_moment
    from birdclef_mind.evidence.proof import evidence_inside

    adds = evidence_a_moment(anatomy, pictures)
    there, nowhere = np.argwhere(sings >= 0), np.argwhere(sings == -1)
    some = np.random.default_rng(0).permutation(len(nowhere))[: len(there)]
    asked = [(there, sings[tuple(there.T)].astype(int)), (nowhere[some], np.arange(len(some)) % 2)]
    found = []
    for pairs, half in asked:
        boxes = np.zeros((len(pairs), 1, pictures.shape[2]), bool)
        middle = pictures.shape[2] // 2
        boxes[half == 0, :, :middle] = boxes[half == 1, :, middle:] = True
        found.append((evidence_inside(adds[pairs[:, 0], :, pairs[:, 1]], boxes), pairs[:, 0]))
    return found


def told(values, windows, names):
    """Words for ratios: their mean with its interval over soundscapes, and how many lie above 1."""
    from birdclef_mind.backwards.fidelity import with_interval

    known = np.isfinite(values)
    mean = with_interval(values[known], list(names[windows[known]]))
    above = np.mean(values[known] > 1)
    return f"{mean['mean']:.2f} ({mean['low']:.2f} to {mean['high']:.2f}), above 1 in {above:.2f} of {known.sum()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("competitions", type=Path, nargs="+")
    args = parser.parse_args()
    from birdclef_mind.commands.surroundings import import_tensorflow_quietly

    import_tensorflow_quietly()
    from birdclef_mind.backwards.anatomy import read_anatomy
    from birdclef_mind.backwards.bundle_decoders import random_twin
    from birdclef_mind.errors import Obstacle
    from birdclef_mind.networks import bundle as bundles

    bundle = bundles.load(args.bundle)
    networks = {"the network": bundle.model, "random weights": random_twin(bundle.model, 1)}
    for root in args.competitions:
        pictures, sings, names = evidence(bundle, root)
        for title, model in networks.items():
            try:
                inside, elsewhere = ratios(read_anatomy(model), pictures, sings)
            except Obstacle as error:
                sys.exit(f"{args.bundle}: its answer is no sum over moments: {error}")
            sung, unsung = told(*inside, names), told(*elsewhere, names)
            print(f"{root}: {title}: where a bird sings {sung}; birds that do not {unsung}")


if __name__ == "__main__":
    main()
