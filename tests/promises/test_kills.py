"""Commands killed with -9 at random moments, started again: the same result, and never half a file under its name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 10
# Of commands of which a single run takes many seconds.
FEWER_KILLS = 4


@pytest.fixture
def killed(tmp_path):
    """Kill a command and give the report; `imports` are done once, before any run."""

    def run(words, imports=(), template=None, kills=KILLS):
        spec = {
            "words": list(map(str, words)), "imports": imports, "template": template and str(template), "kills": kills,
            "root": str(tmp_path / "homes"), "seed": 7,
        }  # fmt: skip
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        command = [sys.executable, Path(__file__).parents[1] / "killing.py", tmp_path / "spec.json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout.splitlines()[-1])
        assert report["kills"] == kills
        return report

    return run


def assert_nothing_lost(report):
    assert set(report["statuses"]) == {0}
    assert report["half"] == []
    assert report["differences"] == []


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_caching(killed, sample_folder, jobs):
    assert_nothing_lost(killed(["cache", sample_folder, "{home}/cache", "--jobs", jobs]))


@pytest.mark.slow
def test_embedding(killed, embedded, sample_folder):
    words = ["embed", embedded.listener, sample_folder, "{home}/e", "--shifts", "4"]
    assert_nothing_lost(killed(words, ["birdclef_mind.listeners.open_listener"]))


@pytest.mark.slow
def test_training(killed, little):
    words = ["train", little.cache, "{home}/bundle", "--model", "small", "--epochs", "6", "--batch-size", "2"]
    assert_nothing_lost(killed(words, ["birdclef_mind.training.train"]))


@pytest.mark.slow
def test_training_in_rounds(killed, rounds_2024, tmp_path):
    """Soft labels, every round's network and the choice among them are those of a run that nobody stopped."""
    (tmp_path / "settings.toml").write_text(
        '[training]\nmodel = "small"\nepochs = 2\nbatch_size = 4\nloss = "binary"\n'
        "[training.augmentation]\nroll = false\nsoundscapes = 1.0\n"
    )
    words = ["train", rounds_2024 / "told", "{home}/bundle", "--config", tmp_path / "settings.toml"]
    more = ["--soundscapes", rounds_2024 / "untold", "--rounds", "2"]
    assert_nothing_lost(killed([*words, *more], ["birdclef_mind.training.train_rounds"], kills=FEWER_KILLS))


@pytest.mark.slow
def test_training_decoders(killed, little):
    words = ["train-decoders", "{home}/bundle", little.cache, "--epochs", "2"]
    assert_nothing_lost(killed(words, ["birdclef_mind.backwards.bundle_decoders"], little.bundle, FEWER_KILLS))


@pytest.mark.slow
def test_explaining(killed, little, tmp_path):
    words = ["explain", "{home}/bundle", little.cache, "{home}/x", "--examples", "1", "--seeds", "1", "--sheets", "3"]
    (tmp_path / "few.toml").write_text("[showing]\nmetamers = 1\n")
    words += ["--second", little.decoded / "second", "--config", tmp_path / "few.toml"]
    assert_nothing_lost(killed(words, ["birdclef_mind.explanation.explain"], little.decoded, FEWER_KILLS))


@pytest.mark.slow
def test_inferring(killed, little):
    words = ["infer", little.bundle, little.competition, "{home}/submission.csv"]
    assert_nothing_lost(killed(words, ["birdclef_mind.kaggle.write_submission"]))


@pytest.mark.slow
def test_explaining_a_listener(killed, heard_mind, little, tmp_path):
    (tmp_path / "few.toml").write_text("[decoding]\nepochs = 3\nsteps = 2\n[showing]\nmetamers = 0\n")
    words = ["explain", heard_mind[0], little.competition, "{home}/x", "--examples", "1", "--windows", "8"]
    words += ["--config", tmp_path / "few.toml"]
    assert_nothing_lost(killed(words, ["birdclef_mind.explanation.listener_mind"], kills=FEWER_KILLS))
