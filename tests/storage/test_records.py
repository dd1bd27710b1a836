"""Records in a file: what is appended is read again, whatever a kill left behind."""

import numpy as np

from birdclef_mind.storage.records import Records

SHAPES = {"map": (3, 2, 4), "vector": (5,)}


def some(rng, count):
    return {name: rng.normal(size=(count, *shape)).astype(np.float32) for name, shape in SHAPES.items()}


def test_what_is_appended_is_read_in_any_order(rng, tmp_path):
    records, first, second = Records(tmp_path / "r", SHAPES), some(rng, 4), some(rng, 3)
    records.append(first)
    records.append(second)
    assert len(records) == 7
    found = records.read(np.array([5, 0, 5]))
    for name in SHAPES:
        whole = np.concatenate([first[name], second[name]])
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], whole[[5, 0, 5]], rtol=1e-3, atol=1e-4)


def test_a_record_that_was_cut_off_is_passed_over(rng, tmp_path):
    records, both = Records(tmp_path / "r", SHAPES), some(rng, 2)
    records.append(both)
    whole = (tmp_path / "r").read_bytes()
    (tmp_path / "r").write_bytes(whole[:-1])
    again = Records(tmp_path / "r", SHAPES)
    assert len(again) == 1
    again.append({name: value[1:] for name, value in both.items()})
    assert (tmp_path / "r").read_bytes() == whole


def test_what_is_too_large_becomes_the_largest(tmp_path):
    records = Records(tmp_path / "r", {"one": (2,)})
    records.append({"one": np.array([[1e9, -np.inf]], np.float32)})
    most = np.finfo(np.float16).max
    np.testing.assert_array_equal(records.read(np.array([0]))["one"], [[most, -most]])
