"""Soundscapes teach: a network labels them, the next one learns from these labels, and the best of all is kept.

OUT/round_0/                  a bundle that learned from labels alone
OUT/round_1/, …               bundles that learned from soundscapes too; `soft_labels.csv` is what each was told of
                              them, `soft_labels.html` plays some of it
OUT/bundle.json               the best of them, as measured on what was held out
OUT/rounds.csv                what each came to

With folds each round is a bundle of so many networks, and all of them label for the next.

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
from birdclef_mind.data.overrides import corrected
from birdclef_mind.errors import BundleError, DivergedError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.bundle_folder import ROUND, ROUNDS, SCORES, SOFT_LABELS, SOFT_PAGE
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import OWN, Ledger
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.training.held_out import Part, fold_splits, heard_pictures, one_split, parts
from birdclef_mind.training.origin import NO_EXTRAS, Extras, made_from
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.results import Scores
from birdclef_mind.training.soft_labels import UnlabelledSoundscapes, soft_labels
from birdclef_mind.training.soft_page import soft_page
from birdclef_mind.training.train import refuse_unfit, train_split
from birdclef_mind.training.train_folds import SplitCache, bundle_like, train_splits, trained_alike

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
    folds: int | None = None,
    extras: Extras = NO_EXTRAS,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> RoundsReport:
    """Train a network on labels, then so many rounds with soft labels; the best bundle is written to `out`.

    It ends early with the first round that diverges, or gains nothing on labelled soundscapes that are held out, else
    on held-out recordings; where nothing is held out every round is trained, and the last is kept. A round that is
    there and was trained in the same way is kept; one that was stopped goes on, with the same result on a CPU.
    With `folds` each round trains a network a fold, measured on what it has not seen: a round's measures are means.

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
    if folds:
        splits = fold_splits(cache, pictures, training, folds, say=say, track=track)
    else:
        splits = (one_split(cache, pictures, training, say, track),)
    work = _Work(SplitCache(asked, pictures, splits), training, extras, say)
    checks, measured_on = _checks(work)
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
        done.append(_measured(round_, bundle, checks))
        say(round_words(done[-1], measured_on))
        if number and not _gains(done):
            say(f"round {number} gains nothing, so it is the last")
            break
    best = max(done, key=lambda one: (one.precision or 0.0, -one.number)) if measured_on else done[-1]
    scores = None
    if measured_on:
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

    ground: SplitCache
    training: Training
    extras: Extras
    say: Say

    def trained(self, folder: Path, extras: Extras) -> tuple[Bundle, tuple[str, ...]]:
        """The bundle of a round, which is kept where it is there already; birds that it was not taught."""
        if len(self.ground.splits) > 1:
            return self._folds(folder, extras)
        cache, pictures, (split,) = self.ground.cache, self.ground.pictures, self.ground.splits
        source = made_from(cache.as_cached, pictures, extras)
        found = bundle_like(folder, cache)
        if found and trained_alike(found, self.training, split, extras, source):
            self.say(f"{folder} is there already")
            return found, ()
        with bundle_folder.claimed(folder) as ledger:
            _tell(ledger, extras)
            report = train_split(
                cache, pictures, ledger, self.training, split, source=source, extras=extras, say=self.say
            )
        return report.bundle, report.untaught

    def _folds(self, folder: Path, extras: Extras) -> tuple[Bundle, tuple[str, ...]]:
        with bundle_folder.claimed(folder) as ledger:
            _tell(ledger, extras)
            report = train_splits(self.ground, folder, self.training, extras=extras, say=self.say, held=ledger)
        if not report.trained:
            self.say(f"{folder} is there already")
        return bundles.load(folder), report.untaught


def _tell(ledger: Ledger, extras: Extras) -> None:
    """Write what a round is told of soundscapes, where it is told anything."""
    if extras.soft:
        ledger.add({SOFT_LABELS: OWN, SOFT_PAGE: OWN})
        files.write_text(ledger.folder / SOFT_LABELS, extras.soft.table())
        files.write_text(ledger.folder / SOFT_PAGE, soft_page(extras.soft, ledger.folder))


def _checks(work: _Work) -> tuple[list[Part], str]:
    """What each network of a round is measured on, and its name.

    Held-out soundscapes where birds are heard in some, else all that is held out; empty for nothing.
    """
    ground = work.ground
    held_out = [parts(ground.cache, ground.pictures, split, work.training).check for split in ground.splits]
    own = [_soundscapes_of(check) for check in held_out]
    if any(check.targets.any() for check in own):
        return own, "soundscapes"
    return held_out, "recordings" if any(check.targets.any() for check in held_out) else ""


def _soundscapes_of(check: Part) -> Part:
    own = np.array([row.soundscape for row in check.rows], bool)
    rows = tuple(row for row in check.rows if row.soundscape)
    return Part(rows, check.pictures, check.places[own], check.targets[own])


def _measured(round_: Round, bundle: Bundle, checks: Sequence[Part]) -> Round:
    """A round with its measures: means over its networks, each by what it has not seen, as far as birds are in it."""
    alone = [replace(bundle, model=model, others=()) for model in bundle.members]
    precisions, aucs = list[float](), list[float]()
    for network, check in zip(alone, checks, strict=True):
        if check.targets.any():
            scores = Predictor(network).scores(check.pixels)
            precisions.append(float(metrics.mean_average_precision(check.targets, scores)))
            of_birds = metrics.roc_aucs(check.targets, scores)
            aucs += [float(np.nanmean(of_birds))] if np.isfinite(of_birds).any() else []
    if not precisions:
        return round_
    return replace(round_, precision=float(np.mean(precisions)), auc=float(np.mean(aucs)) if aucs else None)


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
