"""Training a head on embeddings: split, choose, fit, measure on held-out recordings, write a bundle."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.checks import is_number, is_whole, require
from birdclef_mind.data.overrides import Override, corrected_rows, summary
from birdclef_mind.errors import BundleError, ConfigError, StoreError
from birdclef_mind.listeners.embeddings import Arrays, Embeddings
from birdclef_mind.listeners.head_bundle import ANSWER, HeadBundle, is_head, load_head, write_head
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.bundle_folder import OUT_OF_FOLD, SCORES
from birdclef_mind.networks.calibration import Calibration, calibrate, calibrate_members
from birdclef_mind.networks.record import Record
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.fit_heads import Heard, fit_head
from birdclef_mind.training.fold_measures import measures_of_folds
from birdclef_mind.training.folds import Split, fold_recordings, split_recordings
from birdclef_mind.training.held_out import apart, recordings_of
from birdclef_mind.training.improvement import Earlier
from birdclef_mind.training.results import About, Scores, figures, honesty_of, validation_table, write_measures

# Parts of the recordings to learn from, on each of which heads are tried that have not seen it.
_PARTS = 4
# From here on two recordings hold the same sound, by BirdNET's embeddings less their mean: copies that were encoded
# anew, and begin at the same moment, have .983 to .994, different recordings .94 at most. Other copies are not found.
_SAME = 0.97
# With fewer, different sounds are embedded alike by chance.
_ENOUGH_NUMBERS = 64
# Copies have a cosine of at least so much by so many random directions, with hardly an exception.
_DIRECTIONS, _NEAR = 64, 0.85
_AT_A_TIME = 1_024


@dataclass(frozen=True, kw_only=True)
class HeadTraining:
    """How a head is trained.

    Attributes
    ----------
    validation_share : of the recordings, held out to measure, in [0, 0.5]. folds : heads, each with another part held
        out; 0 for one head. split_seed : of what is held out. seed : of weights and order.
    """

    validation_share: float = 0.2
    folds: int = 0
    split_seed: int = 111
    seed: int = 111

    def __post_init__(self) -> None:
        good = is_number(self.validation_share) and 0 <= self.validation_share <= 0.5
        require(good, "validation_share", "a number from 0 to 0.5", self.validation_share)
        require(is_whole(self.folds) and self.folds != 1 and self.folds >= 0, "folds", "0, or 2 or more", self.folds)


@dataclass(frozen=True)
class HeadReport:
    """What a training did: the bundle, and its measures, None where nothing was held out."""

    bundle: HeadBundle
    scores: Scores | None


def train_head(
    embeddings: Embeddings,
    out: Path,
    training: HeadTraining = HeadTraining(),
    overrides: Sequence[Override] = (),
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> HeadReport:
    """Train a head on embeddings and write its bundle to `out`.

    The same embeddings, settings and machine give the same bytes on a CPU. TableError for corrections that do not fit,
    StoreError where nothing is there to learn from, BundleError where `out` is no place for a bundle.
    """
    if len(embeddings.classes) < 2:
        only = embeddings.classes.names[0]
        raise StoreError(f"{embeddings.root}: expected at least two {embeddings.are} to tell apart, got {only} alone")
    tf.config.experimental.enable_op_determinism()
    with bundle_folder.claimed(out) as ledger:
        work = _Work(embeddings, training, overrides, say, track)
        return work.folds(ledger) if training.folds else work.alone(ledger)


class _Work:
    """A training of heads: what is learned from, and where lines go."""

    def __init__(
        self, embeddings: Embeddings, training: HeadTraining, overrides: Sequence[Override], say: Say, track: Track
    ) -> None:
        self._own, self._training, self._say, self._track = embeddings, training, say, track
        found = corrected_rows(embeddings, overrides)
        self._overrides = tuple(overrides)
        self._rows = [row for row in found.rows if row.told and not row.silent]
        if not any(row.label for row in self._rows):
            raise StoreError(
                f"{embeddings.root}: expected segments in which something is heard to learn from, found none"
            )
        if overrides:
            say(f"corrected {summary(found.corrections)}")
        self._arrays = embeddings.arrays(self._rows, track)
        self._targets = embeddings.targets(self._rows)
        self._recordings = recordings_of(replace(embeddings, rows=tuple(self._rows)))
        self._alike = alike_recordings(self._arrays.embeddings, [row.recording for row in self._rows])
        if self._alike:
            first = " and ".join(self._alike[0])
            say(f"{len(self._alike)} pairs of recordings hold the same sound and stay together, such as {first}")

    def alone(self, ledger: Ledger) -> HeadReport:
        """One head."""
        training = self._training
        split = split_recordings(self._recordings, training.validation_share, training.split_seed, self._alike)
        bundle, check = self._bundle(split), self._check(split)
        scores = None
        with bundle_folder.renewed(ledger) as stage:
            if check.size:
                predicted = bundle.scores(self._some(check)).astype(float)
                rows, targets = [self._rows[place] for place in check], self._targets[check]
                before = self._earlier(ledger.folder, check) if self._overrides else None
                scores = write_measures(stage, self._about(), rows, targets, predicted, before=before)
                bundle = replace(bundle, calibration=calibrate(targets, predicted, ANSWER))
            files.write_json(stage / SCORES, scores)
            write_head(bundle, stage)
        return HeadReport(bundle, scores)

    def folds(self, ledger: Ledger) -> HeadReport:
        """A head a fold; each segment is measured by the head that has not seen its recording."""
        training = self._training
        splits = fold_recordings(self._recordings, training.folds, training.split_seed, self._alike)
        bundles, checks, predicted = list[HeadBundle](), list[Array](), list[Array]()
        for number, split in enumerate(splits, start=1):
            self._say(f"fold {number} of {training.folds}")
            bundles.append(self._bundle(split))
            checks.append(self._check(split))
            predicted.append(bundles[-1].scores(self._some(checks[-1])).astype(float))
        first, places, scores = bundles[0], np.concatenate(checks), np.concatenate(predicted)
        bundle = replace(
            first,
            members=tuple(member for one in bundles for member in one.members),
            priors=np.mean([one.priors for one in bundles], axis=0).tolist(),
            record=replace(first.record, folds=training.folds),
            calibration=calibrate_members([self._targets[check] for check in checks], predicted, ANSWER),
        )
        rows = [self._rows[place] for place in places]
        with bundle_folder.renewed(ledger) as stage:
            measures = measures_of_folds(
                stage,
                self._about(),
                rows,
                self._targets[places],
                scores,
                folds=list(map(self._figures, checks, predicted)),
            )
            files.write_text(stage / OUT_OF_FOLD, validation_table(rows, scores, self._own.classes))
            files.write_json(stage / SCORES, measures)
            write_head(bundle, stage)
        return HeadReport(bundle, measures)

    def _figures(self, check: Array, predicted: Array) -> Scores:
        """Measures of one fold's scores (check, classes) for what it has not seen."""
        own, rows, targets = self._about(), [self._rows[place] for place in check], self._targets[check]
        return figures(own, rows, targets, predicted, honesty_of(own, rows, targets, predicted))

    def _bundle(self, split: Split) -> HeadBundle:
        """A head that learned from one side of a split."""
        learn = np.array([place for place, row in enumerate(self._rows) if row.recording in split.training], int)
        check = self._check(split)
        self._say(f"{len(learn)} segments to learn from, {len(check)} held out, by {split.grouped_by}")
        known = self._own.heard_by.match.known
        heard = Heard(self._some(learn), self._targets[learn], self._parts_of(split, learn))
        head, _ = fit_head(heard, known, self._training.seed, say=self._say, track=self._track)
        record = Record(
            training=asdict(self._training), grouped_by=split.grouped_by, only_training=split.only_training,
            validation_recordings=tuple(sorted(split.validation)),
            segments={"training": len(learn), "validation": len(check)}, overrides=self._overrides,
            tensorflow=tf.__version__, made_from={"index_sha256": self._own.index_sha256},
            metric=self._own.metric, are=self._own.are,
        )  # fmt: skip
        return HeadBundle(
            members=(head,), heard_by=self._own.heard_by, classes=self._own.classes,
            common_names=self._own.common_names, priors=(self._targets[learn] >= 1).mean(axis=0).tolist(),
            record=record, calibration=Calibration(ANSWER),
        )  # fmt: skip

    def _parts_of(self, split: Split, learn: Array) -> Array:
        """The part of each segment to learn from; -1 for recordings that no part can be without."""
        recordings = [one for one in self._recordings if one.filename in split.training]
        alike = [pair for pair in self._alike if split.training.issuperset(pair)]
        for count in range(_PARTS, 1, -1):
            with suppress(ConfigError):
                splits = fold_recordings(recordings, count, self._training.split_seed, alike)
                part = {name: number for number, one in enumerate(splits) for name in one.validation}
                return np.array([part.get(self._rows[place].recording, -1) for place in learn])
        # With too few recordists whole recordings are tried, and where there is one alone, its halves.
        number = {one.filename: place for place, one in enumerate(recordings)}
        places = [number[self._rows[place].recording] for place in learn]
        return np.array(places if len(recordings) > 1 else np.arange(len(learn))) % 2

    def _check(self, split: Split) -> Array:
        """Places of segments that are held out and stand side by side."""
        step = apart(self._own)
        held = [row.recording in split.validation and row.segment % step == 0 for row in self._rows]
        return np.flatnonzero(held)

    def _some(self, places: Array) -> Arrays:
        return Arrays(self._arrays.embeddings[places], self._arrays.opinion[places])

    def _about(self) -> About:
        return About(self._own.classes, ANSWER, self._own.metric)

    def _earlier(self, folder: Path, check: Array) -> Earlier | None:
        """The head that stands in the folder, where it can be compared."""
        if not is_head(folder):
            return None
        try:
            before = load_head(folder)
        except BundleError:
            return None
        own = self._own
        if before.heard_by != own.heard_by or before.classes.names != own.classes.names:
            return None
        unseen = set(before.record.validation_recordings)
        return Earlier(before.classes.names, ANSWER, unseen, lambda places: before.scores(self._some(check[places])))


