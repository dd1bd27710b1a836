"""Files as strangers write them: no length in the header, several streams, other names, values beyond any sound."""

import os

import numpy as np
import pytest
import soundfile
from sounds import RATE_HZ, as_to_a_pipe, encoded, noise, without_table, written

from birdclef_mind.errors import AudioError
from birdclef_mind.sound import audio, parts, sound_files

LOUD_THEN_SILENT = np.concatenate([noise(2), np.zeros(10 * RATE_HZ, np.float32)])
CHAINS = {
    "vorbis": (("OGG", "VORBIS", 16_000, None), ("OGG", "VORBIS", 16_000, None)),
    "opus": (("OGG", "OPUS", 48_000, None), ("OGG", "OPUS", 48_000, None), ("OGG", "OPUS", 48_000, None)),
    "other rate and channels": (("OGG", "VORBIS", 16_000, None), ("OGG", "VORBIS", 44_100, 2)),
}


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (as_to_a_pipe(encoded(noise(3), kind="FLAC")), 3),
        (without_table(encoded(LOUD_THEN_SILENT, kind="MP3")), 12),
        (b"ID3\x04" + bytes(5) + b"\x0a" + bytes(10) + without_table(encoded(LOUD_THEN_SILENT, kind="MP3")), 12),
    ],
)
@pytest.mark.parametrize("name", ["sound", "sound.mp3", "sound.flac"])
def test_sound_whose_header_tells_no_length_is_read_to_its_end(tmp_path, content, seconds, name):
    path = written(tmp_path, content, name)
    assert audio.read_header(path).duration_s is None
    # MP3 begins and ends with some silence of its coder.
    assert audio.read_audio(path, 32_000).size == pytest.approx(seconds * 32_000, abs=4_000)
    assert audio.duration_s(path) == pytest.approx(seconds, abs=0.15)


@pytest.mark.parametrize("kind", CHAINS)
def test_all_streams_of_a_chain_are_read(tmp_path, kind, monkeypatch):
    # A page's sign may lie across two pieces of what is looked through.
    monkeypatch.setattr(parts, "_SCANNED_BYTES", 97)
    links = [
        encoded(noise(1 + place, rate_hz, channels), rate_hz, container, subtype)
        for place, (container, subtype, rate_hz, channels) in enumerate(CHAINS[kind])
    ]
    path = written(tmp_path, b"".join(links), "chain.ogg")
    alone = [audio.read_audio(written(tmp_path, link, f"{n}"), 32_000) for n, link in enumerate(links)]
    np.testing.assert_array_equal(audio.read_audio(path, 32_000), np.concatenate(alone))
    seconds = sum(range(1, len(links) + 1))
    assert audio.read_header(path).duration_s == audio.duration_s(path) == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({1000: 3e38}, "beyond any sound, at sample 1000"),
        ({7: -3e38, 1000: 3e38}, "beyond any sound, at sample 7"),
        ({1000: np.nan, 2000: 3e38}, "not a number, at sample 1000"),
        ({40_000: -np.inf}, "not a number, at sample 40000"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_values_that_no_sound_has_are_refused(tmp_path, monkeypatch, values, message, channels):
    monkeypatch.setattr(sound_files, "BLOCK_VALUES", 4096)
    samples = noise(3, channels=channels)
    for place, value in values.items():
        samples[place, -1] = value
    with pytest.raises(AudioError, match=message):
        audio.read_audio(written(tmp_path, encoded(samples, subtype="FLOAT")), 32_000)


def test_floats_on_the_scale_of_sixteen_bits_are_sound(tmp_path):
    path = written(tmp_path, encoded(noise(1) * np.float32(2**15), subtype="FLOAT"))
    np.testing.assert_array_equal(audio.read_audio(path, RATE_HZ), noise(1) * np.float32(2**15))


@pytest.mark.parametrize("rate_hz", [1, 999, 1_000_001])
def test_rates_that_no_sound_has_are_refused(tmp_path, rate_hz):
    with pytest.raises(AudioError, match=f"has a sample rate of {rate_hz} Hz"):
        audio.read_audio(written(tmp_path, encoded(noise(0.1), rate_hz)), 32_000)


@pytest.mark.parametrize("kind", sorted(set(soundfile.available_formats()) - {"RAW", "SD2", "MPC2K", "SDS", "XI"}))
@pytest.mark.parametrize("name", ["sound", "sound.raw", "sound.mp3", "._sound.ogg", b"s\xf6und.wav"])
def test_what_a_file_holds_decides_and_not_its_name(tmp_path, kind, name):
    subtype = soundfile.default_subtype(kind)
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(encoded(noise(1, 8_000), 8_000, kind, subtype))
    assert audio.read_header(path).kind == kind
    assert audio.read_audio(path, 8_000).size == pytest.approx(8_000, abs=2_000)


def test_all_endings_are_known():
    known = {".aiff", ".aif", ".aifc", ".oga", ".opus", ".caf", ".w64", ".rf64", ".au", ".snd", ".mp3", ".flac", ".ogg"}
    assert known | {".wav"} <= set(audio.SUFFIXES)
    assert ".raw" not in audio.SUFFIXES


def test_a_kind_that_is_not_known_is_said_so(tmp_path):
    with pytest.raises(AudioError, match=r"cannot be decoded \([^)]+\)"):
        audio.read_audio(written(tmp_path, b"\x1aE\xdf\xa3" + bytes(5000), "film.webm"), 32_000)


def test_what_a_library_raises_is_one_line_about_the_file(tmp_path, monkeypatch):
    def read(*_, **__):
        raise ValueError("what\nnobody foresaw")

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    with pytest.raises(AudioError, match=r"^cannot be decoded \(what nobody foresaw\)$"):
        audio.read_audio(written(tmp_path, encoded(noise(1))), 32_000)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("kind", ["OGG", "WAV", "MP3", "AIFF", "W64", "AU"])
def test_of_a_file_that_was_cut_short_the_beginning_is_read(tmp_path, kind, share):
    whole = encoded(noise(4), kind=kind)
    samples = audio.read_audio(written(tmp_path, whole[: round(share * len(whole))]), RATE_HZ)
    assert 0 < samples.size < 4 * RATE_HZ


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>login</html>", "damaged"])
def test_a_bad_mp3_leaves_the_terminal_clean(tmp_path, capfd, content):
    """Its reader writes notes of its own past Python's streams."""
    if content == "damaged":
        whole = bytearray(encoded(noise(4), kind="MP3"))
        whole[len(whole) // 3 : len(whole) // 2] = bytes(len(whole) // 2 - len(whole) // 3)
        content = bytes(whole)
    path = written(tmp_path, content, "sound.mp3")
    try:
        audio.read_audio(path, 32_000)
    except AudioError as error:
        assert str(error).startswith("cannot be decoded (")
        assert "does not exist" not in str(error)
    sound_files.artist_of(path)
    assert capfd.readouterr().err == ""
