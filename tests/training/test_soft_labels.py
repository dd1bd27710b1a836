"""Two opinions of the same sounds become one."""

import numpy as np
from scipy.stats import norm

from birdclef_mind.training.soft_labels import pooled


def test_what_two_say_becomes_what_somebody_knows_who_heard_both(rng):
    """By Bayes' rule, of two who each hear a sign of the bird with an error of its own."""
    share, count = np.array([0.05, 0.3]), 20_000
    there = rng.random((count, 2)) < share
    signs = [there + rng.normal(0, error, (count, 2)) for error in (0.6, 1.0)]
    odds = [norm.pdf(sign, 1, error) / norm.pdf(sign, 0, error) for sign, error in zip(signs, (0.6, 1.0), strict=True)]
    one, other, both = (share * own / (share * own + 1 - share) for own in (*odds, odds[0] * odds[1]))
    found = pooled(one, other)
    assert np.abs(found - both).mean() < 0.005
    errors = [np.square(said - there).mean() for said in (found, (one + other) / 2, one, other)]
    assert np.argmin(errors) == 0


def test_who_is_sure_is_believed_and_nobody_is_surer_than_the_numbers_allow():
    one, other = np.array([[0.0, 1.0], [0.1, 0.1], [1.0, 0.5]]), np.array([[1e-9, 1.0], [0.1, 0.1], [0.0, 0.9]])
    found = pooled(one, other)
    assert np.isfinite(found).all() and (found >= 0).all() and (found <= 1).all()
    assert found[0, 0] < 1e-6 and found[0, 1] > 1 - 1e-6
