import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import make_cache, tree

from birdclef_mind import metrics
from birdclef_mind.bundle import load
from birdclef_mind.cache import open_cache
from birdclef_mind.errors import BundleError, StoreError
from birdclef_mind.recipes import Training
from birdclef_mind.training import train


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_written(trained):
    folder, report = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        "bundle.json", "confusion.png", "history.csv", "history.png", "model.weights.h5", "scores.json", "validation.csv",
    ]  # fmt: skip
    assert [int(row["epoch"]) for row in table(folder / "history.csv")] == [1, 2, 3]
    assert json.loads((folder / "scores.json").read_text()) == report.scores


def test_scores_are_those_of_the_validation_table(trained):
    folder, report = trained
    names = report.bundle.classes.names
    rows = table(folder / "validation.csv")
    assert {row["recording"] for row in rows} <= report.split.validation
    truth = report.bundle.classes.targets([row["label"] for row in rows], [[]] * len(rows))
    scores = np.array([[float(row[name]) for name in names] for row in rows])
    assert metrics.padded_cmap(truth, scores) == pytest.approx(report.scores["segments"]["padded_cmap"], abs=1e-4)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-4)


def test_the_best_epoch_is_kept(trained):
    _, report = trained
    best = max(report.history, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert report.best_epoch == best["epoch"]
    assert report.scores["segments"]["top1"] == pytest.approx(best["val_accuracy"], abs=1e-6)


def test_the_same_seed_gives_the_same_bundle(cache_folder, trained, tmp_path):
    train(open_cache(cache_folder), tmp_path / "b", Training(epochs=3, batch_size=8))
    ours, again = tree(trained[0]), tree(tmp_path / "b")
    assert ours == again


@pytest.mark.slow
def test_several_devices_train_together(cache_folder, tmp_path):
    """Two processors stand for two graphics processors; decoders follow as after any training."""
    code = """
import sys
from pathlib import Path
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from birdclef_mind import training
from birdclef_mind.bundle import load
from birdclef_mind.cache import open_cache
from birdclef_mind.decoding import train_bundle_decoders
from birdclef_mind.recipes import Decoding, Training
training.devices = lambda: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
cache, out = open_cache(Path(sys.argv[1])), Path(sys.argv[2])
report = training.train(cache, out, Training(epochs=1, batch_size=8))
train_bundle_decoders(out, report.bundle, cache, Decoding(epochs=1, steps=1))
"""
    subprocess.run([sys.executable, "-c", code, str(cache_folder), str(tmp_path / "b")], check=True)
    bundle = load(tmp_path / "b")
    assert np.isfinite(bundle.priors).all()
    assert (tmp_path / "b" / "decoders.json").is_file()


def test_training_stops_early(cache_folder, tmp_path):
    training = Training(epochs=9, batch_size=8, patience=1, monitor="val_loss", learning_rate=0.5)
    report = train(open_cache(cache_folder), tmp_path / "b", training)
    assert len(report.history) < 9


def test_without_anything_to_hold_out_it_trains_and_says_so(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c", labels="2")
    cache = open_cache(tmp_path / "c")
    one_each = tuple({row.label: row for row in cache.rows}.values())
    said = []
    few = type(cache)(cache.root, cache.features, cache.classes, cache.common_names, cache.competition, one_each)
    report = train(few, tmp_path / "b", Training(epochs=1), say=said.append)
    assert report.scores is None
    assert "have no recording to hold out" in said[0]
    assert json.loads((tmp_path / "b" / "scores.json").read_text()) is None


def test_a_single_bird_is_refused(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c", labels="1")
    with pytest.raises(StoreError, match="expected at least two birds to tell apart, got samwhi1 alone"):
        train(open_cache(tmp_path / "c"), tmp_path / "b")


def test_a_cache_of_silence_is_refused(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    rows = tuple(type(row)(**{**vars(row), "silent": True}) for row in cache.rows)
    silent = type(cache)(cache.root, cache.features, cache.classes, cache.common_names, cache.competition, rows)
    with pytest.raises(StoreError, match="expected segments to train on"):
        train(silent, tmp_path / "b")


def test_a_folder_of_something_else_is_refused(cache_folder, tmp_path):
    with pytest.raises(BundleError, match=r"expected a new, empty or bundle folder, found"):
        train(open_cache(cache_folder), cache_folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="found a file"):
        train(open_cache(cache_folder), tmp_path / "file")
