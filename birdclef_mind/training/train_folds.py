"""Several networks, each measured on another part of the recordings, and one bundle of them all.

OUT/fold_1/, OUT/fold_2/, …   a bundle each, complete in itself
OUT/bundle.json               all of them as members, once the last is done
OUT/out_of_fold.csv           scores of each recording that some fold holds out, by the network that has not seen it
"""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.data.cache import Cache, IndexRow
from birdclef_mind.data.overrides import CorrectedCache, corrected
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.bundle_folder import FOLD, OUT_OF_FOLD, SCORES
from birdclef_mind.networks.calibration import calibrate_members
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.fold_measures import measures_of_folds
from birdclef_mind.training.folds import Split
from birdclef_mind.training.held_out import Part, fold_splits, heard_pictures, parts
from birdclef_mind.training.origin import NO_EXTRAS, Extras, made_from
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.results import Scores, about, validation_table
from birdclef_mind.training.train import refuse_unfit, train_split

# Measuring and writing the joined bundle takes less.
_JOINING_S = 600.0


@dataclass(frozen=True)
class FoldsReport:
    """What a cross-validation did: folds trained now, folds there were already, and the measures once all are there.

    `untaught` are birds that some fold trained now had no segment of; `missing` are folds still to train, `unlike`
    those of them that were trained in another way.
    """

    trained: tuple[int, ...]
    kept: tuple[int, ...]
    scores: Scores | None
    untaught: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()
    unlike: tuple[int, ...] = ()


def train_folds(
    cache: Cache,
    out: Path,
    training: Training,
    folds: int,
    only: int | None = None,
    *,
    extras: Extras = NO_EXTRAS,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> FoldsReport:
    """Train a network a fold, or only fold number `only`; a fold that is there and was trained in the same way is kept.

    Once all folds are there, they become one bundle. Its top-1, average precisions and measures a bird are means over
    the folds, since scores of different networks have no common scale, and so are the calibration's errors; counts are
    those of all segments together. ConfigError for a number of folds, or a fold, that cannot be; else as `train`.
    """
    if only is not None and not 1 <= only <= folds:
        raise ConfigError(f"fold: expected a number from 1 to {folds}, got {only}")
    refuse_unfit(cache, training, extras)
    bundle_folder.refuse_others(out, *(out / f"{FOLD}{number}" for number in range(1, folds + 1)))
    asked, pictures = corrected(cache, extras.overrides), heard_pictures(cache, track)
    splits = fold_splits(cache, pictures, training, folds, say=say, track=track)
    return train_splits(SplitCache(asked, pictures, splits), out, training, only, extras=extras, say=say)


@dataclass(frozen=True)
class SplitCache:
    """A cache as corrected, pictures of all of it that is not silent, and what each network of it is measured on."""

    cache: CorrectedCache
    pictures: Pictures
    splits: tuple[Split, ...]


def train_splits(
    own: SplitCache,
    out: Path,
    training: Training,
    only: int | None = None,
    *,
    extras: Extras,
    say: Say,
    held: Ledger | None = None,
) -> FoldsReport:
    """Train a network a split, as `train_folds`, on what is in memory; `held` is `out` where it is claimed already."""
    asked, splits = own.cache, own.splits
    folds, own_folders = len(splits), [out / f"{FOLD}{number}" for number in range(1, len(splits) + 1)]
    source = made_from(asked.as_cached, own.pictures, extras)
    # By its number, each fold that is done, trained now or there already.
    done: dict[int, Bundle] = {}
    trained, kept, unlike, untaught = list[int](), list[int](), list[int](), list[str]()
    for number, (folder, split) in enumerate(zip(own_folders, splits, strict=True), start=1):
        found = bundle_like(folder, asked.as_cached)
        if found and not trained_alike(found, training, split, extras, source):
            found = None
            unlike.append(number)
        if found:
            done[number] = found
        if only not in (None, number):
            continue
        if found:
            kept.append(number)
            continue
        say(f"fold {number} of {folds}")
        with bundle_folder.claimed(folder) as ledger:
            report = train_split(asked, own.pictures, ledger, training, split, source=source, extras=extras, say=say)
        done[number] = report.bundle
        untaught += [name for name in report.untaught if name not in untaught]
        trained.append(number)
    missing = tuple(number for number in range(1, folds + 1) if number not in done)
    if missing:
        others = tuple(number for number in unlike if number in missing)
        return FoldsReport(tuple(trained), tuple(kept), None, tuple(untaught), missing, others)
    checks = [parts(asked, own.pictures, split, training).check for split in splits]
    members = [done[number] for number in range(1, folds + 1)]
    # Machines that end their folds at the same time join them one after the other.
    with nullcontext(held) if held else bundle_folder.claimed(out, wait_s=_JOINING_S) as ledger:
        told = bundle_folder.SOFT if extras.soft else ()
        return FoldsReport(tuple(trained), tuple(kept), _join(ledger, members, checks, told), tuple(untaught))


def bundle_like(folder: Path, cache: Cache) -> Bundle | None:
    """The bundle of a fold for the same pictures and birds; None without one."""
    try:
        return bundles.load_like(folder, cache.features.fingerprint(), cache.classes.names)
    except BundleError:
        return None


def trained_alike(bundle: Bundle, training: Training, split: Split, extras: Extras, source: Mapping[str, Any]) -> bool:
    """Whether a fold was trained in the same way on the same pictures."""
    record = bundle.record
    return (
        Training.from_dict(record.training) == training
        and record.validation_recordings == tuple(sorted(split.validation))
        and record.overrides == tuple(extras.overrides)
        and record.made_from == source
    )


def _join(ledger: Ledger, members: list[Bundle], checks: list[Part], told: Collection[str]) -> Scores:
    """Write the bundle of all members, their out-of-fold scores, and the measures; what they were `told` stays."""
    predicted = [
        Predictor(member).scores(check.pixels).astype(float) for member, check in zip(members, checks, strict=True)
    ]
    rows: list[IndexRow] = [row for check in checks for row in check.rows]
    targets, scores = np.concatenate([check.targets for check in checks]), np.concatenate(predicted)
    first = members[0]
    # What is explained is the first member, so what it has not seen stays what counts as held out.
    record = replace(first.record, folds=len(members))
    whole = replace(
        first,
        others=tuple(member.model for member in members[1:]),
        priors=np.mean([member.priors for member in members], axis=0).tolist(),
        record=record,
        calibration=calibrate_members([check.targets for check in checks], predicted, first.network.answer),
    )
    each = [
        files.read_object(ledger.folder / f"{FOLD}{number + 1}", SCORES, "a fold", BundleError)
        for number in range(len(members))
    ]
    with bundle_folder.renewed(ledger, told=told) as stage:
        files.write_text(stage / OUT_OF_FOLD, validation_table(rows, scores, first.classes))
        measures = measures_of_folds(stage, about(whole), rows, targets, scores, folds=each)
        files.write_json(stage / SCORES, measures)
        bundles.write(whole, stage)
    return measures
