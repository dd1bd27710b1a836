"""A judge of an explanation's sounds: every verdict by its definition, from the files that are played."""

import json
import re
import shutil

import numpy as np
import pytest
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.errors import ConfigError, ListenerError, TableError
from birdclef_mind.explanation.explain import Explaining, explain
from birdclef_mind.explanation.judging import open_judge
from birdclef_mind.explanation.report.page import render
from birdclef_mind.listeners.judge import Judge
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.sound.audio import read_audio


def said_slowly(judge, folder, sound, wanted):
    """What a judge says of one file: what it calls it, and rank and score for the species at a place, or None."""
    rate_hz = judge.listener.rate_hz
    (logits,) = judge.logits([read_audio(folder / sound, rate_hz)[: 5 * rate_hz]], rate_hz)
    chances = judge.scores(logits)
    best = judge.listener.species[int(np.argmax(logits))]
    found = {"called": best.common_name or best.label, "called_score": chances.max()}
    if wanted is None:
        return {**found, "rank": None, "score": None}
    rank = 1 + sum(logits[place] >= logits[wanted] for place in range(len(logits)) if place != wanted)
    return {**found, "rank": rank, "score": chances[wanted]}


def assert_says(verdict, judge, folder, sound, wanted):
    expected = said_slowly(judge, folder, sound, wanted)
    assert (verdict["called"], verdict["rank"]) == (expected["called"], expected["rank"])
    for name in ("called_score", "score"):
        assert verdict[name] == (None if expected[name] is None else pytest.approx(float(expected[name]), abs=2e-4))


def test_every_sound_is_judged_as_it_is_written(judged, little):
    folder, facts = judged
    judge = Judge(open_listener(little.decoded / "second"))
    place_of = {one.label: place for place, one in enumerate(judge.listener.species)}
    for card in facts["examples"]:
        wanted, own = place_of[card["label"]], card["judged"]
        assert_says(own["recording"], judge, folder, card["original_sound"], wanted)
        assert_says(own["features"], judge, folder, card["features_sound"], wanted)
        assert_says(own["mean_picture"], judge, folder, "sounds/mean-picture.mp3", wanted)
        for layer in card["layers"]:
            assert_says(layer["judged"], judge, folder, layer["sound"], wanted)
    for card in facts["answers"]["cards"]:
        for answer in card["answers"]:
            assert_says(answer["judged"], judge, folder, answer["sound"], place_of[card["label"]])


def test_a_judge_of_another_rate_says_what_it_hears_of_what_it_does_not_know(half_known, fake_birdnet):
    folder, facts = half_known
    judge = Judge(open_listener(fake_birdnet / "model.tflite"))
    known, unknown = facts["bundle"]["classes"]
    assert facts["judge"]["unknown"] == [unknown]
    assert (facts["judge"]["species"], facts["judge"]["shifts"], facts["judge"]["kind"]) == (40, 4, "birdnet")
    renamed = {"Bird 0": "Whatever <b>it</b> is"}
    for card in facts["examples"]:
        said = said_slowly(judge, folder, card["features_sound"], 0 if card["label"] == known else None)
        own = card["judged"]["features"]
        assert (own["called"], own["rank"]) == (renamed.get(said["called"], said["called"]), said["rank"])
    counts = {way["own"]["sounds"] for way in facts["judge"]["layers"] if way["own"]}
    assert counts <= {sum(card["label"] == known for card in facts["examples"])}
    assert all(entry["judged"] == 1 for entry in facts["answers"]["summary"])
    # One bird that it knows is no choice.
    assert {clip["judge"] for clip in facts["blind"]["clips"]} == {None}


