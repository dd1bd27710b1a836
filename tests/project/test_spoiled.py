"""`scripts/spoiled.py`: data spoiled, audited and mended on the invented sample, and its tables."""

import contextlib
import csv
import io
import json
import sys
from pathlib import Path

import pytest
from small_network import small

from birdclef_mind.commands.cli import main
from birdclef_mind.networks.build import NETWORKS

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def spoiled(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    # A little network takes the place of the recipe's.
    monkeypatch.setitem(NETWORKS, "classic", small)
    import spoiled

    return spoiled


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_spoiled_copy_can_be_read_and_says_what_is_wrong(spoiled, sample_folder, tmp_path):
    from birdclef_mind.data.competition import open_competition

    spoiled.spoil(sample_folder, tmp_path / "s", 1)
    told = rows_of(tmp_path / "s" / "spoiled.csv")
    before, after = (open_competition(root) for root in (sample_folder, tmp_path / "s"))
    labels = {one.filename: one.label for one in after.recordings}
    real = {one.filename.partition("/")[2]: one.label for one in before.recordings}
    kinds = [row["kind"] for row in told]
    assert len(after.recordings) == len(before.recordings) + kinds.count("copy")
    assert kinds.count("label") == round(0.1 * len(before.recordings))
    for row in told:
        name = row["filename"].partition("/")[2]
        if row["kind"] == "label":
            assert labels[row["filename"]] != real[name] == row["was"]
        if row["kind"] == "copy":
            assert labels[row["filename"]] != {one.filename: one.label for one in before.recordings}[row["was"]]
    assert all(after.audio_path(one).is_file() for one in after.recordings)
    spoiled.spoil(sample_folder, tmp_path / "again", 1)
    assert rows_of(tmp_path / "again" / "spoiled.csv") == told


def test_what_is_found_first_is_counted_a_kind(spoiled, tmp_path):
    (tmp_path / "spoiled.csv").write_text("kind,filename,was\nlabel,a,x\nlabel,b,x\nhum,c,\ncopy,d,e\n")
    lines = ["1,hum,c", "2,label,a", "2,label,a", "3,copy,z", "4,label,c", "5,label,b", "10,copy,d"]
    (tmp_path / "audit.csv").write_text("\n".join(["rank,kind,recording", *lines, ""]))
    found = spoiled.found_first(tmp_path, tmp_path)
    assert found["label"] == {"spoiled": 2, "listed": 3, "first": 0.5}
    assert found["copy"] == {"spoiled": 1, "listed": 2, "first": 0.0}
    assert found["hum"]["first"] == 1
    assert found["all but labels"] == {"spoiled": 2, "listed": 3, "first": 0.5}
    assert "voice" not in found


def test_the_table_has_every_kind_and_what_came_back(spoiled, tmp_path, monkeypatch):
    one = {"found": {"alone": {"label": {"spoiled": 4, "listed": 4, "first": 0.5}}}, "scores": [0.9, 0.7, 0.85]}
    two = {"found": {"alone": {"label": {"spoiled": 4, "listed": 4, "first": 1.0}}}, "scores": [0.9, 0.7, 0.95]}
    results = {"1": one, "2": two}
    lines = spoiled.table(results)
    assert lines[:3] == ["|  | first N, alone |", "| --- | --- |", "| label | 0.75 of 8 |"]
    assert "0.900 as the data are, 0.700 spoiled, 0.900 mended, so that 100% of what was lost came back" in lines[-1]
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "page.md").write_text("# Page\n")
    words = ["spoiled.py", "--page", str(tmp_path / "page.md"), "--tables", f"Birds={tmp_path}"]
    monkeypatch.setattr(sys, "argv", words)
    spoiled.main()
    assert "### Birds\n" in (tmp_path / "page.md").read_text()


@pytest.mark.slow
def test_data_are_spoiled_audited_and_mended(spoiled, sample_folder, tmp_path, monkeypatch):
    from benchmarks import trials

    def run(*words):
        assert main([*map(str, words), "--quiet"]) == 0

    def answered(*words):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            assert main([*map(str, words)]) == 0
        return said.getvalue()

    # Each command in this process, since a new one takes seconds to start.
    for module in (trials, spoiled):
        monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(spoiled, "answered", answered)
    words = ["spoiled.py", str(tmp_path / "w"), str(sample_folder), "--seeds", "1", "--preset", "mel16"]
    monkeypatch.setattr(sys, "argv", [*words, "--recipe", "classic", "--epochs", "1"])
    spoiled.main()
    (found,) = json.loads((tmp_path / "w" / "results.json").read_text()).values()
    assert len(found["scores"]) == 3
    assert found["found"]["alone"]["label"]["spoiled"] > 0
    assert (tmp_path / "w" / "audit-1-alone" / "report.html").is_file()
