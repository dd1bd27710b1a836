"""Soundscapes teach: a network labels them, the next one learns from these labels, and the best of all is kept.

OUT/round_0/                  a bundle that learned from labels alone
OUT/round_1/, …               bundles that learned from soundscapes too; `soft_labels.csv` is what each was told of
                              them, `soft_labels.html` plays some of it
OUT/bundle.json               the best of them, as measured on what was held out
OUT/rounds.csv                what each came to

Noisy student training (Xie and others 2020): soft labels, no threshold, every student of the same size as its teacher
and made to learn under noise. With windows drawn by their label sum, and each laid over a clip, as BirdCLEF 2025 and
2026 were won.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import tensorflow as tf

from birdclef_mind.data import metrics
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.overrides import CorrectedCache, corrected
from birdclef_mind.errors import BundleError, DivergedError
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.bundle_folder import ROUND, ROUNDS, SCORES, SOFT_LABELS, SOFT_PAGE
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import OWN
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.training.folds import Split
from birdclef_mind.training.held_out import Part, heard_pictures, one_split, parts
from birdclef_mind.training.origin import NO_EXTRAS, Extras, made_from
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.results import Scores
from birdclef_mind.training.soft_labels import UnlabelledSoundscapes, soft_labels
from birdclef_mind.training.soft_page import soft_page
from birdclef_mind.training.train import refuse_unfit, train_split
from birdclef_mind.training.train_folds import bundle_like, trained_alike

# Copying the best bundle takes less.
_COPYING_S = 600.0


@dataclass(frozen=True)
class Round:
    """What a round came to: mean average precision and mean ROC-AUC over classes, None where nothing is held out.

    `number` is 0 for the network that learned from labels alone; `likely` is how many birds its soft labels add up to.
    """

    number: int
    precision: float | None
    auc: float | None
    windows: int = 0
    likely: float = 0.0


@dataclass(frozen=True)
class RoundsReport:
    """What the rounds did: each, the best one's number, its measures, and birds without a segment to train on.

    `measured_on` says what was held out: "soundscapes", "recordings", or "" for nothing.
    """

    rounds: tuple[Round, ...]
    best: int
    scores: Scores | None
    measured_on: str
    untaught: tuple[str, ...] = ()


def train_rounds(
    cache: Cache,
    out: Path,
    training: Training,
    soundscapes: UnlabelledSoundscapes,
    rounds: int,
    *,
    extras: Extras = NO_EXTRAS,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> RoundsReport:
    """Train a network on labels, then so many rounds with soft labels; the best bundle is written to `out`.

    It ends early with the first round that diverges, or gains nothing on labelled soundscapes that are held out, else
    on held-out recordings; where nothing is held out every round is trained, and the last is kept. A round that is
    there and was trained in the same way is kept; one that was stopped goes on, with the same result on a CPU.

    Raises
    ------
    ConfigError : a network whose answer is one bird a segment, or a recipe that lays no soundscapes over its pictures.
    StoreError : soundscapes that are unlike the cache, or in which no bird is likely. Else as `train`.
    """
    training.refuse_rounds()
    refuse_unfit(cache, training, extras)
    soundscapes.refuse_unfit(cache, extras.teacher)
    # What networks make of soundscapes is the same before and after a training was stopped.
    tf.config.experimental.enable_op_determinism()
    bundle_folder.refuse_others(out, *(out / f"{ROUND}{number}" for number in range(rounds + 1)))
    asked, pictures = corrected(cache, extras.overrides), heard_pictures(cache, track)
    work = _Work(asked, pictures, training, one_split(cache, pictures, training, say, track), extras, say)
    check, measured_on = _check(work)
    rows = soundscapes.rows(cache)
    done, bundle, untaught = list[Round](), None, tuple[str, ...]()
    for number in range(rounds + 1):
        folder, own, round_ = out / f"{ROUND}{number}", extras, Round(number, None, None)
        say(f"round {number} of {rounds}" if number else "round 0: labels alone")
        if bundle:
            labels = soft_labels(soundscapes, rows, [bundle], training.label_power, track)
            own = replace(extras, soft=labels)
            likely = float(labels.chances.sum())
            say(f"{len(rows)} windows of soundscapes, in which {likely:.0f} birds are likely")
            round_ = replace(round_, windows=len(rows), likely=likely)
        try:
            bundle, unknown = work.trained(folder, own)
        except DivergedError as error:
            if not number:
                raise
            say(f"the rounds before are kept: {error}")
            break
        untaught = unknown or untaught
        done.append(_measured(round_, bundle, check))
        say(round_words(done[-1], measured_on))
        if number and not _gains(done):
            say(f"round {number} gains nothing, so it is the last")
            break
    best = max(done, key=lambda one: (one.precision or 0.0, -one.number)) if check.rows else done[-1]
    scores = None
    if check.rows:
        scores = cast(Scores, files.read_object(out / f"{ROUND}{best.number}", SCORES, "a round", BundleError))
    with bundle_folder.claimed(out, wait_s=_COPYING_S) as ledger, bundle_folder.renewed(ledger) as stage:
        bundle_folder.copied(out / f"{ROUND}{best.number}", stage)
        files.write_text(stage / ROUNDS, _table(done, best.number))
    return RoundsReport(tuple(done), best.number, scores, measured_on, untaught)


def round_words(one: Round, measured_on: str) -> str:
    """What a round came to, in a line."""
    if one.precision is None:
        return f"round {one.number}: nothing is held out to measure it on"
    auc = "" if one.auc is None else f", ROC-AUC {one.auc:.3f}"
    return f"round {one.number}: mean average precision {one.precision:.3f}{auc} on held-out {measured_on}"


@dataclass(frozen=True)
class _Work:
    """What all rounds share."""

    cache: CorrectedCache
    pictures: Pictures
    training: Training
    split: Split
    extras: Extras
    say: Say

    def trained(self, folder: Path, extras: Extras) -> tuple[Bundle, tuple[str, ...]]:
        """The bundle of a round, which is kept where it is there already; birds that it was not taught."""
        source = made_from(self.cache.as_cached, self.pictures, extras)
        found = bundle_like(folder, self.cache)
        if found and trained_alike(found, self.training, self.split, extras, source):
            self.say(f"{folder} is there already")
            return found, ()
        with bundle_folder.claimed(folder) as ledger:
            if extras.soft:
                ledger.add({SOFT_LABELS: OWN, SOFT_PAGE: OWN})
                files.write_text(folder / SOFT_LABELS, extras.soft.table())
                files.write_text(folder / SOFT_PAGE, soft_page(extras.soft, folder))
            report = train_split(
                self.cache, self.pictures, ledger, self.training, self.split, source=source, extras=extras, say=self.say
            )
        return report.bundle, report.untaught


def _check(work: _Work) -> tuple[Part, str]:
    """What rounds are measured on: held-out soundscapes where birds are heard in some, else all that is held out."""
    check = parts(work.cache, work.pictures, work.split, work.training).check
    own = np.array([row.soundscape for row in check.rows], bool)
    if check.targets[own].any():
        rows = tuple(row for row in check.rows if row.soundscape)
        return Part(rows, check.pictures, check.places[own], check.targets[own]), "soundscapes"
    return check, "recordings" if check.rows else ""


def _measured(round_: Round, bundle: Bundle, check: Part) -> Round:
    if not check.rows:
        return round_
    scores = Predictor(bundle).scores(check.pixels)
    aucs = metrics.roc_aucs(check.targets, scores)
    auc = float(np.nanmean(aucs)) if np.isfinite(aucs).any() else None
    return replace(round_, precision=float(metrics.mean_average_precision(check.targets, scores)), auc=auc)


def _gains(done: Sequence[Round]) -> bool:
    """Whether the last round is better than all before it; always where nothing is measured."""
    *before, last = [one.precision for one in done]
    return last is None or last > max(one for one in before if one is not None)


def _table(done: Sequence[Round], best: int) -> str:
    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.4f}"

    header = ["round", "mean_average_precision", "roc_auc", "windows", "likely_birds", "kept"]
    return csv_text(
        header,
        [
            (one.number, cell(one.precision), cell(one.auc), one.windows, f"{one.likely:.1f}", int(one.number == best))
            for one in done
        ],
    )
