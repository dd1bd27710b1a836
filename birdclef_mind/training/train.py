"""Training a network on a cache: split, fit, keep the best epoch, measure on held-out recordings, write a bundle."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind import __version__
from birdclef_mind.arrays import Array
from birdclef_mind.checks import some_of
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.overrides import CorrectedCache, corrected, summary
from birdclef_mind.errors import BundleError, ConfigError, DivergedError, StoreError
from birdclef_mind.networks import build as networks
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.applications import load_base
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.bundle_folder import TRAINING
from birdclef_mind.networks.calibration import Calibration
from birdclef_mind.networks.habits import Habits
from birdclef_mind.networks.record import Record
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.storage import files
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.draws import Material, gather_material
from birdclef_mind.training.epochs import Fitting
from birdclef_mind.training.folds import Split
from birdclef_mind.training.held_out import Part, heard_pictures, one_split, parts
from birdclef_mind.training.learner import Learner, compile_learner
from birdclef_mind.training.origin import NO_EXTRAS, Extras, made_from, precision, write_settings
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.results import Scores, write_results
from birdclef_mind.training.teacher import lessons_for
from birdclef_mind.training.unlabelled import with_unlabelled
from birdclef_mind.training.words import describe, resting


@dataclass(frozen=True)
class TrainingReport:
    """What training did: the bundle, the split, the history, and the measures (None without validation).

    Attributes
    ----------
    silent : segments left out. untaught : birds without a segment to train on.
    """

    bundle: Bundle
    split: Split
    history: tuple[dict[str, float], ...]
    best_epoch: int
    scores: Scores | None
    silent: int
    untaught: tuple[str, ...] = ()


def train(
    cache: Cache,
    out: Path,
    training: Training = Training(),
    extras: Extras = NO_EXTRAS,
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> TrainingReport:
    """Train a network on a cache and write its bundle to `out`.

    The same cache, settings and machine give the same weights on a CPU, interrupted or not: TensorFlow is told to work
    deterministically, for this process. On another processor the last digits may differ. What is held out does not
    depend on corrections. TableError for corrections that do not fit the cache, BundleError where `out` is no place for
    a bundle; what else is raised, `refuse_unfit` and `train_split` say.
    """
    refuse_unfit(cache, training, extras)
    with bundle_folder.claimed(out) as ledger:
        asked, pictures = corrected(cache, extras.overrides), heard_pictures(cache, track)
        split, source = one_split(cache, pictures, training, say, track), made_from(cache, pictures, extras)
        return train_split(asked, pictures, ledger, training, split, source=source, extras=extras, say=say)


def train_split(
    cache: CorrectedCache,
    pictures: Pictures,
    ledger: Ledger,
    training: Training,
    split: Split,
    *,
    source: Mapping[str, str | None],
    extras: Extras = NO_EXTRAS,
    say: Say = lambda line: None,
) -> TrainingReport:
    """Train one network on one side of a split, into a folder that is claimed.

    `pictures` are what `heard_pictures` gives, `source` what `made_from` gives for them. StoreError where there is no
    segment, or no bird, to train on. DivergedError when an epoch's numbers are not finite; the best epoch before is
    written where it was measured and the folder holds no other bundle.
    """
    out = ledger.folder
    earlier = _earlier(cache, extras.before or out, extras.before is not None, say) if extras.overrides else None
    both = parts(cache, pictures, split, training)
    learn, check = both.learn, both.check
    if not learn.rows:
        raise StoreError(f"{cache.root}: expected segments to train on, found none that is labelled and not silent")
    if not learn.targets.any():
        raise StoreError(f"{cache.root}: expected segments in which something is heard to train on, found none")
    silent = sum(row.silent for row in cache.rows)
    if extras.overrides:
        say(f"corrected {summary(cache.corrections)}")
    say(describe(split, both, silent, bool(training.validation_share)))
    untaught = _untaught(cache, learn, say)
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    material = gather_material(
        learn.rows, pictures, learn.places, learn.targets,
        features=cache.features, training=training, lessons=_lessons(cache, learn, extras),
    )  # fmt: skip
    if extras.unlabelled:
        # Nothing of what is held out comes in by a side door.
        more = extras.unlabelled.rows({row.recording for row in cache.rows})
        say(f"{len(more)} segments of {len({row.recording for row in more})} recordings without labels beside them")
        material = with_unlabelled(material, extras.unlabelled, more, training)
    if extras.soft:
        material = replace(material, beside=extras.soft.beside(extras.teacher is not None))
    for line in resting(material, training):
        say(line)
    state = Checkpoint(ledger, TRAINING, _key(material, check, training, source))
    bundle_folder.begin(ledger)
    if not (out / bundles.FACTS).is_file():
        # Beside a network that is there already its own settings stay, until the new one is done.
        write_settings(out, cache, training, extras)
    keras.config.set_dtype_policy(precision())
    try:
        fitted = _fit(material, check, state, training, extras=extras, say=say)
    finally:
        keras.config.set_dtype_policy("float32")
    if fitted.diverged and (not fitted.best or not check.rows or (out / bundles.FACTS).is_file()):
        raise DivergedError(f"{out}: {fitted.diverged}; what stood there stays")
    record = Record(
        training=asdict(training),
        best_epoch=fitted.best_epoch,
        grouped_by=split.grouped_by,
        only_training=split.only_training,
        validation_recordings=tuple(sorted(split.validation)),
        segments={"training": len(learn.rows), "validation": len(check.rows)},
        overrides=tuple(extras.overrides),
        tensorflow=tf.__version__,
        made_from=source,
        metric=cache.metric,
        are=cache.are,
    )
    bundle = _bundle(cache, training, fitted.best, learn, record)
    with bundle_folder.renewed(ledger, told=bundle_folder.TOLD) as stage:
        bundle, scores = write_results(stage, bundle, check, fitted, earlier)
    write_settings(out, cache, training, extras)
    fitted.forget()
    if fitted.diverged:
        raise DivergedError(f"{out}: {fitted.diverged}; the best epoch before, {fitted.best_epoch}, is kept there")
    return TrainingReport(bundle, split, tuple(fitted.history), fitted.best_epoch, scores, silent, untaught)


def _untaught(cache: Cache, learn: Part, say: Say) -> tuple[str, ...]:
    """Birds that nothing is there to learn from, said in a line."""
    most = learn.targets.max(axis=0)
    names = tuple(name for name, target in zip(cache.classes.names, most, strict=True) if target < 1)
    if names:
        say(f"without a segment to train on, and so not learned: {some_of(names)} ({len(names)} in all)")
    return names


def _bundle(cache: Cache, training: Training, weights: list[Array], learn: Part, record: Record) -> Bundle:
    model = networks.build(training.network, cache.features.rows, cache.features.frames, len(cache.classes))
    model.set_weights(weights)
    return Bundle(
        model=model,
        network=training.network,
        features=cache.features,
        classes=cache.classes,
        common_names=cache.common_names,
        priors=(learn.targets >= 1).mean(axis=0).tolist(),
        record=record,
        calibration=Calibration(training.network.answer),
        habits=Habits.of(learn.rows, learn.targets),
    )


def refuse_unfit(cache: Cache, training: Training, extras: Extras = NO_EXTRAS) -> None:
    """Raise StoreError for a single bird, ConfigError for a recipe that these pictures, or nobody, can follow.

    StoreError, too, for sounds without labels that are unlike those with them.
    """
    networks.require_known(training.model)
    if extras.unlabelled:
        if not extras.teacher:
            raise ConfigError("unlabelled: expected a teacher beside sounds without labels, got none")
        extras.unlabelled.refuse_unlike(cache, extras.teacher)
    if len(cache.classes) < 2:
        only = cache.classes.names[0]
        raise StoreError(f"{cache.root}: expected at least two {cache.are} to tell apart, got {only} alone")
    names = ("gain_db", "noise", "mixup", "background", "soundscapes")
    asked = [name for name in names if getattr(training.augmentation, name)]
    if asked and cache.features.kind != "logmel":
        raise ConfigError(
            f"{', '.join(asked)}: expected pictures in decibels, got {cache.features.kind!r} in {cache.root}; "
            "make the cache with --preset logmel128"
        )


def devices() -> tf.distribute.Strategy:
    """All graphics processors together where there are several; else the one there is, or the processor."""
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def _fit(
    material: Material, check: Part, state: Checkpoint, training: Training, *, extras: Extras, say: Say
) -> Fitting:
    features, classes = material.features, material.targets.shape[1]
    with devices().scope():
        model = networks.build(training.network, features.rows, features.frames, classes)
        if extras.weights:
            load_base(model, extras.weights)
        if training.network.answer == "sigmoid":
            _begin_at_chance(model, material)
        learner = Learner(model, training, features.range_db, material.lessons)
        compile_learner(learner, training, max(1, material.draws // training.batch_size))
    fitted = Fitting(learner, training, state, say)
    fitted.run(material, (check.pixels, check.targets) if check.rows else None)
    return fitted


def _begin_at_chance(model: keras.Model, material: Material) -> None:
    """Begin with the answer that knows only how often each bird is there, so that the first steps are not lost on it.

    Lin and others 2017, "Focal loss", section 3.3.
    """
    told = 1.0 if material.lessons is None else material.odds @ (1 - material.lessons[:, 0])
    chance = np.clip(material.odds @ material.targets / told, 0.01, 0.5)
    model.get_layer("classes").bias.assign(np.log(chance / (1 - chance)))


def _key(material: Material, check: Part, training: Training, source: Mapping[str, str | None]) -> str:
    """What a state kept on disk must have been made with."""
    return json.dumps(
        [
            asdict(training),
            material.features.fingerprint(),
            dict(source),
            files.digest_of(material.own, material.targets, check.places, check.targets),
            [__version__, keras.__version__, tf.__version__],
        ]
    )


def _lessons(cache: CorrectedCache, learn: Part, extras: Extras) -> Array | None:
    """What the teacher makes of the segments to learn from; StoreError where it heard other sounds."""
    if extras.teacher is None:
        return None
    extras.teacher.require_same_sounds(cache)
    return lessons_for(learn.rows, cache.classes.names, extras.teacher)


def _earlier(cache: Cache, folder: Path, required: bool, say: Say) -> Bundle | None:
    """The network before the corrections, where there is one that can be compared."""
    if not required and not (folder / bundles.FACTS).is_file():
        return None
    try:
        return bundles.load_like(folder, cache.features.fingerprint(), cache.classes.names)
    except BundleError as error:
        if required:
            raise
        say(f"what the corrections change is not measured: {error}")
        return None
