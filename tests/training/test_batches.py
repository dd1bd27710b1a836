from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.sound.pictures import Pictures, PixelScale, roll_frames
from birdclef_mind.sound.settings import Features, Windowing
from birdclef_mind.training.batches import picture_dataset, take_draws, take_pictures, training_dataset
from birdclef_mind.training.draws import Beside, Material, plan_epoch
from birdclef_mind.training.recipe import Augmentation, Training

FEATURES = Features(
    kind="logmel", n_mels=4, power=2.0, windowing=Windowing(length_s=0.1, step_s=0.1, shortest_tail_s=0.05)
)
COUNT = 25


@pytest.fixture
def material(rng):
    pixels = rng.integers(0, 256, (COUNT, 4, FEATURES.frames), np.uint8)
    scale = PixelScale(np.zeros(COUNT, np.float32), np.full(COUNT, 80, np.float32))
    return Material(
        Pictures(pixels, scale), np.arange(COUNT), np.eye(COUNT, dtype=np.float32), np.full(COUNT, -1), np.full(COUNT, 1 / COUNT),
        np.arange(3), COUNT, FEATURES,
    )  # fmt: skip


def collected(dataset):
    """All batches of a dataset as one dict of arrays, its targets among them."""
    batches = [{**given, "targets": wanted} for given, wanted in dataset.as_numpy_iterator()]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def plain(**values):
    return Training(batch_size=5, augmentation=Augmentation(roll=False, **values))


def test_held_out_pictures_come_in_order_as_floats(material):
    pixels, targets = material.pictures.pixels, material.targets
    batches = list(picture_dataset(pixels, targets, 5).as_numpy_iterator())
    pictures, wanted = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert pictures.dtype == np.float32
    np.testing.assert_array_equal(pictures[..., 0], pixels)
    np.testing.assert_array_equal(wanted, targets)


def test_batches_are_what_their_draws_take(material):
    training = Training(batch_size=5, seed=3, augmentation=Augmentation(roll=True, background=0.5))
    whole = take_draws(material, plan_epoch(material, training, 2), 3 * 10_007 + 2, np.arange(COUNT))
    shown = collected(training_dataset(material, training, 2))
    for name, wanted in zip(("seed", "targets", "pixels", "under"), whole, strict=True):
        assert shown[name].dtype == wanted.dtype
        np.testing.assert_array_equal(shown[name], wanted)
    pixels, targets = material.pictures.pixels, material.targets
    pictures, wanted = take_pictures(pixels, targets, np.arange(5))
    first, first_wanted = next(picture_dataset(pixels, targets, 5).as_numpy_iterator())
    np.testing.assert_array_equal(first, pictures)
    np.testing.assert_array_equal(first_wanted, wanted)


def test_windows_of_soundscapes_come_beside_with_their_labels(material, rng):
    wanted = np.round(rng.random((6, COUNT)), 4).astype(np.float32)
    odds = np.array([0, 0.5, 0.1, 0.2, 0.2, 0])
    beside = Beside(Pictures(material.pictures.pixels[:6][::-1], material.pictures.scale[:6]), wanted, odds)
    both, training = replace(material, beside=beside), plain(soundscapes=0.6)
    plan = plan_epoch(both, training, 1)
    some = plan.beside >= 0
    assert 0.3 < some.mean() < 0.9 and not np.isin(plan.beside, [0, 5]).any()
    shown = collected(training_dataset(both, training, 1))
    np.testing.assert_array_equal(shown["beside"][some, ..., 0], beside.pictures.pixels[plan.beside[some]])
    assert not shown["beside"][~some].any()
    own = material.targets[plan.places]
    np.testing.assert_array_equal(shown["targets"][~some], own[~some])
    np.testing.assert_array_equal(shown["targets"][some], np.maximum(own[some], wanted[plan.beside[some]]))
    # What else an epoch shows is as without them.
    np.testing.assert_array_equal(plan.places, plan_epoch(material, training, 1).places)


def test_training_shows_each_segment_once_in_a_new_order_every_epoch(material):
    shown = [collected(training_dataset(material, plain(), epoch)) for epoch in (0, 1, 0)]
    orders = [batch["targets"].argmax(axis=1).tolist() for batch in shown]
    assert sorted(orders[0]) == list(range(COUNT))
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]


def test_what_would_not_fill_a_batch_waits_for_another_epoch(material):
    left_out = set()
    for epoch in range(8):
        batches = [
            wanted.numpy().argmax(axis=1) for _, wanted in training_dataset(material, Training(batch_size=7), epoch)
        ]
        assert [len(batch) for batch in batches] == [7, 7, 7]
        left_out |= set(range(COUNT)) - set(np.concatenate(batches).tolist())
    assert len(left_out) > 12
    (single,) = training_dataset(material, Training(batch_size=99), 0)
    assert len(single[1]) == COUNT


def test_without_augmentation_pictures_are_those_of_the_cache(material):
    shown = collected(training_dataset(material, plain(), 0))
    own = material.pictures.pixels[shown["targets"].argmax(axis=1)]
    np.testing.assert_array_equal(shown["pixels"][..., 0], own)
    assert not shown["under"].any()
    assert (shown["strength"] == 1).all()


def test_what_lies_under_has_no_bird(material):
    under = collected(training_dataset(material, plain(background=0.5), 0))["under"]
    some = under[..., 0][under.any(axis=(1, 2, 3))]
    assert 3 < len(some) < 20
    birdless = {picture.tobytes() for picture in material.pictures.pixels[:3]}
    assert {picture.tobytes() for picture in some} <= birdless


def test_changes_ease_in_over_the_first_epochs(material):
    training = replace(plain(background=1.0, ease_in=0.5), epochs=8)
    shown = [collected(training_dataset(material, training, epoch)) for epoch in (0, 2, 4, 7)]
    assert [batch["strength"][0] for batch in shown] == [0, 0.5, 1, 1]
    under = [batch["under"].any(axis=(1, 2, 3)).mean() for batch in shown]
    assert under[0] == 0
    assert 0.2 < under[1] < 0.8
    assert under[2:] == [1, 1]


def test_every_draw_has_a_seed_of_its_own(material):
    seeds = [collected(training_dataset(material, plain(), epoch))["seed"] for epoch in (0, 1)]
    assert len({tuple(seed) for seed in np.concatenate(seeds)}) == 2 * COUNT


def test_rolling_turns_each_picture_by_its_own_amount(material):
    pixels, turns = material.pictures.pixels, np.arange(COUNT)
    for picture, rolled, turn in zip(pixels, roll_frames(pixels, turns), turns, strict=True):
        np.testing.assert_array_equal(rolled, np.roll(picture, turn, axis=1))


def test_training_rolls_when_asked(material):
    shown = collected(training_dataset(material, Training(batch_size=5), 0))
    turns = []
    for picture, place in zip(shown["pixels"][..., 0], shown["targets"].argmax(axis=1), strict=True):
        own = material.pictures.pixels[place]
        fits = [turn for turn in range(own.shape[1]) if (np.roll(own, turn, axis=1) == picture).all()]
        assert len(fits) == 1
        turns += fits
    assert len(set(turns)) > 3
