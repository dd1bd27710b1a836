"""Decoders in a bundle's folder: gone on from, kept, and never lost."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import FEW, tree

from birdclef_mind.backwards import bundle_decoders
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.storage import files


@pytest.fixture
def task(little, tmp_path):
    """Train decoders for a bundle without any, with some settings: (folder, train), where `train` gives what is said."""
    return task_in(shutil.copytree(little.bundle, tmp_path / "b"), little)


@pytest.fixture
def done(little, tmp_path):
    """The same for a bundle that has decoders, trained with FEW."""
    return task_in(shutil.copytree(little.decoded, tmp_path / "d"), little)


def task_in(folder, little):
    def train(settings=FEW, stop=None, cache=None):
        said = []

        def say(line):
            said.append(line)
            if stop is not None and stop in line:
                raise KeyboardInterrupt

        cache = cache or open_cache(little.cache)
        if stop is None:
            return said, bundle_decoders.train_bundle_decoders(folder, bundles.load(folder), cache, settings, say=say)
        with pytest.raises(KeyboardInterrupt):
            bundle_decoders.train_bundle_decoders(folder, bundles.load(folder), cache, settings, say=say)
        return said, None

    return folder, train


def without_list(found):
    return {name: content for name, content in found.items() if name != ".birdclef_mind"}


def state_of(folder, name="decoders"):
    """The one state that is kept of decoders."""
    (path,) = folder.glob(f"{name}.*.progress.npz")
    return path


def decoders_in(folder):
    bundle = bundles.load(folder)
    return bundle_decoders.load_decoders(folder, bundle, read_anatomy(bundle.model))


def test_interrupted_training_goes_on(little, task):
    folder, train = task
    train(stop="decoders: decoders epoch 1/2")
    assert state_of(folder).is_file()
    said, decoders = train()
    assert said[0] == "going on after epoch 1"
    assert decoders.best_losses == pytest.approx(decoders_in(little.decoded).best_losses, rel=1e-4)
    assert not list(folder.glob("*.npz"))


def test_decoders_that_are_finished_are_kept_when_the_twins_were_not(task):
    folder, train = task
    train(stop="twin: decoders epoch 1/2")
    before = tree(folder)
    said, decoders = train()
    assert said[:2] == ["decoders: trained in the same way already, and kept", "going on after epoch 1"]
    after = tree(folder)
    assert {name: after[name] for name in ("decoders.json", "decoders.weights.h5")} == {
        name: before[name] for name in ("decoders.json", "decoders.weights.h5")
    }
    assert decoders.best_losses == decoders_in(folder).best_losses
    assert set(after) - set(before) == {"twin.json", "twin.weights.h5"}
    assert train()[0] == [f"{name}: trained in the same way already, and kept" for name in ("decoders", "twin")]


@pytest.mark.parametrize("change", [{"seed": 5}, {"learning_rate": 1e-3}])
def test_other_settings_train_anew(done, change):
    _, train = done
    said, _ = train(replace(FEW, **change, epochs=1), stop="decoders epoch 1/1")
    assert not any("kept" in line for line in said)


def test_decoders_that_do_not_say_how_they_were_trained_are_read_and_trained_anew(done):
    folder, train = done
    facts = json.loads((folder / "decoders.json").read_text())
    del facts["key"]
    (folder / "decoders.json").write_text(json.dumps(files.sealed(facts)))
    assert decoders_in(folder).epochs == FEW.epochs
    said, _ = train(stop="decoders epoch 1/2")
    assert not any("kept" in line for line in said)


def test_pixels_are_told_apart_not_only_their_number(rng):
    pixels = rng.integers(0, 256, (4, 3, 5)).astype(np.uint8)
    keys = set()
    for place in (None, 0, 3):
        changed = pixels.copy()
        if place is not None:
            changed[place, 1, 1] ^= 1
        keys |= {
            bundle_decoders.Lessons(changed, pixels).key("n", FEW),
            bundle_decoders.Lessons(pixels, changed).key("n", FEW),
        }
    assert len(keys) == 5
    assert bundle_decoders.Lessons(pixels, pixels[:2]).key("n", FEW) != bundle_decoders.Lessons(pixels, pixels[:2]).key(
        "m", FEW
    )


def test_what_stands_stays_until_the_new_is_whole(done, monkeypatch):
    folder, train = done
    before = tree(folder)
    other = replace(FEW, seed=7)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(files, "write_facts", full)
        train(other)
    after = tree(folder)
    assert without_list({name: after[name] for name in before}) == without_list(before)
    assert set(after) - set(before) == {state_of(folder).name}
    # The work is not lost either.
    said, _ = train(other)
    assert said[0] == "going on after epoch 2"
    assert bundle_decoders.seed_of(folder) == 7


def test_decoders_of_another_twin_are_refused(done):
    folder, train = done
    train(replace(FEW, seed=7), stop="twin: decoders epoch 1")
    bundle = bundles.load(folder)
    with pytest.raises(BundleError, match="expected decoders of the twin of seed 7, got another one's"):
        bundle_decoders.load_decoders(folder, bundle, bundle_decoders.twin_of(bundle, 7), bundle_decoders.TWIN)


@pytest.mark.parametrize(
    "change",
    [
        {"key": np.array("x")},
        {"best_1_0": np.zeros(77)},
    ],
)
def test_a_state_of_something_else_is_left_alone(task, change):
    folder, train = task
    train(stop="decoders: decoders epoch 1/2")
    path = state_of(folder)
    with np.load(path) as arrays:
        state = dict(arrays)
    np.savez(path, **{**state, **change})
    said, _ = train(stop="decoders epoch 1/2")
    assert said[0] == f"{path.name} cannot be used; beginning anew"
    assert len(said) == 2


def test_a_broken_state_is_left_alone(task):
    folder, train = task
    train(stop="decoders: decoders epoch 1/2")
    state_of(folder).write_bytes(b"broken")
    assert train(stop="cannot be used")[0] == [f"{state_of(folder).name} cannot be used; beginning anew"]


def test_the_state_of_other_settings_is_kept_and_gone_on_from(task):
    folder, train = task
    train(stop="decoders: decoders epoch 1/2")
    first = state_of(folder)
    said, _ = train(replace(FEW, seed=7))
    assert said[0] == f"{first.name} is of other work that was stopped, and is kept: the same settings go on with it"
    assert state_of(folder) == first
    said, _ = train()
    assert said[0] == "going on after epoch 1"
    assert not list(folder.glob("*.npz"))


def test_a_cache_of_silence_teaches_nothing(little, task):
    folder, train = task
    cache = open_cache(little.cache)
    silent = replace(cache, rows=[replace(row, silent=True) for row in cache.rows])
    before = tree(folder)
    with pytest.raises(ConfigError, match="expected segments with sound to train decoders on, got none"):
        train(cache=silent)
    assert tree(folder) == before
