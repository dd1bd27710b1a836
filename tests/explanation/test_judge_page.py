"""The page of an explanation with a judge: what it says under each sound, in tables, and in the blind test."""

import copy
import csv
import json

import pytest
from test_page import CONTRAST, HOSTILE, play_something, scroll_through, written
from test_report import Page

from birdclef_mind.explanation.report.judged import verdict_words
from birdclef_mind.explanation.report.page import render, write_report


@pytest.fixture(scope="module")
def page_path(judged, tmp_path_factory):
    out = tmp_path_factory.mktemp("judged_page") / "report.html"
    write_report(judged[0], out)
    return out


def verdicts(opened, within):
    return [text.strip() for text in opened.page.locator(f"{within} .verdict").all_text_contents()]


def test_words_of_a_verdict():
    judge = {"name": "Ears", "species": 6522}
    said = {"called": "Great Tit", "called_score": 0.871, "rank": 1, "score": 0.871, "logit": 1.9}
    assert verdict_words(judge, said) == "Ears: 1st of 6,522, 0.87"
    later = {**said, "rank": 1213, "score": 0.004}
    assert verdict_words(judge, later) == "Ears: 1,213th of 6,522, 0.00; it hears Great Tit (0.87)"
    assert verdict_words(judge, {**said, "rank": None, "score": None}) == "Ears hears Great Tit (0.87)"
    assert verdict_words(None, said) == verdict_words(judge, None) == ""


def test_every_sound_has_its_verdict(judged, page_path, visit):
    facts, opened = judged[1], visit(page_path)
    judge = facts["judge"]
    expected = [
        verdict_words(judge, said)
        for card in facts["examples"]
        for said in (
            card["judged"]["recording"],
            card["judged"]["features"],
            *(layer["judged"] for layer in card["layers"]),
        )
    ]
    assert verdicts(opened, "#layers") == expected
    answers = [answer for card in facts["answers"]["cards"] for answer in card["answers"]]
    assert verdicts(opened, "#answers") == [verdict_words(judge, answer["judged"]) for answer in answers]
    first = facts["examples"][0]["judged"]
    floor = opened.page.locator("#layers article").first.locator("p small").text_content()
    for name in ("mean_picture", "other"):
        assert verdict_words(judge, first[name]) in floor
    assert opened.complaints == []


def test_the_tables_say_ceiling_and_floor(judged, page_path, visit):
    facts, opened = judged[1], visit(page_path)
    judge = facts["judge"]

    def cell(value):
        own = value["named"]
        around = f" ({own['low']:.2f}–{own['high']:.2f})" if own["low"] < own["high"] else ""
        return (
            f"{own['mean']:.2f}{around} score {value['score']['mean']:.2f}, median place "
            f"{value['median_rank']:g}, of {value['sounds']}"
        )

    borders = opened.page.locator("#judge tbody tr td").all_text_contents()
    assert borders == [
        cell(value)
        for value in (
            judge["recording"]["own"], judge["features"]["own"], judge["recording"]["other"],
            judge["features"]["other"], judge["mean_picture"]["judged"],
        )
    ]  # fmt: skip
    table = opened.page.locator("#layers > details").first
    assert table.locator("thead th").all_text_contents()[-1] == "named first by second, examples alone"
    found = [row.locator("th, td").all_text_contents() for row in table.locator("tbody tr").all()]
    ways = {(way["tap"], way["method"]): way for way in judge["layers"]}
    for tap, method, control, *_, said in found[:-2]:
        kind = {"": "own", "another clip's": "other"}.get(control)
        assert said == ("–" if kind is None else cell(ways[tap, method][kind]))
    assert len(found) == 2 + 3 * len(ways)
    assert found[-2][-1] == cell(judge["features"]["own"])
    assert found[-1][-1] == cell(judge["mean_picture"]["judged"])
    summary = opened.page.locator("#answers tbody tr td:last-child").all_text_contents()
    assert summary == [f"{one['named_by_judge']} of {one['judged']}" for one in facts["answers"]["summary"]]


def test_it_says_who_judged_and_what_it_does_not_know(half_known):
    facts = half_known[1]
    text = render(facts, lambda path: path)
    unknown = facts["judge"]["unknown"][0]
    name = facts["bundle"]["common_names"].get(unknown) or unknown
    assert f"Of the birds here it does not know {name}: they are left out." in text
    assert "BirdNET v2.4 was trained on recordings from xeno-canto and has probably heard these" in text
    assert "The licence of its weights: CC BY-NC-SA 4.0." in text
    assert "knows 40 species" in text
    page = Page(text)
    assert page.open == []
    # Its own word for a species is text.
    assert "<b>it</b>" not in text.partition('<script type="application/json"')[0]


