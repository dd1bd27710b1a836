"""Recordings for a browser: copied where every browser plays them, MP3 otherwise, whatever their names say."""

import numpy as np
import pytest
import soundfile
from sounds import CONVERTED, COPIED, as_to_a_pipe, encoded, noise, written

from birdclef_mind.errors import AudioError
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.sound import audio, playable
from birdclef_mind.sound.settings import PRESETS

NAMES = ["x", "x.wav", "x.aiff", "x.OGG", "x.raw"]


def put_in(tmp_path, source):
    return tmp_path / Folder(tmp_path, PRESETS["mel32"]).recording("recording-00001", source)


@pytest.mark.parametrize(("kind", "subtype", "rate_hz", "channels", "suffix"), COPIED)
@pytest.mark.parametrize("name", NAMES)
def test_what_browsers_play_is_copied(tmp_path, kind, subtype, rate_hz, channels, suffix, name):
    source = written(tmp_path, encoded(noise(1, rate_hz, channels), rate_hz, kind, subtype), name)
    found = put_in(tmp_path, source)
    assert found.suffix == suffix
    assert found.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(("kind", "subtype", "rate_hz", "channels"), CONVERTED)
@pytest.mark.parametrize("name", NAMES)
def test_what_they_do_not_play_is_mp3(tmp_path, kind, subtype, rate_hz, channels, name):
    time_s = np.arange(2 * rate_hz) / rate_hz
    sound = 0.3 * np.sin(2 * np.pi * 1000 * time_s)
    sound = sound if channels is None else np.stack([sound] * channels, axis=1)
    found = put_in(tmp_path, written(tmp_path, encoded(sound, rate_hz, kind, subtype), name))
    info = soundfile.info(found)
    assert (found.suffix, info.format, info.subtype, info.channels) == (".mp3", "MP3", "MPEG_LAYER_III", 1)
    assert info.samplerate in audio.MP3_RATES_HZ
    assert info.samplerate >= min(rate_hz, 48_000)
    inner = slice(8_000, 50_000)
    wanted = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(64_000) / 32_000)
    np.testing.assert_allclose(audio.read_audio(found, 32_000)[inner], wanted[inner], atol=0.05)


def test_headers_without_a_length_and_chains_are_mp3(tmp_path):
    ogg = encoded(noise(1), kind="OGG", subtype="VORBIS")
    for content in (as_to_a_pipe(encoded(noise(2), kind="FLAC")), ogg + ogg):
        found = put_in(tmp_path, written(tmp_path, content))
        assert found.suffix == ".mp3"
        assert audio.duration_s(found) == pytest.approx(2, abs=0.01)


def test_floats_that_would_clip_are_turned_down(tmp_path):
    sound = 3 * np.sin(np.arange(64_000) / 10).astype(np.float32)
    found = put_in(tmp_path, written(tmp_path, encoded(sound, 32_000, subtype="FLOAT")))
    np.testing.assert_allclose(audio.read_audio(found, 32_000)[4000:-4000], sound[4000:-4000] / 3, atol=0.05)


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 99])
def test_what_is_no_sound_is_refused(tmp_path, content):
    with pytest.raises(AudioError):
        playable.browser_suffix(written(tmp_path, content))


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 10_000, 16_000, 20_000, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_mp3_of_any_rate(tmp_path, rate_hz):
    wanted = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate_hz) / rate_hz).astype(np.float32)
    (tmp_path / "x.mp3").write_bytes(audio.mp3_bytes(wanted, rate_hz))
    back = audio.read_audio(tmp_path / "x.mp3", rate_hz)
    assert back.size == pytest.approx(wanted.size, abs=2)
    inner = slice(rate_hz // 2, -rate_hz // 2)
    np.testing.assert_allclose(back[: wanted.size][inner], wanted[inner], atol=0.05)
