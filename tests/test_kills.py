"""Commands killed with -9 at random moments, started again: the same result, and never half a file under its name."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import FEW, make_cache
from small_network import small

from birdclef_mind.cache import open_cache
from birdclef_mind.recipes import Training
from birdclef_mind.sample import Sample, write_sample

KILLS = 20


@pytest.fixture(scope="module")
def little(tmp_path_factory):
    """A competition of a few recordings, its cache, a bundle of a small network, and the same with decoders."""
    from birdclef_mind import bundle, decoding, training
    from birdclef_mind.model import NETWORKS

    root = tmp_path_factory.mktemp("little")
    made = SimpleNamespace(**{name: root / name for name in ("competition", "cache", "bundle", "decoded")})
    write_sample(made.competition, Sample(species=2, recordings=3, authors=3, soundscapes=2, soundscape_s=15))
    make_cache(made.competition, made.cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", small)
        training.train(open_cache(made.cache), made.bundle, Training(model="small", epochs=1))
        shutil.copytree(made.bundle, made.decoded)
        decoding.train_bundle_decoders(made.decoded, bundle.load(made.decoded), open_cache(made.cache), FEW)
    return made


@pytest.fixture
def killed(tmp_path):
    """Kill a command and give the report; `imports` are done once, before any run."""

    def run(words, imports=(), template=None):
        spec = {
            "words": list(map(str, words)), "imports": imports, "template": template and str(template), "kills": KILLS,
            "root": str(tmp_path / "homes"), "seed": 7,
        }  # fmt: skip
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        command = [sys.executable, Path(__file__).with_name("killing.py"), tmp_path / "spec.json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def assert_nothing_lost(report):
    assert report["kills"] == KILLS
    assert set(report["statuses"]) == {0}
    assert report["half"] == []
    assert report["differences"] == []


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_caching(killed, sample_folder, jobs):
    assert_nothing_lost(killed(["cache", sample_folder, "{home}/cache", "--jobs", jobs]))


@pytest.mark.slow
def test_training(killed, little):
    words = ["train", little.cache, "{home}/bundle", "--model", "small", "--epochs", "6", "--batch-size", "2"]
    assert_nothing_lost(killed(words, ["birdclef_mind.training"]))


@pytest.mark.slow
def test_training_decoders(killed, little):
    words = ["train-decoders", "{home}/bundle", little.cache, "--epochs", "2"]
    assert_nothing_lost(killed(words, ["birdclef_mind.decoding"], little.bundle))


@pytest.mark.slow
def test_explaining(killed, little):
    words = ["explain", "{home}/bundle", little.cache, "{home}/x", "--examples", "1", "--seeds", "1", "--sheets", "3"]
    assert_nothing_lost(killed([*words, "--second", little.bundle], ["birdclef_mind.explain"], little.decoded))


@pytest.mark.slow
def test_inferring(killed, little):
    words = ["infer", little.bundle, little.competition, "{home}/submission.csv"]
    assert_nothing_lost(killed(words, ["birdclef_mind.submission"]))
