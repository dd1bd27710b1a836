import numpy as np

from birdclef_mind.backwards.filters import contact_sheet, measure_filters


def test_repeats_and_dead_filters_are_found(rng):
    patches = rng.normal(size=(3, 3, 5))
    patches[..., 3] = 2 * patches[..., 1]
    activation = rng.uniform(0.1, 1, (4, 6, 7, 5))
    activation[..., 2] = 0
    facts = measure_filters(patches, activation, None)
    assert (facts.most_like[1], facts.most_like[3]) == (3, 1)
    np.testing.assert_allclose(facts.similarity[[1, 3]], 1)
    assert facts.similarity[[0, 2, 4]].max() < 0.95
    assert facts.dead.tolist() == [False, False, True, False, False]
    assert facts.adds is None


def test_a_single_filter_resembles_none(rng):
    facts = measure_filters(rng.normal(size=(3, 3, 1)), np.ones((1, 2, 2, 1)), None)
    assert (facts.most_like.tolist(), facts.similarity.tolist()) == ([-1], [0])


def test_what_a_layer_adds_is_what_the_one_before_cannot_give(rng):
    previous = rng.normal(size=(3, 3, 2))
    patches = np.zeros((5, 5, 3))
    patches[1:4, 1:4, 0] = previous[..., 0] - 2 * previous[..., 1]
    patches[0, 0, 1] = 1
    facts = measure_filters(patches, np.ones((1, 2, 2, 3)), previous)
    np.testing.assert_allclose(facts.adds, [0, 1, 0], atol=1e-12)


def test_a_layer_beside_a_larger_one_is_compared_as_well(rng):
    previous, patches = np.zeros((5, 7, 2)), rng.normal(size=(3, 3, 2))
    previous[1:4, 2:5, 0] = 3 * patches[..., 1]
    previous[0, 0, 1] = 1
    facts = measure_filters(patches, np.ones((1, 2, 2, 2)), previous)
    one, other = patches[..., 0].ravel(), patches[..., 1].ravel()
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    np.testing.assert_allclose(facts.adds, [1 - cosine**2, 0], atol=1e-12)


def test_contact_sheets_read_from_the_top_left_and_low_is_at_the_bottom():
    patches = np.zeros((2, 3, 9))
    patches[0, 0, 0] = 1
    patches[1, 2, 8] = 1
    image = contact_sheet(patches, zoom=1)[::-1]
    assert image.shape == (2 * 3 + 1, 8 * 4 + 1)
    assert image[2, 1] == 255
    assert image[4, 3] == 255
    assert (image == 255).sum() == 2
