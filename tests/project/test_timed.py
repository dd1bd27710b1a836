"""`scripts/timed.py`: in which half of a window what speaks for a bird lies, where the truth knows in which it sings."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from some_ears import FEATURES

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.data.scoring import Scores

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def timed(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import timed

    return timed


def test_a_window_across_two_rows_tells_the_half_of_a_bird_that_sings_in_one(timed):
    values = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 0]])
    truth = Scores(("a_5", "a_10", "a_15"), ("x", "y", "z"), values)
    found = timed.halves(truth, "a", [2.5, 7.5, 12.5], 5.0)
    np.testing.assert_array_equal(found, [[0, -1, np.nan], [1, -1, 0], [np.nan] * 3])


def loud_is_heard(sign):
    """A network whose second class hears how bright each moment is, the first nothing."""
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1))
    moments = keras.layers.Conv2D(1, (FEATURES.rows, 1), use_bias=False)
    whole = keras.layers.GlobalAveragePooling2D()(moments(picture))
    classes = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(picture, classes(whole))
    moments.kernel.assign(np.full(moments.kernel.shape, 0.01, np.float32))
    classes.kernel.assign(np.array([[0.0, sign]], np.float32))
    return read_anatomy(model)


def test_what_speaks_for_a_bird_lies_where_it_is_heard(timed):
    pictures = np.zeros((4, FEATURES.rows, FEATURES.frames), np.uint8)
    middle = FEATURES.frames // 2
    pictures[:2, :, :middle] = pictures[2:, :, middle:] = 200
    # The second bird sings in the half that is loud, but for the last window, and the first one nowhere.
    sings = np.array([[-1, 0], [-1, 0], [-1, 1], [-1, 0]], float)
    (inside, windows), (elsewhere, _) = timed.ratios(loud_is_heard(1.0), pictures, sings)
    assert windows.tolist() == [0, 1, 2, 3]
    first, second = FEATURES.frames / middle, FEATURES.frames / (FEATURES.frames - middle)
    np.testing.assert_allclose(inside, [first, first, second, 0], rtol=1e-5)
    assert np.isnan(elsewhere).all(), "nothing speaks for a bird that no moment is heard as"
    words = timed.told(inside, windows, np.array(["a", "a", "b", "b"]))
    assert words.endswith("above 1 in 0.75 of 4")
    (against, _), _ = timed.ratios(loud_is_heard(-1.0), pictures, sings)
    assert np.isnan(against).all()


@pytest.mark.slow
def test_a_network_whose_answer_is_no_sum_over_moments_is_refused(timed, trained, sample_folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["timed.py", str(trained[0]), str(sample_folder)])
    with pytest.raises(SystemExit, match="its answer is no sum over moments"):
        timed.main()
