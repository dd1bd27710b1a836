"""The benchmarks run, on little; how fast anything is, no test asks."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts" / "benchmarks"))


def checked(rows):
    found = list(rows)
    assert all(row.seconds > 0 and (row.ratio is None) == (not row.beside) for row in found)
    return [row.work for row in found]


def test_caching_is_measured_beside_decoding(sample_folder):
    import caching

    works = checked(caching.rows(sample_folder, jobs=(1,)))
    assert works[0].startswith("decoding alone")
    assert len(works) == 3


def test_growth_is_measured_in_processes_of_their_own():
    import growth

    found = list(growth.rows(recordings=(3, 6), soundscapes=(), birds=(), segments=(100,)))
    assert [row.ratio is not None for row in found] == [True, True, True]
    assert all(row.megabytes > 50 for row in found)


@pytest.mark.slow
def test_training_and_answering_are_measured_beside_the_network():
    import answering
    import learning

    assert len(checked(learning.rows(recipes=[("classic", "mel32")], batches=2))) == 4
    assert len(checked(answering.rows(recipes=[("classic", "mel32")], minutes=1))) == 4
