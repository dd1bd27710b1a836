"""A recording's embeddings as a file: what comes back, and that nothing else is taken for it, nor run."""

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.data.strips import Source
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners import embedding_files
from birdclef_mind.listeners.hearing import HeardRecording

FINGERPRINT, SOURCE = "0123456789abcdef", Source("gretit1/größe 'x'.ogg", 3, "0" * 64)
SEGMENTS, WINDOWS = 2, 2


def heard(rng, **changes):
    """What a listener made of a short recording."""
    own = HeardRecording(
        (0.0, 5.0),
        np.array([-20.123, -120.0]),
        np.array([0.0, 0.25]),
        rng.normal(size=(SEGMENTS, WINDOWS, 3)).astype(np.float32),
        rng.normal(size=(SEGMENTS, WINDOWS, 2)).astype(np.float32),
    )
    return replace(own, **changes)


@pytest.fixture
def content(rng):
    return embedding_files.encode(heard(rng), FINGERPRINT, SOURCE)


@pytest.fixture
def read(tmp_path):
    """Read some bytes as a file."""

    def reading(content, how=embedding_files.read):
        (tmp_path / "x.npz").write_bytes(content)
        return how(tmp_path / "x.npz")

    return reading


def archive(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def parts(content):
    """The arrays of a file by name."""
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)


def test_what_is_written_comes_back(rng, read):
    own = heard(rng)
    content = embedding_files.encode(own, FINGERPRINT, SOURCE)
    found = read(content)
    assert (found.facts.fingerprint, found.facts.source) == (FINGERPRINT, SOURCE)
    assert found.facts.starts_s == (0.0, 5.0)
    assert found.facts.loudness_dbfs == (-20.12, -120.0)
    assert found.facts.clipped == (0.0, 0.25)
    assert found.facts.silent == (False, True)
    np.testing.assert_array_equal(found.embeddings, own.embeddings.astype(np.float16))
    np.testing.assert_array_equal(found.opinion, own.opinion.astype(np.float16))
    assert read(content, embedding_files.read_facts) == found.facts
    assert embedding_files.is_own(content)
    assert embedding_files.encode(own, FINGERPRINT, SOURCE) == content


def test_a_listener_that_knows_one_class_and_has_one_number(rng, read):
    own = heard(rng, embeddings=np.zeros((2, 1, 1)), opinion=np.ones((2, 1, 1)))
    found = read(embedding_files.encode(own, FINGERPRINT, SOURCE))
    assert found.embeddings.shape == found.opinion.shape == (2, 1, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 7e4, -1e9])
@pytest.mark.parametrize("name", ["embeddings", "opinion"])
def test_numbers_that_are_not_finite_are_never_written(rng, name, value):
    spoiled = heard(rng)
    getattr(spoiled, name)[1, 0, 1] = value
    with pytest.raises(ValueError, match="the listener gave numbers that are not finite"):
        embedding_files.encode(spoiled, FINGERPRINT, SOURCE)
    with pytest.raises(ValueError, match="JSON"):
        embedding_files.encode(heard(rng, loudness_dbfs=np.array([np.nan, 0])), FINGERPRINT, SOURCE)


