from dataclasses import replace

import numpy as np
import pytest

from birdclef_mind.data.cache import IndexRow
from birdclef_mind.data.strips import Source
from birdclef_mind.data.write_cache import make_strip
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import Pictures, PixelScale, samples_to_pictures
from birdclef_mind.sound.recordings import picture_windows
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.training.draws import gather_material, moved_windows, moving_sound, plan_epoch, step_frames
from birdclef_mind.training.recipe import Augmentation, Training

FEATURES = PRESETS["logmel128"]
OVERLAPPING = replace(FEATURES, windowing=replace(FEATURES.windowing, step_s=2.5))
SHIFT = Augmentation(roll=False, shift=True)


def row(recording, segment, label="a", features=FEATURES):
    return IndexRow(label, label, (), recording, "", segment, features.windowing.start_s(segment), -30.0, 0.0, False)


def song(length_s, rng, level=0.3):
    """A few chirps over noise."""
    time_s = np.arange(int(length_s * FEATURES.sample_rate_hz)) / FEATURES.sample_rate_hz
    sound = rng.normal(0, 0.01, time_s.size)
    for start_s in np.arange(0.7, length_s - 0.5, 1.9):
        inside = (time_s >= start_s) & (time_s < start_s + 0.4)
        sound[inside] += level * np.sin(2 * np.pi * (3000 + 2000 * (time_s[inside] - start_s)) * time_s[inside])
    return sound.astype(np.float32)


def material_of(sound, features, training, label="a"):
    strip = make_strip(picture_windows(audio.windows([sound], features), features), features, Source("x", 0, ""))
    rows = [row("x", segment, label, features) for segment in range(len(strip.pixels))]
    return gather_material(
        rows, strip.pictures, np.arange(len(rows)), np.ones((len(rows), 1), np.float32),
        features=features, training=training,
    )  # fmt: skip


def counted_rows(rows, training, targets=None, sound=None):
    """Odds of rows whose pictures all move alike, or as `sound` says."""
    pixels = np.ones((len(rows), 8, 40), np.uint8)
    pixels[:, :, ::8] = np.full(len(rows), 100)[:, None, None] if sound is None else np.array(sound)[:, None, None]
    pictures = Pictures(pixels, PixelScale(np.zeros(len(rows), np.float32), np.full(len(rows), 80, np.float32)))
    targets = np.ones((len(rows), 2), np.float32) if targets is None else targets
    return gather_material(rows, pictures, np.arange(len(rows)), targets, features=FEATURES, training=training)


def test_recordings_are_drawn_by_the_inverse_root_of_their_birds_count():
    rows = [row(f"common{number}", 0, "common") for number in range(16)] + [row("rare", 0, "rare")]
    training = Training(balance=0.5, augmentation=Augmentation(roll=False))
    material = counted_rows(rows, training)
    drawn = np.bincount(
        np.concatenate([plan_epoch(material, training, epoch).places for epoch in range(400)]), minlength=17
    )
    # The definition: a weight of count ** -0.5 a recording, so 16 recordings share 16 · 1/4 = 4 parts and one has 1.
    expected = np.array([1 / 4] * 16 + [1.0])
    np.testing.assert_allclose(drawn / drawn.sum(), expected / expected.sum(), rtol=0.1)


def test_each_epoch_keeps_to_the_odds():
    rows = [row(f"common{number}", 0, "common") for number in range(16)] + [row("rare", 0, "rare")]
    training = Training(balance=0.5, augmentation=Augmentation(roll=False))
    material = counted_rows(rows, training)
    for epoch in range(20):
        drawn = np.bincount(plan_epoch(material, training, epoch).places, minlength=17)
        wanted = material.odds * material.draws
        assert ((drawn >= np.floor(wanted)) & (drawn <= np.ceil(wanted))).all()


def test_long_recordings_are_drawn_no_more_often_than_short_ones():
    rows = [*(row("long", segment) for segment in range(9)), row("short", 0)]
    material = counted_rows(rows, Training(balance=0.5, augmentation=Augmentation(roll=False)))
    np.testing.assert_allclose(material.odds[:9].sum(), material.odds[9])


def test_without_balance_all_segments_are_alike():
    rows = [*(row("long", segment) for segment in range(9)), row("short", 0)]
    np.testing.assert_allclose(counted_rows(rows, Training()).odds, 0.1)


def test_windows_with_sound_are_preferred_inside_their_recording():
    rows = [row("one", segment) for segment in range(3)] + [row("other", segment) for segment in range(3)]
    preferring = Training(augmentation=Augmentation(roll=False, prefer_sound=1.0))
    odds = counted_rows(rows, preferring, sound=[10, 100, 200, 5, 5, 5]).odds
    assert odds[0] < odds[1] < odds[2]
    np.testing.assert_allclose(odds[3:], odds[3])
    np.testing.assert_allclose(odds[:3].sum(), odds[3:].sum())


