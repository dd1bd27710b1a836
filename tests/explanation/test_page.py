"""The report in a real browser."""

import copy
import csv
import itertools
import json
import shutil

import numpy as np
import pytest
from scipy.stats import binomtest

from birdclef_mind.commands.cli import main
from birdclef_mind.data import overrides
from birdclef_mind.data.cache import open_cache
from birdclef_mind.explanation.folder import FACTS, FORMAT
from birdclef_mind.explanation.report.page import write_report
from birdclef_mind.storage import files

HOSTILE = '<img src=x onerror="window.hurt = 1">\'& {{ 7 * 7 }}</script>'
CONTRAST = """() => {
  const rgb = (text) => { const all = text.match(/[\\d.]+/g).map(Number); return text.startsWith('color(srgb') ? all.map((v, i) => (i < 3 ? 255 * v : v)) : all; };
  const over = (top, under) => { const a = top[3] ?? 1; return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)); };
  const light = (colour) => { const [r, g, b] = colour.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest('svg, script, style, [hidden], :disabled, kbd') || !element.checkVisibility()) continue;
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(rgb(getComputedStyle(at).backgroundColor));
    const ground = chain.reduce((under, top) => over(top, under), [255, 255, 255]);
    const [one, two] = [light(over(rgb(getComputedStyle(element).color), ground)), light(ground)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) bad.push([element.tagName, element.className, element.textContent.slice(0, 30), ratio]);
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def page_path(explained, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_report(explained[0], out)
    return out


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scroll_through(page):
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    place = 0
    # What comes into view grows, so the height is asked again and again.
    while place < page.evaluate("document.documentElement.scrollHeight"):
        page.evaluate(f"scrollTo(0, {place})")
        page.wait_for_timeout(25)
        place += 600


@pytest.mark.parametrize("single_file", [False, True])
def test_it_loads_whole_and_asks_for_nothing_else(explained, visit, tmp_path, single_file):
    path = tmp_path / "report.html"
    write_report(explained[0], path, single_file=single_file)
    opened = visit(path)
    scroll_through(opened.page)
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    folder = tmp_path.as_uri() + "/"
    assert all(url.startswith((folder, "data:")) for url in opened.requests)
    opened.wait_for("[...document.images].every((image) => !image.offsetParent || image.naturalWidth)")
    play_something(opened)
    assert opened.complaints == []


def play_something(opened):
    opened.page.locator("#layers button.play:visible").first.click()
    opened.wait_for("player.currentTime > 0.2")


def test_a_sound_plays_and_shows_where_it_is(page_path, visit):
    opened = visit(page_path)
    buttons = opened.page.locator("#layers button.play:visible")
    first, second = buttons.nth(0), buttons.nth(1)
    left = "document.querySelector('.play.playing .position').style.left"
    first.click()
    opened.wait_for("player.currentTime > 0.1")
    before = float(opened.page.evaluate(left).rstrip("%"))
    opened.wait_for("player.currentTime > 0.6")
    assert float(opened.page.evaluate(left).rstrip("%")) > before
    second.click()
    opened.wait_for("player.currentTime > 0.1 && player.src.includes('features')")
    assert opened.page.locator(".play.playing").count() == 1
    second.click()
    opened.wait_for("player.paused")
    opened.page.keyboard.press("Enter")
    opened.wait_for("!player.paused")
    assert opened.complaints == []


def test_a_segment_is_a_stretch_of_its_recording(explained, page_path, visit):
    segments = explained[1]["data"]["segments"]
    place = next(place for place, segment in enumerate(segments) if segment["start_s"] >= 5)
    opened = visit(page_path)
    opened.page.evaluate("document.querySelectorAll('#sheets details').forEach((one) => { one.open = true; })")
    button = opened.page.locator(f"#sheets figure:has(button.mark[data-segment='{place}']) button.play")
    button.click()
    start_s = segments[place]["start_s"]
    opened.wait_for(f"player.currentTime > {start_s} + 0.2")
    opened.page.evaluate(f"player.currentTime = Math.min({start_s} + 4.8, player.duration - 0.1)")
    opened.wait_for("player.paused")
    assert opened.page.locator(".play.playing").count() == 0
    assert opened.sound_position() < start_s + 5.2


def test_ways_back_and_grey_are_switched(page_path, visit):
    opened = visit(page_path)
    for method in ("weights", "transposed", "drawn", "decoder"):
        opened.page.check(f"input[name=method][value={method}]")
        shown = opened.page.locator(".layer:visible").evaluate_all("all => all.map((one) => one.dataset.method)")
        assert set(shown) == {method}
    picture = opened.page.locator("#layers .play img").first
    assert "heat" in picture.evaluate("one => getComputedStyle(one).filter")
    opened.page.check("#grey")
    assert picture.evaluate("one => getComputedStyle(one).filter") == "none"


def test_the_table_of_birds_is_searched_and_sorted(explained, page_path, visit):
    opened = visit(page_path)
    names = explained[1]["bundle"]["classes"]
    opened.page.fill("#search", names[1])
    assert opened.page.locator("#birds tbody tr:visible").count() == 1
    opened.page.fill("#search", "")
    column = opened.page.locator("#birds tbody tr td:nth-child(2)")
    for wanted in (sorted(names), sorted(names, reverse=True)):
        opened.page.locator("#birds thead button", has_text="code").click()
        assert column.all_text_contents() == wanted


def test_the_sheets_open_filter_and_give_back(explained, page_path, visit):
    opened = visit(page_path)
    data = explained[1]["data"]
    assert opened.page.locator("#sheets .cell").count() == 0
    sheet = opened.page.locator("#sheets details").first
    sheet.locator("summary").click()
    own = sum(segment["label"] == explained[1]["bundle"]["classes"][0] for segment in data["segments"])
    opened.wait_for(f"document.querySelectorAll('#sheets .cell').length === {own}")
    sheet.locator("summary").click()
    opened.wait_for("document.querySelectorAll('#sheets .cell').length === 0")
    flag, count = next(iter(data["flagged"].items()))
    opened.page.click(f"button[data-flag={flag}]")
    assert opened.page.locator("#sheets").locator("xpath=preceding-sibling::div[1]").locator(".cell").count() == count


def test_the_blind_test_runs_to_its_end(explained, page_path, visit):
    facts = explained[1]["blind"]
    opened = visit(page_path)
    page = opened.page
    page.fill("#blind-start [name=count]", "9")
    page.click("#blind-start button[type=submit]")
    answers = []
    for turn in range(9):
        assert page.inner_text("#blind-progress") == f"Clip {turn + 1} of 9"
        assert page.is_disabled("#blind-next")
        for word in (
            name
            for clip in facts["clips"]
            for name in (clip["stage"],)
            if name not in ("features", "answer", "original")
        ):
            assert word not in page.inner_text("#blind-test")
        if turn == 0:
            page.keyboard.press("p")
            opened.wait_for("player.currentTime > 0.2")
        if turn % 2:
            page.keyboard.press(str(turn % len(facts["offered"]) + 1))
            page.keyboard.press("n")
            answers.append(facts["offered"][turn % len(facts["offered"])])
        else:
            page.click(f"[data-bird='{facts['offered'][0]}']")
            page.click("#blind-next")
            answers.append(facts["offered"][0])
    rows = rows_of(opened.download("#blind-download"))
    assert [row["chosen"] for row in rows] == answers
    assert [int(row["clip"]) for row in rows] == list(range(1, 10))
    known = {(c["stage"], c["recording"], c["start_s"], c["truth"], c["network"]) for c in facts["clips"]}
    for row in rows:
        assert (row["stage"], row["recording"], float(row["start_s"]), row["truth"], row["network"]) in known
        assert int(row["right"]) == (row["chosen"] == row["truth"])
        assert int(row["network_right"]) == (row["network"] == row["truth"])
    cells = page.locator("#blind-results tbody tr").last.locator("td").all_text_contents()
    right, network, second = (
        sum(int(row[name]) for row in rows) for name in ("right", "network_right", "second_right")
    )
    interval = binomtest(right, 9).proportion_ci(0.95, "exact")
    assert cells == [
        "9", f"{right} ({round(100 * right / 9)} %)", f"{round(100 * interval.low)} % – {round(100 * interval.high)} %",
        f"{round(100 / len(facts['offered']))} %", f"{network} ({round(100 * network / 9)} %)",
        f"{second} ({round(100 * second / 9)} %)",
    ]  # fmt: skip
    groups = {row["stage"] for row in rows} | {("way", row["way"]) for row in rows if row["way"]}
    assert page.locator("#blind-results tbody tr").count() == len(groups) + 1
    assert opened.complaints == []


def test_the_interval_is_the_exact_one(page_path, visit):
    opened = visit(page_path)
    for right, count in [(0, 1), (1, 1), (0, 24), (3, 24), (24, 24), (50, 142)]:
        exact = binomtest(right, count).proportion_ci(0.95, "exact")
        found = opened.page.evaluate(f"exactInterval({right}, {count})")
        np.testing.assert_allclose(found, (exact.low, exact.high), atol=1e-6)


@pytest.mark.slow
def test_marks_survive_and_train_takes_them(explained, sample_folder, page_path, visit, tmp_path, capsys):
    data, names = explained[1]["data"], explained[1]["bundle"]["classes"]
    segments = data["segments"]
    wanted = [
        next(n for n, s in enumerate(segments) if s["recording"] == r and not s["held_out"])
        for r in _trained_on(data)[:4]
    ]
    other = [next(name for name in names if name != segments[place]["label"]) for place in wanted]
    opened = visit(page_path)
    page = opened.page
    page.evaluate("document.querySelectorAll('#sheets details').forEach((one) => { one.open = true; })")

    def mark(place, fill):
        page.locator(f"#sheets button.mark[data-segment='{place}']").click()
        fill()
        page.click("#marker [value=save]")

    mark(wanted[0], lambda: page.check("#marker [name=drop]"))
    mark(wanted[1], lambda: page.select_option("#marker [name=relabel]", other[1]))
    mark(wanted[2], lambda: page.select_option("#marker [name=also]", other[2]))
    mark(wanted[3], lambda: page.fill("#marker [name=start]", "1.25"))
    mark(wanted[0] + 1, lambda: page.check("#marker [name=none]"))
    # A dialog's closing is told a moment later.
    opened.wait_for("document.querySelectorAll('#marks li').length === 5")
    assert page.locator("#marks li").last.inner_text().endswith("no bird is heard Take back")
    assert [line[2:] for line in page.evaluate("linesOf(...[...marks].pop())")] == [["none", ""]]
    page.locator(f"#sheets button.mark[data-segment='{wanted[0] + 1}']").click()
    assert page.locator("#marker [name=relabel]").is_disabled()
    page.click("#marker [value=cancel]")
    page.click("#marks-undo")
    assert page.locator("#marks li").count() == 4
    page.reload()
    assert page.locator("#marks li").count() == 4
    assert page.inner_text("#count") == "(4)"
    file = shutil.copyfile(opened.download("#marks-download"), tmp_path / "overrides.csv")
    assert opened.complaints == []

    def line(place, action, value):
        segment = segments[place]
        name = data["recordings"][segment["recording"]]["recording"]
        return {"recording": name, "start_s": f"{segment['window_s']:g}", "action": action, "value": value}

    assert rows_of(file) == [
        line(wanted[0], "drop", ""), line(wanted[1], "relabel", other[1]),
        line(wanted[2], "also", other[2]), line(wanted[3], "start", "1.25"),
    ]  # fmt: skip
    cache, bundle = tmp_path / "cache", tmp_path / "bundle"
    assert main(["cache", str(sample_folder), str(cache), "--jobs", "1", "--overrides", str(file)]) == 0
    assert main(["train", str(cache), str(bundle), "--epochs", "1", "--overrides", str(file)]) == 0
    said = capsys.readouterr().out
    assert "corrected segments: 1 dropped, 1 named otherwise, 1 given one more, 1 moved" in said
    corrected = overrides.corrected(open_cache(cache), overrides.read_overrides(file))
    of = {(row.recording, row.segment): row for row in corrected.rows}
    keys = [
        (data["recordings"][segments[p]["recording"]]["recording"], round(segments[p]["window_s"] / 5)) for p in wanted
    ]
    assert keys[0] not in of
    assert (of[keys[1]].label, of[keys[2]].also, of[keys[3]].start_s) == (other[1], (other[2],), 1.25)


def _trained_on(data):
    trained = [segment["recording"] for segment in data["segments"] if not segment["held_out"]]
    return [place for place, _ in itertools.groupby(trained)]


def test_a_page_shows_what_was_corrected_and_begins_with_it(explained, visit, tmp_path):
    facts = copy.deepcopy(explained[1])
    recording = facts["data"]["recordings"][0]["recording"]
    facts["corrections"] = {
        "summary": "segments: 1 dropped",
        "lines": [{"recording": recording, "start_s": 0.0, "action": "drop", "value": "", "place": "o.csv, row 2"}],
    }
    measures = facts["performance"]["scores"]
    facts["performance"]["scores"] = {
        **measures,
        "corrected": {
            "segments": 7, "recordings": 5, "before": measures, "after": measures,
            "answers": [{"recording": recording, "start_s": 0.0, "label": "x", "before": "y", "after": "z"}],
        },
    }  # fmt: skip
    opened = visit(written(facts, explained[0], tmp_path))
    assert "7 held-out segments of 5 recordings" in opened.page.inner_text("#performance")
    assert f"{measures['segments']['top1']:.3f}" in opened.page.inner_text("#changed")
    assert opened.page.locator("#marks li").all_text_contents() == [f"{recording} at 0 s: drop it Take back"]
    rows = rows_of(opened.download("#marks-download"))
    assert rows == [{"recording": recording, "start_s": "0", "action": "drop", "value": ""}]


def written(facts, folder, tmp_path, name="report.html"):
    """A page of changed facts, with the files of an explanation."""
    copied = shutil.copytree(folder, tmp_path / "explanation")
    written = json.loads((copied / FACTS).read_text())
    files.write_facts(copied / FACTS, {**json.loads(json.dumps(facts)), "files": written["files"]}, FORMAT)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(copied, path)
    return path


def test_hostile_names_do_nothing(explained, visit, tmp_path):
    facts = copy.deepcopy(explained[1])
    facts["bundle"]["common_names"] = dict.fromkeys(facts["bundle"]["classes"], HOSTILE)
    facts["comparison"]["common_names"] = facts["bundle"]["common_names"]
    names = ["a 'b' \"c\".ogg", "x#1 %41 ?.ogg", "鳥/ñandú.ogg", f"{HOSTILE}.ogg", "=cmd|' /C calc'!A0.ogg"]
    for place, recording in enumerate(facts["data"]["recordings"]):
        recording.update(recording=f"{place} {names[place % len(names)]}", author=HOSTILE)
    for card in facts["examples"]:
        card.update(recording=HOSTILE, author=HOSTILE)
    opened = visit(written(facts, explained[0], tmp_path, "re#po rt 'x' %41/鳥 #1.html"))
    page = opened.page
    scroll_through(page)
    play_something(opened)
    for button in page.locator("#sheets button.mark").all()[:5]:
        button.click()
        page.check("#marker [name=drop]")
        page.click("#marker [value=save]")
    kept = [row["recording"] for row in rows_of(opened.download("#marks-download"))]
    assert set(kept) <= {recording["recording"] for recording in facts["data"]["recordings"]}
    assert len(kept) == 5
    page.reload()
    assert page.locator("#marks li").count() == 5
    page.click("#blind-start button[type=submit]")
    assert HOSTILE in page.inner_text("#blind-test")
    assert page.evaluate("window.hurt") is None
    assert page.locator("img[src=x]").count() == 0
    assert opened.complaints == []


@pytest.mark.slow
def test_many_birds_and_segments_stay_usable(explained, visit, tmp_path):
    facts = copy.deepcopy(explained[1])
    names = [f"bird{number:03d}" for number in range(264)]
    facts["bundle"]["classes"] = names
    facts["bundle"]["common_names"] = {name: f"Invented bird {name}" for name in names}
    measures = facts["performance"]["scores"]["segments"]
    measures["per_class"] = [{**measures["per_class"][0], "label": name} for name in names]
    cards = facts["answers"]["cards"]
    facts["answers"]["cards"] = [{**cards[0], "label": name} for name in names]
    segment = facts["data"]["segments"][0]
    facts["data"]["segments"] = [
        {**segment, "label": names[place % 264], "recording": place % len(facts["data"]["recordings"]), "flags": ["unlike"]}
        for place in range(3000)
    ]  # fmt: skip
    facts["data"].update(flagged={"unlike": 3000}, right=[0], wrong=[1], in_cache=3000)
    for card in facts["examples"]:
        card.update(scores=[1 / 264] * 264, label=names[0])
        card["answer"]["label"] = names[0]
    opened = visit(written(facts, explained[0], tmp_path))
    page = opened.page
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert painted < 3000
    assert page.evaluate("document.querySelectorAll('*').length") < 60_000
    page.fill("#sheet-search", "bird200")
    assert page.locator("#sheets details:visible").count() == 1
    page.click("button[data-flag=unlike]")
    assert page.locator("#data .cell").count() == 60
    page.click("text=Show more, 2940 are left")
    assert page.locator("#data .cell").count() == 120
    session = opened.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    assert session.send("Runtime.getHeapUsage")["usedSize"] < 100e6
    assert opened.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_it_fits_and_can_be_read(page_path, visit, scheme, width):
    opened = visit(page_path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = opened.page
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    nameless = "all => all.filter((one) => !one.textContent.trim() && !one.getAttribute('aria-label')).length"
    assert page.locator("button").evaluate_all(nameless) == 0


def test_everything_is_reached_by_keyboard(page_path, visit):
    opened = visit(page_path)
    page = opened.page
    page.focus("#layers button.mark")
    page.keyboard.press("Enter")
    assert page.locator("#marker").is_visible()
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    assert not page.locator("#marker").is_visible()
    assert page.locator("#marks li").count() == 0
    page.focus("#layers button.play")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Space")
    opened.wait_for("!player.paused")
