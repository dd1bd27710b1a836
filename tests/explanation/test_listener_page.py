"""The page of a listener: all of its parts, nothing of what belongs to our own networks, and no errors."""

import copy
import json

import pytest
from test_page import CONTRAST, HOSTILE, play_something, scroll_through, written
from test_report import Page

from birdclef_mind.explanation.report.page import render, write_report


@pytest.fixture(scope="module")
def page_path(heard_mind, tmp_path_factory):
    out = tmp_path_factory.mktemp("heard_page") / "report.html"
    write_report(heard_mind[1], out)
    return out


def test_it_has_what_makes_sense_of_a_listener_and_says_what_is_left_out(heard_mind, page_path, visit):
    facts, opened = heard_mind[2], visit(page_path)
    text = opened.page.inner_text("body")
    links = opened.page.locator("nav a").all_text_contents()
    assert links == [
        "What is left after each tap?", "The last layers", "What did the answer rest on?", "Listen blind",
        "What to keep in mind",
    ]  # fmt: skip
    for section in ("data", "correct", "answers", "filters", "performance"):
        assert opened.page.locator(f"#{section}").count() == 0
    assert "was taught elsewhere to name 4 species by their sounds" in text
    assert "Not here are parts that belong to a network of this program" in text
    assert facts["skipped"]["twin"] in text
    assert opened.page.locator("button.mark").count() == 0
    assert opened.complaints == []


def test_the_table_has_every_measure_with_ceiling_and_floor(heard_mind, page_path, visit):
    facts, opened = heard_mind[2], visit(page_path)
    table = opened.page.locator("#layers > details").first
    heads = table.locator("thead th").all_text_contents()
    second = facts["listener"]["second"]
    assert heads[:7] == [
        "tap",
        "way back",
        "control",
        "correlation",
        "picture error",
        "still called the same",
        "named right",
    ]
    assert heads[7:9] == [f"{second}: called the same", f"{second}: named right"]
    rows = [row.locator("th, td").all_text_contents() for row in table.locator("tbody tr").all()]
    assert [row[0] for row in rows[-3:]] == ["the recordings themselves", "the features themselves", "mean picture"]
    assert all(len(row) == len(heads) for row in rows)
    own = facts["fidelity"]["layers"][0]["methods"]["metamer"]["measures"]["correlation"]
    assert rows[0][:4] == ["maps", "metamer", "", f"{own['mean']:.2f} ({own['low']:.2f}–{own['high']:.2f})"]


def test_the_way_back_is_chosen_and_sounds_play(page_path, visit):
    opened = visit(page_path)
    for method in ("metamer", "nearest", "drawn", "decoder"):
        opened.page.check(f"input[name=method][value={method}]")
        shown = opened.page.locator(".layer:visible").evaluate_all("all => all.map((one) => one.dataset.method)")
        assert set(shown) == {method}
        assert opened.page.locator("polyline.chosen").count() > 0
    play_something(opened)
    assert opened.complaints == []


def test_every_picture_and_sound_is_shown(heard_mind, page_path):
    page = Page(page_path.read_text())
    assert page.open == []
    shown = {address.split("/", 1)[1] for address in page.addresses}
    folder = heard_mind[1]
    assert shown == {path.relative_to(folder).as_posix() for path in folder.glob("*/*")}


def test_what_a_stranger_wrote_is_text(heard_mind, visit, tmp_path):
    facts = copy.deepcopy(heard_mind[2])
    facts["listener"].update(name=HOSTILE, licence=HOSTILE, heard=HOSTILE, unknown=[HOSTILE], second=HOSTILE)
    facts["skipped"]["twin"] = HOSTILE
    for card in facts["examples"]:
        card.update(recording=HOSTILE, author=HOSTILE)
        card["answer"]["label"] = HOSTILE
    opened = visit(written(facts, heard_mind[1], tmp_path))
    scroll_through(opened.page)
    assert HOSTILE in opened.page.inner_text("#layers")
    assert opened.page.evaluate("window.hurt") is None
    assert opened.page.locator("img[src=x]").count() == 0
    assert opened.complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_can_be_read(page_path, visit, width):
    opened = visit(page_path, viewport={"width": width, "height": 900})
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.evaluate(CONTRAST) == []


def test_without_another_listener_there_is_no_column_of_its(heard_mind):
    facts = json.loads(json.dumps(heard_mind[2]))
    facts["listener"]["second"] = None
    del facts["judge"]
    for of_layer in facts["fidelity"]["layers"]:
        for entry in of_layer["methods"].values():
            for measures in (entry["measures"], entry["shuffled"]):
                measures.pop("recognised_by_second", None)
    text = render(facts, lambda path: path)
    assert "called the same</th>" in text and "independent" not in text.partition('<script type="application/json"')[0]
