"""What is turned on a window of sound."""

import numpy as np
import pytest

from birdclef_mind.errors import ConfigError
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.studio.knobs import Box, Knobs, other_features, turned

FEATURES = PRESETS["logmel128"]
RATE = FEATURES.sample_rate_hz


def tone(hz, from_s=0.0, to_s=5.0):
    seconds = np.arange(FEATURES.segment_samples) / RATE
    return (np.sin(2 * np.pi * hz * seconds) * (seconds >= from_s) * (seconds < to_s)).astype(np.float32)


def level_at(samples, hz, from_s, to_s):
    own = samples[round(from_s * RATE) : round(to_s * RATE)]
    spectrum = np.abs(np.fft.rfft(own * np.hanning(own.size)))
    return spectrum[round(hz * own.size / RATE) - 3 : round(hz * own.size / RATE) + 4].max() / own.size * 4


def test_nothing_turned_changes_nothing(rng):
    samples = rng.standard_normal(FEATURES.segment_samples).astype(np.float32)
    assert np.array_equal(turned(samples, Knobs(), FEATURES), samples)


def test_gain_and_noise_are_in_decibels():
    samples = tone(2000)
    assert np.allclose(turned(samples, Knobs(gain_db=-20), FEATURES), samples / 10, atol=1e-6)
    noise = turned(samples, Knobs(noise_db=10), FEATURES) - samples
    assert 10 * np.log10(np.mean(samples**2) / np.mean(noise**2)) == pytest.approx(10, abs=0.1)
    assert np.array_equal(turned(samples, Knobs(noise_db=10), FEATURES), samples + noise)


def test_a_box_is_cut_kept_or_moved():
    samples = tone(1000) + tone(5000, 1, 2)
    box = {"from_s": 0.8, "to_s": 2.2, "low_hz": 4000, "high_hz": 6000}
    cut = turned(samples, Knobs(box=Box(**box, what="cut")), FEATURES)
    kept = turned(samples, Knobs(box=Box(**box, what="keep")), FEATURES)
    moved = turned(samples, Knobs(box=Box(**box, what="move", by_s=2)), FEATURES)
    assert np.allclose(cut + kept, samples, atol=1e-3)
    assert level_at(cut, 5000, 1.2, 1.8) < 0.02 < 0.9 < level_at(cut, 1000, 1.2, 1.8)
    assert level_at(kept, 1000, 1.2, 1.8) < 0.02 < 0.9 < level_at(kept, 5000, 1.2, 1.8)
    assert level_at(moved, 5000, 1.2, 1.8) < 0.02 < 0.9 < level_at(moved, 5000, 3.2, 3.8)
    assert level_at(moved, 1000, 3.2, 3.8) > 0.9


@pytest.mark.parametrize(
    "values",
    [
        {"gain_db": "loud"}, {"gain_db": float("nan")}, {"gain_db": 1e9}, {"gain_db": True}, {"noise_db": []},
        {"box": 3}, {"box": {"from_s": 1}}, {"box": {"from_s": 2, "to_s": 1, "low_hz": 0, "high_hz": 1, "what": "cut"}},
        {"box": {"from_s": 0, "to_s": 1, "low_hz": 0, "high_hz": 1, "what": "eat"}},
    ],
)  # fmt: skip
def test_what_cannot_be_turned_is_refused_in_a_sentence(values):
    with pytest.raises(ConfigError, match="expected"):
        Knobs.read(values, FEATURES)


def test_other_features_keep_the_windows_and_refuse_what_cannot_be():
    found = other_features({"preset": "mfcc16", "n_mels": 40}, FEATURES)
    assert (found.kind, found.n_mels, found.n_coeffs, found.windowing) == ("mfcc", 40, 16, FEATURES.windowing)
    assert other_features({"kind": "mel"}, FEATURES).kind == "mel"
    for values in ({"n_mels": 10**6}, {"kind": "x"}, {"power": 0}, {"fmin_hz": 9000, "fmax_hz": 8000}):
        with pytest.raises(ConfigError):
            other_features(values, FEATURES)
