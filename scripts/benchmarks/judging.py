"""What a judge names right: windows of labelled soundscapes as recorded, and rebuilt from the pictures of presets.

`python scripts/benchmarks/judging.py LISTENER COMPETITION` prints it as a table. `COMPETITION` has test soundscapes and
their `truth.csv`; what counts are the rows with one species.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.sound.audio import read_windows
from birdclef_mind.sound.pictures import pictures_to_samples, samples_to_pictures
from birdclef_mind.sound.settings import PRESETS, ROW_S

RECORDED = "the recording itself"
SHOWN = ("logmel128", "mel32", "mel16", "mfcc16")
# Sounds that are rebuilt and heard at a time.
SOME = 16


@dataclass(frozen=True)
class Named:
    """Of so many windows, those whose species is named first among the competition's, and among all that are known."""

    what: str
    windows: int
    among_own: int
    among_all: int


def windows_of(competition):
    """Samples (windows, samples) of rows with one species, at the presets' rate, and that species' place."""
    truth = read_scores(competition.root / "truth.csv")
    marked = {row: np.flatnonzero(values) for row, values in zip(truth.row_ids, truth.values, strict=True)}
    samples, labels = [], []
    for path in competition.soundscapes():
        for window in read_windows(path, PRESETS[SHOWN[0]]):
            own = marked.get(f"{path.stem}_{round(window.start_s) + ROW_S}", ())
            if len(own) == 1:
                samples.append(window.samples)
                labels.append(truth.columns[own[0]])
    return np.stack(samples), labels, truth.columns


def rebuilt(samples, preset):
    """The samples (windows, samples), by way of their pictures, as `explain` plays them."""
    features = PRESETS[preset]
    return pictures_to_samples(samples_to_pictures(samples, features), features, threads=os.cpu_count() or 1)


def rows(judge, competition, presets=SHOWN, most=None):
    """A row for the recordings, then one a preset; of the first windows alone with `most`."""
    from birdclef_mind.listeners.judge import match_classes

    samples, labels, names = windows_of(competition)
    samples, labels = samples[:most], labels[:most]
    match = match_classes([competition.species[name] for name in names], judge.listener.species)
    known = [match.labels[number] for number in match.known]
    judged = [place for place, label in enumerate(labels) if label in known]
    wanted = np.array([known.index(labels[place]) for place in judged])
    for what in (RECORDED, *presets):
        logits = []
        for start in range(0, len(judged), SOME):
            own = samples[judged[start : start + SOME]]
            sounds = own if what == RECORDED else rebuilt(own, what)
            logits.append(judge.logits(list(sounds), PRESETS[SHOWN[0]].sample_rate_hz))
        said = judge.judge(np.concatenate(logits), match)
        first = said.ranks[np.arange(len(judged)), wanted] == 1
        yield Named(what, len(judged), int((said.logits.argmax(axis=1) == wanted).sum()), int(first.sum()))


def lines(found, known, species):
    """The rows as a table of Markdown."""
    yield f"| sound | windows | named first among {known} | named first among {species:,} |"
    yield "| --- | ---: | ---: | ---: |"
    for row in found:
        what = row.what if row.what == RECORDED else f"rebuilt from the picture of `{row.what}`"
        shares = (f"{count / row.windows:.2f}" for count in (row.among_own, row.among_all))
        yield f"| {what} | {row.windows} | {' | '.join(shares)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listener", type=Path)
    parser.add_argument("competition", type=Path)
    args = parser.parse_args()
    import_tensorflow_quietly()
    from birdclef_mind.listeners.judge import Judge, match_classes
    from birdclef_mind.listeners.open_listener import open_listener

    competition, judge = open_competition(args.competition), Judge(open_listener(args.listener))
    classes = [competition.species[name] for name in dict.fromkeys(competition.labels)]
    known = len(match_classes(classes, judge.listener.species).known)
    for line in lines(rows(judge, competition), known, len(judge.listener.species)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
