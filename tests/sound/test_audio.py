import io

import numpy as np
import pytest
import soundfile

from birdclef_mind.errors import AudioError
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import PRESETS, Windowing

FEATURES = PRESETS["mel32"]


def tone(seconds, rate_hz, hz=1000.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".wav", 1e-4), (".flac", 1e-4), (".ogg", 0.05), (".mp3", 0.05)])
def test_all_formats_are_read(tmp_path, suffix, tolerance):
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, tone(1, 32_000), 32_000)
    samples = audio.read_audio(path, 32_000)
    assert samples.dtype == np.float32
    assert samples.shape == (32_000,)
    np.testing.assert_allclose(samples[4000:-4000], tone(1, 32_000)[4000:-4000], atol=tolerance)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_any_rate_is_resampled(tmp_path, rate_hz):
    soundfile.write(tmp_path / "tone.wav", tone(1, rate_hz), rate_hz, subtype="FLOAT")
    samples = audio.read_audio(tmp_path / "tone.wav", 32_000)
    assert samples.shape == (32_000,)
    np.testing.assert_allclose(samples[2000:-2000], tone(1, 32_000)[2000:-2000], atol=2e-3)


def test_channels_are_averaged(tmp_path):
    left, right = tone(1, 32_000), tone(1, 32_000, 3000)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), 32_000, subtype="FLOAT")
    np.testing.assert_allclose(audio.read_audio(tmp_path / "two.wav", 32_000), (left + right) / 2, atol=1e-7)


def test_long_files_are_read_by_blocks_without_seams(tmp_path, monkeypatch):
    monkeypatch.setattr("birdclef_mind.sound.sound_files.BLOCK_VALUES", 32_000)
    soundfile.write(tmp_path / "tone.wav", tone(3.3, 32_000), 32_000, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read_audio(tmp_path / "tone.wav", 32_000), tone(3.3, 32_000))


def test_too_long_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("birdclef_mind.sound.sound_files.BLOCK_VALUES", 32_000)
    monkeypatch.setattr(audio, "LONGEST_S", 2)
    soundfile.write(tmp_path / "tone.wav", tone(3, 8_000), 8_000)
    with pytest.raises(AudioError, match="longer than"):
        audio.read_audio(tmp_path / "tone.wav", 32_000)


def float_wav(values):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.float32(values), 32_000, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "missing"),
        (b"", "empty file"),
        (b"not a sound at all", "cannot be decoded"),
        (float_wav([]), "holds no samples"),
        (float_wav([0, np.nan]), "not a number, at sample 1"),
        (float_wav([np.inf]), "not a number, at sample 0"),
    ],
    # Such a file holds the second in which it was written, and so would a name that is made of it.
    ids=["missing", "empty", "text", "no samples", "nan", "inf"],
)
def test_bad_files_are_refused_with_a_reason(tmp_path, content, message):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError, match=message):
        audio.read_audio(path, 32_000)
    if not content:
        assert audio.duration_s(path) is None


@pytest.mark.parametrize("length", [1, 511, 160_000, 160_001, 176_000, 175_999, 320_000])
def test_windows_hold_the_recording_without_its_mean_and_then_zeros(rng, length):
    samples = rng.normal(0.1, 1, size=length).astype(np.float32)
    segments = audio.cut(samples, FEATURES)
    for start_s, found in zip(segments.starts_s, segments.samples, strict=True):
        own = samples[round(start_s * 32_000) :][:160_000]
        np.testing.assert_allclose(found[: own.size], own - own.mean(dtype=float), atol=1e-6)
        assert not found[own.size :].any()
    assert length - segments.samples.size < 16_000


def test_windows_may_overlap(rng):
    from dataclasses import replace

    samples = rng.normal(size=320_000).astype(np.float32)
    segments = audio.cut(samples, replace(FEATURES, windowing=Windowing(step_s=2.5)))
    assert segments.starts_s == (0, 2.5, 5)
    own = samples[80_000:240_000]
    np.testing.assert_allclose(segments.samples[1], own - own.mean(dtype=float), atol=1e-6)


def test_loudness_is_the_root_mean_square_in_decibels():
    samples = np.stack([np.zeros(160_000), np.full(160_000, 0.1), np.ones(160_000)]).astype(np.float32)
    np.testing.assert_allclose(audio.loudness_dbfs(samples), [-120, -20, 0], atol=1e-4)


@pytest.mark.parametrize("encode", [audio.ogg_bytes, audio.mp3_bytes])
def test_written_sound_is_read_back(tmp_path, encode):
    sound = tone(2.5, 32_000)
    (tmp_path / "tone").write_bytes(encode(sound, 32_000))
    back = audio.read_audio(tmp_path / "tone", 32_000)
    assert back.size == sound.size
    np.testing.assert_allclose(back[2000:-2000], sound[2000:-2000], atol=0.05)


def test_loud_sound_is_turned_down_and_not_clipped(tmp_path):
    (tmp_path / "loud").write_bytes(audio.ogg_bytes(10 * tone(1, 32_000), 32_000))
    back = audio.read_audio(tmp_path / "loud", 32_000)
    np.testing.assert_allclose(back[2000:-2000], tone(1, 32_000)[2000:-2000] / 0.3, atol=0.1)


@pytest.mark.parametrize("encode", [audio.ogg_bytes, audio.mp3_bytes])
def test_equal_samples_are_equal_files(encode, rng):
    samples = rng.normal(0, 0.1, 40_000)
    assert encode(samples, 32_000) == encode(samples.copy(), 32_000)
