"""Rows of a soundscape in the light of each other, and bundles blended by ranks, against slow references."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import rankdata

from birdclef_mind.errors import ConfigError
from birdclef_mind.kaggle.blending import Ranks, mean_ranks
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.kaggle.smoothing import by_file, over_neighbours, smoothed


@pytest.mark.parametrize("weights", [(1.0,), (0.1, 0.8, 0.1), (0.3, 0.6, 0.0), (0.1, 0.2, 0.4, 0.2, 0.1)])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_neighbours_are_weighed_and_at_the_ends_those_there_are(rng, weights, rows):
    scores, half = rng.random((rows, 3)), len(weights) // 2
    found = over_neighbours(scores, weights)
    for row in range(rows):
        near = [(weights[half + step], row + step) for step in range(-half, half + 1) if 0 <= row + step < rows]
        expected = sum(weight * scores[other] for weight, other in near) / sum(weight for weight, _ in near)
        np.testing.assert_allclose(found[row], expected)


def test_the_best_of_a_soundscape_raises_what_comes_again(rng):
    scores = rng.random((6, 2))
    expected = scores * np.array([np.mean(sorted(scores[:, bird])[-3:]) for bird in range(2)]) ** 0.4
    np.testing.assert_allclose(by_file(scores, 0.4), expected)
    np.testing.assert_array_equal(by_file(scores, 0.0), scores)
    np.testing.assert_allclose(by_file(scores[:1], 1.0), scores[:1] ** 2)
    assert (by_file(np.zeros((3, 2)), 0.5) == 0).all()


def test_what_is_not_asked_for_leaves_scores_as_they_are(rng):
    scores = rng.random((4, 2))
    np.testing.assert_array_equal(smoothed(scores, Submitting()), scores)
    both = Submitting(smoothing=(0.2, 0.6, 0.2), file_power=0.5)
    np.testing.assert_allclose(smoothed(scores, both), by_file(over_neighbours(scores, (0.2, 0.6, 0.2)), 0.5))


def test_ranks_are_places_among_all_rows_and_keep_each_members_order(rng):
    members = rng.random((3, 8, 2)) ** np.array([1, 4, 9])[:, None, None]
    members[0, :2, 0] = 0.5
    found = mean_ranks(members)
    for bird in range(2):
        expected = np.mean([(rankdata(member[:, bird]) - 1) / 7 for member in members], axis=0)
        np.testing.assert_allclose(found[:, bird], expected)
    np.testing.assert_allclose(mean_ranks(members**3), found)
    assert mean_ranks(members[:, :1]).tolist() == [[0, 0]]


def test_blended_ranks_fill_soundscape_by_soundscape(rng):
    filled = {}
    table = SimpleNamespace(fill=lambda ids, scores: filled.update(zip(ids, scores, strict=True)))
    submitting = Submitting(smoothing=(0.2, 0.6, 0.2))
    one, other, ranks = rng.random((2, 3, 2)), rng.random((2, 2, 2)), Ranks(submitting)
    ranks.fill(table)
    assert filled == {}
    ranks.add(["a_5", "a_10", "a_15"], one)
    ranks.add(["b_5", "b_10"], other)
    ranks.fill(table)
    members = [[smoothed(own, submitting) for own in scores] for scores in (one, other)]
    whole = mean_ranks(np.concatenate(members, axis=1).astype(np.float32))
    assert list(filled) == ["a_5", "a_10", "a_15", "b_5", "b_10"]
    np.testing.assert_allclose(list(filled.values()), whole)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"shifts": 0}, "shifts: expected a whole number from 1 to 4, got 0"),
        ({"shifts": 2.0}, "shifts: expected a whole number"),
        ({"smoothing": [0.1, 0.8]}, "smoothing: expected an odd number of weights"),
        ({"smoothing": [0.5, 0, 0.5]}, "the row's own above 0"),
        ({"smoothing": [-1, 3, -1]}, "smoothing: expected"),
        ({"smoothing": "0.1,0.8,0.1"}, "smoothing: expected"),
        ({"smoothing": [1] * 11}, "at most 9"),
        ({"smoothing": [1e308, 1e308, 1e308]}, "weights from 0 to 1000"),
        ({"file_power": 1.5}, "file_power: expected a number from 0 to 1, got 1.5"),
        ({"blend": "median"}, "blend: expected mean or ranks, got 'median'"),
        ({"sharpness": 1}, "sharpness"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError, match=words):
        Submitting.from_dict(values)


def test_settings_come_of_a_table():
    found = Submitting.from_dict({"shifts": 2, "smoothing": [0.1, 0.8, 0.1], "file_power": 0, "blend": "ranks"})
    assert found == Submitting(shifts=2, smoothing=(0.1, 0.8, 0.1), file_power=0, blend="ranks")
    assert Submitting.from_dict({}) == Submitting()
