"""Several channels to one: what a person would hear, also where channels cancel for a while."""

import numpy as np
import pytest
import soundfile

from birdclef_mind.sound.audio import read_audio

RATE = 32_000


def song(seconds, hz=3000):
    time_s = np.arange(seconds * RATE) / RATE
    return 0.2 * np.sin(2 * np.pi * hz * time_s)


def heard(tmp_path, *channels):
    """A 16-bit recording of some channels, as it is read."""
    soundfile.write(tmp_path / "a.wav", np.stack(channels, axis=1), RATE)
    return read_audio(tmp_path / "a.wav", RATE)


def power(samples):
    return float(np.mean(np.square(samples)))


@pytest.mark.parametrize("seconds", [3, 40])
def test_a_bird_in_seconds_that_cancel_is_heard(tmp_path, seconds):
    """Opposite polarity for a while, then the same: neither half is lost, short or longer than a block."""
    bird = song(seconds)
    found = heard(tmp_path, np.concatenate([bird, bird]), np.concatenate([-bird, bird]))
    for half in np.array_split(found, 2):
        assert power(half) == pytest.approx(power(bird), rel=1e-3)


def test_channels_that_do_not_cancel_are_their_mean(tmp_path):
    rng = np.random.default_rng(3)
    left, right = rng.normal(0, 0.1, (2, 5 * RATE + 77))
    np.testing.assert_allclose(heard(tmp_path, left, right), (left + right) / 2, atol=1e-4)
    np.testing.assert_allclose(heard(tmp_path, left, 0 * left), left / 2, atol=1e-4)


def test_a_recording_that_cancels_throughout_is_its_loudest_channel(tmp_path):
    bird = song(4) + 0.001
    np.testing.assert_allclose(heard(tmp_path, bird, -bird, 0 * bird), bird, atol=1e-4)


def test_silence_in_all_channels_stays_silence(tmp_path):
    assert not heard(tmp_path, np.zeros(RATE), np.zeros(RATE)).any()
