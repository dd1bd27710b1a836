"""The first screen's sentences: what was found, each leading to the part that says it in full."""

from birdclef_mind.explanation.report.findings import findings_of


def measured(**shares):
    return {name: {"mean": share, "low": 0, "high": 1} for name, share in shares.items()}


def layer(tap, **shares):
    return {
        "tap": tap,
        "methods": {"decoder": {"measures": measured(**shares), "twin": measured(recognised_by_second=0.2)}},
    }


FACTS = {
    "performance": {"scores": {"segments": {"rows": 1200, "classes": 20, "top1": 0.84}}},
    "fidelity": {"layers": [layer("one", recognised=1, recognised_by_second=0.9, pitch=0.8, onsets=0.7), layer("two", recognised=1, recognised_by_second=0.4, pitch=0.6, onsets=0.3)]},
    "rested": {"share": 0.04, "segments": 6, "methods": {"mask": measured(same=0.5)}},
    "suspects": {"found": [{"reason": "somebody speaks <b>loudly</b>"}, {"reason": "x"}]},
}  # fmt: skip


def test_each_part_says_what_it_found():
    found = {one.part: one.words for one in findings_of(FACTS)}
    assert (
        found["performance"]
        == "Of 1,200 segments it never learned from it names 84 % right at first; guessing among 20 birds would name 5 %."
    )
    assert "redrawn from one alone an independent network calls 90 %" in found["layers"]
    assert "from two 40 % (20 % where the network's weights are random)" in found["layers"]
    assert (
        found["last"]
        == "What is redrawn keeps its pitch in at least half of all moments up to two and its rhythm in at least half of all moments up to one."
    )
    assert "4 % of the picture, kept alone, is called the same in 50 % of 6 examples" in found["rested"]
    assert found["suspects"].startswith("2 things may be wrong in the training data. The likeliest: somebody speaks")


def test_of_what_was_not_measured_nothing_is_said():
    assert findings_of({"performance": None, "fidelity": {"layers": []}}) == []


def test_they_lead_to_parts_that_are_there(explained):
    import re

    from birdclef_mind.explanation.report.page import render

    page = render(explained[1], str)
    led = re.findall(r'<li><a href="#(\w+)">', page.partition('class="findings"')[2].partition("</ul>")[0])
    assert len(led) >= 3
    assert all(f'id="{part}"' in page for part in led)