def test_singing_moves_more_than_noise(rng):
    noise = rng.normal(0, 0.05, FEATURES.segment_samples).astype(np.float32)
    with_song = noise + song(5, rng)
    pixels = samples_to_pictures(np.stack([noise, with_song]), FEATURES).pixels
    quiet, loud = moving_sound(pixels, np.arange(2))
    assert loud > 1.2 * quiet


def test_a_tail_of_silence_is_no_sound(rng):
    """A window beyond whose first second the recording has ended is no better than a whole one of the same noise."""
    noise = rng.normal(0, 0.05, FEATURES.segment_samples).astype(np.float32)
    short = np.where(np.arange(noise.size) < 32_000, noise, 0).astype(np.float32)
    whole, tail = moving_sound(samples_to_pictures(np.stack([noise, short]), FEATURES).pixels, np.arange(2))
    assert tail < 0.8 * whole


def test_quiet_windows_of_long_recordings_and_marked_ones_hold_no_bird():
    rows = [row("x", segment) for segment in range(5)] + [row("y", segment) for segment in range(2)]
    targets = np.ones((7, 2), np.float32)
    targets[6] = 0
    found = counted_rows(rows, Training(), targets, sound=[200, 180, 20, 190, 210, 20, 200]).birdless
    assert found.tolist() == [2, 6]


def test_a_softmax_is_never_shown_a_segment_without_a_bird():
    targets = np.ones((4, 2), np.float32)
    targets[1] = 0
    rows = [row(str(place), 0) for place in range(4)]
    assert counted_rows(rows, Training(), targets).odds[1] == 0
    assert counted_rows(rows, Training(loss="binary"), targets).odds[1] > 0


def test_a_moved_window_shows_what_a_window_cut_there_shows(rng):
    sound, training = song(15, rng), Training(augmentation=SHIFT)
    material = material_of(sound, OVERLAPPING, training)
    hop_s = FEATURES.hop_samples / FEATURES.sample_rate_hz
    shifts = np.array([1, 40, 78, 120, 156])
    moved = moved_windows(material, np.ones(5, int), shifts)
    starts_s = 2.5 + shifts * hop_s
    true = picture_windows(audio.windows([sound], OVERLAPPING, dict(enumerate(starts_s))), OVERLAPPING).pictures.pixels
    # Frames of the following window lie up to half a hop off; the ends of a true window feel silence beyond them.
    inner = slice(3, -3)
    error = np.abs(moved.astype(float) - true)[:, :, inner]
    still = np.abs(material.pictures.pixels[1].astype(float) - true[-1])[:, inner]
    assert error[shifts < 78].mean() < 1.0
    assert error.mean() < 4
    assert still.mean() > 3 * error[-1].mean()


def test_a_window_that_is_not_moved_is_the_caches(rng):
    material = material_of(song(15, rng), OVERLAPPING, Training(augmentation=SHIFT))
    places = np.array([0, 2])
    np.testing.assert_array_equal(moved_windows(material, places, np.zeros(2, int)), material.pictures.pixels[places])


def test_windows_move_only_where_the_next_overlaps_and_has_the_same_birds(rng):
    training = Training(augmentation=SHIFT)
    overlapping = material_of(song(15, rng), OVERLAPPING, training)
    count = len(overlapping.following)
    assert overlapping.following.tolist() == [*range(1, count), -1]
    assert (material_of(song(15, rng), FEATURES, training).following == -1).all()
    plan = plan_epoch(overlapping, training, 0)
    assert (plan.shifts[overlapping.following[plan.places] == -1] == 0).all()
    assert plan.shifts.max() <= step_frames(OVERLAPPING)


def test_an_epoch_of_overlapping_windows_is_no_longer(rng):
    sound = song(30, rng)
    draws = [material_of(sound, features, Training(augmentation=SHIFT)).draws for features in (FEATURES, OVERLAPPING)]
    assert draws[0] == 6
    assert draws[1] == pytest.approx(6, abs=1)


def test_the_same_seed_and_epoch_give_the_same_plan(rng):
    training = Training(augmentation=Augmentation(shift=True, background=0.5))
    material = material_of(song(30, rng), OVERLAPPING, training)
    one, same, other = (plan_epoch(material, training, epoch) for epoch in (3, 3, 4))
    for name in ("places", "shifts", "turns", "under"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.shifts, other.shifts)