def test_floors_are_another_species_asked_for_this_one(judged, little):
    folder, facts = judged
    judge = Judge(open_listener(little.decoded / "second"))
    place_of = {one.label: place for place, one in enumerate(judge.listener.species)}
    cards = facts["examples"]
    assert len({card["label"] for card in cards}) == 2
    for place, card in enumerate(cards):
        following = [*cards[place + 1 :], *cards[:place]]
        other = next(one for one in following if one["label"] != card["label"])
        own = card["judged"]["other"]
        assert (own["label"], own["recording"]) == (other["label"], other["recording"])
        assert_says(own, judge, folder, other["features_sound"], place_of[card["label"]])
    said = [card["judged"]["other"] for card in cards]
    assert facts["judge"]["features"]["other"]["named"]["mean"] == pytest.approx(
        np.mean([one["rank"] == 1 for one in said]), abs=1e-4
    )


def test_what_holds_of_all_is_made_of_the_verdicts(judged):
    _, facts = judged
    judge, cards = facts["judge"], facts["examples"]
    pairs = [(judge["recording"]["own"], [card["judged"]["recording"] for card in cards])]
    pairs += [(judge["features"]["own"], [card["judged"]["features"] for card in cards])]
    pairs += [(judge["mean_picture"]["judged"], [card["judged"]["mean_picture"] for card in cards])]
    for way in judge["layers"]:
        own = [
            layer["judged"] for card in cards for layer in card["layers"]
            if (layer["tap"], layer["method"]) == (way["tap"], way["method"])
        ]  # fmt: skip
        pairs.append((way["own"], own))
    assert len(pairs) == 3 + sum(len(layer["methods"]) for layer in facts["fidelity"]["layers"])
    for together, verdicts in pairs:
        assert together["sounds"] == len(verdicts) == 3
        assert together["named"]["mean"] == pytest.approx(np.mean([one["rank"] == 1 for one in verdicts]), abs=1e-4)
        assert together["score"]["mean"] == pytest.approx(np.mean([one["score"] for one in verdicts]), abs=1e-3)
        assert together["median_rank"] == np.median([one["rank"] for one in verdicts])
        assert together["named"]["low"] <= together["named"]["mean"] <= together["named"]["high"]
    for entry in facts["answers"]["summary"]:
        own = [
            answer["judged"]["rank"] for card in facts["answers"]["cards"] for answer in card["answers"]
            if (answer["way"], answer["seed"]) == (entry["way"], entry["seed"])
        ]  # fmt: skip
        assert (entry["judged"], entry["named_by_judge"]) == (len(own), own.count(1))


def test_in_the_blind_test_it_chooses_among_what_is_offered(judged, little):
    folder, facts = judged
    judge = Judge(open_listener(little.decoded / "second"))
    labels = [one.label for one in judge.listener.species]
    for clip in facts["blind"]["clips"]:
        rate_hz = judge.listener.rate_hz
        (logits,) = judge.logits([read_audio(folder / clip["sound"], rate_hz)[: 5 * rate_hz]], rate_hz)
        assert clip["judge"] == max(facts["blind"]["offered"], key=lambda label: logits[labels.index(label)])


def without_judge(facts):
    """Facts as they are without a judge."""
    if isinstance(facts, dict):
        gone = ("judge", "judged", "named_by_judge")
        return {name: without_judge(value) for name, value in facts.items() if name not in gone}
    return [without_judge(value) for value in facts] if isinstance(facts, list) else facts


def test_without_a_judge_nothing_is_said_of_one(unjudged, judged):
    own, other = (dict(facts) for _, facts in (unjudged, judged))
    assert without_judge(own) == own
    for facts in (own, other):
        del facts["sha256"], facts["files"]
    assert without_judge(other) == own
    page = render(own, lambda path: path)
    assert render(without_judge(other), lambda path: path) == page
    assert 'id="judge"' not in page
    assert "verdict" not in page.partition("<body>")[2].partition("<script")[0]
    made = {name: tree(folder) for name, (folder, _) in (("plain", unjudged), ("judged", judged))}
    assert made["judged"].keys() - made["plain"].keys() == {"pictures/mean-picture.png", "sounds/mean-picture.mp3"}
    for name in made["plain"].keys() - {"explanation.json", ".birdclef_mind"}:
        assert made["plain"][name] == made["judged"][name]


