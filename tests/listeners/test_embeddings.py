"""Embeddings as they are read: whole and of this index and listener, or refused in a sentence."""

import json
import shutil
from dataclasses import fields, replace

import numpy as np
import pytest
from conftest import embed, tree
from small_listener import write_listener

from birdclef_mind.errors import ListenerError, StoreError
from birdclef_mind.listeners import embedding_files
from birdclef_mind.listeners.embeddings import HeardBy, open_embeddings
from birdclef_mind.listeners.hearing import Hearing
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.sound.settings import Windowing
from birdclef_mind.storage.files import sealed


@pytest.fixture
def folder(embedded, tmp_path):
    """A copy of some embeddings that a test may spoil."""
    return shutil.copytree(embedded.folder, tmp_path / "e")


def facts_of(folder, **changes):
    """The facts of embeddings with some changed, under a seal that fits them."""
    facts = json.loads((folder / "embeddings.json").read_text())
    del facts["sha256"]
    return json.dumps(sealed({**facts, **changes}))


def test_arrays_come_in_the_order_that_is_asked_for(embedded, rng):
    found = open_embeddings(embedded.folder)
    order = [*rng.permutation(len(found.rows)), 0, 0]
    rows = [found.rows[place] for place in order]
    arrays = found.arrays(rows)
    assert arrays.embeddings.dtype == arrays.opinion.dtype == np.float32
    assert arrays.embeddings.shape == (len(rows), 2, 8)
    assert arrays.opinion.shape == (len(rows), 2, len(found.heard_by.match.known))
    for place, row in enumerate(rows):
        own = embedding_files.read(embedded.folder / f"{row.recording}.npz")
        assert own.facts.starts_s[row.segment] == row.start_s
        np.testing.assert_array_equal(arrays.embeddings[place], own.embeddings[row.segment])
        np.testing.assert_array_equal(arrays.opinion[place], own.opinion[row.segment])


def test_of_no_segments_there_are_no_numbers(embedded):
    arrays = open_embeddings(embedded.folder).arrays([])
    assert len(arrays.embeddings) == len(arrays.opinion) == 0


def test_each_recording_is_read_once_and_told(embedded, monkeypatch):
    found, read, told = open_embeddings(embedded.folder), [], []
    real = embedding_files.read
    monkeypatch.setattr(embedding_files, "read", lambda path: (read.append(path), real(path))[1])

    def track(items, total, what):
        told.append((total, what))
        return items

    found.arrays(found.rows, track)
    recordings = {row.recording for row in found.rows}
    assert len(read) == len(set(read)) == len(recordings)
    assert told == [(len(recordings), "reading embeddings")]


def test_reading_changes_nothing(embedded):
    before = tree(embedded.folder)
    found = open_embeddings(embedded.folder)
    found.arrays(found.heard)
    assert tree(embedded.folder) == before


def test_it_says_who_heard_and_how(embedded):
    found, own = open_embeddings(embedded.folder).heard_by, open_listener(embedded.listener)
    assert (found.name, found.kind, found.digest, found.licence) == ("model", "keras", own.digest, "CC0 1.0")
    assert (found.hearing, found.rate_hz, found.reach_s) == (Hearing(), own.rate_hz, 5.0)
    assert found.match == Match(("samwhi1", "samtri1"), ((0,), (1,)))
    assert found.cutting == Hearing().cutting(own)
    found.require(own)


def test_another_listener_is_refused(embedded, tmp_path):
    found = open_embeddings(embedded.folder).heard_by
    other = open_listener(write_listener(tmp_path / "other", seed=2))
    message = f"model: expected the model that the embeddings were made with, model of digest {found.digest[:16]}…, got"
    with pytest.raises(ListenerError, match=message):
        found.require(other)