def test_a_single_bit_is_noticed(content, read):
    """Any bit turned over is refused, but for those that no reader looks at, which change nothing."""
    whole, kept = read(content), 0
    # Each bit of the archive's list of members, where most may go wrong, and some of all others.
    members = 8 * content.index(b"PK\x01\x02")
    for place in (*range(0, members, 11), *range(members, 8 * len(content))):
        spoiled = bytearray(content)
        spoiled[place // 8] ^= 1 << place % 8
        try:
            found = read(spoiled)
        except StoreError:
            with pytest.raises(StoreError):
                read(spoiled, embedding_files.read_facts)
            continue
        kept += 1
        assert found.facts == whole.facts
        np.testing.assert_array_equal(found.embeddings, whole.embeddings)
        np.testing.assert_array_equal(found.opinion, whole.opinion)
    # Dates and versions in the headers of the archive.
    assert kept < len(content)


def test_whatever_is_cut_off_is_noticed(content, read):
    for length in range(len(content)):
        with pytest.raises(StoreError, match=r"expected embeddings of this program, .* run `embed` again"):
            read(content[:length])


class Trap:
    """Unpickled, it leaves a file."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return open, (str(self.place), "w")


def test_pickles_are_refused_and_never_run(content, read, tmp_path):
    own, trap = parts(content), tmp_path / "sprung"
    hidden = np.array([Trap(trap)], object)
    for spoiled in (
        archive(**{**own, "embeddings": hidden}),
        archive(**{**own, "birdclef_mind_facts": hidden}),
        archive(hidden=hidden),
        pickle.dumps(Trap(trap)),
    ):
        for how in (embedding_files.read, embedding_files.read_facts):
            with pytest.raises(StoreError, match="expected embeddings of this program"):
                read(spoiled, how)
    with zipfile.ZipFile(tmp_path / "raw.npz", "w") as raw:
        raw.writestr("birdclef_mind_facts", pickle.dumps(Trap(trap)))
    with pytest.raises(StoreError):
        embedding_files.read(tmp_path / "raw.npz")
    assert not trap.exists()


def test_what_another_program_wrote_is_not_ours(content, read, tmp_path, rng):
    own = parts(content)
    for strange in (
        archive(embeddings=own["embeddings"], opinion=own["opinion"]),
        archive(),
        b"",
        b"\x93NUMPY",
        b"text",
    ):
        assert not embedding_files.is_own(strange)
        with pytest.raises(StoreError, match="expected embeddings of this program"):
            read(strange)
    np.save(tmp_path / "a.npy", rng.normal(size=3))
    with pytest.raises(StoreError):
        embedding_files.read(tmp_path / "a.npy")
    with pytest.raises(StoreError, match=r"none\.npz: missing; run `embed` again"):
        embedding_files.read(tmp_path / "none.npz")
    with pytest.raises(StoreError, match="expected embeddings of this program, got IsADirectoryError"):
        embedding_files.read(tmp_path)


FACTS = "birdclef_mind_facts"


@pytest.mark.parametrize(
    "change",
    [
        {"mark": "another program"},
        {"format": 2},
        {"source": None},
        {"source": {"filename": "a"}},
        {"starts_s": []},
        {"starts_s": [0.0]},
        {"starts_s": None},
        {"starts_s": [0, 10**400]},
        {"low": "x0"},
        {"more": [0, 0]},
    ],
)
def test_facts_that_cannot_be_are_refused(content, read, change):
    own = parts(content)
    facts = {**json.loads(str(own[FACTS])), **change}
    with pytest.raises(StoreError, match="expected embeddings of this program"):
        read(archive(**{**own, FACTS: np.array(json.dumps(facts))}))


@pytest.mark.parametrize("text", ["[]", "3", "null", "{}", "{", "[" * 100_000])
def test_facts_that_are_no_object_are_refused(content, read, text):
    with pytest.raises(StoreError, match="expected embeddings of this program"):
        read(archive(**{**parts(content), FACTS: np.array(text)}))


@pytest.mark.parametrize(
    "change",
    [
        {"embeddings": np.float16(3)},
        {"embeddings": np.zeros((2, 2, 3), np.float32)},
        {"embeddings": np.zeros((2, 2), np.float16)},
        {"opinion": np.zeros((1, 2, 2), np.float16)},
        {"opinion": np.zeros((2, 1, 2), np.float16)},
        {"opinion": np.full((2, 2, 2), np.nan, np.float16)},
        {"opinion": np.array([["a", "b"]] * 2)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(content, read, change):
    with pytest.raises(StoreError, match="expected finite numbers of 2 segments, float16, got an array of"):
        read(archive(**{**parts(content), **change}))


def test_a_file_that_promises_more_than_memory_holds_is_refused(content, read):
    """The header of an array says its shape, before there is any number."""
    own = parts(content)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for name, value in own.items():
            with written.open(f"{name}.npy", "w") as member:
                header = {"descr": value.dtype.str, "fortran_order": False, "shape": value.shape}
                if name == "embeddings":
                    header["shape"] = (2, 2, 10**15)
                np.lib.format.write_array_header_1_0(member, header)
                member.write(value.tobytes())
    with pytest.raises(StoreError, match="expected embeddings of this program, got"):
        read(buffer.getvalue())
