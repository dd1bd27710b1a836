import csv
import json

import numpy as np
import pytest
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data import metrics
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.training import train_folds as of_folds
from birdclef_mind.training import train_rounds as of_rounds
from birdclef_mind.training.augmentation import Augmentation
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.soft_labels import UnlabelledSoundscapes
from birdclef_mind.training.train_folds import train_folds

QUICK = Training(epochs=1, batch_size=8)


@pytest.fixture(scope="module")
def folded(cache_folder, tmp_path_factory):
    """(folder, report) of a cross-validation in three folds, the second trained first and alone."""
    out = tmp_path_factory.mktemp("folded") / "bundle"
    first = train_folds(open_cache(cache_folder), out, QUICK, 3, only=2)
    assert (first.trained, first.scores) == ((2,), None)
    assert not (out / "bundle.json").exists()
    return out, train_folds(open_cache(cache_folder), out, QUICK, 3)


def members(folder):
    return [bundles.load(folder / f"fold_{number}") for number in (1, 2, 3)]


def test_what_was_trained_is_kept(folded, cache_folder):
    folder, report = folded
    assert (report.trained, report.kept) == ((1, 3), (2,))
    before = tree(folder)
    again = train_folds(open_cache(cache_folder), folder, QUICK, 3)
    assert (again.trained, again.kept) == ((), (1, 2, 3))
    assert tree(folder) == before


def test_every_recording_is_held_out_once_at_most(folded):
    held_out = [set(member.record.validation_recordings) for member in members(folded[0])]
    assert all(held_out)
    assert sum(map(len, held_out)) == len(set.union(*held_out))


def test_out_of_fold_scores_are_those_of_the_network_that_has_not_seen(folded, cache_folder):
    folder, _ = folded
    cache = open_cache(cache_folder)
    with (folder / "out_of_fold.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for member in members(folder):
        unseen = [row for row in cache.rows if row.recording in member.record.validation_recordings and not row.silent]
        scores = Predictor(member).scores(cache.pictures(unseen).pixels)
        written = [row for row in rows if row["recording"] in member.record.validation_recordings]
        own = [[float(row[name]) for name in cache.classes.names] for row in written]
        np.testing.assert_allclose(own, scores, atol=1e-4)


def test_measures_are_means_over_the_folds_never_pooled(folded, cache_folder):
    folder, report = folded
    cache = open_cache(cache_folder)
    values = []
    for member in members(folder):
        unseen = [row for row in cache.rows if row.recording in member.record.validation_recordings and not row.silent]
        scores = Predictor(member).scores(cache.pictures(unseen).pixels).astype(float)
        values.append(metrics.padded_cmap(cache.targets(unseen), scores))
    assert report.scores["segments"]["padded_cmap"] == pytest.approx(np.mean(values), abs=1e-4)
    assert report.scores["segments"]["padded_cmap_by_fold"] == pytest.approx(values, abs=1e-4)
    each = [json.loads((folder / f"fold_{n}" / "scores.json").read_text())["segments"]["per_class"] for n in (1, 2, 3)]
    for place, bird in enumerate(report.scores["segments"]["per_class"]):
        own = [fold[place]["average_precision"] for fold in each if fold[place]["positives"]]
        assert bird["average_precision"] == pytest.approx(np.mean(own))
        assert bird["positives"] == sum(fold[place]["positives"] for fold in each)
    assert json.loads((folder / "scores.json").read_text()) == report.scores


def test_the_bundle_answers_with_the_mean_of_its_members(folded, cache_folder):
    folder, _ = folded
    pixels = open_cache(cache_folder).pictures(open_cache(cache_folder).rows[:5]).pixels
    together = Predictor(bundles.load(folder)).scores(pixels)
    alone = [Predictor(member).scores(pixels) for member in members(folder)]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-5)


def test_other_settings_train_anew(folded, cache_folder, tmp_path):
    other = Training(epochs=1, batch_size=4)
    found = train_folds(open_cache(cache_folder), folded[0], other, 3, only=1)
    assert (found.trained, found.missing, found.unlike) == ((1,), (2, 3), (2, 3))


