"""A recording to its windows and pictures, block by block: as if it were read whole, and in little memory."""

import subprocess
import sys
from dataclasses import replace

import librosa
import numpy as np
import pytest
import soundfile

from birdclef_mind.errors import AudioError
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.recordings import picture, picture_windows
from birdclef_mind.sound.settings import PRESETS, Features, Windowing

SMALL = Features(kind="mel", n_mels=8, n_fft=64, hop_samples=16, sample_rate_hz=1000, fmax_hz=500)


def windows_by_definition(samples, features, moved):
    """Each window's own samples without their mean, and zeros behind; starts and shares of full scale beside them."""
    starts_s = features.windowing.starts_s(samples.size / features.sample_rate_hz)
    found = []
    for number, regular_s in enumerate(starts_s):
        start_s = moved.get(number, regular_s)
        start = round(start_s * features.sample_rate_hz)
        own = samples[start : start + features.segment_samples].astype(float)
        padded = np.zeros(features.segment_samples)
        for place, value in enumerate(own):
            padded[place] = value - own.mean()
        found.append((start_s, padded, np.sum(np.abs(own) >= 0.99) / features.segment_samples))
    return found


@pytest.mark.parametrize("length", [1, 499, 5_000, 5_499, 5_500, 12_345])
@pytest.mark.parametrize("step_s", [5.0, 1.25, 0.1])
@pytest.mark.parametrize("block", [1_000_000, 5_000, 777])
@pytest.mark.parametrize("moves", [{}, {0: 0.2}, {0: 0.3, 2: 0.001, 1: 5.5}])
def test_windows_follow_their_definition(rng, length, step_s, block, moves):
    features = replace(SMALL, windowing=Windowing(step_s=step_s))
    samples = rng.normal(0.3, 0.5, length).astype(np.float32)
    count = len(features.windowing.starts_s(length / 1000))
    moved = {number: at for number, at in moves.items() if number < count and at * 1000 < length}
    blocks = [samples[start : start + block] for start in range(0, length, block)]
    found = sorted(audio.windows(blocks, features, moved), key=lambda window: window.number)
    wanted = windows_by_definition(samples, features, moved)
    assert [window.number for window in found] == list(range(len(wanted)))
    for window, (start_s, own, clipped) in zip(found, wanted, strict=True):
        assert window.start_s == start_s
        assert window.clipped == clipped
        np.testing.assert_allclose(window.samples, own, atol=1e-6)
        assert not window.samples.flags.writeable


@pytest.mark.parametrize("moved", [{3: 0.0}, {0: 12.0}, {1: 100.0}])
def test_a_window_that_a_recording_does_not_have_is_refused(moved):
    with pytest.raises(AudioError, match="too short for the window at"):
        list(audio.windows([np.ones(12_000, np.float32)], SMALL, moved))


@pytest.mark.parametrize("rate_hz", [1_000, 8_000, 11_025, 22_050, 32_001, 44_100, 48_000, 384_000])
@pytest.mark.parametrize("block", [1_000_000, 10_007, 64])
def test_resampling_agrees_with_librosa_whatever_the_blocks(rng, rate_hz, block):
    samples = rng.normal(0, 0.1, min(3 * rate_hz, 100_000)).astype(np.float32)
    blocks = (samples[start : start + block] for start in range(0, samples.size, block))
    found = np.concatenate(list(audio.resampled(blocks, rate_hz, 32_000)))
    wanted = librosa.resample(samples, orig_sr=rate_hz, target_sr=32_000, res_type="soxr_hq")
    assert found.dtype == np.float32
    assert abs(found.size - wanted.size) <= 1, "librosa rounds a last part of a sample up"
    least = min(found.size, wanted.size)
    np.testing.assert_allclose(found[:least], wanted[:least], atol=1e-6)
    np.testing.assert_array_equal(found, np.concatenate(list(audio.resampled([samples], rate_hz, 32_000))))


@pytest.mark.parametrize("rate_hz", [8_000, 32_000, 44_100])
@pytest.mark.parametrize("seconds", [1.7, 12.3])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_recording_that_stands_still_off_zero_is_silent_to_its_end(tmp_path, rate_hz, seconds, preset):
    path = tmp_path / "still.wav"
    soundfile.write(path, np.full(round(seconds * rate_hz), -1 / 128), rate_hz, subtype="PCM_U8")
    assert (audio.read_audio(path, 32_000) == np.float32(-1 / 128)).all()
    found = picture(path, PRESETS[preset])
    assert not found.pictures.pixels.any()
    assert not found.pictures.scale.width.any()
    assert (found.loudness_dbfs == -120).all()


@pytest.mark.parametrize("offset", [0.2, -0.05])
@pytest.mark.parametrize("rate_hz", [16_000, 32_000])
@pytest.mark.parametrize("preset", PRESETS)
def test_an_offset_changes_no_picture(tmp_path, rng, offset, rate_hz, preset):
    time_s = np.arange(7 * rate_hz) / rate_hz
    song = 0.02 * np.sin(2 * np.pi * 4000 * time_s) * (np.sin(4 * np.pi * time_s) > 0) + rng.normal(
        0, 0.002, time_s.size
    )
    for name, sound in (("plain", song), ("offset", song + offset)):
        soundfile.write(tmp_path / f"{name}.wav", sound, rate_hz, subtype="FLOAT")
    plain, other = (picture(tmp_path / f"{name}.wav", PRESETS[preset]) for name in ("plain", "offset"))
    np.testing.assert_allclose(other.loudness_dbfs, plain.loudness_dbfs, atol=0.01)
    assert np.abs(other.pictures.pixels.astype(int) - plain.pictures.pixels).mean() < 0.5


