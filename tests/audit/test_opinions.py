"""What those say who did not learn from a segment."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from birdclef_mind.audit.opinions import held_out_groups, joined, normalised, out_of_fold


def heap(rng, classes=3, each=12, numbers=40):
    """Vectors in a heap a class, (n, numbers), their classes, and two of them in each group."""
    labels = np.repeat(np.arange(classes), each)
    vectors = rng.normal(size=(classes, numbers))[labels] * 3 + rng.normal(size=(len(labels), numbers))
    return vectors, labels, np.arange(len(labels)) // 2


def test_a_wrong_label_is_not_believed_by_those_who_did_not_learn_from_it(rng):
    vectors, labels, groups = heap(rng)
    told = labels.copy()
    told[:2] = 2
    logs = out_of_fold(vectors, told, groups, 3)
    assert logs.shape == (36, 3)
    assert (logs.argmax(axis=1) == labels).all()
    assert_allclose(np.exp(logs).sum(axis=1), 1, atol=1e-6)


def test_what_is_in_a_group_has_no_say_in_it(rng):
    vectors, labels, groups = heap(rng)
    before = out_of_fold(vectors, labels, groups, 3)
    spoiled = vectors.copy()
    spoiled[groups == 4] = 1000 * rng.normal(size=spoiled[groups == 4].shape)
    after = out_of_fold(spoiled, labels, groups, 3)
    # Only those who are checked by heads that learned from group 4 hear of it.
    same = np.isclose(before, after).all(axis=1)
    folds = [groups[same & (groups != 4)]]
    assert 0 < same.sum() < len(labels)
    assert set(folds[0]).isdisjoint({4})


def test_nobody_can_say_where_all_of_a_species_was_needed_to_know_it(rng):
    vectors, labels, groups = heap(rng)
    groups[labels == 1] = 99
    logs = out_of_fold(vectors, labels, groups, 4)
    assert np.isnan(logs[labels == 1, 1]).all()
    assert not np.isnan(logs[labels != 1][:, [0, 2]]).any()
    assert np.isnan(logs[:, 3]).all()


def test_what_could_not_be_heard_is_left_out(rng):
    vectors, labels, groups = heap(rng)
    vectors[5] = np.nan
    logs = out_of_fold(vectors, labels, groups, 3)
    assert np.isnan(logs[5]).all()
    assert not np.isnan(np.delete(logs, 5, axis=0)).any()
    assert np.isnan(out_of_fold(vectors, labels, np.zeros(len(labels), int), 3)).all()


def test_recordists_are_held_out_as_a_whole_where_a_species_has_enough_of_them():
    labels = np.array([0, 0, 0, 1, 1])
    recordists, recordings = np.array(["a", "b", "c", "a", "b"]), np.array(["1", "2", "3", "4", "5"])
    assert held_out_groups(labels, recordists, recordings).tolist() == ["by a", "by b", "by c", "of 4", "of 5"]


def test_opinions_are_joined_as_the_definition_says(rng):
    first, second = rng.normal(size=(2, 7, 3))
    first[2, 1] = second[2, 1] = first[5] = np.nan
    recordings = np.array([0, 0, 1, 1, 2, 2, 3])
    found = joined([first, second], recordings)
    for recording in range(4):
        means = []
        for label in range(3):
            each = [np.nanmean(one[recordings == recording, label]) for one in (first, second)
                    if not np.isnan(one[recordings == recording, label]).all()]  # fmt: skip
            means.append(np.mean(each) if each else np.nan)
        total = np.nansum(np.exp(means))
        assert_allclose(found[recording], np.array(means) - np.log(total))


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_chances_add_up_to_one_over_those_that_are_known(rng, scale):
    logs = rng.normal(size=(5, 4)) * scale
    logs[0, 2] = np.nan
    logs[1] = np.nan
    found = normalised(logs)
    assert_allclose(np.nansum(np.exp(found), axis=1), [1, 0, 1, 1, 1], atol=1e-9)
    assert np.isnan(found[0, 2])


def test_few_of_each_species_are_few_folds_and_one_alone_is_none(rng):
    vectors, labels, groups = heap(rng, each=2)
    assert out_of_fold(vectors, labels, np.arange(6), 3).shape == (6, 3)
    assert np.isnan(out_of_fold(vectors[::2], labels[::2], groups[::2], 3)).all()
    assert np.isnan(out_of_fold(vectors[:0], labels[:0], groups[:0], 3)).all()
