"""`scripts/planted.py`: the whole way on the invented sample, and its tables."""

import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import planted

    return planted


def result(used, energy, clean, cascade):
    of = {"own": {"energy": energy, "pointed": [1.0] * used}, "clean": {"energy": clean, "pointed": [0.0] * used}}
    return {"segments": 4, "used": used, "methods": {"mask": of} if used else {}, "cascade": cascade}


def test_tables_are_means_over_all_segments_of_all_seeds(planted, tmp_path, monkeypatch):
    results = {
        "hum 1": result(1, [2.0], [1.0], {"classes": 0.5, "stem": 0.1}),
        "hum 2": result(3, [6.0, 6.0, 6.0], [1.0, 1.0, 1.0], {"classes": 0.7, "stem": 0.3}),
        "beep 1": result(0, [], [], {}),
    }
    assert planted.table(results) == [
        "|  | hum: 4 of 8 | beep: 0 of 4 |",
        "| --- | --- | --- |",
        "| mask | 5.0 × 1.00 (1.0 × 0.00) | – |",
    ]
    assert planted.cascade_words(results).endswith("last first: 0.60, 0.20.")
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "page.md").write_text("# Page\n\n## First\n\none\n")
    words = ["planted.py", "--page", str(tmp_path / "page.md"), "--tables", f"Birds, a={tmp_path}"]
    monkeypatch.setattr(sys, "argv", words)
    for _ in range(2):
        planted.main()
    text = (tmp_path / "page.md").read_text()
    assert text.startswith("# Page\n\n## First\n\none\n\n## Planted causes\n")
    assert text.count("### Birds, a\n") == 1


@pytest.mark.slow
def test_a_cue_is_planted_learned_and_asked_about(planted, sample_folder, tmp_path, monkeypatch):
    from birdclef_mind.data.competition import open_competition

    monkeypatch.setattr(planted, "USED", -1.0)
    species = open_competition(sample_folder).recordings[0].label
    words = [
        "planted.py",
        str(tmp_path / "w"),
        str(sample_folder),
        "--species",
        species,
        "--cues",
        "beep",
        "--seeds",
        "1",
    ]
    monkeypatch.setattr(sys, "argv", [*words, "--preset", "mel16", "--recipe", "classic", "--epochs", "1"])
    planted.main()
    (found,) = json.loads((tmp_path / "w" / "results.json").read_text()).values()
    assert found["used"] == found["segments"] > 0
    assert {"mask", "mask by a trained decoder (L-MAC)", "gradient × input", "occlusion", "control: random"} <= set(
        found["methods"]
    )
    asked = min(found["used"], planted.ASKED)
    assert all(len(one["own"]["energy"]) == asked for one in found["methods"].values())
    assert len(found["cascade"]) == 4