def alike_recordings(embeddings: Array, recordings: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of recordings that hold the same sound: some segment of one is embedded as one of the other is.

    What all embeddings have in common is taken away before they are compared: first a few random directions of each
    (Johnson & Lindenstrauss 1984), then whole those that are near by them.

    Parameters
    ----------
    embeddings : (segments, windows, numbers). recordings : the recording of each segment.
    """
    if embeddings.shape[-1] < _ENOUGH_NUMBERS:
        return []
    flat = embeddings.reshape(len(embeddings), -1)
    own = _unit(flat - flat.mean(axis=0))
    directions = np.random.default_rng(0).normal(size=(own.shape[1], _DIRECTIONS)).astype(np.float32)
    few, names = _unit(own @ directions), np.array(recordings)
    pairs: dict[tuple[str, str], None] = {}
    for start in range(0, len(own), _AT_A_TIME):
        near = np.argwhere(few[start : start + _AT_A_TIME] @ few.T >= _NEAR)
        one, other = near[:, 0] + start, near[:, 1]
        first = names[one] < names[other]
        one, other = one[first], other[first]
        same = np.einsum("ij,ij->i", own[one], own[other]) >= _SAME
        pairs |= dict.fromkeys(zip(names[one[same]].tolist(), names[other[same]].tolist(), strict=True))
    return list(pairs)


def _unit(values: Array) -> Array:
    """Values (n, numbers), each row of length 1, or 0 where it is nothing."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(length, 1e-9), np.float32)
