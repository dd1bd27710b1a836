"""Training a network on a cache: split, fit, keep the best epoch, measure on held-out recordings, write a bundle."""

import csv
import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind import bundle as bundles
from birdclef_mind import files, metrics, plots
from birdclef_mind import model as networks
from birdclef_mind.best_epoch import KeepBest
from birdclef_mind.bundle import Bundle
from birdclef_mind.cache import Cache, IndexRow
from birdclef_mind.competition import Recording
from birdclef_mind.dataset import picture_dataset, training_dataset
from birdclef_mind.errors import BundleError, StoreError
from birdclef_mind.folds import Split, split_recordings
from birdclef_mind.improvement import improvement
from birdclef_mind.labels import Classes
from birdclef_mind.overrides import Override, apply, summary, to_record
from birdclef_mind.progress import Track, untracked
from birdclef_mind.recipes import Training

Array = np.ndarray[Any, Any]

HISTORY = "history.csv"
VALIDATION = "validation.csv"
SCORES = "scores.json"
OWN_FILES = (bundles.FACTS, bundles.WEIGHTS, HISTORY, VALIDATION, SCORES, "history.png", "confusion.png")
# What explaining adds to a bundle; it belongs to one network and goes with it.
ADDED = (
    "decoders.json",
    "decoders.weights.h5",
    "decoders.progress.npz",
    "twin.json",
    "twin.weights.h5",
    "twin.progress.npz",
)
SECOND = "second"


@dataclass(frozen=True)
class Part:
    """Segments on one side of the split, with their pixels and targets, in the same order."""

    rows: tuple[IndexRow, ...]
    pixels: Array
    targets: Array


@dataclass(frozen=True)
class TrainingReport:
    """What training did: the bundle, the split, the history, and the measures (None without validation)."""

    bundle: Bundle
    split: Split
    history: tuple[dict[str, float], ...]
    best_epoch: int
    scores: dict[str, Any] | None
    silent: int


def train(
    cache: Cache,
    out: Path,
    training: Training = Training(),
    *,
    overrides: Sequence[Override] = (),
    before: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    track: Track = untracked,
) -> TrainingReport:
    """Train a network on a cache and write its bundle to `out`.

    The same cache, settings and machine give the same weights on a CPU: TensorFlow is told to work deterministically,
    for this process. On another processor the last digits may differ. What is held out does not depend on `overrides`.

    Parameters
    ----------
    overrides : corrections of the cache's segments; they are kept in the bundle. before : bundle of the network before
        them, to be measured beside the new one; None for the one that stands in `out`.
    """
    _refuse_foreign_folder(out)
    if len(cache.classes) < 2:
        raise StoreError(f"{cache.root}: expected at least two birds to tell apart, got {cache.classes.names[0]} alone")
    corrected = apply(overrides, cache)
    earlier = _earlier(cache, before or out, before is not None, say) if overrides else None
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    split = split_recordings(recordings_of(cache), training.validation_share, training.split_seed)
    heard = [row for row in corrected.rows if not row.silent]
    learn = _part(cache, [row for row in heard if row.recording in split.training], track)
    check = _part(cache, [row for row in heard if row.recording in split.validation], track)
    if not learn.rows:
        raise StoreError(f"{cache.root}: expected segments to train on, found none that is not silent")
    silent = len(corrected.rows) - len(heard)
    if overrides:
        say(f"corrected {summary(overrides)}")
    say(_describe(split, learn, check, silent))
    with devices().scope():
        model = networks.build(training.model, cache.features.rows, cache.features.frames, len(cache.classes))
        compile_model(model, training)
    history, best_epoch = _fit(model, learn, check, training, say)
    bundle = Bundle(
        model=model,
        network=training.model,
        features=cache.features,
        classes=cache.classes,
        common_names=cache.common_names,
        priors=learn.targets.mean(axis=0).tolist(),
        record=_record(training, split, learn, check, best_epoch, overrides),
    )
    scores = _write(out, bundle, check, history, best_epoch, earlier)
    return TrainingReport(bundle, split, tuple(history), best_epoch, scores, silent)


def recordings_of(cache: Cache) -> list[Recording]:
    """The recordings of a cache, once each, in its order, with the label of the table."""
    rows = {row.recording: row for row in cache.rows}.values()
    return [Recording(row.recording, row.folder, row.secondary_labels, row.author) for row in rows]


