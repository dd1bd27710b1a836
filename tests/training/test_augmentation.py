import numpy as np
import pytest
import tensorflow as tf

from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.training.augmentation import Draws, add_noise, augment, lay_over, mask, mix_up, sum_of_powers
from birdclef_mind.training.recipe import Augmentation

FEATURES = PRESETS["logmel128"]
STEPS = 255 / FEATURES.range_db
PLAIN = Augmentation(roll=False)


def draws(count, seed=1):
    return Draws(tf.constant([5, seed]), count)


def picture_of(samples):
    return samples_to_pictures(samples[None].astype(np.float32), FEATURES).pixels.astype(np.float32)


@pytest.fixture
def pictures(rng):
    return tf.constant(rng.uniform(1, 255, (40, 12, 30)), tf.float32)


@pytest.fixture
def targets():
    return tf.one_hot(tf.range(40) % 6, 6)


def test_a_sum_of_powers_is_the_picture_of_the_sum():
    time_s = np.arange(FEATURES.segment_samples) / FEATURES.sample_rate_hz
    low = 0.2 * np.sin(2 * np.pi * 1000 * time_s) * (time_s < 3)
    high = 0.2 * np.sin(2 * np.pi * 5000 * time_s) * (time_s > 2)
    made = samples_to_pictures(np.stack([low, high]).astype(np.float32), FEATURES)
    # Every picture's peak is 255; how far one peak stands below the other is its scale's.
    quieter = (made.scale.low[0] - made.scale.low[1]) * STEPS
    first, second = made.pixels[:1].astype(np.float32), made.pixels[1:] - np.float32(quieter)
    both = sum_of_powers(first, second, STEPS).numpy()
    error = np.abs(both - picture_of(low + high))
    assert error.mean() < 4
    songs = picture_of(low + high) > 150
    assert error[songs].mean() < 2


def test_a_sum_of_powers_follows_its_definition():
    one, other = np.float32(200), np.float32(190)
    pair = tf.constant([[[255.0, one]]]), tf.constant([[[0.0, other]]])
    decibels = 10 * np.log10(10 ** (one / STEPS / 10) + 10 ** (other / STEPS / 10))
    np.testing.assert_allclose(sum_of_powers(*pair, STEPS).numpy()[0, 0, 1], decibels * STEPS, rtol=1e-4)


def test_mixing_joins_targets_by_their_maximum(pictures, targets):
    seed = draws(40)
    partner, chosen = draws(40).others().numpy(), None
    mixed, wanted = mix_up(pictures, targets, seed, 0.5, STEPS)
    chosen = (mixed.numpy() != pictures.numpy()).any(axis=(1, 2))
    assert 10 < chosen.sum() < 30
    expected = np.where(chosen[:, None], np.maximum(targets.numpy(), targets.numpy()[partner]), targets)
    np.testing.assert_array_equal(wanted, expected)
    assert (wanted.numpy().sum(axis=1) == 2).any()


def test_weaker_targets_stay_weak_when_mixed(pictures):
    weak = tf.constant(np.tile([0.3, 0.0], (40, 1)), tf.float32)
    _, wanted = mix_up(pictures, weak, draws(40), 1.0, STEPS)
    assert np.unique(wanted.numpy()).tolist() == pytest.approx([0.0, 0.3])


def test_what_lies_under_is_heard_and_changes_no_target(pictures, targets, rng):
    under = rng.uniform(200, 255, pictures.shape).astype(np.float32)
    under[:20] = 0
    mixed = lay_over(pictures, tf.constant(under), draws(40), STEPS).numpy()
    np.testing.assert_array_equal(mixed[:20], pictures[:20])
    assert (mixed[20:] != pictures.numpy()[20:]).any(axis=(1, 2)).all()
    _, wanted = augment(
        pictures, targets, [1, 2], Augmentation(roll=False, background=1.0), 80.0, laid={"under": tf.constant(under)}
    )
    np.testing.assert_array_equal(wanted, targets)


def test_windows_of_soundscapes_are_laid_over_whatever_else_is_wanted(pictures, targets, rng):
    beside = rng.uniform(200, 255, pictures.shape).astype(np.float32)
    beside[:20] = 0
    plain = Augmentation(roll=False)
    laid, wanted = augment(pictures, targets, [1, 2], plain, 80.0, laid={"beside": tf.constant(beside)})
    np.testing.assert_array_equal(laid[:20], pictures[:20])
    np.testing.assert_array_equal(wanted, targets)
    # Both are loudest at 255, and neither is more than 6 dB louder than the other.
    changed = np.abs(laid.numpy() - pictures.numpy())[20:]
    assert changed.any(axis=(1, 2)).all()
    assert laid.numpy().max() == 255


