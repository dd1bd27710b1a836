"""Evidence in groups, and what goes with them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from birdclef_mind.audit.strategies import groups_of, shares, strategies


def two_ways(rng, first=14, second=10, parts=16):
    """Evidence that lies in the lowest part for the first ones, and about the tenth for the others."""
    evidence = np.abs(rng.normal(size=(first + second, parts))) * 0.05
    evidence[:first, 0] += 1
    evidence[first:, 8:12] += 0.3
    return evidence


def test_shares_leave_out_what_speaks_against():
    assert_allclose(shares(np.array([[1.0, -5.0, 3.0], [0.0, -1.0, 0.0]])), [[0.25, 0, 0.75], [0, 0, 0]])


def test_two_ways_of_knowing_are_two_groups(rng):
    evidence = two_ways(rng)
    order = rng.permutation(len(evidence))
    groups = groups_of(shares(evidence)[order])
    truth = (np.arange(len(evidence)) < 14)[order]
    assert len({(group, own) for group, own in zip(groups, truth, strict=True)}) == len(set(groups))


def test_a_group_that_goes_with_a_trait_is_told_and_where_its_evidence_lies(rng):
    profiles = shares(two_ways(rng))
    hum = np.arange(24) < 13
    (found, *_) = strategies(profiles, {"hum": hum, "someone": np.arange(24) % 2 == 0})
    assert found.trait == "hum"
    assert found.places.tolist() == list(range(14))
    assert found.chance == pytest.approx(13 / 14)
    assert found.bands.argmax() == 0


def test_no_trait_no_group_and_too_few_segments_tell_nothing(rng):
    profiles = shares(two_ways(rng))
    assert strategies(profiles, {}) == []
    assert strategies(profiles[:8], {"hum": np.ones(8, bool)}) == []
    assert strategies(profiles, {"someone": np.arange(24) % 2 == 0}) == []
    everywhere = strategies(profiles, {"hum": np.ones(24, bool)})
    assert all(one.chance == 0 for one in everywhere)
