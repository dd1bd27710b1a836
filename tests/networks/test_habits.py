"""Where and when birds were heard: counted from labelled soundscapes alone, and what that makes likelier."""

from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.data.index import IndexRow
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.habits import NO_HABITS, Habits


def row(name, site, soundscape=True):
    return IndexRow(
        "f", "a", (), f"train_soundscapes/{name}.ogg", "", 0, 0.0, -20.0, 0.0, False, (), False, site, soundscape
    )


NIGHT, DAY = "BC2026_Train_1_S05_20250227_010002", "BC2026_Train_2_S22_20250227_120002"
ROWS = [row(NIGHT, "S05")] * 40 + [row(DAY, "S22")] * 60 + [row("clip", "", soundscape=False)] * 10
TARGETS = np.zeros((110, 3), np.float32)
# The first class sings at S05 alone, the second everywhere alike, the third in clips alone.
TARGETS[:20, 0] = TARGETS[:80:4, 1] = TARGETS[80:100:4, 1] = TARGETS[100:, 2] = 1


def test_they_are_counted_by_site_and_hour_in_soundscapes_alone():
    found = Habits.of(ROWS, TARGETS)
    assert found.sites == {"S05": [40, 20, 10, 0], "S22": [60, 0, 15, 0]}
    assert found.hours == {"1": [40, 20, 10, 0], "12": [60, 0, 15, 0]}
    assert Habits.of(ROWS[100:], TARGETS[100:]) == NO_HABITS


def test_odds_change_by_those_of_the_place_over_those_of_anywhere():
    habits, scores = Habits.of(ROWS, TARGETS), np.full((2, 3), 0.3)
    here = habits.likelier(scores, "S05", None, 1.0)
    usual = 20.5 / 101
    own = (20 + 20 * usual) / 60
    odds = 0.3 / 0.7 * own / (1 - own) * (1 - usual) / usual
    np.testing.assert_allclose(here[:, 0], odds / (1 + odds))
    np.testing.assert_allclose(here[:, 1], 0.3, atol=0.01)
    np.testing.assert_array_equal(here[:, 2], np.float64(0.3))
    assert (habits.likelier(scores, "S22", None, 1.0)[:, 0] < 0.3).all()
    # Half an hour away counts, half a day away not.
    assert (habits.likelier(scores, "", 0, 0.4)[:, 0] > 0.3).all() and (
        habits.likelier(scores, "", 2, 0.4)[:, 0] > 0.3
    ).all()
    np.testing.assert_array_equal(habits.likelier(scores, "elsewhere", 18, 1.0), scores)
    np.testing.assert_array_equal(habits.likelier(scores, "S05", 1, 0.0), scores)
    weak = habits.likelier(scores, "S05", None, 0.4)[0, 0]
    assert 0.3 < weak < here[0, 0]


def test_certain_scores_stay_chances_and_rows_keep_their_order(rng):
    habits = Habits.of(ROWS, TARGETS)
    found = habits.likelier(np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.5]]), "S05", 1, 1.0)
    assert ((found > 0) & (found < 1)).all()
    scores = rng.random((50, 3))
    later = habits.likelier(scores, "S05", 1, 0.7)
    np.testing.assert_array_equal(later.argsort(axis=0), scores.argsort(axis=0))


def test_a_bundle_keeps_them_and_one_without_has_none(trained, tmp_path):
    bundle = bundles.load(trained[0])
    assert bundle.habits == NO_HABITS
    own = Habits.of(ROWS, TARGETS[:, : len(bundle.classes)])
    bundles.write(replace(bundle, habits=own), tmp_path)
    assert bundles.load(tmp_path).habits == own
    with pytest.raises(ValueError, match="expected counts of 2 classes"):
        Habits.from_dict({"sites": {"a": [1, 2]}, "hours": {}}, 2)