def test_nothing_of_a_single_training_stays_beside_folds(little, cache_folder, tmp_path):
    words = ["train", cache_folder, tmp_path / "b", "--model", "small", "--epochs", "1"]
    assert main([*map(str, words), "--seed", "5"]) == 0
    assert {"settings.json", "logs", "history.csv"} <= {path.name for path in (tmp_path / "b").iterdir()}
    assert main([*map(str, words), "--seed", "6", "--folds", "2"]) == 0
    names = {path.name for path in (tmp_path / "b").iterdir() if not path.name.startswith(".")}
    assert not names & {"settings.json", "logs", "history.csv", "validation.csv"} and {"fold_1", "fold_2"} <= names
    # And back: the settings are the last training's own.
    assert main([*map(str, words), "--seed", "7"]) == 0
    assert json.loads((tmp_path / "b" / "settings.json").read_text())["training"]["seed"] == 7 and little


def test_a_fold_alone_says_what_is_there_and_what_comes_next(little, cache_folder, tmp_path, capsys):
    words = ["train", cache_folder, tmp_path / "b", "--model", "small", "--epochs", "1", "--folds", "2", "--decoders"]
    assert main([*map(str, words), "--fold", "1"]) == 0
    said = capsys.readouterr().out
    assert "1 fold trained; fold 2 of 2 to come, with which the bundle of all is written" in said
    assert f"fold  {tmp_path / 'b' / 'fold_1'}" in said and "next  the same command with --fold 2" in said
    assert main([*map(str, words), "--fold", "2", "--seed", "5"]) == 0
    said = capsys.readouterr().out
    assert (
        "fold 1 of 2 to come, with which the bundle of all is written; fold 1 there was trained in another way" in said
    )
    assert not (tmp_path / "b" / "bundle.json").exists() and little


@pytest.mark.parametrize(
    ("folds", "only", "message"),
    [(3, 4, "fold: expected a number from 1 to 3, got 4"), (99, None, "folds: expected 2 or more, at most")],
)
def test_folds_that_cannot_be_are_refused(cache_folder, tmp_path, folds, only, message):
    with pytest.raises(ConfigError, match=message):
        train_folds(open_cache(cache_folder), tmp_path / "b", QUICK, folds, only)
    assert not (tmp_path / "b").exists()


def test_a_fold_needs_folds(cache_folder, tmp_path, capsys):
    assert main(["train", str(cache_folder), str(tmp_path / "b"), "--fold", "1"]) == 2
    assert "expected --folds beside it" in capsys.readouterr().err


def test_a_share_to_hold_out_beside_folds_is_refused(cache_folder, tmp_path, capsys):
    assert main(["train", str(cache_folder), str(tmp_path / "b"), "--folds", "2", "--validation-share", "0.1"]) == 2
    assert "validation-share: not allowed with argument --folds" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_bird_that_nothing_is_left_of_is_told_by_each_fold(little, cache_folder, tmp_path, capsys):
    cache = open_cache(cache_folder)
    label = cache.classes.names[0]
    lines = [
        f"{row.recording},{cache.features.windowing.start_s(row.segment):g},drop,"
        for row in cache.rows
        if row.label == label
    ]
    (tmp_path / "o.csv").write_text("\n".join(["recording,start_s,action,value", *lines]) + "\n")
    words = ["train", cache_folder, tmp_path / "b", "--model", "small", "--epochs", "1", "--folds", "2"]
    assert main([*map(str, words), "--overrides", str(tmp_path / "o.csv")]) == 1
    assert f"without a segment to train on, and so not learned: {label} (1 in all)" in capsys.readouterr().out
    assert little


@pytest.mark.parametrize(("name", "begin"), [("fold_2", "folds"), ("round_1", "rounds")])
def test_somebodys_file_in_a_later_part_is_found_before_the_first_is_trained(
    rounds_2024, tmp_path, monkeypatch, name, begin
):
    for module in (of_folds, of_rounds):
        monkeypatch.setattr(module, "train_split", lambda *given, **more: pytest.fail("trained"))
    own = tmp_path / "b" / name
    for folder in (own.parent, own):
        folder.mkdir()
        Ledger(folder).add({}, "bundle")
    (own / "mine.txt").write_text("mine")
    augmentation = Augmentation(roll=False, soundscapes=1.0)
    training = Training(model="small", epochs=1, batch_size=4, loss="binary", augmentation=augmentation)
    cache = open_cache(rounds_2024 / "told")
    with pytest.raises(BundleError, match=rf"{name}.*found mine.txt|{name}/mine.txt"):
        if begin == "folds":
            of_folds.train_folds(cache, tmp_path / "b", training, 2)
        else:
            soundscapes = UnlabelledSoundscapes(open_cache(rounds_2024 / "untold"))
            of_rounds.train_rounds(cache, tmp_path / "b", training, soundscapes, 1)
    assert (own / "mine.txt").read_text() == "mine"
