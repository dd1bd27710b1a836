"""Measures of masks against their definitions, written slowly."""

import numpy as np
import pytest

from birdclef_mind.evidence import measures


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def softmax(values):
    parts = np.exp(values - values.max(axis=1, keepdims=True))
    return parts / parts.sum(axis=1, keepdims=True)


def test_faithfulness_follows_its_definitions(rng):
    p, q, r = (softmax(rng.normal(0, 2, (9, 4))) for _ in range(3))
    called = p.argmax(axis=1)
    found = measures.faithfulness(p, q, r, called)
    for one, c in enumerate(called):
        assert found["increase"][one] == (q[one, c] > p[one, c])
        assert found["drop"][one] == pytest.approx(max(0, p[one, c] - q[one, c]) / p[one, c])
        assert found["gain"][one] == pytest.approx(max(0, q[one, c] - p[one, c]) / (1 - p[one, c]))
        assert found["removed"][one] == pytest.approx(p[one, c] - r[one, c])
        assert found["same"][one] == (q[one].argmax() == c)


def test_a_sure_answer_has_nothing_to_gain():
    sure = np.array([[1.0, 0.0]])
    found = measures.faithfulness(sure, sure, np.array([[0.0, 1.0]]), np.array([0]))
    assert {name: float(value[0]) for name, value in found.items()} == {
        "increase": 0, "drop": 0, "gain": 0, "removed": 1, "same": 1,
    }  # fmt: skip


def test_gini_follows_its_definition(rng):
    maps = rng.normal(size=(4, 3, 5))
    for one, found in zip(maps, measures.gini(maps), strict=True):
        sizes = np.maximum(one.ravel(), 0)
        apart = sum(abs(a - b) for a in sizes for b in sizes)
        assert found == pytest.approx(apart / (2 * sizes.size**2 * sizes.mean()))


def test_gini_and_entropy_of_one_place_and_of_all():
    one, every = np.zeros((1, 4, 5)), np.ones((1, 4, 5))
    one[0, 2, 3] = 7
    assert measures.gini(one)[0] == pytest.approx(1 - 1 / 20)
    assert measures.gini(every)[0] == pytest.approx(0)
    assert measures.gini(0 * every)[0] == pytest.approx(0)
    assert measures.entropy(one)[0] == pytest.approx(0)
    assert measures.entropy(every)[0] == pytest.approx(1)
    assert measures.entropy(0 * every)[0] == pytest.approx(1)


def test_entropy_follows_its_definition(rng):
    maps = rng.random((3, 2, 6))
    parts = maps.reshape(3, -1) / maps.sum(axis=(1, 2))[:, None]
    expected = [-sum(part * np.log(part) for part in own) / np.log(12) for own in parts]
    np.testing.assert_allclose(measures.entropy(maps), expected)


def test_the_strongest_are_as_many_as_asked_and_the_highest(rng):
    maps = rng.normal(size=(3, 7, 9))
    masks = measures.strongest(maps, 0.25)
    assert (masks.sum(axis=(1, 2)) == round(0.25 * 63)).all()
    for one, mask in zip(maps, masks, strict=True):
        assert one[mask == 1].min() >= one[mask == 0].max()
    np.testing.assert_array_equal(measures.strongest(np.zeros((1, 2, 2)), 0.5), [[[1, 1], [0, 0]]])


def test_curves_take_the_highest_first(rng):
    maps = rng.random((2, 4, 5))
    value = rng.random((2, 4, 5))

    def score(masks):
        return (masks * value).sum(axis=(1, 2))

    deleted, inserted = measures.curves(maps, score, points=6)
    for one in range(2):
        order = np.argsort(-maps[one].ravel(), kind="stable")
        for step in range(6):
            first = order[: round(step / 5 * 20)]
            assert inserted[one, step] == pytest.approx(value[one].ravel()[first].sum())
            assert deleted[one, step] == pytest.approx(np.delete(value[one].ravel(), first).sum())


def test_the_area_is_that_of_trapezia():
    np.testing.assert_allclose(measures.area_under(np.array([[0, 1.0], [1, 1], [0, 0]])), [0.5, 1, 0])
    curve = np.random.default_rng(0).random((1, 11))
    slowly = sum(0.1 * (curve[0, place] + curve[0, place + 1]) / 2 for place in range(10))
    assert measures.area_under(curve)[0] == pytest.approx(slowly)


def test_pointing_follows_its_definitions(rng):
    maps, boxes = rng.normal(size=(5, 6, 7)), rng.random((5, 6, 7)) < 0.2
    boxes[4] = False
    energy, pointed = measures.energy_inside(maps, boxes), measures.points_inside(maps, boxes)
    for one in range(4):
        positive = np.maximum(maps[one], 0)
        assert energy[one] == pytest.approx(positive[boxes[one]].sum() / positive.sum() / boxes[one].mean())
        row, frame = np.unravel_index(maps[one].argmax(), maps[one].shape)
        assert pointed[one] == boxes[one, row, frame]
    assert np.isnan(energy[4])
    assert np.isnan(pointed[4])


def test_a_map_that_knows_nothing_has_the_energy_of_its_area():
    boxes = np.zeros((2, 4, 4), bool)
    boxes[:, 0] = True
    np.testing.assert_allclose(measures.points_inside(np.ones((2, 4, 4)), boxes), 0.25)
    np.testing.assert_allclose(measures.energy_inside(np.stack([np.ones((4, 4)), np.zeros((4, 4))]), boxes), 1)


def test_alike_is_the_correlation(rng):
    one, other = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 4, 5))
    expected = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(measures.alike(one, other), expected)
    assert measures.alike(np.zeros((1, 2, 2)), np.ones((1, 2, 2)))[0] == 0
