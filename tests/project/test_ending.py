"""`scripts/ending.py`: a place made of real sounds, what each step adds there, and its table."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def ending(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import ending

    return ending


def test_a_place_has_a_minute_each_with_its_truth(ending, birds, esc10, tmp_path):
    from birdclef_mind.data.scoring import read_scores
    from birdclef_mind.sound.audio import read_audio, read_header

    ending.write_place(birds, esc10, tmp_path / "a", 1, 2)
    truth = read_scores(tmp_path / "a" / "truth.csv")
    sounds = sorted((tmp_path / "a" / "test_soundscapes").iterdir())
    assert len(sounds) == 2 and len(truth.row_ids) == 24
    assert all(read_header(path).duration_s == pytest.approx(60, abs=0.01) for path in sounds)
    heard = np.asarray(truth.values)
    assert set(np.unique(heard)) == {0, 1}
    for minute in (heard[:12], heard[12:]):
        assert 1 <= minute.any(axis=0).sum() <= 4
        assert minute.sum(axis=0).max() >= 2, "a bird goes on, or sings over the edge of a row"
    ending.write_place(birds, esc10, tmp_path / "b", 1, 2)
    for path in sounds:
        one, other = (read_audio(tmp_path / name / "test_soundscapes" / path.name, 32_000) for name in ("a", "b"))
        np.testing.assert_array_equal(one, other)


def test_the_table_says_what_each_step_adds_and_how_often(ending, tmp_path, monkeypatch):
    results = {
        str(seed): {
            "single": {step: [[0.7 + number / 100, 0.3 + seed / 10]] for number, step in enumerate(ending.STEPS)},
            "blend": {"mean": {step: [0.8, 0.4] for step in ending.STEPS}},
        }
        for seed in (1, 2)
    }
    lines = ending.table(results)
    assert lines[0] == "|  | AUC | mAP | blend by mean: AUC, mAP |"
    assert lines[2] == "| as they are | 0.700 | 0.450 | 0.800, 0.400 |"
    assert lines[3] == "| + shifts | 0.710 (+0.010, 2 of 2) | 0.450 (+0.000, 0 of 2) | 0.800, 0.400 |"
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "page.md").write_text("# Page\n\n## First\n\none\n")
    monkeypatch.setattr(sys, "argv", ["e", "--page", str(tmp_path / "page.md"), "--tables", f"Birds={tmp_path}"])
    ending.main()
    assert "## At the end\n" in (tmp_path / "page.md").read_text()


@pytest.mark.slow
def test_bundles_are_heard_at_a_place(ending, birds, esc10, tmp_path, monkeypatch, capsys):
    from birdclef_mind.commands.cli import main

    assert main(["cache", str(birds), str(tmp_path / "cache"), "--quiet"]) == 0
    words = ["train", str(tmp_path / "cache"), str(tmp_path / "bundle"), "--epochs", "1", "--quiet"]
    assert main(words) == 0
    place = [str(tmp_path / "w"), str(birds), str(esc10), str(tmp_path / "bundle"), str(tmp_path / "bundle")]
    monkeypatch.setattr(sys, "argv", ["ending", *place, "--minutes", "2", "--seeds", "1"])
    ending.main()
    (found,) = json.loads((tmp_path / "w" / "results.json").read_text()).values()
    own = found["single"]["as they are"]
    assert own[0] == own[1] == pytest.approx(found["blend"]["mean"]["as they are"])
    assert "| all but shifts |" in capsys.readouterr().out
