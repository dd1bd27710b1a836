"""Which segments are measured: some of each recording, evenly."""

from types import SimpleNamespace

from birdclef_mind.explanation.examples import evenly, some_of_each


def test_no_recording_is_measured_more_often_than_asked():
    rows = [
        SimpleNamespace(recording=name, segment=place)
        for name, count in (("a", 7), ("b", 2), ("c", 3))
        for place in range(count)
    ]
    chosen = [(row.recording, row.segment) for row in some_of_each(rows, 3)]
    assert chosen == [("a", 0), ("a", 3), ("a", 6), ("b", 0), ("b", 1), ("c", 0), ("c", 1), ("c", 2)]
    assert some_of_each(rows, 9) == rows
    assert len(evenly(some_of_each(rows, 3), 4)) == 4
