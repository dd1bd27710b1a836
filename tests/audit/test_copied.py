"""One sound under two labels."""

import numpy as np
import pytest

from birdclef_mind.audit.copied import across_labels

LABELS = {name: frozenset(own) for name, own in {"a": "x", "b": "y", "c": "yx", "d": "y"}.items()}


def test_only_copies_that_have_no_label_in_common_are_told():
    found = across_labels([("a", "b"), ("a", "c"), ("b", "d"), ("a", "gone")], LABELS, dict.fromkeys(LABELS, 0.5))
    assert [(one.wrong, one.other, one.told) for one in found] == [("a", "b", False)]
    assert found[0].chance == 0.9


@pytest.mark.parametrize(("chances", "wrong"), [((0.9, 0.1), "b"), ((0.1, 0.9), "a")])
def test_the_one_whose_label_is_less_believed_is_named_wrongly(chances, wrong):
    (found,) = across_labels([("a", "b")], LABELS, dict(zip("ab", chances, strict=True)))
    assert (found.wrong, found.told) == (wrong, True)
    assert found.chance == pytest.approx(0.98)


def test_nobody_tells_where_nobody_can_say():
    (found,) = across_labels([("a", "b")], LABELS, {"a": np.nan, "b": 0.9})
    assert not found.told
