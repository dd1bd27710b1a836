import csv
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from conftest import make_cache, tree

from birdclef_mind.data import metrics
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import BundleError, ConfigError, StoreError
from birdclef_mind.networks.bundle import load
from birdclef_mind.training import held_out
from birdclef_mind.training import train as training
from birdclef_mind.training.folds import split_recordings
from birdclef_mind.training.recipe import Training, recipe
from birdclef_mind.training.train import train


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_written(trained):
    folder, report = trained
    assert sorted(path.name for path in folder.iterdir()) == [
        ".birdclef_mind", "bundle.json", "confusion.png", "history.csv", "history.png", "logs", "model.weights.h5", "reliability.png",
        "scores.json", "settings.json", "validation.csv",
    ]  # fmt: skip
    assert [int(row["epoch"]) for row in table(folder / "history.csv")] == [1, 2, 3]
    assert json.loads((folder / "scores.json").read_text()) == report.scores


def bundle_tree(folder):
    """What a bundle holds; logs carry the time."""
    return {name: content for name, content in tree(folder).items() if not name.startswith("logs/")}


def test_tensorboard_finds_every_epoch(trained):
    folder, report = trained
    seen = {}
    for path in (folder / "logs").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                seen[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
                assert value.metadata.plugin_data.plugin_name == "scalars"
    expected = {(name, row["epoch"]): row[name] for row in report.history for name in row if name != "epoch"}
    assert seen == pytest.approx(expected)


def test_settings_and_versions_are_written_out(trained):
    settings = json.loads((trained[0] / "settings.json").read_text())
    assert settings["training"] == asdict(Training(epochs=3, batch_size=8))
    assert settings["versions"]["keras"] == keras.__version__


@pytest.mark.slow
def test_killed_it_goes_on_and_ends_as_if_undisturbed(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c", preset="logmel128", labels="3")
    cache, said = open_cache(tmp_path / "c"), []
    wanted = replace(recipe("modern"), epochs=3, batch_size=8, validation_share=0.3)
    train(cache, tmp_path / "whole", wanted)
    command = [sys.executable, "-m", "birdclef_mind", "train", str(tmp_path / "c"), str(tmp_path / "killed")]
    command += ["--recipe", "modern", "--epochs", "3", "--batch-size", "8", "--validation-share", "0.3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        for line in running.stdout:
            if line.startswith("epoch 1/3"):
                break
        running.kill()
    assert len(list((tmp_path / "killed").glob("training.*.progress.npz"))) == 1
    assert not (tmp_path / "killed" / "bundle.json").exists()
    train(cache, tmp_path / "killed", wanted, say=said.append)
    assert any(line.startswith("going on after epoch") for line in said)
    assert bundle_tree(tmp_path / "whole") == bundle_tree(tmp_path / "killed")


def test_a_state_that_cannot_be_read_is_begun_anew(cache_folder, tmp_path):
    cache, out, wanted = open_cache(cache_folder), tmp_path / "b", Training(epochs=2, batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        train(cache, out, wanted, say=interrupted_after("epoch 1/2"))
    (state,) = out.glob("training.*.progress.npz")
    state.write_bytes(b"PK")
    said = []
    train(cache, out, wanted, say=said.append)
    assert f"{state.name} cannot be used; beginning anew" in said


def test_a_state_of_the_wrong_shapes_changes_nothing(cache_folder, tmp_path):
    cache, out, wanted = open_cache(cache_folder), tmp_path / "b", Training(epochs=2, batch_size=8)
    train(cache, tmp_path / "whole", wanted)
    with pytest.raises(KeyboardInterrupt):
        train(cache, out, wanted, say=interrupted_after("epoch 1/2"))
    (state,) = out.glob("training.*.progress.npz")
    with np.load(state) as arrays:
        changed = {**arrays, "best_0": np.zeros(3)}
    np.savez(state, **changed)
    said = []
    train(cache, out, wanted, say=said.append)
    assert f"{state.name} cannot be used; beginning anew" in said
    assert bundle_tree(out) == bundle_tree(tmp_path / "whole")


def test_a_stopped_training_outlives_one_with_other_settings(cache_folder, tmp_path):
    cache, out, wanted = open_cache(cache_folder), tmp_path / "b", Training(epochs=2, batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        train(cache, out, wanted, say=interrupted_after("epoch 1/2"))
    (state,) = out.glob("training.*.progress.npz")
    before, said = state.read_bytes(), []
    train(cache, out, Training(epochs=1, batch_size=4), say=said.append)
    assert any(line.startswith(f"{state.name} is of other work that was stopped, and is kept") for line in said)
    assert state.read_bytes() == before
    train(cache, out, wanted, say=said.append)
    assert "going on after epoch 1" in said
    assert not list(out.glob("*.npz"))


def interrupted_after(words):
    def say(line):
        if line.startswith(words):
            raise KeyboardInterrupt

    return say


def test_all_recordings_are_trained_on_when_asked(cache_folder, tmp_path):
    cache, said = open_cache(cache_folder), []
    report = train(cache, tmp_path / "b", Training(epochs=1, batch_size=8, validation_share=0.0), say=said.append)
    assert report.split.validation == frozenset()
    assert "to train on, none held out" in said[0]
    assert report.scores is None


def test_half_precision_trains_whole_weights(cache_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "precision", lambda: "mixed_bfloat16")
    report = train(open_cache(cache_folder), tmp_path / "b", Training(epochs=1, batch_size=8))
    assert {weight.dtype for weight in report.bundle.model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in report.bundle.model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_recipe_in_decibels_needs_pictures_in_decibels(cache_folder, tmp_path):
    with pytest.raises(
        ConfigError, match=r"gain_db, noise, mixup, background, soundscapes: expected pictures in decibels, got 'mel'"
    ):
        train(open_cache(cache_folder), tmp_path / "b", recipe("modern"))
    assert not (tmp_path / "b").exists()


def test_copies_under_two_names_and_two_authors_stay_on_one_side(sample_folder, tmp_path):
    """Recordings copied, encoded anew, under another name and author: each stays with what it was copied from."""
    folder = Path(shutil.copytree(sample_folder, tmp_path / "competition"))
    with (folder / "train_metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    copies = {}
    for number, row in enumerate(rows[::3]):
        samples, rate = soundfile.read(folder / "train_audio" / row["filename"])
        name = f"{row['primary_label']}/COPY{number}.flac"
        soundfile.write(folder / "train_audio" / name, 0.5 * samples, rate)
        copies[name] = row["filename"]
        rows.append({**row, "filename": name, "author": f"somebody else {number}"})
    with (folder / "train_metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    make_cache(folder, tmp_path / "c", preset="logmel128")
    cache, said = open_cache(tmp_path / "c"), []
    pictures = held_out.heard_pictures(cache)
    pairs = held_out.pairs_of_copies(cache, pictures, said.append)
    assert {frozenset(pair) for pair in copies.items()} <= {frozenset(pair) for pair in pairs}
    assert "hold the same sound and stay together" in said[0]
    parted = 0
    for seed in range(6):
        split = split_recordings(held_out.recordings_of(cache), 0.3, seed, pairs)
        alone = split_recordings(held_out.recordings_of(cache), 0.3, seed)
        assert all((copy in split.validation) == (own in split.validation) for copy, own in copies.items())
        parted += any((copy in alone.validation) != (own in alone.validation) for copy, own in copies.items())
    assert parted, "the test must be able to fail"


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
    assert bundle_tree(trained[0]) == bundle_tree(tmp_path / "b")


@pytest.mark.slow
def test_several_devices_train_together(cache_folder, tmp_path):
    """Two processors stand for two graphics processors; decoders follow as after any training."""
    code = """
import sys
from pathlib import Path
import tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from birdclef_mind.training import train as training
from birdclef_mind.networks.bundle import load
from birdclef_mind.data.cache import open_cache
from birdclef_mind.backwards.bundle_decoders import train_bundle_decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.training.recipe import Training
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
    hasty = Training(epochs=9, batch_size=8, patience=1, monitor="val_loss", learning_rate=0.5)
    report = train(open_cache(cache_folder), tmp_path / "b", hasty)
    assert len(report.history) < 9


def test_without_anything_to_hold_out_it_trains_and_says_so(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c", labels="2")
    cache = open_cache(tmp_path / "c")
    one_each = tuple({row.label: row for row in cache.rows}.values())
    said = []
    few = replace(cache, rows=one_each)
    report = train(few, tmp_path / "b", Training(epochs=1), say=said.append)
    assert report.scores is None
    assert "no recording of them can be held out: samwhi1, samtri1" in said[0]
    assert json.loads((tmp_path / "b" / "scores.json").read_text()) is None


def test_a_single_bird_is_refused(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c", labels="1")
    with pytest.raises(StoreError, match="expected at least two birds to tell apart, got samwhi1 alone"):
        train(open_cache(tmp_path / "c"), tmp_path / "b")


def test_a_cache_of_silence_is_refused(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    rows = tuple(type(row)(**{**vars(row), "silent": True}) for row in cache.rows)
    silent = replace(cache, rows=rows)
    with pytest.raises(StoreError, match="expected segments to train on"):
        train(silent, tmp_path / "b")


def test_segments_without_any_bird_are_refused(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    birdless = replace(cache, rows=tuple(replace(row, birdless=True) for row in cache.rows))
    with pytest.raises(StoreError, match="expected segments in which something is heard to train on"):
        train(birdless, tmp_path / "b")


def test_a_folder_of_something_else_is_refused(cache_folder, tmp_path):
    with pytest.raises(BundleError, match=r"expected a new, empty or bundle folder, found"):
        train(open_cache(cache_folder), cache_folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="found a file"):
        train(open_cache(cache_folder), tmp_path / "file")
