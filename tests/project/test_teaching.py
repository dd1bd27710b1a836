"""`scripts/teaching.py`: a place with soundscapes to learn from, and the table of what they teach."""

import csv
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def teaching(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import teaching

    return teaching


def test_no_recording_of_the_test_sings_where_anything_is_learned(teaching, birds, esc10, tmp_path, monkeypatch):
    from benchmarks import place

    from birdclef_mind.data.competition import open_competition

    sung, real = [], place.write_minutes
    monkeypatch.setattr(place, "write_minutes", lambda *given: (sung.append((given[2][0], given[3])), real(*given))[1])
    teaching.write_place_to_learn_from(birds, esc10, tmp_path / "a", 1, (2, 3, 2))
    (test, sky), (untold, _), (told, others_sky) = sung
    for label, recordings in test.items():
        assert not set(recordings) & ({*untold.get(label, ())} | {*told.get(label, ())})
    assert not {path for own in sky.values() for path in own} & {path for own in others_sky.values() for path in own}
    whole = open_competition(tmp_path / "a" / "whole")
    assert (whole.form.year, len(whole.labelled.soundscapes), len(whole.unlabelled())) == (2026, 2, 3)
    assert len(list((tmp_path / "a" / "whole" / "test_soundscapes").iterdir())) == 2
    with (tmp_path / "a" / "whole" / "truth.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 25
    assert not open_competition(tmp_path / "a" / "clips").labelled.soundscapes


def test_the_table_says_what_each_line_adds(teaching, tmp_path, monkeypatch):
    def told(auc, precision):
        return [[auc + shift, precision] for shift in (0, -0.01, 0.01)]

    one = {
        "labels of clips alone": told(0.7, 0.3),
        "+ labelled soundscapes": told(0.75, 0.4),
        "+ round 1": told(0.8, 0.5),
    }
    last, left_out = "+ a head on the listener", "all but rounds"
    first = {**one, "+ round 2": told(0.82, 0.5), last: told(0.9, 0.6), left_out: told(0.85, 0.6)}
    results = {"1": first, "2": {**one, last: told(0.86, 0.6), left_out: told(0.85, 0.6)}}
    lines = teaching.table(results)
    assert lines[2] == "| labels of clips alone | 2 | 0.700 | 0.300 |"
    assert lines[4] == "| + round 1 | 2 | 0.800, +0.050 (+0.050 to +0.050) | 0.500, +0.100 (+0.100 to +0.100) |"
    # The place without a second round keeps its first.
    assert lines[5] == "| + round 2 | 1 | 0.810, +0.010 (+0.010 to +0.010) | 0.500, +0.000 (+0.000 to +0.000) |"
    assert lines[6].startswith(f"| {last} | 2 | 0.880, +0.070 (")
    assert lines[-1].startswith(f"| {left_out} | 0.850, -0.030 (")
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "page.md").write_text("# Page\n\n## First\n\none\n")
    monkeypatch.setattr(sys, "argv", ["t", "--page", str(tmp_path / "page.md"), "--tables", f"Birds={tmp_path}"])
    teaching.main()
    assert "## Soundscapes teach\n" in (tmp_path / "page.md").read_text()


def test_minutes_are_drawn_anew_whole(teaching):
    from types import SimpleNamespace

    truth = SimpleNamespace(row_ids=[f"{name}_{end}" for name in "abc" for end in (5, 10)])
    first, *others = teaching.redrawn(truth, 1)
    assert first.tolist() == list(range(6))
    assert all(rows.reshape(-1, 2)[:, 0].tolist() == (rows.reshape(-1, 2)[:, 1] - 1).tolist() for rows in others)
    assert len(others) == teaching.RESAMPLED