def devices() -> tf.distribute.Strategy:
    """All graphics processors together where there are several; else the one there is, or the processor."""
    several = len(tf.config.list_logical_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def compile_model(model: keras.Model, training: Training) -> None:
    """Adam and cross-entropy, as the classic network is trained."""
    model.compile(
        keras.optimizers.Adam(training.learning_rate),
        "categorical_crossentropy",
        metrics=[SurestIsRight(name="accuracy")],
    )


@keras.saving.register_keras_serializable("birdclef_mind")
class SurestIsRight(keras.metrics.Mean):  # type: ignore[misc]
    """Share of the segments whose surest bird is one of theirs; "accuracy" where each has one."""

    def update_state(self, targets: tf.Tensor, scores: tf.Tensor, sample_weight: Any = None) -> None:
        """Count a batch: targets and scores (n, classes)."""
        hits = tf.gather(targets, tf.argmax(scores, axis=1), axis=1, batch_dims=1) > 0
        super().update_state(tf.cast(hits, tf.float32), sample_weight)


def _part(cache: Cache, rows: list[IndexRow], track: Track) -> Part:
    targets = cache.classes.targets(
        [row.label for row in rows], [row.secondary_labels for row in rows], also=[row.also for row in rows]
    )
    return Part(tuple(rows), cache.pictures(rows, track).pixels, targets)


def _describe(split: Split, learn: Part, check: Part, silent: int) -> str:
    lines = [
        f"{len(learn.rows)} segments of {len(split.training)} recordings to train on, "
        f"{len(check.rows)} of {len(split.validation)} held out, grouped by {split.grouped_by}"
    ]
    if silent:
        lines.append(f"{silent} silent segments are left out")
    if split.only_training:
        names = ", ".join(split.only_training[:10]) + (", …" if len(split.only_training) > 10 else "")
        lines.append(
            f"{len(split.only_training)} labels have no recording to hold out and are only trained on, "
            f"not measured: {names}"
        )
    return "\n".join(lines)


def _fit(
    model: keras.Model, learn: Part, check: Part, training: Training, say: Callable[[str], None]
) -> tuple[list[dict[str, float]], int]:
    keeper = KeepBest(training.monitor, training.epochs, say)
    callbacks: list[keras.callbacks.Callback] = [keeper]
    validation = None
    if check.rows:
        validation = picture_dataset(check.pixels, check.targets, training.batch_size)
        mode = "max" if training.monitor == "val_accuracy" else "min"
        callbacks.append(keras.callbacks.EarlyStopping(training.monitor, patience=training.patience, mode=mode))
    # A softmax shares one whole among the birds of a segment.
    shares = learn.targets / learn.targets.sum(axis=1, keepdims=True)
    batches = training_dataset(learn.pixels, shares, training.batch_size, seed=training.seed, roll=training.roll)
    model.fit(
        batches,
        validation_data=validation,
        epochs=training.epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    model.set_weights(keeper.weights)
    return keeper.history, keeper.best_epoch


def _record(
    training: Training, split: Split, learn: Part, check: Part, best_epoch: int, overrides: Sequence[Override]
) -> dict[str, Any]:
    return {
        "training": asdict(training),
        "best_epoch": best_epoch,
        "grouped_by": split.grouped_by,
        "only_training": list(split.only_training),
        "validation_recordings": sorted(split.validation),
        "segments": {"training": len(learn.rows), "validation": len(check.rows)},
        "overrides": to_record(overrides),
        "tensorflow": tf.__version__,
    }


def _write(
    out: Path,
    bundle: Bundle,
    check: Part,
    history: Sequence[dict[str, float]],
    best_epoch: int,
    earlier: Bundle | None,
) -> dict[str, Any] | None:
    scores = None
    names = bundle.classes.names
    for name in (bundles.FACTS, *ADDED):
        (out / name).unlink(missing_ok=True)
    if (out / SECOND / bundles.FACTS).is_file():
        shutil.rmtree(out / SECOND)
    files.write_text(out / HISTORY, _table(list(history[0]), [list(row.values()) for row in history]))
    plots.plot_history(out / "history.png", history, best_epoch)
    if check.rows:
        batches = picture_dataset(check.pixels, check.targets, 64)
        predicted = bundle.model.predict(batches, verbose=0).astype(float)
        scores = metrics.measures_by_level(check.targets, predicted, names, [row.recording for row in check.rows])
        if earlier:
            scores["corrected"] = improvement(earlier, check.rows, check.pixels, check.targets, predicted)
        plots.plot_confusion(out / "confusion.png", scores["segments"]["confusion"], names)
        files.write_text(out / VALIDATION, _validation_table(check, predicted, bundle.classes))
    files.write_json(out / SCORES, scores)
    bundles.save(bundle, out)
    return scores


def _validation_table(check: Part, predicted: Array, classes: Classes) -> str:
    header = ["recording", "segment", "start_s", "label", "also", "secondary_labels", *classes.names]
    rows = [
        [
            row.recording, row.segment, f"{row.start_s:.9g}", row.label,
            " ".join(row.also), " ".join(row.secondary_labels), *values,
        ]
        for row, values in zip(check.rows, predicted.tolist(), strict=True)
    ]  # fmt: skip
    return _table(header, rows)


def _earlier(cache: Cache, folder: Path, required: bool, say: Callable[[str], None]) -> Bundle | None:
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


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows])
    return buffer.getvalue()


def _refuse_foreign_folder(out: Path) -> None:
    if out.is_dir():
        files.remove_parts(out)
    files.refuse_foreign(out, (*OWN_FILES, *ADDED, SECOND), "bundle", BundleError)
