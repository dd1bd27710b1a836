"""Species that share one decision."""

import numpy as np
from numpy.testing import assert_allclose

from birdclef_mind.audit.confused import confusion, shared


def test_confusion_is_a_mean_a_label(rng):
    chances = rng.dirichlet(np.ones(4), size=20)
    labels = rng.integers(0, 3, 20)
    found = confusion(np.log(chances), labels)
    for label in range(4):
        own = [chances[place] for place in range(20) if labels[place] == label]
        assert_allclose(found[label], np.mean(own, axis=0) if own else 0)


def test_two_that_get_one_answer_are_told_and_others_not():
    told = np.array([[0.45, 0.45, 0.1], [0.5, 0.4, 0.1], [0.05, 0.05, 0.9]])
    ((one, other, share),) = shared(told)
    assert (one, other) == (0, 1)
    assert share == 1.0
    assert shared(np.eye(3)) == []
    assert shared(np.zeros((2, 2))) == []
