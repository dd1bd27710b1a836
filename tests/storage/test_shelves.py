import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest

from birdclef_mind.storage.shelves import open_shelves


@pytest.mark.parametrize("most", [1, 5, 17, 1000])
@pytest.mark.parametrize("whole", [False, True])
def test_rows_come_shelf_by_shelf(rng, most, whole):
    with open_shelves(3, 5) as shelves:
        lots = [rng.integers(0, 2**32, (count, 3), np.uint32) for count in (7, 0, 40, 1)]
        for rows in lots:
            shelves.put(rows, rows[:, 0] % 4)
        blocks = list(shelves.take(most, whole=whole))
    rows = np.concatenate(lots)
    expected = rows[np.argsort(rows[:, 0] % 4, kind="stable")]
    begin = 0
    for block in blocks:
        own = np.sort(block[:, 0] % 4)
        assert 0 < len(block) <= most or (whole and own[0] == own[-1])
        # Of one shelf rows come as they were put; shelves that come together are mixed.
        assert (block[np.argsort(block[:, 0] % 4, kind="stable")] == expected[begin : begin + len(block)]).all()
        begin += len(block)
    assert begin == len(rows)
    if whole:
        parts = [shelf for block in blocks for shelf in np.unique(block[:, 0] % 4).tolist()]
        assert parts == [0, 1, 2, 3], "no shelf is taken apart"


def test_empty_shelves_give_nothing():
    with open_shelves(2, 3) as shelves:
        assert list(shelves.take(10, whole=True)) == []
        shelves.put(np.zeros((0, 2), np.uint32), np.zeros(0, int))
        assert list(shelves.take(10, whole=False)) == []


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with open_shelves(1) as shelves:
        shelves.put(np.zeros((9, 1), np.uint32), np.zeros(9, int))
        assert list(tmp_path.iterdir()) == []


def test_no_room_is_an_error_that_says_where(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(OSError) as error, open_shelves(1) as shelves:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            shelves.put(np.zeros((999, 1), np.uint32), np.zeros(999, int))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Path(error.value.filename) == tmp_path
