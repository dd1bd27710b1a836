"""What stands stays until the new is whole, whatever ends the work; and nothing that is not finite is ever kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import make_cache, put_bundle, tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data import write_store
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import BundleError, ConfigError, DivergedError, StoreError
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks import bundle_folder
from birdclef_mind.training.epochs import Fitting
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.train import train

WILD = Training(model="small", epochs=3, batch_size=8, learning_rate=1e30)


@pytest.fixture
def standing(little, tmp_path):
    """A bundle with a second network, and what is in it but for states and curves."""
    out = tmp_path / "b"
    train(open_cache(little.cache), out, Training(model="small", epochs=1, batch_size=8))
    train(open_cache(little.cache), out / "second", Training(model="small", epochs=1, batch_size=8, seed=1))
    return out, lasting(out)


def lasting(folder):
    """What stands in a folder but the state and curves of a training, and the list of files, which names them."""
    passing = ("progress", "logs/", ".birdclef_mind")
    return {name: content for name, content in tree(folder).items() if not any(part in name for part in passing)}


def test_a_training_that_diverges_leaves_the_network_before_it(little, standing):
    out, before = standing
    for _ in range(2):
        with pytest.raises(DivergedError, match=r"diverged in epoch \d, at a learning rate of 1e\+30: .* stays"):
            train(open_cache(little.cache), out, WILD)
        assert lasting(out) == before
        bundles.load(out)
    train(open_cache(little.cache), out, Training(model="small", epochs=1, batch_size=8))
    assert not (out / "second").exists(), "it belonged to the network before"


@pytest.mark.parametrize("share", ["0", "0.4"])
def test_a_network_that_diverged_is_no_bundle(little, tmp_path, capsys, share):
    words = ["train", little.cache, tmp_path / "b", "--model", "small", "--learning-rate", "1e30", "--epochs", "2"]
    assert main([*map(str, words), "--validation-share", share, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "training diverged in epoch" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "b" / "bundle.json").exists()
    assert main(["infer", str(tmp_path / "b"), str(little.competition), str(tmp_path / "s.csv")]) == 2
    assert not (tmp_path / "s.csv").exists()


def test_the_best_epoch_before_is_kept_where_nothing_stood(little, cache_folder, tmp_path, monkeypatch):
    finite = iter([True, True, False])
    monkeypatch.setattr(Fitting, "_is_finite", lambda self: next(finite))
    settings = Training(model="small", epochs=5, batch_size=8, validation_share=0.4)
    with pytest.raises(DivergedError, match=r"diverged in epoch 3.*; the best epoch before, \d, is kept there"):
        train(open_cache(cache_folder), tmp_path / "b", settings)
    assert bundles.load(tmp_path / "b").record.best_epoch <= 2


def spoilt(bundle, value):
    weights = bundle.model.get_weights()
    weights[-1][0] = value
    bundle.model.set_weights(weights)
    return bundle


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(little, standing, monkeypatch, value):
    out, before = standing
    with pytest.raises(BundleError, match="expected weights that are finite"):
        put_bundle(spoilt(bundles.load(out), value), out)
    assert lasting(out) == before
    bundle = spoilt(bundles.load(out), value)
    with monkeypatch.context() as patch:
        patch.setattr(bundles.weights, "require_finite", lambda *_: None)
        put_bundle(bundle, out)
    with pytest.raises(BundleError, match="expected weights that are finite"):
        bundles.load(out)


def test_scores_that_are_not_finite_are_never_written(little, tmp_path, monkeypatch):
    bundle = bundles.load(little.bundle)

    def scores(self, pixels):
        return np.full((len(pixels), len(bundle.classes)), np.nan, np.float32)

    monkeypatch.setattr("birdclef_mind.networks.predictor.Predictor.scores", scores)
    report = write_submission(bundle, little.competition, tmp_path / "s.csv")
    assert report.computed == 0
    assert all("the network's scores are not finite" in problem for problem in report.problems)
    assert len(report.problems) == 2
    assert "nan" not in (tmp_path / "s.csv").read_text()


@pytest.mark.parametrize("options", [{"jobs": 0}, {"jobs": -1}, {"jobs": True}, {"scheduler": "tcp://127.0.0.1:1"}])
def test_a_complete_cache_stays_complete_when_words_are_wrong(sample_folder, tmp_path, monkeypatch, options):
    monkeypatch.setattr("birdclef_mind.storage.workers._TIMEOUT_S", 0.5)
    make_cache(sample_folder, tmp_path / "c")
    before = tree(tmp_path / "c")
    with pytest.raises(ConfigError):
        make_cache(sample_folder, tmp_path / "c", **options)
    assert tree(tmp_path / "c") == before
    open_cache(tmp_path / "c")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(24, "Too many open files")])
@pytest.mark.parametrize("made", [0, 3, 15])
def test_a_complete_cache_of_which_nothing_is_made_stays_complete_whatever_ends_the_run(
    sample_folder, tmp_path, monkeypatch, error, made
):
    """One of its recordings gave no picture, and is tried again each time."""
    competition = shutil.copytree(sample_folder, tmp_path / "comp")
    next((competition / "train_audio").glob("*/*.ogg")).write_bytes(b"no sound")
    make_cache(competition, tmp_path / "c")
    before, real = tree(tmp_path / "c"), write_store.run_all

    def stopped(*words, **options):
        for number, result in enumerate(real(*words, **options)):
            if number == made:
                raise error
            yield result
        raise error

    monkeypatch.setattr(write_store, "run_all", stopped)
    with pytest.raises(type(error)):
        make_cache(competition, tmp_path / "c")
    assert tree(tmp_path / "c") == before


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("change", ["preset", "recording", "fewer", "author"])
def test_a_cache_is_incomplete_from_the_first_change_on(competition_folder, tmp_path, monkeypatch, change, jobs):
    """A picture is made, one is removed, or the table says something else: stopped right after, and nobody opens it."""
    out, options = tmp_path / "c", {"preset": "mel16"} if change == "preset" else {}
    make_cache(competition_folder, out)
    before = tree(out)
    if change == "recording":
        first, second, *_ = sorted((competition_folder / "train_audio").glob("*/*.ogg"))
        first.write_bytes(second.read_bytes())
    if change == "fewer":
        options = {"labels": "1"}
    if change == "author":
        table = competition_folder / "train_metadata.csv"
        table.write_text(table.read_text().replace("Sample author", "Somebody"))

    def stopped(*_, **__):
        raise KeyboardInterrupt

    # The last that a run does, and after every change.
    monkeypatch.setattr(write_store.files, "write_facts", stopping(write_store.files.write_facts, stopped))
    with pytest.raises(KeyboardInterrupt):
        make_cache(competition_folder, out, jobs=jobs, **options)
    monkeypatch.undo()
    assert tree(out) != before
    with pytest.raises(StoreError, match="expected a complete cache; its making was interrupted"):
        open_cache(out)
    make_cache(competition_folder, out, **options)
    make_cache(competition_folder, tmp_path / "anew", **options)
    assert tree(out) == tree(tmp_path / "anew")


def stopping(write, stop):
    """`write` for what says that a cache is not complete, `stop` for the facts of a whole one."""
    return lambda path, facts, version: write(path, facts, version) if not facts["complete"] else stop()


def test_a_folder_that_is_gone_is_named_and_a_cache_stays_as_it_was(sample_folder, cache_folder, tmp_path):
    before = tree(cache_folder)
    command = [sys.executable, "-m", "birdclef_mind", "cache", str(sample_folder), str(cache_folder), "--jobs", "2"]
    (tmp_path / "gone").mkdir()
    script = 'cd "$0" && rmdir "$0" && exec "$@"'
    plain = {**os.environ, "PYTHONPATH": str(Path(write_store.__file__).parents[2])}
    found = subprocess.run(
        ["bash", "-c", script, str(tmp_path / "gone"), *command], env=plain, capture_output=True, text=True
    )
    assert found.returncode == 2
    assert f"the folder that this was started in, {tmp_path / 'gone'}, is gone" in found.stderr
    assert found.stderr.count("\n") == 1
    assert tree(cache_folder) == before


def test_a_cache_outlives_recordings_that_are_gone(competition_folder, tmp_path):
    """As when a disk is not mounted: nothing can be read, and nothing is taken away."""
    make_cache(competition_folder, tmp_path / "c")
    before = tree(tmp_path / "c")
    sounds = list((competition_folder / "train_audio").glob("*/*.ogg"))
    hidden = {path: path.read_bytes() for path in sounds}
    for path in sounds:
        path.unlink()
    with pytest.raises(StoreError, match="expected recordings that can be read, found none among 15, such as .* stays"):
        make_cache(competition_folder, tmp_path / "c")
    assert tree(tmp_path / "c") == before
    sounds[0].write_bytes(hidden[sounds[0]])
    report = make_cache(competition_folder, tmp_path / "c")
    assert len(report.failures) == 14
    pictures = {name for name in before if name.endswith(".png")}
    assert pictures <= set(tree(tmp_path / "c")), "pictures of recordings that cannot be read today stay"
    for path, content in hidden.items():
        path.write_bytes(content)
    make_cache(competition_folder, tmp_path / "c")
    assert tree(tmp_path / "c") == before


def test_an_explanation_stays_until_the_new_one_is_whole(unjudged, little, tmp_path, monkeypatch):
    from birdclef_mind.explanation.explain import Explaining, explain

    out = shutil.copytree(unjudged[0], tmp_path / "x")
    before = tree(out)

    def broken(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("birdclef_mind.explanation.explain.write_answers", broken)
    with pytest.raises(OSError, match="No space left"):
        explain(little.decoded, open_cache(little.cache), out, Explaining(examples=1, seeds=1))
    left = tree(out)
    assert {name for name in left if name not in before} == {name for name in left if name.endswith(".progress.npz")}
    assert {name for name in before if left[name] != before[name]} == {".birdclef_mind"}


def test_what_a_training_adds_is_listed(standing):
    out, _ = standing
    with bundle_folder.claimed(out) as ledger:
        assert {"bundle.json", "model.weights.h5", "settings.json"} <= set(ledger.names)
