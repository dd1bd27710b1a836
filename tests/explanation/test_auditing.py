"""The audit of a network's training data: facts, tables and page, as a person meets them."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data import overrides
from birdclef_mind.data.cache import open_cache
from birdclef_mind.explanation import auditing
from birdclef_mind.explanation.report.page import read_audit, render, write_report


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def audited(trained, cache_folder, once):
    """(folder, facts) of an audit of the invented data; what may be wrong is made up of it, so that every kind is there."""

    def make(folder):
        assert main(["audit", str(trained[0]), str(cache_folder), str(folder), "--accept", "hum", "--quiet"]) == 0

    folder = once("audited", make)
    return folder, read_audit(folder)


def suspect(facts, kind, places, action="", value=""):
    data = facts["data"]
    segments = [data["segments"][place] for place in places]
    windows = [
        {"recording": data["recordings"][one["recording"]]["recording"], "start_s": one["window_s"]} for one in segments
    ]
    return {"kind": kind, "chance": 0.9, "reason": "<b>because</b>", "action": action, "value": value,
            "windows": windows, "segments": list(places)}  # fmt: skip


@pytest.fixture
def made_up(explained):
    """An explanation in which segments are suspected of this and that."""
    facts = json.loads(json.dumps(explained[1]))
    other = next(name for name in facts["bundle"]["classes"] if name != facts["data"]["segments"][0]["label"])
    found = [
        suspect(facts, "label", [0, 1], "relabel", other),
        suspect(facts, "label", [2], "drop"),
        suspect(facts, "hum", [0], "drop"),
        suspect(facts, "shared", [3, 4]),
    ]
    kinds = facts["suspects"]["kind_words"]
    facts["suspects"] |= {
        "found": found, "counts": {kind: sum(one["kind"] == kind for one in found) for kind in kinds},
        "before": dict.fromkeys(kinds, 7), "notes": ["Somebody <i>said</i> so"],
    }  # fmt: skip
    return facts, other


def test_an_audit_is_facts_tables_and_a_page(audited):
    folder, facts = audited
    assert (folder / "report.html").is_file()
    suspects = facts["suspects"]
    assert suspects["looked_at"] > 20
    assert suspects["asked"] == ["this network"]
    assert 0 <= suspects["agreement"] <= 1
    assert "before" not in suspects
    table = rows_of(folder / auditing.TABLE)
    assert len(table) == sum(len(one["windows"]) for one in suspects["found"])
    ranks = [int(row["rank"]) for row in table]
    assert ranks == sorted(ranks)
    assert [one["chance"] for one in suspects["found"]] == sorted(
        (one["chance"] for one in suspects["found"]), reverse=True
    )
    shown = facts["data"]["segments"]
    for one in suspects["found"]:
        for place in one["segments"]:
            recording = facts["data"]["recordings"][shown[place]["recording"]]["recording"]
            assert {"recording": recording, "start_s": shown[place]["window_s"]} in one["windows"]
    if (folder / auditing.OVERRIDES).exists():
        assert overrides.read_overrides(folder / auditing.OVERRIDES)


def test_the_same_again_gives_the_same(audited, trained, cache_folder, tmp_path):
    main(["audit", str(trained[0]), str(cache_folder), str(tmp_path / "a"), "--quiet"])
    assert (tmp_path / "a" / auditing.TABLE).read_bytes() == (audited[0] / auditing.TABLE).read_bytes()
    assert not (tmp_path / "a" / auditing.OVERRIDES).exists()


def test_a_listener_is_asked_and_what_it_heard_kept(trained, cache_folder, embedded, sample_folder, tmp_path, capsys):
    bundle = shutil.copytree(trained[0], tmp_path / "bundle")
    words = ["audit", str(bundle), str(cache_folder), "--listener", str(embedded.listener)]
    assert main(words) == 0
    out = tmp_path / "bundle-audit"
    said = capsys.readouterr().out
    assert f"report  {out / 'report.html'}" in said
    assert (
        read_audit(out)["suspects"]["asked"][1:] == ["small listener"] or len(read_audit(out)["suspects"]["asked"]) == 2
    )
    before = {path: path.stat().st_mtime_ns for path in (out / auditing.HEARD).rglob("*.npz")}
    assert before
    table = (out / auditing.TABLE).read_bytes()
    assert main([*words, "--quiet"]) == 0
    assert {path: path.stat().st_mtime_ns for path in (out / auditing.HEARD).rglob("*.npz")} == before
    assert (out / auditing.TABLE).read_bytes() == table
    # The same from embeddings that were made before.
    again = [*words[:3], str(tmp_path / "b"), "--listener", str(out / auditing.HEARD), "--quiet"]
    assert main(again) == 0
    assert (tmp_path / "b" / auditing.TABLE).read_bytes() == table
    assert not (tmp_path / "b" / auditing.HEARD).exists()


def test_accepted_corrections_go_with_earlier_ones(cache_folder):
    bare = open_cache(cache_folder)
    one, other = bare.rows[0], next(row for row in bare.rows if row.recording != bare.rows[0].recording)
    named = overrides.Override
    start_s = [bare.features.windowing.start_s(row.segment) for row in (one, other)]
    birds = [next(name for name in bare.classes.names if name != row.label) for row in (one, other)]
    earlier = [
        # As people write it, and as a table of Raven's tells it.
        named("", one.recording, start_s[0] + 4e-4, "relabel", birds[0]),
        named("", Path(other.recording).stem, start_s[1] + 0.5, "also", birds[1], start_s[1] + 1.5),
    ]  # fmt: skip
    cache = overrides.corrected(bare, earlier)
    found = [auditing.Suspicion(kind="hum", rows=(one,), chance=0.9, reason="", action="drop")]
    accepted = auditing.accepted_corrections(found, cache, ["hum"])
    assert [(own.recording, own.start_s, own.action) for own in accepted] == [
        (other.recording, start_s[1], "also"), (one.recording, start_s[0], "drop")
    ]  # fmt: skip
    assert overrides.corrected(bare, accepted).corrections == tuple(accepted)
    assert auditing.accepted_corrections(found, cache, ["label"]) == list(cache.corrections)


def test_windows_that_were_moved_stay_moved(cache_folder, monkeypatch):
    bare = open_cache(cache_folder)
    (one, *_) = bare.rows
    start = overrides.Override("", one.recording, 0.0, "start", "0.5")
    cache = overrides.CorrectedCache(**vars(bare), as_cached=bare, corrections=(start,))
    found = [auditing.Suspicion(kind="hum", rows=(one,), chance=0.9, reason="", action="drop")]
    assert [own.action for own in auditing.accepted_corrections(found, cache, ["hum"])] == ["start", "drop"]


def test_in_the_page_each_can_be_heard_accepted_and_taken_back(made_up, explained, visit, tmp_path):
    facts, other = made_up
    page_path = tmp_path / "report.html"
    page_path.write_text(render(facts, lambda path: (explained[0] / path).as_uri()))
    opened = visit(page_path)
    page = opened.page
    items = page.locator("#suspected > li")
    assert items.count() == 4
    assert "<b>because</b>." in items.first.inner_text()
    assert page.locator("#suspects .warning").inner_text() == "Somebody <i>said</i> so."
    assert page.locator("#suspects thead th").all_inner_texts()[:3] == [
        "what may be wrong",
        "before your corrections",
        "now",
    ]
    items.first.locator("button.play").first.click()
    opened.wait_for("player.currentTime > 0.1")

    accept_all = page.locator("button[data-accept=label]")
    assert accept_all.inner_text() == "Accept all of this kind (2)"
    accept_all.click()
    assert page.locator("#marks li").count() == 3
    assert page.evaluate("linesOf([...marks][0][0], [...marks][0][1])")[0][2:] == ["relabel", other]
    assert accept_all.get_attribute("aria-pressed") == "true"
    # Dropped for another reason, it is not named anew, and counts as mended.
    page.locator("button[data-accept=hum]").click()
    lines = page.evaluate("[...marks].flatMap(([key, mark]) => linesOf(key, mark)).map((line) => line[2])")
    assert sorted(lines) == ["drop", "drop", "relabel"]
    accept_all.click()
    assert page.locator("#marks li").count() == 1
    page.locator("button[data-accept=hum]").click()
    assert page.locator("#marks li").count() == 0
    assert page.locator("button[data-accept=shared]").is_disabled()

    page.locator("button[data-kind=hum]").click()
    assert items.count() == 1
    button = items.first.locator("button.accept")
    assert button.inner_text() == "Accept: drop it"
    button.press("Enter")
    assert button.inner_text() == "Accepted: drop it. Take it back"
    rows = rows_of(opened.download("#marks-download"))
    assert [row["action"] for row in rows] == ["drop"]
    page.click("#marks-undo")
    assert button.inner_text() == "Accept: drop it"
    page.locator("button[data-kind='']").click()
    assert items.count() == 4
    assert opened.complaints == []


def test_an_audit_travels_as_one_file_and_an_older_explanation_has_no_such_part(audited, explained, visit, tmp_path):
    write_report(audited[0], tmp_path / "one.html", single_file=True)
    opened = visit(tmp_path / "one.html")
    assert opened.page.inner_text("h1") == "Reading the robot mind"
    assert opened.page.locator("#suspected > li").count() == min(12, len(audited[1]["suspects"]["found"]))
    assert opened.complaints == []
    older = {name: value for name, value in explained[1].items() if name != "suspects"}
    assert 'id="suspects"' not in render(older, str)


def test_corrections_are_told_beside_what_was_so_before(trained, cache_folder, sample_folder, tmp_path, capsys):
    cache = open_cache(cache_folder)
    row = cache.rows[0]
    (tmp_path / "o.csv").write_text(f"recording,start_s,action,value\n{row.recording},0,drop,\n")
    bundle = tmp_path / "bundle"
    words = ["train", str(cache_folder), str(bundle), "--epochs", "1", "--overrides", str(tmp_path / "o.csv")]
    assert main([*words, "--quiet"]) == 0
    assert main(["audit", str(bundle), str(cache_folder), str(tmp_path / "a"), "--quiet"]) == 0
    facts = read_audit(tmp_path / "a")
    assert set(facts["suspects"]["before"]) == set(facts["suspects"]["kind_words"])
    assert facts["corrections"]["summary"] == "segments: 1 dropped"


def test_where_nothing_looks_wrong_there_is_a_page_that_says_so(
    trained, cache_folder, tmp_path, monkeypatch, visit, capsys
):
    monkeypatch.setattr("birdclef_mind.audit.audit.Audit.suspicions", lambda self: [])
    monkeypatch.setattr("birdclef_mind.explanation.suspects.by_what", lambda *given: [])
    assert main(["audit", str(trained[0]), str(cache_folder), str(tmp_path / "a")]) == 0
    assert "nothing looks wrong" in capsys.readouterr().out
    opened = visit(tmp_path / "a" / "report.html")
    assert opened.page.locator("#suspected > li").count() == 0
    assert opened.page.locator("button[data-accept]:enabled").count() == 0
    assert opened.complaints == []


def test_where_nothing_is_to_be_corrected_no_corrections_are_written(audited, trained, cache_folder, tmp_path, capsys):
    kinds = [kind for kind, count in audited[1]["suspects"]["counts"].items() if not count and kind in ("copy", "hum")]
    assert kinds
    out = tmp_path / "a"
    assert main(["audit", str(trained[0]), str(cache_folder), str(out), "--accept", ",".join(kinds)]) == 0
    said = capsys.readouterr().out
    assert f"of {', '.join(kinds)} there is nothing to correct, so no overrides.csv is written" in said
    assert "next" not in said
    assert not (out / auditing.OVERRIDES).exists()


@pytest.mark.parametrize(
    "words", [["--accept", "shared"], ["--listener", "nix"], ["--accept", "nix"], ["--competition", "nix"]]
)
def test_bad_words_are_one_sentence_and_nothing_is_written(trained, cache_folder, tmp_path, words, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["audit", str(trained[0]), str(cache_folder), "out", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
