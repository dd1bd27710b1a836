"""Foreign sounds with known times and frequencies."""

import numpy as np
import pytest

from birdclef_mind.sound.cues import CUES, make_cue

RATE_HZ = 32_000


def cue(kind, length=5 * RATE_HZ, seed=0, rate_hz=RATE_HZ):
    return make_cue(kind, length, rate_hz, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", CUES)
def test_it_sounds_only_in_its_spans(kind):
    found = cue(kind)
    inside = np.zeros(found.samples.size, bool)
    for onset_s, offset_s in found.spans_s:
        inside[round(onset_s * RATE_HZ) : round(offset_s * RATE_HZ)] = True
    assert not found.samples[~inside].any()
    assert found.samples[inside].any()


@pytest.mark.parametrize("kind", [kind for kind in CUES if kind != "click"])
def test_its_power_lies_in_its_band_and_is_one_while_it_sounds(kind):
    found = cue(kind)
    power = np.square(np.abs(np.fft.rfft(found.samples)))
    hz = np.fft.rfftfreq(found.samples.size, 1 / RATE_HZ)
    inside = (hz >= found.band_hz[0]) & (hz <= found.band_hz[1])
    assert power[inside].sum() > 0.97 * power.sum()
    sounding = sum(offset - onset for onset, offset in found.spans_s)
    assert np.square(found.samples).sum() / RATE_HZ / sounding == pytest.approx(1, abs=0.1)


def test_the_same_seed_gives_the_same_cue_and_another_another():
    np.testing.assert_array_equal(cue("voice").samples, cue("voice").samples)
    assert cue("beep").spans_s != cue("beep", seed=1).spans_s


@pytest.mark.parametrize("kind", CUES)
@pytest.mark.parametrize("length", [1, 100, 4000])
def test_sounds_of_any_length_get_one(kind, length):
    found = cue(kind, length)
    assert found.samples.shape == (length,)
    assert np.isfinite(found.samples).all()
    assert all(0 <= onset <= offset <= length / RATE_HZ for onset, offset in found.spans_s)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("kind", CUES)
def test_sounds_of_any_rate_get_one(kind, rate_hz):
    assert np.isfinite(cue(kind, 2 * rate_hz, rate_hz=rate_hz).samples).all()
