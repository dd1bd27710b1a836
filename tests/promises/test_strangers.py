"""A bundle or a cache from a stranger: whatever it holds, nothing in it is run, and it is used whole or refused."""

import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from birdclef_mind.backwards import bundle_decoders
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.commands.cli import main
from birdclef_mind.data import strips
from birdclef_mind.data.cache import open_cache, picture_path
from birdclef_mind.data.labels import Classes
from birdclef_mind.errors import BirdclefMindError, BundleError, StoreError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.bundle import require_cache
from birdclef_mind.storage import files
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.train import train


class Payload:
    """What runs a command when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return (os.system, (f"touch {self.trace}",))


@pytest.fixture
def trace(tmp_path):
    """A file that is there when a stranger's code was run."""
    return tmp_path / "it-was-run"


def test_the_payload_would_work(trace):
    pickle.loads(pickle.dumps(Payload(trace)))  # noqa: S301
    assert trace.exists()


def resealed(folder, change):
    """Change the facts of a bundle as a stranger would, with all digests right."""
    path = folder / "bundle.json"
    facts = json.loads(path.read_text())
    facts["weights"][0]["sha256"] = files.sha256(folder / "model.weights.h5")
    facts.update(change)
    path.write_text(json.dumps(files.sealed(facts)))


def hostile_weights(kind, folder, trace):
    """Put something else in the place of a bundle's weights."""
    path = folder / "model.weights.h5"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Payload(trace)))
    elif kind == "object array":
        path.unlink()
        with path.open("wb") as file:
            np.save(file, np.array([Payload(trace)], dtype=object), allow_pickle=True)
    elif kind == "whole model with a Lambda":
        model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
        model.save(folder / "other.h5")
        (folder / "other.h5").replace(path)
    elif kind == "link to another file":
        with h5py.File(path, "r+") as file:
            layer = file["layers"][next(iter(file["layers"]))]["vars"]
            for name in list(layer):
                del layer[name]
            layer["0"] = h5py.ExternalLink("/etc/passwd", "/")
    else:
        with h5py.File(path, "r+") as file:
            file.attrs["config"] = np.frombuffer(pickle.dumps(Payload(trace)), np.uint8)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("pickle", True),
        ("object array", True),
        ("whole model with a Lambda", True),
        ("link to another file", True),
        ("pickle among the attributes", False),
    ],
)
def test_weights_that_would_run_something(trained, tmp_path, trace, kind, refused):
    folder = shutil.copytree(trained[0], tmp_path / "b")
    hostile_weights(kind, folder, trace)
    resealed(folder, {})
    if refused:
        with pytest.raises(BirdclefMindError):
            bundles.load(folder)
    else:
        bundles.load(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"name": "__import__('os').system('touch it-was-run')"}},
        {"network": {"name": "keras.layers.Lambda", "answer": "softmax", "noise_floor": False}},
        {"network": {"class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None]}}},
        {"features": {"preset": "mel32", "kind": "__import__('os')"}},
        {"classes": ["../../../x", "a", "b"]},
        {"classes": ["__import__('os').system('touch it-was-run')"] * 3},
        {"priors": ["nan"] * 3, "weights": "../../x"},
        {"weights": [{"sha256": {"$ref": "x"}, "values_sha256": []}]},
    ],
)
def test_facts_that_would_run_something(trained, tmp_path, monkeypatch, change):
    folder = shutil.copytree(trained[0], tmp_path / "b")
    resealed(folder, change)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BirdclefMindError):
        bundles.load(folder)
    assert not (tmp_path / "it-was-run").exists()


def test_states_that_would_run_something(little, tmp_path, trace, monkeypatch):
    """What is gone on from is read without objects: a stranger's is left alone, and the work begins anew."""
    hostile = {"facts": np.array([Payload(trace)], dtype=object), "key": np.array([Payload(trace)], dtype=object)}
    said = []
    cache = open_cache(little.cache)
    folder = shutil.copytree(little.bundle, tmp_path / "b")
    decoding = Decoding(epochs=1, steps=1)

    def both():
        train(cache, tmp_path / "t", Training(model="small", epochs=1, batch_size=8), say=said.append)
        bundle_decoders.train_bundle_decoders(folder, bundles.load(folder), cache, decoding, say=said.append)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "forget", lambda self: np.savez(self.path, **hostile))
        both()
    for kept in ("decoders.json", "twin.json"):
        (folder / kept).unlink()
    said.clear()
    both()
    assert sum("cannot be used" in line for line in said) == 3
    assert not trace.exists()