def stereo_of(kind, rng):
    song = np.sin(np.arange(96_000) / 5) * 0.1
    quiet = rng.normal(0, 1e-4, 96_000)
    return {
        "alike": (np.stack([song, song], axis=1), song),
        "one silent": (np.stack([song, 0 * song], axis=1), song / 2),
        "nothing in common": (np.stack([song, rng.normal(0, 0.1, song.size)], axis=1), None),
        "opposite": (np.stack([song, -song], axis=1), song),
        "opposite, the second louder": (np.stack([song, -1.1 * song], axis=1), -1.1 * song),
        "opposite on an offset": (np.stack([song + 0.3, -song + 0.3], axis=1), song + 0.3),
        "opposite with some noise": (np.stack([1.001 * song + quiet, -song], axis=1), 1.001 * song + quiet),
        "silent": (np.zeros((96_000, 2)), np.zeros(96_000)),
        "many of nothing in common": (rng.normal(0, 0.1, (96_000, 60)), None),
    }[kind]


@pytest.mark.parametrize("block", [2**20, 4096])
@pytest.mark.parametrize(
    "kind",
    [
        "alike", "one silent", "nothing in common", "opposite", "opposite, the second louder", "opposite on an offset",
        "opposite with some noise", "silent", "many of nothing in common",
    ],
)  # fmt: skip
def test_channels_are_mixed_unless_they_cancel(tmp_path, rng, monkeypatch, kind, block):
    monkeypatch.setattr("birdclef_mind.sound.sound_files.BLOCK_VALUES", block)
    channels, wanted = stereo_of(kind, rng)
    soundfile.write(tmp_path / "x.wav", channels, 32_000, subtype="FLOAT")
    found = audio.read_audio(tmp_path / "x.wav", 32_000)
    np.testing.assert_allclose(found, channels.mean(axis=1) if wanted is None else wanted, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
@pytest.mark.parametrize("preset", ["mel32", "logmel128"])
def test_pictures_do_not_depend_on_blocks(tmp_path, rng, monkeypatch, rate_hz, preset):
    features = replace(PRESETS[preset], windowing=Windowing(step_s=2.5))
    soundfile.write(tmp_path / "x.flac", rng.normal(0.01, 0.1, (23 * rate_hz, 2)), rate_hz)
    whole = picture(tmp_path / "x.flac", features, {1: 0.7})
    monkeypatch.setattr("birdclef_mind.sound.sound_files.BLOCK_VALUES", 9_999)
    monkeypatch.setattr("birdclef_mind.sound.recordings._AT_A_TIME", 3)
    again = picture(tmp_path / "x.flac", features, {1: 0.7})
    assert again.starts_s == whole.starts_s == (0, 0.7, 5, 7.5, 10, 12.5, 15, 17.5, 20)
    np.testing.assert_array_equal(again.pictures.pixels, whole.pictures.pixels)
    cut = audio.cut(audio.read_audio(tmp_path / "x.flac", 32_000), features, {1: 0.7})
    np.testing.assert_array_equal(samples_to_pictures(cut.samples, features).pixels, whole.pictures.pixels)


def test_what_a_library_raises_over_a_sound_is_said_in_a_line(tmp_path, monkeypatch):
    def transform(*_):
        raise FloatingPointError("overflow\nencountered")

    soundfile.write(tmp_path / "x.wav", np.ones(100), 32_000)
    monkeypatch.setattr("birdclef_mind.sound.recordings.samples_to_pictures", transform)
    with pytest.raises(AudioError, match="^FloatingPointError: overflow encountered$"):
        picture(tmp_path / "x.wav", PRESETS["mel32"])


def test_pictures_of_windows_come_in_order_of_their_number(rng):
    found = list(audio.windows([rng.normal(size=40_000).astype(np.float32)], SMALL, {0: 30.0}))
    assert [window.number for window in found] != sorted(window.number for window in found)
    assert picture_windows(found, SMALL).starts_s == (30, 5, 10, 15, 20, 25, 30, 35)


MEASURE = """
import resource, sys
from pathlib import Path
from birdclef_mind.data import write_cache, strips
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.sound.recordings import picture
for name in sys.argv[1:]:
    found = picture(Path(name), PRESETS["logmel128"])
    strips.encode(write_cache.make_strip(found, PRESETS["logmel128"], strips.Source("x", 0, "")))
    print(len(found.starts_s), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("rate_hz", "channels"), [(384_000, 1), (48_000, 2)])
def test_a_long_recording_needs_little_memory(tmp_path, rng, rate_hz, channels):
    """Ten minutes, which are 920 MB of floats at 384 kHz."""
    second = rng.normal(0, 0.01, (rate_hz, channels))
    for name, seconds in (("short", 10), ("long", 600)):
        with soundfile.SoundFile(tmp_path / f"{name}.wav", "w", rate_hz, channels, subtype="PCM_16") as file:
            for _ in range(seconds):
                file.write(second)
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    (few, short_mb), (many, long_mb) = (map(int, line.split()) for line in result.stdout.splitlines())
    assert (few, many) == (2, 120)
    assert long_mb - short_mb < 150, "megabytes"
