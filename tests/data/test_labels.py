import numpy as np
import pytest

from birdclef_mind.data.labels import Classes, choose_labels
from birdclef_mind.errors import ConfigError

IN_ORDER = ["b", "a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [("all", ("b", "a", "c")), ("2", ("b", "a")), ("c,b", ("c", "b")), (" a , c", ("a", "c"))],
)
def test_labels_are_chosen_by_order_number_or_name(wanted, names):
    assert choose_labels(IN_ORDER, wanted).names == names


@pytest.mark.parametrize("wanted", ["0", "4", "a,z", "", "a,a"])
def test_labels_that_cannot_be_are_refused(wanted):
    with pytest.raises(ConfigError, match=r"labels?|classes"):
        choose_labels(IN_ORDER, wanted)


def test_targets_hold_the_primary_label_and_weighted_others():
    classes = Classes(("a", "b", "c"))
    targets = classes.targets(["c", "a"], [["a", "unknown"], ["a"]], secondary_weight=0.5)
    np.testing.assert_array_equal(targets, [[0.5, 0, 1], [1, 0, 0]])


def test_an_unknown_primary_label_is_refused():
    with pytest.raises(ConfigError, match="expected one of the 1 classes, got 'b'"):
        Classes(("a",)).targets(["b"], [[]])
