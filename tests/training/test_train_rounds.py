"""Rounds in which soundscapes teach: what networks make of them, what is laid over, what is kept, what is refused."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.labels import Classes
from birdclef_mind.errors import BundleError, ConfigError, StoreError
from birdclef_mind.listeners.embeddings import open_embeddings
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.storage import files
from birdclef_mind.training import train_folds as folds
from birdclef_mind.training import train_rounds as rounds
from birdclef_mind.training.origin import Extras
from birdclef_mind.training.recipe import Augmentation, Training
from birdclef_mind.training.soft_labels import UnlabelledSoundscapes, pooled, soft_labels
from birdclef_mind.training.teacher import lessons_for
from birdclef_mind.training.train_rounds import train_rounds

QUICK = Training(
    model="small", epochs=1, batch_size=4, loss="binary", augmentation=Augmentation(roll=False, soundscapes=1.0)
)


@pytest.fixture(scope="module")
def place(rounds_2024):
    return rounds_2024


@pytest.fixture(scope="module")
def done(place, tmp_path_factory):
    """(folder, report, what was said) of two rounds, neither of which is the last by what it gains."""
    out, said = tmp_path_factory.mktemp("rounds") / "bundle", []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "_gains", lambda done: True)
        report = train_rounds(open_cache(place / "told"), out, QUICK, soundscapes(place), 2, say=said.append)
    return out, report, said


def soundscapes(place, heard=False):
    return UnlabelledSoundscapes(
        open_cache(place / "untold"), open_embeddings(place / "untold_heard") if heard else None
    )


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_labels_are_what_the_network_before_thinks(place, done):
    out, report, said = done
    untold = open_cache(place / "untold")
    names = untold.classes.names
    for number in (1, 2):
        before = bundles.load(out / f"round_{number - 1}")
        expected = np.round(Predictor(before).scores(untold.pictures(untold.heard).pixels).astype(float), 4)
        places = {(row.recording, row.start_s): place for place, row in enumerate(untold.heard)}
        found = np.zeros_like(expected)
        for line in table(out / f"round_{number}" / "soft_labels.csv"):
            assert float(line["end_s"]) == float(line["start_s"]) + 5
            found[places[line["recording"], float(line["start_s"])], names.index(line["label"])] = line["chance"]
        np.testing.assert_allclose(found, np.where(expected >= 0.01, expected, 0), atol=1.01e-4)
        assert report.rounds[number].likely == pytest.approx(found.sum(), abs=0.01)
        assert bundles.load(out / f"round_{number}").record.made_from["soft_labels"].startswith(untold.index_sha256)
    assert "soft_labels" not in bundles.load(out / "round_0").record.made_from
    assert sum("windows of soundscapes, in which" in line for line in said) == 2


def test_the_best_round_is_the_bundle(done):
    out, report, _ = done
    best = max(report.rounds, key=lambda one: (one.precision, -one.number))
    assert report.best == best.number and report.measured_on == "recordings"
    assert report.scores["segments"]
    for name in ("bundle.json", "model.weights.h5", "scores.json", "validation.csv"):
        assert (out / name).read_bytes() == (out / f"round_{best.number}" / name).read_bytes()
    rows = table(out / "rounds.csv")
    assert [int(row["kept"]) for row in rows] == [one.number == best.number for one in report.rounds]
    check = bundles.load(out).record.validation_recordings
    assert all(bundles.load(out / f"round_{number}").record.validation_recordings == check for number in range(3))


def test_what_is_there_is_kept_and_what_changed_is_not(place, done, tmp_path):
    out, report, _ = done
    copy, said = tmp_path / "bundle", []
    shutil.copytree(out, copy)
    before = tree(copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "_gains", lambda done: True)
        again = train_rounds(open_cache(place / "told"), copy, QUICK, soundscapes(place), 2, say=said.append)
        assert again.rounds == report.rounds and tree(copy) == before
        assert sum("is there already" in line for line in said) == 3
        # Other labels, so round 1 and what follows are trained anew; round 0 has none.
        steep = replace(QUICK, label_power=2.0)
        shutil.copytree(out / "round_0", tmp_path / "steep" / "round_0")
        train_rounds(open_cache(place / "told"), tmp_path / "steep", steep, soundscapes(place), 1)
    own = bundles.load(tmp_path / "steep" / "round_1").record
    assert own.made_from["soft_labels"] != bundles.load(out / "round_1").record.made_from["soft_labels"]


def test_a_round_that_gains_nothing_is_the_last(place, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        rounds, "_measured", lambda one, bundle, check: replace(one, precision=[0.5, 0.4, 0.9][one.number])
    )
    report = train_rounds(open_cache(place / "told"), tmp_path / "b", QUICK, soundscapes(place), 3, say=said.append)
    assert [one.number for one in report.rounds] == [0, 1] and report.best == 0
    assert "round 1 gains nothing, so it is the last" in said


def test_where_nothing_is_held_out_the_last_round_is_kept(place, tmp_path):
    training = replace(QUICK, validation_share=0.0)
    report = train_rounds(open_cache(place / "told"), tmp_path / "b", training, soundscapes(place), 1)
    assert report.best == 1 and report.scores is None and report.measured_on == ""


def test_a_listener_has_as_much_say_as_the_networks(place, done):
    out, _, _ = done
    network, own = bundles.load(out / "round_0"), soundscapes(place, heard=True)
    rows = own.rows(open_cache(place / "told"))
    alone, both = (soft_labels(one, rows, [network], 1.0).chances for one in (soundscapes(place), own))
    told = lessons_for(rows, own.cache.classes.names, own.heard)[:, 1 : 1 + len(own.cache.classes)]
    every = pooled(Predictor(network).scores(own.cache.pictures(rows).pixels), np.maximum(told, 0))
    known = (told >= 0) & (every > 0.02)
    assert known.any()
    np.testing.assert_allclose(both[known], every[known], atol=2e-4)
    np.testing.assert_array_equal(both[told < 0], alone[told < 0])
    squared = soft_labels(soundscapes(place), rows, [network], 2.0).chances
    np.testing.assert_allclose(squared[squared > 0], alone[squared > 0] ** 2, atol=2e-4)
    beside = both.sum(axis=1)
    found = soft_labels(own, rows, [network], 1.0).beside(taught=True)
    np.testing.assert_allclose(found.odds, beside[beside > 0] / beside.sum(), rtol=1e-5)
    assert found.wanted.shape[1] > len(own.cache.classes) and not found.wanted[:, len(own.cache.classes)].any()


def test_what_cannot_be_done_is_refused_before_any_training(place, tmp_path):
    cache, teacher = open_cache(place / "told"), open_embeddings(place / "told_heard")
    for training, extras, error, words in (
        (replace(QUICK, loss="cross_entropy"), Extras(), ConfigError, "any number of birds"),
        (replace(QUICK, augmentation=Augmentation()), Extras(), ConfigError, "soundscapes: expected a share"),
        (QUICK, Extras(teacher=teacher), StoreError, "give it as --heard"),
    ):
        with pytest.raises(error, match=words):
            train_rounds(cache, tmp_path / "b", training, soundscapes(place), 1, extras=extras)
    untold = open_cache(place / "untold")
    others = replace(untold, classes=Classes(tuple(reversed(untold.classes.names))))
    with pytest.raises(StoreError, match="with the same 4 labels as"):
        train_rounds(cache, tmp_path / "d", QUICK, UnlabelledSoundscapes(others), 1)
    with pytest.raises(StoreError, match="does not hold, found none"):
        train_rounds(cache, tmp_path / "c", QUICK, UnlabelledSoundscapes(cache), 1)
    assert not list((tmp_path).glob("*/round_*/bundle.json"))


def test_the_command_says_what_each_round_came_to(place, tmp_path, capsys):
    (tmp_path / "t.toml").write_text(
        '[training]\nmodel = "small"\nepochs = 1\nbatch_size = 4\nloss = "soft_auc"\nsecondary = "mask"\n'
        "[training.augmentation]\nroll = false\nsoundscapes = 1.0\n"
    )
    words = ["train", str(place / "told"), str(tmp_path / "b"), "--config", str(tmp_path / "t.toml")]
    for flags, told in (
        (["--rounds", "1"], "--rounds: expected --soundscapes beside it"),
        (["--soundscapes", str(place / "untold"), "--folds", "2", "--fold", "1"], "without --soundscapes"),
    ):
        assert main([*words, *flags]) == 2
        assert told in capsys.readouterr().err
    own = ["--soundscapes", str(place / "untold"), "--rounds", "1"]
    heard = ["--teacher", str(place / "told_heard"), "--heard", str(place / "untold_heard")]
    assert main([*words, *own, *heard]) in (0, 1)
    printed = capsys.readouterr().out
    assert "round 1: mean average precision" in printed and "1 round after the first network; round" in printed
    assert "rounds.csv" in printed and (tmp_path / "b" / "round_1" / "soft_labels.csv").is_file()
    # A network that is trained alone there again is not one of those rounds.
    assert main([*words, "--epochs", "2"]) in (0, 1)
    assert not (tmp_path / "b" / "rounds.csv").exists()
    assert not (tmp_path / "b" / "soft_labels.csv").exists()
    assert main(["train", str(place / "told"), str(tmp_path / "b" / "round_7")]) == 2


@pytest.fixture(scope="module")
def folded(place, tmp_path_factory):
    """(folder, report) of one round of two folds."""
    out = tmp_path_factory.mktemp("folded") / "bundle"
    return out, train_rounds(open_cache(place / "told"), out, QUICK, soundscapes(place), 1, folds=2)


def test_with_folds_all_networks_of_a_round_label_for_the_next(place, folded):
    out, report = folded
    untold = open_cache(place / "untold")
    pixels = untold.pictures(untold.heard).pixels
    each = [Predictor(bundles.load(out / "round_0" / f"fold_{number}")).scores(pixels) for number in (1, 2)]
    expected = np.round(np.mean(each, axis=0, dtype=float), 4)
    assert report.rounds[1].likely == pytest.approx(expected[expected >= 0.01].sum(), abs=0.05)
    for number in (0, 1):
        lines = [(out / f"round_{number}" / name).exists() for name in ("soft_labels.csv", "soft_labels.html")]
        assert lines == [number == 1] * 2


def test_with_folds_a_round_is_measured_by_what_each_network_has_not_seen(place, folded):
    out, report = folded
    for number, one in enumerate(report.rounds):
        own = files.read_object(out / f"round_{number}", "scores.json", "a round", BundleError)
        assert one.precision == pytest.approx(own["segments"]["mean_average_precision"], abs=1e-4)
        assert one.auc == pytest.approx(own["segments"]["roc_auc"], abs=1e-4)
    whole = bundles.load(out)
    assert len(whole.members) == 2 and report.measured_on == "recordings"
    best = out / f"round_{report.best}"
    for name in ("bundle.json", "model.weights.h5", "member_2.weights.h5", "scores.json", "out_of_fold.csv"):
        assert (out / name).read_bytes() == (best / name).read_bytes()


@pytest.mark.parametrize("networks", [1, 3])
def test_with_folds_a_stopped_round_goes_on_with_the_same_result(place, folded, tmp_path, monkeypatch, networks):
    out, report = folded
    part, said, real = tmp_path / "bundle", [], folds.train_split
    left = iter([real] * networks)
    with monkeypatch.context() as patch, pytest.raises(StopIteration):
        patch.setattr(folds, "train_split", lambda *given, **named: next(left)(*given, **named))
        train_rounds(open_cache(place / "told"), part, QUICK, soundscapes(place), 1, folds=2)
    again = train_rounds(open_cache(place / "told"), part, QUICK, soundscapes(place), 1, folds=2, say=said.append)
    assert again.rounds == report.rounds and sum(line.startswith("fold ") for line in said) == 4 - networks
    whole = {name: data for name, data in tree(out).items() if "logs/" not in name}
    assert {name: data for name, data in tree(part).items() if "logs/" not in name} == whole
    assert (f"{part / 'round_0'} is there already" in said) == (networks == 3)
    # A single training there is none of those folds, and takes what they were told along.
    assert main(["train", str(place / "told"), str(part), "--model", "small", "--epochs", "1", "--quiet"]) in (0, 1)
    assert not any((part / name).exists() for name in ("member_2.weights.h5", "out_of_fold.csv", "rounds.csv"))
