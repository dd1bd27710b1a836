"""Hum and voice, heard in sound that holds them and sound that does not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from birdclef_mind.audit.foreign import hum_db, voiced_share
from birdclef_mind.sound.cues import make_cue

RATE_HZ, SECONDS = 16_000, 5
TIME_S = np.arange(SECONDS * RATE_HZ) / RATE_HZ


def wind(rng):
    return np.cumsum(rng.normal(size=TIME_S.size)) * 1e-3


def song():
    """Syllables that sweep from 3 to 5 kHz, three a second."""
    phase = TIME_S * 3 % 1
    return 0.3 * np.sin(2 * np.pi * np.cumsum(3000 + 2000 * phase) / RATE_HZ) * np.sin(np.pi * phase) ** 2


@pytest.mark.parametrize("mains_hz", [50, 60, 100, 120])
def test_a_hum_stands_out(rng, mains_hz):
    hum = sum(np.sin(2 * np.pi * mains_hz * number * TIME_S + number) / number for number in range(1, 6))
    plain, hummed = hum_db(
        np.stack([wind(rng) * 0 + 0.01 * rng.normal(size=TIME_S.size)] * 2) + [[0], [1]] * hum, RATE_HZ
    )
    assert plain < 12
    assert hummed > 25


def test_what_comes_and_goes_or_stands_elsewhere_is_no_hum(rng):
    noise = 0.01 * rng.normal(size=TIME_S.size)
    passing = np.sin(2 * np.pi * 100 * TIME_S) * (TIME_S < 2)
    elsewhere = np.sin(2 * np.pi * 73 * TIME_S)
    assert (hum_db(np.stack([noise + passing, noise + elsewhere, noise + song()]), RATE_HZ) < 20).all()


def test_a_voice_is_heard_and_no_bird_engine_or_noise(rng):
    noise = 0.01 * rng.normal(size=TIME_S.size)
    voice = make_cue("voice", TIME_S.size, RATE_HZ, rng).samples
    engine = np.sign(np.sin(2 * np.pi * 110 * TIME_S))
    shares = voiced_share(np.stack([noise + 0.2 * voice, noise + song(), noise + 0.2 * engine, noise]), RATE_HZ)
    assert shares[0] > 0.15
    assert (shares[1:] < 0.05).all()


@pytest.mark.parametrize("measure", [hum_db, voiced_share])
def test_how_loud_it_is_and_what_stands_beside_it_change_nothing(rng, measure):
    sounds = np.stack([make_cue(kind, TIME_S.size, RATE_HZ, rng).samples for kind in ("hum", "voice")])
    sounds += 0.05 * rng.normal(size=sounds.shape)
    whole = measure(sounds, RATE_HZ)
    assert_allclose(measure(sounds[::-1], RATE_HZ)[::-1], whole, rtol=1e-4, atol=1e-3)
    assert_allclose(measure(sounds[:1], RATE_HZ), whole[:1], rtol=1e-4, atol=1e-3)
    assert_allclose(measure(3 * sounds, RATE_HZ), whole, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("samples", [0, 10, 1500])
def test_what_is_too_short_or_silent_has_neither(samples):
    short = np.zeros((2, samples))
    assert hum_db(short, RATE_HZ).tolist() == [0, 0]
    assert voiced_share(short, RATE_HZ).tolist() == [0, 0]
    silent = np.zeros((1, TIME_S.size))
    assert hum_db(silent, RATE_HZ)[0] < 1
    assert voiced_share(silent, RATE_HZ)[0] == 0
