"""What each layer insists on and which real recordings look the same: in the facts, in words, and on the page."""

import copy

import numpy as np
import pytest
from markupsafe import escape

from birdclef_mind.backwards.reconstruction import DECODER, DRAWN, METAMER, METHODS, NEAREST
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation.explain import Explaining, explain
from birdclef_mind.explanation.report import story
from birdclef_mind.explanation.report.page import render
from birdclef_mind.explanation.report.story import insisted_on, story_of
from birdclef_mind.explanation.settings import Showing
from birdclef_mind.sound.song import TERMS


def ways(facts, method):
    return [layer["methods"][method] for layer in facts["fidelity"]["layers"] if method in layer["methods"]]


def test_every_layer_has_both_bounds_and_what_looks_the_same(explained):
    _, facts = explained
    for layer in facts["fidelity"]["layers"]:
        assert {METAMER, NEAREST, DECODER} <= set(layer["methods"])
        assert list(layer["methods"]) == [method for method in METHODS if method in layer["methods"]]
    for card in facts["examples"]:
        for tap in {layer["tap"] for layer in card["layers"]}:
            own = [layer["method"] for layer in card["layers"] if layer["tap"] == tap]
            assert own == [method for method in METHODS if method in own]


def test_metamers_are_measured_on_the_examples_beside_their_controls(explained):
    _, facts = explained
    for entry in ways(facts, METAMER):
        assert entry["segments"] == len(facts["examples"])
        assert 0 <= entry["reached"] <= 1
        assert {"measures", "twin", "shuffled"} <= set(entry)
        assert "activation_error" in entry["measures"]
    for card in facts["examples"]:
        for layer in card["layers"]:
            if layer["method"] == METAMER:
                assert layer["apart"] >= 0
                assert layer["nearest_other"] > 0
                assert len(layer["again"]) == Showing.metamers - 1


def test_what_is_near_is_real_and_of_other_recordings(explained, cache_folder):
    _, facts = explained
    rows = {(row.recording, row.start_s): row for row in open_cache(cache_folder).rows}
    held_out = set(facts["bundle"]["record"]["validation_recordings"])
    for card in facts["examples"]:
        for layer in card["layers"]:
            assert ("near" in layer) == (layer["method"] == NEAREST)
            near = layer.get("near", [])
            assert len({one["recording"] for one in near}) == len(near) <= 5
            assert [one["cosine"] for one in near] == sorted((one["cosine"] for one in near), reverse=True)
            for one in near:
                assert one["real"]
                assert one["recording"] not in held_out | {card["recording"]}
                assert rows[one["recording"], one["start_s"]].label == one["label"]
            if near:
                assert (layer["picture"], layer["sound"]) == (near[0]["picture"], near[0]["sound"])


def test_ways_back_are_measured_in_a_bird_experts_terms(explained):
    _, facts = explained
    measured = [entry["measures"] for method in (METAMER, NEAREST, DECODER) for entry in ways(facts, method)]
    for measures in [*measured, facts["fidelity"]["mean_picture"]]:
        for term in TERMS:
            assert 0 <= measures[term]["low"] <= measures[term]["mean"] <= measures[term]["high"] <= 1


def test_the_ceiling_is_that_of_the_features_themselves(explained):
    _, facts = explained
    ceiling = facts["fidelity"]["input"]
    assert ceiling["correlation"]["mean"] == pytest.approx(1)
    assert ceiling["recognised"]["mean"] == 1
    assert ceiling["picture_error"]["mean"] == 0
    for term in TERMS:
        assert ceiling[term]["mean"] == pytest.approx(1)
    assert "the independent network calls" in render(facts, str)


def test_names_of_ways_are_those_of_the_network_room():
    assert (story.METAMER, story.NEAREST, story.DRAWN, story.DECODER) == (METAMER, NEAREST, DRAWN, DECODER)


def test_the_story_tells_the_numbers_of_the_table(explained):
    _, facts = explained
    told = story_of(facts)
    assert [one["tap"] for one in told] == [layer["tap"] for layer in facts["fidelity"]["layers"]]
    pitch = ways(facts, DECODER)[0]["measures"]["pitch"]["mean"]
    assert f"What could be recovered keeps pitch in {100 * pitch:.0f} % of moments" in " ".join(told[0]["parts"])
    insists = ways(facts, METAMER)[0]
    of_first = [layer for card in facts["examples"] for layer in card["layers"] if layer["method"] == METAMER]
    of_first = [layer for layer in of_first if layer["tap"] == told[0]["tap"]]
    for name in ("apart", "nearest_other"):
        assert insists[name] == pytest.approx(np.median([layer[name] for layer in of_first]), abs=1e-4)
    assert (
        f"it is {insists['apart'] ** 0.5:.2f} of the usual distance from the recording, the nearest other recording "
        f"{insists['nearest_other'] ** 0.5:.2f}."
    ) in " ".join(told[0]["parts"])
    assert insisted_on(facts) == len(facts["examples"])
    page = render(facts, str)
    for one in told:
        assert all(str(escape(part)) in page for part in one["parts"])


def test_what_was_not_made_is_not_told(explained):
    facts = copy.deepcopy(explained[1])
    for layer in facts["fidelity"]["layers"]:
        layer["methods"] = {
            name: entry for name, entry in layer["methods"].items() if name not in (METAMER, NEAREST, DRAWN)
        }
        for entry in layer["methods"].values():
            for name in ("measures", "twin", "shuffled"):
                for term in TERMS:
                    entry.get(name, {}).pop(term, None)
    assert all(one["parts"][0].startswith("What could be recovered is called the same in") for one in story_of(facts))
    assert insisted_on(facts) == 0
    assert "Layer by layer" in render(facts, str)


def test_none_are_made_where_none_are_asked_for(little, tmp_path):
    facts = explain(
        little.decoded, open_cache(little.cache), tmp_path / "x", Explaining(examples=2, seeds=1, metamers=0)
    )
    assert not ways(facts, METAMER)
    assert METAMER not in facts["skipped"]
    assert ways(facts, NEAREST)
    with pytest.raises(ConfigError, match="metamers: expected a whole number from 0, got -1"):
        Explaining(metamers=-1)