def test_noise_fills_what_is_dark_and_leaves_what_is_loud():
    dark = np.zeros((60, 12, 200), np.float32)
    dark[:, 5, 100] = 255
    noisy = add_noise(tf.constant(dark), draws(60), 1.0, STEPS).numpy()
    assert (noisy.max(axis=(1, 2)) == 255).all()
    assert (noisy[:, 5, 100] > 240).all()
    filled = noisy.mean(axis=(1, 2))
    assert filled.std() > 10, "noise is of any loudness"
    assert (filled > 5).mean() > 0.5


def test_noise_comes_to_its_share(pictures):
    noisy = add_noise(pictures, draws(40), 0.25, STEPS).numpy()
    assert 3 <= (noisy != pictures.numpy()).any(axis=(1, 2)).sum() <= 18


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mask_blackens_whole_stripes_of_its_axis_and_nothing_else(pictures, axis):
    masked = mask(pictures, draws(40), 0.3, axis).numpy()
    gone = masked == 0
    np.testing.assert_array_equal(masked[~gone], pictures.numpy()[~gone])
    other = 3 - axis
    np.testing.assert_array_equal(gone.all(axis=other), gone.any(axis=other))
    lost = gone.all(axis=other).mean(axis=1)
    assert lost.max() <= 0.6 + 2 / pictures.shape[axis]
    assert 0.15 < lost.mean() < 0.35, "two stripes of 15 % on average, which may overlap"
    assert len({line.tobytes() for line in gone}) > 30


def test_gain_moves_all_levels_of_a_picture_alike(pictures, targets):
    middle = pictures / 4 + 90
    changed, _ = augment(middle, targets, [1, 2], Augmentation(roll=False, gain_db=6.0), 80.0)
    change = (changed - middle).numpy()
    np.testing.assert_allclose(change, np.broadcast_to(change[:, :1, :1], change.shape), atol=1e-3)
    assert 12 < np.abs(change[:, 0, 0]).max() <= 6 * STEPS
    assert (change[:, 0, 0] > 0).any()
    assert (change[:, 0, 0] < 0).any()


def test_a_recipe_without_parts_changes_nothing(pictures, targets):
    changed, wanted = augment(pictures, targets, [1, 2], PLAIN, 80.0)
    np.testing.assert_array_equal(changed, pictures)
    np.testing.assert_array_equal(wanted, targets)


def test_the_same_seed_gives_the_same_pictures(pictures, targets):
    everything = Augmentation(gain_db=6, noise=0.5, mixup=0.5, time_mask=0.2, frequency_mask=0.2)
    one, same, other = (augment(pictures, targets, [1, seed], everything, 80.0)[0].numpy() for seed in (2, 2, 3))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one.min() >= 0
    assert one.max() <= 255


def test_nothing_is_ever_flipped(pictures, targets):
    """A ramp stays a ramp: neither time nor pitch is turned around."""
    ramp = tf.constant(np.tile(np.arange(30, dtype=np.float32) * 5 + 50, (40, 12, 1)))
    changed, _ = augment(ramp, targets, [1, 2], Augmentation(roll=False, gain_db=3, time_mask=0.2), 80.0)
    for picture in changed.numpy():
        seen = picture[0][picture[0] > 0]
        assert (np.diff(seen) > 0).all()


def test_at_no_strength_nothing_changes_and_at_half_less_does(pictures, targets):
    everything = Augmentation(roll=False, gain_db=6, noise=0.8, mixup=0.8, time_mask=0.3, frequency_mask=0.3)
    off, half, full = (
        augment(pictures, targets, [1, 2], everything, 80.0, strength=tf.constant(strength))
        for strength in (0.0, 0.5, 1.0)
    )
    np.testing.assert_array_equal(off[0], pictures)
    np.testing.assert_array_equal(off[1], targets)
    joined = [np.sum(wanted, axis=1).tolist().count(2) for _, wanted in (half, full)]
    assert 0 < joined[0] < joined[1]
    black = [np.mean(np.asarray(changed) == 0) for changed, _ in (half, full)]
    assert 0.3 * black[1] < black[0] < 0.8 * black[1]


def test_strength_grows_with_the_epochs_that_ease_in():
    assert [Augmentation(ease_in=0.4).strength(epoch, 10) for epoch in (0, 1, 2, 4, 9)] == [0, 0.25, 0.5, 1, 1]
    assert Augmentation().strength(0, 10) == 1
