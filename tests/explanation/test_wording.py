"""A page of more than birds speaks of species, in what is read and not in what is code."""

import re

from birdclef_mind.explanation.report.page import read_explanation, render
from birdclef_mind.explanation.report.wording import in_words


def seen(page):
    page = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", page)


def test_a_page_says_species_where_not_all_are_birds(explained):
    facts = read_explanation(explained[0])
    assert re.search(r"\bbirds?\b", seen(render(facts, str)))
    facts["bundle"]["record"]["are"] = "species"
    page = render(facts, str)
    names = set(facts["bundle"]["common_names"].values())
    left = [one for one in re.findall(r"\b[Bb]irds?\b.{0,30}", seen(page)) if not any(name in one for name in names)]
    assert left == []
    assert 'id="birds"' in page
    assert "facts.birds" in page
    assert '"none_known": "none of the species it knows"' in page


def test_birds_stay_birds():
    assert in_words("No bird, two birds", "birds") == "No bird, two birds"
    assert in_words("Birdsong of a bird's bird", "species") == "Birdsong of a species's species"
