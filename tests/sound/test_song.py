"""Pitch, onsets and the like of sounds that were made for it, and how much of them is kept."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.sound.song import TERMS, TOLERANCE_S, kept, onset_f1, songs_in

FEATURES = PRESETS["logmel128"]
RATE = FEATURES.sample_rate_hz
LENGTH_S = 5.0


def sung(*syllables, noise=1e-4, seed=0):
    """Tones of (start, length, first pitch, last pitch, loudness) over noise, 5 s."""
    samples = np.random.default_rng(seed).normal(size=round(LENGTH_S * RATE)) * noise
    for start_s, length_s, first_hz, last_hz, gain in syllables:
        time = np.arange(round(length_s * RATE)) / RATE
        phase = 2 * np.pi * (first_hz * time + (last_hz - first_hz) * time**2 / (2 * length_s))
        fade = np.minimum(1, np.minimum(time, length_s - time) / 0.01)
        begin = round(start_s * RATE)
        samples[begin : begin + len(time)] += gain * fade * np.sin(phase)
    return samples.astype(np.float32)


def songs(*samples, features=FEATURES):
    return songs_in(samples_to_pictures(np.stack(samples), features), features)


STARTS = (0.5, 1.1, 1.7, 2.6, 3.0, 4.2)


@pytest.mark.parametrize("pitch_hz", [700, 1500, 3000, 6000, 9000])
def test_a_tone_has_its_pitch_and_its_length(pitch_hz):
    found = songs(sung((1, 2, pitch_hz, pitch_hz, 0.3)))
    heard = np.isfinite(found.pitch_hz[0])
    moments = np.arange(heard.size) * found.frame_s
    assert heard[(moments > 1.05) & (moments < 2.95)].all()
    assert not heard[(moments < 0.9) | (moments > 3.1)].any()
    np.testing.assert_allclose(12 * np.log2(found.pitch_hz[0, heard] / pitch_hz), 0, atol=1)
    assert found.duration_s[0] == pytest.approx(2, abs=0.1)
    assert found.onsets[0].sum() == 1


def test_onsets_are_where_syllables_begin():
    found = songs(sung(*((start, 0.2, 4000, 3000, 0.3) for start in STARTS)))
    moments = np.flatnonzero(found.onsets[0]) * found.frame_s
    assert moments == pytest.approx(STARTS, abs=TOLERANCE_S)
    assert found.rate_hz[0] == pytest.approx(len(STARTS) / LENGTH_S, rel=0.02)


def test_a_gliding_tone_is_one_syllable():
    assert songs(sung((1, 1.5, 2000, 6000, 0.3))).onsets[0].sum() == 1


def test_a_hum_and_hiss_are_no_song():
    found = songs(sung((0, 5, 3000, 3000, 0.3), noise=0.02))
    assert not np.isfinite(found.pitch_hz).any()
    assert found.duration_s[0] == found.rate_hz[0] == 0
    assert np.isnan(found.bandwidth_hz[0])
    assert np.isnan(found.level_db[0])


def test_width_and_level_follow_the_sound():
    narrow, quiet, wide = songs(
        sung((1, 1, 4000, 4000, 0.3)), sung((1, 1, 4000, 4000, 0.03)), sung((1, 1, 3000, 6000, 0.3))
    ).bandwidth_hz
    assert narrow < 500
    assert quiet == pytest.approx(narrow, rel=0.5)
    assert wide == pytest.approx(3000, rel=0.2)
    loud, soft = songs(sung((1, 1, 4000, 4000, 0.3)), sung((1, 1, 4000, 4000, 0.03))).level_db
    assert loud - soft == pytest.approx(20, abs=0.5)


def test_a_sound_keeps_all_of_itself():
    own = songs(sung(*((start, 0.2, 4000, 3000, 0.3) for start in STARTS)))
    found = kept(own, own)
    assert list(found) == list(TERMS)
    for value in found.values():
        assert value.tolist() == [1.0]


@pytest.mark.parametrize(
    ("changed", "term", "expected"),
    [
        ([(start, 0.2, 4500, 3400, 0.3) for start in STARTS], "pitch", 0.0),
        ([(start + 0.12, 0.2, 4000, 3000, 0.3) for start in STARTS], "onsets", 0.0),
        ([(start, 0.2, 4000, 3000, 0.3) for start in STARTS[:3]], "onsets", 2 / 3),
        ([(start, 0.2, 4000, 3000, 0.3) for start in STARTS[:3]], "rate", 0.5),
        ([(start, 0.1, 4000, 3500, 0.3) for start in STARTS], "duration", 0.55),
        ([(start, 0.2, 4000, 3000, 0.03) for start in STARTS], "level", 0.0),
        ([], "pitch", 0.0),
        ([], "onsets", 0.0),
        ([], "level", 0.0),
    ],
)
def test_what_is_changed_is_not_kept(changed, term, expected):
    own = songs(sung(*((start, 0.2, 4000, 3000, 0.3) for start in STARTS)))
    assert kept(songs(sung(*changed)), own)[term][0] == pytest.approx(expected, abs=0.08)


def test_of_silence_nothing_can_be_kept():
    silence = songs(np.zeros(round(LENGTH_S * RATE), np.float32))
    assert all(np.isnan(value).all() for value in kept(silence, silence).values())
    assert all(np.isnan(value).all() for value in kept(songs(sung((1, 1, 4000, 4000, 0.3))), silence).values())


@pytest.mark.parametrize("preset", ["mel16", "mel32", "mfcc16"])
def test_other_features_tell_it_too(preset):
    features = PRESETS[preset]
    own = songs(sung(*((start, 0.2, 4000, 3000, 0.3) for start in STARTS)), features=features)
    assert np.isfinite(own.pitch_hz).any()
    for term, value in kept(own, own).items():
        assert value[0] == 1, term


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 60), unique=True), st.lists(st.integers(0, 60), unique=True, min_size=1))
def test_onsets_are_matched_as_well_as_can_be(found, wanted):
    one, other = np.zeros((2, 1, 61), bool)
    one[0, found], other[0, wanted] = True, True
    near = np.abs(np.subtract.outer(sorted(found), sorted(wanted))) * 0.016 <= TOLERANCE_S
    best = near[linear_sum_assignment(near, maximize=True)].sum() if found else 0
    assert onset_f1(one, other, 0.016)[0] == pytest.approx(2 * best / (len(found) + len(wanted)))