def test_decoders_that_would_run_something(decoded, tmp_path, trace):
    folder = shutil.copytree(decoded, tmp_path / "b")
    bundle = bundles.load(folder)
    (folder / "decoders.weights.h5").write_bytes(pickle.dumps(Payload(trace)))
    facts = json.loads((folder / "decoders.json").read_text())
    facts["weights_sha256"] = files.sha256(folder / "decoders.weights.h5")
    (folder / "decoders.json").write_text(json.dumps(files.sealed(facts)))
    with pytest.raises(BirdclefMindError):
        bundle_decoders.load_decoders(folder, bundle, read_anatomy(bundle.model))
    assert not trace.exists()


def test_pictures_of_another_recording_are_refused(cache_folder, tmp_path):
    cache = open_cache(shutil.copytree(cache_folder, tmp_path / "cache"))
    one, other = (row for row in cache.rows if row.segment == 0 and row.recording in sorted_recordings(cache)[:2])
    shutil.copy(
        picture_path(cache.root, other.folder, other.recording), picture_path(cache.root, one.folder, one.recording)
    )
    with pytest.raises(StoreError, match=f"expected the pictures of {one.recording}, found those of {other.recording}"):
        cache.pictures([one])


def test_pictures_made_after_the_index_are_refused(cache_folder, tmp_path):
    cache = open_cache(shutil.copytree(cache_folder, tmp_path / "cache"))
    row = cache.rows[0]
    path = picture_path(cache.root, row.folder, row.recording)
    strip = strips.read(path)
    moved = replace(strip.facts, starts_s=tuple(start + 0.25 for start in strip.facts.starts_s))
    path.write_bytes(strips.encode(replace(strip, facts=moved)))
    with pytest.raises(
        StoreError, match=r"expected segment 0 at 0 s, as index.csv says, found \d+ that begin elsewhere"
    ):
        cache.pictures([row])


def test_a_cache_of_other_labels_or_recordings_is_refused_before_anything_is_computed(trained, cache_folder, tmp_path):
    bundle, cache = trained[1].bundle, open_cache(cache_folder)
    require_cache(bundle, cache)
    names = replace(cache, classes=Classes((*cache.classes.names[:-1], "another")))
    with pytest.raises(BundleError, match=f"{cache_folder}: expected a cache of the bundle's .* labels, .*another"):
        require_cache(bundle, names)
    with pytest.raises(BundleError, match="expected the cache that the bundle's network was trained on"):
        require_cache(bundle, replace(cache, index_sha256="0" * 64))
    for command in (
        ["train-decoders", trained[0], cache_folder],
        ["explain", trained[0], cache_folder, tmp_path / "x"],
    ):
        folder = shutil.copytree(trained[0], tmp_path / command[0])
        facts = json.loads((folder / "bundle.json").read_text())
        facts["record"]["made_from"]["index_sha256"] = "0" * 64
        (folder / "bundle.json").write_text(json.dumps(files.sealed(facts)))
        assert main([command[0], str(folder), *map(str, command[2:])]) == 2
    assert not (tmp_path / "x").exists()


def sorted_recordings(cache):
    return sorted({row.recording for row in cache.rows})


def test_nothing_here_reads_objects_or_runs_words():
    """No module unpickles, evaluates, or lets Keras build what a file describes."""
    for path in sorted(Path(bundles.__file__).parent.glob("**/*.py")):
        text = path.read_text(encoding="utf-8")
        for word in (
            "pickle.load",
            "joblib.load",
            "allow_pickle=True",
            "load_model",
            "from_config(",
            " exec(",
            " eval(",
        ):
            assert word not in text, (path.name, word)
