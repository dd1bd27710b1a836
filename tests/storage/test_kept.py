"""Pieces of long work: each is made once, whatever stops the work, and none of other work is taken for it."""

import numpy as np
import pytest

from birdclef_mind.errors import StoreError
from birdclef_mind.storage import folders
from birdclef_mind.storage.kept import Kept, made_anew


class Making:
    """Makes a piece, and tells how often it was made."""

    def __init__(self, value):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return np.full((2, 3), self.value, np.float32), np.arange(self.value)


def pieces(folder, follows, makers, say=lambda line: None):
    with folders.claimed(folder, "explanation", StoreError) as ledger:
        keep = Kept(ledger, follows, say)
        return [keep(f"piece-{place}", make) for place, make in enumerate(makers)]


def test_what_was_made_is_not_made_again(tmp_path):
    makers, said = [Making(4), Making(5)], []
    pieces(tmp_path / "f", ["a", 1], makers[:1])
    found = pieces(tmp_path / "f", ["a", 1], makers, said.append)
    assert [make.times for make in makers] == [1, 1]
    assert said == ["going on: what was made before it was stopped is kept"]
    for own, make in zip(found, makers, strict=True):
        for one, other in zip(own, make(), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("follows", [["a", 2], ["b", 1], None])
def test_pieces_of_other_work_are_left_alone(tmp_path, follows):
    make = Making(4)
    pieces(tmp_path / "f", ["a", 1], [make])
    pieces(tmp_path / "f", follows, [make])
    assert make.times == 2


def test_half_a_piece_is_made_again(tmp_path):
    make = Making(4)
    pieces(tmp_path / "f", 1, [make])
    (path,) = (tmp_path / "f").glob("piece-0*")
    path.write_bytes(path.read_bytes()[:100])
    pieces(tmp_path / "f", 1, [make])
    assert make.times == 2


def test_they_go_when_the_folder_is_whole(tmp_path):
    pieces(tmp_path / "f", 1, [Making(4)])
    with folders.claimed(tmp_path / "f", "explanation", StoreError) as ledger, folders.renewed(ledger) as stage:
        (stage / "done.txt").write_text("done")
    assert [path.name for path in (tmp_path / "f").iterdir() if not path.name.startswith(".")] == ["done.txt"]


def test_work_without_a_folder_makes_all_anew():
    make = Making(3)
    for _ in range(2):
        made_anew("piece", make)
    assert make.times == 2
