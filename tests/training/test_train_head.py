"""Heads on embeddings: what they learn, what they are held out from, and that they are no worse than their parts."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import tree
from sklearn.metrics import average_precision_score

from birdclef_mind.commands.cli import main
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners.embeddings import Arrays, open_embeddings
from birdclef_mind.networks.bundle_tables import read_validation
from birdclef_mind.training import fit_heads
from birdclef_mind.training.fit_heads import Heard, fit_head, fit_joining
from birdclef_mind.training.train_head import HeadTraining, alike_recordings, train_head


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(fit_heads, "_STEPS", 60)
    monkeypatch.setattr(fit_heads, "TRIED", (fit_heads.TRIED[1], fit_heads.TRIED[3]))


def invented(rng, count=160, classes=4, shift=2.0):
    """Embeddings in which each class has a direction, and a listener that knows the first three, and not too well."""
    labels = rng.integers(0, classes, count)
    directions = rng.normal(size=(classes, 12))
    embeddings = shift * directions[labels][:, None] + rng.normal(size=(count, 2, 12)) * 2
    opinion = -3 + rng.normal(size=(count, 2, 3)) + 3 * (labels[:, None, None] == np.arange(3))
    targets = np.eye(classes, dtype=np.float32)[labels]
    return Heard(Arrays(embeddings.astype(np.float32), opinion.astype(np.float32)), targets, np.arange(count) % 4)


def mean_ap(targets, scores):
    return np.mean([average_precision_score(targets[:, place], scores[:, place]) for place in range(targets.shape[1])])


def test_head_and_listener_together_are_better_than_either(rng, quick):
    heard = invented(rng, 320, shift=0.6)
    learn, unseen = heard.some(np.arange(320) < 160), heard.some(np.arange(320) >= 160)
    head, choices = fit_head(learn, (0, 1, 2), seed=3)
    assert {choice.shape.kind for choice in choices} == {"logistic", "attention"}
    assert all(choice.joined <= choice.alone for choice in choices)
    known = [0, 1, 2]
    both = head.scores(unseen.arrays, known)
    alone = head.logits(unseen.arrays.embeddings)
    parts = [mean_ap(unseen.targets[:, known], part) for part in (alone[:, known], unseen.arrays.opinion.max(axis=1))]
    assert mean_ap(unseen.targets[:, known], both[:, known]) > max(parts)
    assert mean_ap(unseen.targets, both) > 0.6


def test_powers_are_those_of_the_least_log_loss_and_never_below_0(rng):
    heard = invented(rng)
    # A head that says the opposite of the truth is left out rather than turned round.
    joining = fit_joining(-5 * heard.targets, heard.arrays.opinion, heard.targets, (0, 1, 2))
    assert joining.known[0] == 0
    assert joining.known[1] + joining.known[2] > 0.3
    assert joining.unknown[0] == 0


def test_the_same_seed_gives_the_same_head(rng, quick):
    heard = invented(rng)
    one, other = (fit_head(heard, (0, 1, 2), seed=5)[0] for _ in range(2))
    np.testing.assert_array_equal(one.scores(heard.arrays, (0, 1, 2)), other.scores(heard.arrays, (0, 1, 2)))
    assert one.joining == other.joining


def test_segments_of_no_part_are_learned_from_and_not_tried(rng, quick):
    heard = invented(rng)
    aside = replace(heard, parts=np.where(np.arange(len(heard.parts)) < 20, -1, heard.parts))
    _, choices = fit_head(aside, (0, 1, 2), seed=5)
    assert all(np.isfinite([choice.alone, choice.joined]).all() for choice in choices)


def test_what_is_held_out_is_measured_and_nothing_else(headed, sample_embeddings):
    folder, report = headed
    held = set(report.bundle.record.validation_recordings)
    table = read_validation(folder)
    assert set(table["recording"]) == held
    embeddings = open_embeddings(sample_embeddings)
    rows = [row for row in embeddings.rows if row.recording in held and not row.silent]
    scores = report.bundle.scores(embeddings.arrays(rows))
    np.testing.assert_allclose(table[list(embeddings.classes.names)].to_numpy(float), scores, atol=1e-6)
    assert json.loads((folder / "scores.json").read_text())["segments"]["rows"] == len(rows)


def test_the_same_command_gives_the_same_bytes(headed, sample_embeddings, tmp_path, quick):
    train_head(open_embeddings(sample_embeddings), tmp_path / "h")
    first = tree(tmp_path / "h")
    train_head(open_embeddings(sample_embeddings), tmp_path / "again")
    assert {name for name, content in tree(tmp_path / "again").items() if content != first[name]} == set()


def test_folds_are_members_of_one_bundle(sample_embeddings, tmp_path, quick):
    report = train_head(open_embeddings(sample_embeddings), tmp_path / "f", HeadTraining(folds=2))
    assert len(report.bundle.members) == report.bundle.record.folds == 2
    assert (tmp_path / "f" / "out_of_fold.csv").is_file()
    known = report.bundle.heard_by.match.known
    embeddings = open_embeddings(sample_embeddings)
    heard = embeddings.arrays(embeddings.rows)
    each = [member.scores(heard, known) for member in report.bundle.members]
    np.testing.assert_allclose(report.bundle.scores(heard), np.mean(each, axis=0), atol=1e-6)


def test_measures_of_folds_are_means_over_heads(sample_embeddings, tmp_path, quick):
    report = train_head(open_embeddings(sample_embeddings), tmp_path / "f", HeadTraining(folds=2))
    own = report.scores["segments"]
    assert len(own["top1_by_fold"]) == 2
    for name in ("top1", "padded_cmap", "mean_average_precision"):
        assert own[name] == pytest.approx(np.mean(own[f"{name}_by_fold"]))


def test_corrections_are_learned_and_measured_beside_the_head_before(sample_embeddings, tmp_path, quick, capsys):
    embeddings = open_embeddings(sample_embeddings)
    train_head(embeddings, tmp_path / "h")
    first = next(row for row in embeddings.rows if not row.silent)
    table = tmp_path / "overrides.csv"
    table.write_text(f"recording,start_s,action,value\n{first.recording},{first.start_s:g},drop,\n")
    words = ["train", str(tmp_path / "h"), "--listener", str(sample_embeddings), "--overrides", str(table)]
    assert main(words) == 0
    assert "1 dropped" in capsys.readouterr().out
    assert "corrected" in json.loads((tmp_path / "h" / "scores.json").read_text())


def test_recordings_that_sound_alike_are_pairs(rng):
    embeddings = 5 + rng.normal(size=(6, 2, 64))
    embeddings[4] = embeddings[1] + 0.05 * rng.normal(size=(2, 64))
    recordings = ["a", "b", "b", "c", "d", "d"]
    assert alike_recordings(embeddings, recordings) == [("b", "d")]
    # A few numbers say too little.
    assert alike_recordings(embeddings[:, :, :8], recordings) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_recordings_that_sound_alike_may_be_held_out_together(sample_embeddings, tmp_path, monkeypatch, quick, seed):
    authors = {row.recording: row.author for row in open_embeddings(sample_embeddings).rows}
    by_author = [[name for name in authors if authors[name] == author] for author in dict.fromkeys(authors.values())]
    pairs = [tuple(own[:2]) for own in by_author if len(own) > 1]
    monkeypatch.setattr("birdclef_mind.training.train_head.alike_recordings", lambda *given: pairs)
    report = train_head(open_embeddings(sample_embeddings), tmp_path / "h", HeadTraining(split_seed=seed))
    held_out = set(report.bundle.record.validation_recordings)
    assert held_out and all((one in held_out) == (other in held_out) for one, other in pairs)


def test_without_anything_to_learn_from_it_is_said(sample_embeddings, tmp_path):
    embeddings = open_embeddings(sample_embeddings)
    nobody = replace(embeddings, rows=tuple(replace(row, silent=True) for row in embeddings.rows))
    with pytest.raises(StoreError, match="expected segments in which something is heard to learn from, found none"):
        train_head(nobody, tmp_path / "h")
    assert not (tmp_path / "h" / "bundle.json").exists()


def test_words_that_do_not_go_together_are_refused(sample_embeddings, little, tmp_path, capsys):
    out, heard = str(tmp_path / "h"), str(sample_embeddings)
    for words, said in [
        ([out], "expected a cache and a folder for the bundle, or --listener"),
        ([str(little.cache), out, "--listener", heard], "--listener: expected OUT alone beside it"),
        ([out, "--listener", heard, "--epochs", "3"], "--epochs: expected a cache of pictures, not --listener"),
        ([out, "--listener", str(little.cache)], "expected embeddings, a folder with embeddings.json, found a cache"),
    ]:
        assert main(["train", *words]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (tmp_path / "h").exists()


def test_heads_stand_among_other_trainings(headed, little, tmp_path, capsys):
    shutil.copytree(headed[0], tmp_path / "head")
    shutil.copytree(little.bundle, tmp_path / "network")
    assert main(["runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "head, logistic" in said
    assert "small" in said