def test_a_second_run_gives_the_same_bytes(judged, little, tmp_path):
    again = Explaining(examples=3, seeds=1, judge=little.decoded / "second")
    explain(little.decoded, open_cache(little.cache), tmp_path / "x", again)
    assert (tmp_path / "x" / "explanation.json").read_bytes() == (judged[0] / "explanation.json").read_bytes()


def test_scientific_names_are_the_competitions(little, fake_birdnet, tmp_path):
    bundle = bundles.load(little.bundle)
    own = open_competition(little.competition).species[bundle.classes.names[1]]
    shutil.copytree(fake_birdnet, tmp_path / "model")
    lines = (tmp_path / "model" / "model_Labels.txt").read_text().splitlines()

    def opened(line, competition):
        (tmp_path / "model" / "model_Labels.txt").write_text("\n".join([*lines[:7], line, *lines[8:], ""]))
        return open_judge(tmp_path / "model" / "model.tflite", little.bundle, bundle, competition)

    # By scientific name, where the competition is at hand; else by common name.
    assert opened(f"{own.scientific_name}_Nobody", little.competition).match.places == ((), (7,))
    with pytest.raises(TableError, match=r"BirdNET v2\.4: expected at least one of the 2 classes among its species"):
        opened(f"{own.scientific_name}_Nobody", tmp_path / "nowhere")
    assert opened(f"Nemo nemo_{own.common_name}", tmp_path / "nowhere").match.places == ((), (7,))
    with pytest.raises(TableError, match="found none of"):
        opened(f"Nemo nemo_{own.common_name}", little.competition)


def test_bad_judges_are_refused_before_anything_is_written(little, fake_birdnet, tmp_path, capsys):
    cache = open_cache(little.cache)
    (tmp_path / "noise.tflite").write_bytes(b"no model")
    (tmp_path / "listener.toml").write_text('kind = "nix"\nmodel = "x"')
    same = tmp_path / "copy"
    shutil.copytree(little.decoded, same)
    for judge, error, message in [
        (
            tmp_path / "none",
            ListenerError,
            "expected a model, a bundle, or a TOML file that describes one, found nothing",
        ),
        (tmp_path / "noise.tflite", ListenerError, r"noise\.tflite"),
        (tmp_path / "listener.toml", ListenerError, "line 1: kind: expected one of"),
        (fake_birdnet / "model.tflite", TableError, "expected at least one of the 2 classes among its species"),
        (same, ConfigError, "judge: expected another model than the network that is explained"),
    ]:
        with pytest.raises(error, match=message):
            explain(little.decoded, cache, tmp_path / "x", Explaining(judge=judge))
        assert not (tmp_path / "x").exists()
        words = ["explain", little.decoded, little.cache, tmp_path / "x", "--judge", judge, "--quiet"]
        assert main([str(word) for word in words]) == 2
        assert capsys.readouterr().err.startswith("birdclef-mind explain: ")
        assert not (tmp_path / "x").exists()


def test_the_command_takes_it_from_the_settings_and_says_what_was_named(little, tmp_path, capsys):
    (tmp_path / "settings.toml").write_text(
        f"[showing]\njudge = '{little.decoded / 'second'}'\nexamples = 2\nseeds = 1\n"
    )
    words = ["explain", little.decoded, little.cache, tmp_path / "x", "--config", tmp_path / "settings.toml"]
    assert main([str(word) for word in words]) == 0
    shown = capsys.readouterr().out
    assert "second: your own; may be used in a run for a prize" in shown
    assert "named first by second among 2; asked for another species in brackets" in shown
    facts = json.loads((tmp_path / "x" / "explanation.json").read_text())
    share = facts["judge"]["recording"]["own"]["named"]["mean"]
    found = facts["answers"]["summary"][0]
    assert f"answers by {found['way']}, seed 0: {found['named_by_judge']} of 2 named first" in shown
    assert re.search(rf"^the recording +{share:.2f}( \(\d\.\d\d\))? ", shown, re.MULTILINE)
