import numpy as np
import pytest

from birdclef_mind.dataset import picture_dataset, roll_frames, training_dataset


@pytest.fixture
def data(rng):
    return rng.integers(0, 256, (23, 4, 7), np.uint8), np.eye(23, dtype=np.float32)


def collected(dataset):
    batches = list(dataset.as_numpy_iterator())
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def test_pictures_come_in_order_as_floats(data):
    pixels, targets = data
    pictures, wanted = collected(picture_dataset(pixels, targets, 5))
    assert pictures.dtype == np.float32
    np.testing.assert_array_equal(pictures[..., 0], pixels)
    np.testing.assert_array_equal(wanted, targets)


def test_training_shuffles_anew_each_epoch_and_alike_for_a_seed(data):
    pixels, targets = data
    dataset, same = (training_dataset(pixels, targets, 5, seed=3) for _ in range(2))
    orders = [collected(each)[1].argmax(axis=1).tolist() for each in (dataset, dataset, same, same)]
    assert sorted(orders[0]) == list(range(23))
    assert orders[0] != orders[1]
    assert orders[:2] == orders[2:]


def test_rolling_turns_each_picture_by_its_own_amount(data):
    pixels, _ = data
    turns = np.arange(23)
    for picture, rolled, turn in zip(pixels, roll_frames(pixels, turns), turns, strict=True):
        np.testing.assert_array_equal(rolled, np.roll(picture, turn, axis=1))


def test_training_rolls_when_asked(data):
    pixels, targets = data
    dataset = training_dataset(pixels, targets, 5, seed=3, roll=True)
    pictures, wanted = collected(dataset)
    turns = []
    for picture, place in zip(pictures[..., 0], wanted.argmax(axis=1), strict=True):
        fits = [turn for turn in range(7) if (np.roll(pixels[place], turn, axis=1) == picture).all()]
        assert len(fits) == 1
        turns += fits
    assert len(set(turns)) > 3
    again = collected(training_dataset(pixels, targets, 5, seed=3, roll=True))
    np.testing.assert_array_equal(again[0], pictures)