def test_every_picture_and_sound_is_shown(judged, page_path):
    page = Page(page_path.read_text())
    shown = {address.split("/", 1)[1] for address in page.addresses}
    folder = judged[0]
    made = {path.relative_to(folder).as_posix() for path in folder.glob("*/*") if path.suffix != ".npy"}
    assert shown == made


def test_names_of_the_judge_are_text(judged, visit, tmp_path):
    facts = copy.deepcopy(judged[1])
    facts["judge"].update(name=HOSTILE, licence=HOSTILE, heard=HOSTILE, unknown=[HOSTILE])
    for card in facts["examples"]:
        for said in (*card["judged"].values(), *(layer["judged"] for layer in card["layers"])):
            said.update(called=HOSTILE, rank=2)
        card["judged"]["other"].update(recording=HOSTILE, label=HOSTILE)
    for card in facts["answers"]["cards"]:
        for answer in card["answers"]:
            answer["judged"].update(called=HOSTILE, rank=None)
    for clip in facts["blind"]["clips"]:
        clip["judge"] = HOSTILE
    opened = visit(written(facts, judged[0], tmp_path))
    scroll_through(opened.page)
    play_something(opened)
    assert HOSTILE in opened.page.inner_text("#judge")
    assert HOSTILE in opened.page.inner_text("#layers article .verdict")
    assert opened.page.evaluate("window.hurt") is None
    assert opened.page.locator("img[src=x]").count() == 0
    assert opened.complaints == []


def test_the_judge_listens_blind_too(judged, visit, tmp_path):
    """Beside the network stands what the judge would have answered; what it does not know is left out."""
    facts = copy.deepcopy(judged[1])
    clips = facts["blind"]["clips"]
    for clip in clips[::3]:
        clip["judge"] = None
    opened = visit(written(facts, judged[0], tmp_path))
    page = opened.page
    page.fill("#blind-start [name=count]", str(len(clips)))
    page.click("#blind-start button[type=submit]")
    for turn in range(len(clips)):
        page.keyboard.press(str(turn % 2 + 1))
        page.keyboard.press("n")
    assert page.locator("#blind-results thead th").all_text_contents()[-1] == "second, same clips"
    with opened.download("#blind-download").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(clips)
    names = ("stage", "way", "recording", "truth", "network", "second", "judge")
    known = {tuple(one[name] or "" for name in names) for one in clips}
    for row in rows:
        assert tuple(row[name] for name in names) in known
        assert row["judge_right"] == ("" if not row["judge"] else str(int(row["judge"] == row["truth"])))
    cells = page.locator("#blind-results tbody tr td:last-child").all_text_contents()
    groups = [("stage", stage) for stage in facts["blind"]["stages"]] + [("way", way) for way in facts["blind"]["ways"]]
    for (key, value), cell in zip([*groups, ("", None)], cells, strict=True):
        own = [one for one in clips if not key or one[key] == value]
        own = [one for one in own if one["judge"] is not None]
        right = sum(one["judge"] == one["truth"] for one in own)
        assert cell == (f"{right} of {len(own)} ({int(100 * right / len(own) + 0.5)} %)" if own else "–")
    assert opened.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_and_can_be_read(page_path, visit, scheme, width):
    opened = visit(page_path, viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.evaluate(CONTRAST) == []


def test_a_single_file_plays_the_floor_too(judged, tmp_path):
    write_report(judged[0], tmp_path / "page.html", single_file=True)
    page = Page((tmp_path / "page.html").read_text())
    assert "sounds/mean-picture.mp3" in page.facts["embedded"]


def test_of_species_that_are_no_birds_it_speaks_as_the_rest_does(judged):
    facts = json.loads(json.dumps(judged[1]))
    facts["bundle"]["record"]["are"] = "species"
    block = render(facts, lambda path: path).partition('<div id="judge">')[2].partition("</table>")[0]
    assert "another species&#39;s" in block or "another species's" in block
    assert "bird" not in block


def test_an_explanation_of_before_has_no_judge(unjudged, visit, tmp_path):
    write_report(unjudged[0], tmp_path / "page.html")
    opened = visit(tmp_path / "page.html")
    assert opened.page.locator("#judge").count() == 0
    assert opened.page.locator(".verdict").count() == 0
    assert opened.complaints == []
