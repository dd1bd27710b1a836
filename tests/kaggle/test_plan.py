"""How thoroughly soundscapes are heard: as much as fits, corrected as the run goes on."""

from itertools import pairwise

import numpy as np
import pytest

from birdclef_mind.kaggle.blending import mean_ranks
from birdclef_mind.kaggle.clock import Clock
from birdclef_mind.kaggle.plan import Plan, Way

WAYS = tuple(Way(*way) for way in ((4, 2), (3, 2), (2, 2), (1, 2), (1, 1)))


class Planned:
    ways = WAYS

    def __init__(self):
        self.way = WAYS[0]

    def take(self, way):
        self.way = way

    def cost(self, way):
        return float(way.members * way.shifts)


def run(count, minutes, a_unit_s, *, ending_s=5.0):
    """Ways taken of a run whose soundscapes take `a_unit_s(number)` times their cost; the time at its end; lines."""
    now, planned, said = [0.0], Planned(), []
    clock = Clock(lambda: now[0], 0.0, minutes)
    plan = Plan(planned, clock, count, ending_s, said.append)
    taken = []
    for number in range(count):
        taken.append(planned.way)
        took_s = a_unit_s(number) * planned.cost(planned.way)
        now[0] += took_s
        plan.measured(took_s)
    assert said == plan.lines
    return taken, now[0], plan.lines


def test_with_time_enough_all_is_heard_most_thoroughly():
    taken, spent_s, lines = run(100, 100.0, lambda number: 1.0)
    assert set(taken) == {WAYS[0]} and spent_s == 800
    assert lines == [
        "plan after 1 of 100 soundscapes: 4 networks, each row covered 2 times; 13.2 of the 99.8 minutes that are left"
    ]


@pytest.mark.parametrize("minutes", [2.5, 4.0, 7.0, 9.0, 12.0])
def test_a_short_time_is_used_and_kept(minutes):
    taken, spent_s, lines = run(100, minutes, lambda number: 1.0)
    assert spent_s <= 60 * minutes - 5
    assert spent_s >= 0.65 * 60 * minutes, "what there is is used"
    assert taken[0] == WAYS[0] and taken[1] != WAYS[0]
    assert len(lines) < 12


def test_it_is_corrected_when_a_machine_gets_slower_or_quicker():
    slower, spent_s, _ = run(100, 18.0, lambda number: 1.0 if number < 20 else 2.0)
    assert slower[19] == WAYS[0] and slower[30] != WAYS[0] and spent_s <= 1080
    quicker, _, _ = run(100, 15.0, lambda number: 4.0 if number < 3 else 0.5)
    assert quicker[1] != WAYS[0] and quicker[-1] == WAYS[0]
    changes = sum(one != other for one, other in pairwise(quicker))
    assert changes < 10


def test_with_no_deadline_nothing_is_planned_and_with_none_left_the_quickest_is_taken():
    taken, _, lines = run(5, None, lambda number: 1e6)
    assert set(taken) == {WAYS[0]} and lines == []
    taken, _, _ = run(5, 0.01, lambda number: 1.0)
    assert taken[1:] == [WAYS[-1]] * 4


def test_the_slowest_counts_as_it_would_be_now():
    planned = Planned()
    plan = Plan(planned, Clock(lambda: 0.0, 0.0, None), 3, 0.0, lambda line: None)
    plan.measured(80.0)
    assert plan.slowest_s == 80
    planned.take(WAYS[-1])
    assert plan.slowest_s == 10


def test_a_network_that_did_not_hear_a_row_has_no_say_in_it(rng):
    members = rng.random((2, 6, 3))
    members[1, 4:] = np.nan
    found = mean_ranks(members)
    first = members[0].argsort(axis=0).argsort(axis=0) / 5
    second = members[1, :4].argsort(axis=0).argsort(axis=0) / 3
    np.testing.assert_allclose(found[:4], (first[:4] + second) / 2)
    np.testing.assert_allclose(found[4:], first[4:])
