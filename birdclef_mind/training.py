"""Training a network on a cache: split, fit, keep the best epoch, measure on held-out recordings, write a bundle."""

import csv
import io
import shutil
import time
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
from birdclef_mind.bundle import Bundle
from birdclef_mind.cache import Cache, IndexRow
from birdclef_mind.competition import Recording
from birdclef_mind.dataset import picture_dataset, training_dataset
from birdclef_mind.errors import BundleError, StoreError
from birdclef_mind.folds import Split, split_recordings
from birdclef_mind.labels import Classes
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
    say: Callable[[str], None] = lambda line: None,
    track: Track = untracked,
) -> TrainingReport:
    """Train a network on a cache and write its bundle to `out`.

    The same cache, settings and machine give the same weights on a CPU: TensorFlow is told to work deterministically,
    for this process. On another processor the last digits may differ.
    """
    _refuse_foreign_folder(out)
    if len(cache.classes) < 2:
        raise StoreError(f"{cache.root}: expected at least two birds to tell apart, got {cache.classes.names[0]} alone")
    keras.utils.set_random_seed(training.seed)
    tf.config.experimental.enable_op_determinism()
    split = split_recordings(recordings_of(cache), training.validation_share, training.split_seed)
    heard = [row for row in cache.rows if not row.silent]
    learn = _part(cache, [row for row in heard if row.recording in split.training], track)
    check = _part(cache, [row for row in heard if row.recording in split.validation], track)
    if not learn.rows:
        raise StoreError(f"{cache.root}: expected segments to train on, found none that is not silent")
    silent = len(cache.rows) - len(heard)
    say(_describe(split, learn, check, silent))
    model = networks.build(training.model, cache.features.rows, cache.features.frames, len(cache.classes))
    history, best_epoch = _fit(model, learn, check, training, say)
    bundle = Bundle(
        model=model,
        network=training.model,
        features=cache.features,
        classes=cache.classes,
        common_names=cache.common_names,
        priors=learn.targets.mean(axis=0).tolist(),
        record=_record(training, split, learn, check, best_epoch),
    )
    scores = _write(out, bundle, check, history, best_epoch)
    return TrainingReport(bundle, split, tuple(history), best_epoch, scores, silent)


def recordings_of(cache: Cache) -> list[Recording]:
    """The recordings of a cache, once each, in its order."""
    rows = {row.recording: row for row in cache.rows}.values()
    return [Recording(row.recording, row.label, row.secondary_labels, row.author) for row in rows]


def compile_model(model: keras.Model, training: Training) -> None:
    """Adam and cross-entropy, as the classic network is trained."""
    model.compile(keras.optimizers.Adam(training.learning_rate), "categorical_crossentropy", metrics=["accuracy"])


def _part(cache: Cache, rows: list[IndexRow], track: Track) -> Part:
    targets = cache.classes.targets([row.label for row in rows], [row.secondary_labels for row in rows])
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


class _KeepBest(keras.callbacks.Callback):  # type: ignore[misc]
    """Keep the weights of the epoch with the best monitored value; of equals, the one with the least loss."""

    def __init__(self, monitor: str, epochs: int, say: Callable[[str], None]) -> None:
        super().__init__()
        self.monitor, self.epochs, self.say = monitor, epochs, say
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.best_rank = 0, (-np.inf, -np.inf)
        self.weights: list[Array] = []
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, **values})
        rank = self._rank(values, epoch)
        if rank > self.best_rank:
            self.best_epoch, self.best_rank, self.weights = epoch + 1, rank, self.model.get_weights()
        figures = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
        took_s = time.perf_counter() - self.started
        mark = "  best" if self.best_epoch == epoch + 1 else ""
        self.say(f"epoch {epoch + 1}/{self.epochs}  {figures}  {took_s:.1f} s{mark}")

    def _rank(self, values: dict[str, float], epoch: int) -> tuple[float, float]:
        if "val_loss" not in values:
            return float(epoch), 0.0
        sign = 1 if self.monitor == "val_accuracy" else -1
        return sign * values[self.monitor], -values["val_loss"]


def _fit(
    model: keras.Model, learn: Part, check: Part, training: Training, say: Callable[[str], None]
) -> tuple[list[dict[str, float]], int]:
    compile_model(model, training)
    keeper = _KeepBest(training.monitor, training.epochs, say)
    callbacks: list[keras.callbacks.Callback] = [keeper]
    validation = None
    if check.rows:
        validation = picture_dataset(check.pixels, check.targets, training.batch_size)
        callbacks.append(keras.callbacks.EarlyStopping(training.monitor, patience=training.patience))
    batches = training_dataset(learn.pixels, learn.targets, training.batch_size, seed=training.seed, roll=training.roll)
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


def _record(training: Training, split: Split, learn: Part, check: Part, best_epoch: int) -> dict[str, Any]:
    return {
        "training": asdict(training),
        "best_epoch": best_epoch,
        "grouped_by": split.grouped_by,
        "only_training": list(split.only_training),
        "validation_recordings": sorted(split.validation),
        "segments": {"training": len(learn.rows), "validation": len(check.rows)},
        "tensorflow": tf.__version__,
    }


def _write(
    out: Path, bundle: Bundle, check: Part, history: Sequence[dict[str, float]], best_epoch: int
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
        plots.plot_confusion(out / "confusion.png", scores["segments"]["confusion"], names)
        files.write_text(out / VALIDATION, _validation_table(check, predicted, bundle.classes))
    files.write_json(out / SCORES, scores)
    bundles.save(bundle, out)
    return scores


def _validation_table(check: Part, predicted: Array, classes: Classes) -> str:
    header = ["recording", "segment", "start_s", "label", "secondary_labels", *classes.names]
    rows = [
        [row.recording, row.segment, f"{row.start_s:g}", row.label, " ".join(row.secondary_labels), *values]
        for row, values in zip(check.rows, predicted.tolist(), strict=True)
    ]
    return _table(header, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows])
    return buffer.getvalue()


def _refuse_foreign_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise BundleError(f"{out}: expected a folder to write the bundle to, found a file")
    if out.is_dir():
        files.remove_parts(out)
        strangers = [path.name for path in out.iterdir() if path.name not in (*OWN_FILES, *ADDED, SECOND)]
        if strangers:
            raise BundleError(f"{out}: expected a new, empty or bundle folder, found {strangers[0]}")