def test_a_fingerprint_differs_where_embeddings_do(embedded):
    own = open_embeddings(embedded.folder).heard_by
    others = [
        replace(own, **change)
        for change in (
            {"kind": "onnx"}, {"digest": "0" * 64}, {"answer": "softmax"}, {"rate_hz": 48_000}, {"reach_s": 5.01},
            {"hearing": Hearing(shifts=2)}, {"hearing": Hearing(windowing=Windowing(step_s=1.0))},
            {"hearing": Hearing(windowing=Windowing(length_s=6.0))},
            {"match": Match(own.match.labels, ((0,), ()))}, {"match": Match(own.match.labels, ((0,), (1, 2)))},
        )
    ]  # fmt: skip
    assert len({one.fingerprint() for one in (own, *others)}) == len(others) + 1
    assert {name for name in vars(own) if replace(own, **{name: "x"}).fingerprint() == own.fingerprint()} == {
        "name", "licence"
    }  # fmt: skip
    again = HeardBy.from_dict(json.loads((embedded.folder / "embeddings.json").read_text())["heard_by"])
    assert again == own
    assert {item.name for item in fields(HeardBy)} == set(vars(own))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"complete": False}, "expected complete embeddings; their making was interrupted, run `embed` again"),
        ({"format": 2}, "expected embeddings of format 1"),
        ({"heard_by": None}, "expected the index of embeddings, got"),
        ({"heard_by": {"name": "x"}}, "expected the index of embeddings, got"),
        ({"fingerprint": "0" * 16}, "holds embeddings of another version of this program; run `embed` again"),
        ({"classes": None}, "expected the index of embeddings, got"),
        ({"index_sha256": "0" * 64}, "was changed since it was written; run `embed` again"),
    ],
)
def test_facts_that_do_not_fit_are_refused(folder, changes, message):
    (folder / "embeddings.json").write_text(facts_of(folder, **changes))
    with pytest.raises(StoreError, match=message):
        open_embeddings(folder)


@pytest.mark.parametrize("change", [{"shifts": 99}, {"windowing": {"length_s": -1}}, {"windowing": 3}])
def test_a_way_to_hear_that_cannot_be_is_refused(folder, change):
    heard_by = json.loads((folder / "embeddings.json").read_text())["heard_by"]
    heard_by["hearing"] = {**heard_by["hearing"], **change}
    (folder / "embeddings.json").write_text(facts_of(folder, heard_by=heard_by))
    with pytest.raises(StoreError, match="expected the index of embeddings, got"):
        open_embeddings(folder)


def test_what_was_changed_by_hand_is_refused(folder, embedded):
    facts = (folder / "embeddings.json").read_text()
    (folder / "embeddings.json").write_text(facts.replace("samwhi1", "samwhj1", 1))
    with pytest.raises(StoreError, match="embeddings.json: was changed since it was written"):
        open_embeddings(folder)
    (folder / "embeddings.json").write_text(facts)
    index = folder / "index.csv"
    index.write_text(index.read_text().replace("Sample author", "Simple author", 1))
    with pytest.raises(StoreError, match="index.csv: was changed since it was written; run `embed` again"):
        open_embeddings(folder)
    index.unlink()
    with pytest.raises(StoreError, match="index.csv: expected the index of embeddings, got .*; run `embed` again"):
        open_embeddings(folder)


def test_what_holds_no_embeddings_is_named(little, tmp_path):
    for place, found in ((little.cache, "a cache"), (little.bundle, "a bundle"), (tmp_path / "none", "nothing")):
        with pytest.raises(StoreError, match=f"expected embeddings, a folder with embeddings.json, found {found}"):
            open_embeddings(place)


def test_files_that_do_not_belong_to_the_index_are_refused(folder, embedded, little, tmp_path):
    found = open_embeddings(folder)
    first, second, *_ = sorted(folder.glob("*/*.npz"))
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(StoreError, match="expected embeddings of .* by .*, found those of .*; run `embed` again"):
        found.arrays(found.rows)
    first.unlink()
    with pytest.raises(StoreError, match=r"\.npz: missing; run `embed` again"):
        found.arrays(found.rows)
    first.write_bytes(content[:-30])
    with pytest.raises(StoreError, match="expected embeddings of this program, got BadZipFile; run `embed` again"):
        found.arrays(found.rows)
    other = tmp_path / "other"
    embed(embedded.listener, little.competition, other, shifts=2)
    first.write_bytes((other / first.relative_to(folder)).read_bytes())
    with pytest.raises(StoreError, match="found those of .* by .*; run `embed` again"):
        found.arrays(found.rows)
    first.write_bytes(content)
    found.arrays(found.rows)


@pytest.mark.parametrize("change", [{"segment": 99}, {"start_s": 2.5}])
def test_segments_that_a_file_has_not_are_refused(embedded, change):
    found = open_embeddings(embedded.folder)
    with pytest.raises(StoreError, match=r"\.npz: expected segment .* at .* s; run `embed` again"):
        found.arrays([replace(found.rows[0], **change)])
