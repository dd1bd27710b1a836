"""Recordings on disk, whatever their length, and what every ear makes of them."""

import time

import numpy as np
import pytest
import soundfile

from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.bundle import load
from birdclef_mind.studio import listened as module
from birdclef_mind.studio.ears import NetworkEar
from birdclef_mind.studio.following import Following
from birdclef_mind.studio.listened import Recordings

RATE = 32_000


@pytest.fixture
def kept():
    found = Recordings(RATE, lambda recording: None)
    yield found
    found.close()


def wait(condition):
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def test_any_stretch_is_what_was_recorded_with_zeros_around(kept, rng):
    sound = (0.5 * rng.standard_normal(3 * RATE)).clip(-1, 1).astype(np.float32)
    recording = kept.new("a")
    for start in range(0, sound.size, 7001):
        recording.append(sound[start : start + 7001])
    assert recording.seconds == 3
    assert np.allclose(recording.samples(0, 3), sound, atol=2e-5)
    around = recording.samples(-1, 5)
    assert np.allclose(around[RATE : 4 * RATE], sound, atol=2e-5)
    assert not around[:RATE].any() and not around[4 * RATE :].any()
    own = recording.window(-1, 2)
    assert not own[:RATE].any() and abs(own[RATE:].mean()) < 1e-6


def test_a_microphone_at_another_rate_is_heard_as_one_that_is_not(kept):
    seconds = np.arange(2 * 48_000) / 48_000
    tone = np.sin(2 * np.pi * 3000 * seconds).astype(np.float32) * 0.5
    recording = kept.new("live", live=True)
    for start in range(0, tone.size, 9600):
        recording.take(tone[start : start + 9600], 48_000)
    wanted = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE)
    assert np.allclose(recording.samples(0, 1)[RATE // 10 :], wanted[RATE // 10 :], atol=0.01)


def test_files_are_read_beside_other_work_and_a_bad_one_says_why(kept, tmp_path):
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.full(48_000 * 2, 0.25, np.float32), 48_000)
    recording = kept.new("tone")
    kept.read(recording, path)
    wait(lambda: recording.is_whole)
    assert (recording.seconds, recording.why) == (2, "")
    (tmp_path / "bad.ogg").write_bytes(b"no sound")
    bad = kept.new("bad")
    kept.read(bad, tmp_path / "bad.ogg", remove=True)
    wait(lambda: bad.is_whole)
    assert bad.why and not (tmp_path / "bad.ogg").exists()


def test_a_new_one_is_kept_however_many_are_still_recorded(kept):
    live = [kept.new(f"live {number}", live=True) for number in range(module.MOST_RECORDINGS + 1)]
    new = kept.new("new")
    assert kept.take(new.number) is new
    assert not any(one.gone.is_set() for one in live)


def test_more_than_two_hours_are_read(kept, tmp_path):
    """As long as the studio takes them, unlike recordings to learn from."""
    with soundfile.SoundFile(tmp_path / "night.flac", "w", 8000, 1) as file:
        for _ in range(125):
            file.write(np.zeros(60 * 8000, np.float32))
    recording = kept.new("night")
    kept.read(recording, tmp_path / "night.flac")
    wait(lambda: recording.is_whole)
    assert (round(recording.seconds), recording.why) == (125 * 60, "")


def test_the_oldest_gives_way_and_no_length_goes_beyond_the_limit(kept, monkeypatch):
    monkeypatch.setattr(module, "MOST_S", 1.0)
    first = kept.new("first")
    first.append(np.zeros(2 * RATE, np.float32))
    assert first.seconds == 1
    for number in range(module.MOST_RECORDINGS):
        kept.new(str(number))
    assert first.gone.is_set() and not first.file.exists()
    with pytest.raises(ConfigError, match="expected one that is open, got number 1"):
        kept.take(1)


def test_every_moment_is_heard_as_its_window_alone(kept, little, rng):
    ear = NetworkEar(load(little.bundle), "little")
    sound = (0.2 * rng.standard_normal(round(37.3 * RATE))).astype(np.float32)
    recording = kept.new("noise")
    following = Following(recording, [ear])
    for start in range(0, sound.size, RATE):
        recording.append(sound[start : start + RATE])
    recording.is_whole = True
    wait(lambda: following.ended)
    count, rows = following.heard(0, 0)
    assert count == len(rows) == 38
    for moment in (0, 4, 20, 37):
        alone = ear.chances(recording.window(moment + 1 - ear.length_s, ear.length_s)[None], RATE)[0]
        for bird, chance in rows[moment]:
            assert chance == pytest.approx(alone[bird], abs=2e-3)
    assert following.heard(0, 30)[1] == rows[30:]
    assert following.heard(0, 10, 5)[1] == rows[10:15]


def test_silence_names_nobody(kept, little):
    ear = NetworkEar(load(little.bundle), "little")
    assert not ear.chances(np.zeros((2, 5 * RATE), np.float32), RATE).any()


def test_what_is_recorded_does_not_give_way_and_ends_when_it_is_left(kept, monkeypatch):
    live = kept.new("live", live=True)
    for number in range(module.MOST_RECORDINGS + 2):
        kept.new(str(number))
    assert kept.take(live.number) is live and len(kept.open()) == module.MOST_RECORDINGS
    live.end_if_left()
    assert not live.is_whole
    monkeypatch.setattr(module, "_LEFT_S", -1.0)
    live.end_if_left()
    assert live.is_whole


def test_folders_of_studios_that_were_killed_go(monkeypatch, tmp_path):
    import os
    import subprocess
    import sys
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, own, other = (
        tmp_path / f"birdclef-mind-studio-{name}" for name in (f"{gone.pid}-x", f"{os.getpid()}-x", "mine")
    )
    for folder in (left, own, other):
        folder.mkdir()
    Recordings(RATE, lambda recording: None).close()
    assert not left.exists() and own.exists() and other.exists()
