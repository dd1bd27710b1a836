"""Labels that others contradict, beside the definition."""

import numpy as np

from birdclef_mind.audit.contradicted import contradicted, usual_chances


def slowly(chances, labels, also):
    """The same, segment by segment, as the definition says."""
    usual = {}
    for label in set(labels.tolist()):
        own = [chances[place, label] for place in range(len(labels)) if labels[place] == label]
        own = [one for one in own if not np.isnan(one)]
        if own:
            usual[label] = sum(own) / len(own)
    found = []
    for place, label in enumerate(labels.tolist()):
        others = {
            other: chances[place, other]
            for other in range(chances.shape[1])
            if other != label and not also[place, other] and not np.isnan(chances[place, other])
        }
        if np.isnan(chances[place, label]) or not others:
            continue
        said = max(others, key=others.get)
        if others[said] > chances[place, label]:
            confident = said in usual and others[said] >= usual[said]
            found.append((place, said, 1 - chances[place, label], confident))
    return found


def test_it_is_as_the_definition_says(rng):
    chances = rng.dirichlet(np.ones(5), size=60)
    labels = rng.integers(0, 4, 60)
    chances[rng.random(chances.shape) < 0.1] = np.nan
    also = rng.random(chances.shape) < 0.1
    with np.errstate(divide="ignore"):
        found = contradicted(np.log(chances), labels, also)
    each = zip(found.places, found.said, found.chances.round(9), found.confident, strict=True)
    assert list(each) == [(*one[:2], round(one[2], 9), one[3]) for one in slowly(chances, labels, also)]
    assert 5 < len(found.places) < 55


def test_what_may_be_there_too_contradicts_nothing():
    logs = np.log([[0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    also = np.array([[False, True, False], [False, False, False]])
    found = contradicted(logs, np.array([0, 0]), also)
    assert found.places.tolist() == [1]
    assert found.said.tolist() == [1]


def test_no_class_is_said_with_confidence_that_is_nobodys_label():
    chances = np.array([[0.6, 0.4], [0.2, 0.8]])
    assert usual_chances(chances, np.array([0, 0])).tolist() == [0.4, np.inf]
    found = contradicted(np.log(chances), np.array([0, 0]), np.zeros((2, 2), bool))
    assert found.places.tolist() == [1]
    assert not found.confident.any()
