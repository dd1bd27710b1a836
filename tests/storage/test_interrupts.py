"""Ctrl-C while libraries call back into Python: never lost, and nothing of what was asked for is half done."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from birdclef_mind.sound.audio import mp3_bytes, ogg_bytes, read_audio, wav_bytes
from birdclef_mind.storage.interrupts import later

RATE_HZ = 32_000


@pytest.fixture(autouse=True)
def taken_as_python_does():
    """Whatever else in this process may take it in another way."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_comes_when_the_block_ends():
    done = []
    with pytest.raises(KeyboardInterrupt), later():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_whoever_handles_it_is_told():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("told"))
    try:
        with later():
            signal.raise_signal(signal.SIGINT)
            assert not heard
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["told"]


def test_other_threads_keep_nothing():
    found = []

    def ask():
        with later():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


def chained(folder):
    """Two minutes of Ogg in two links."""
    noise = np.random.default_rng(0).normal(0, 0.1, 60 * RATE_HZ)
    path = folder / "two.ogg"
    path.write_bytes(ogg_bytes(noise, RATE_HZ) + ogg_bytes(noise, RATE_HZ))
    return path


@pytest.mark.parametrize("coder", [ogg_bytes, mp3_bytes, wav_bytes, read_audio], ids=lambda coder: coder.__name__)
def test_coding_is_interrupted_whenever_it_comes(tmp_path, capfd, coder):
    noise = np.random.default_rng(0).normal(0, 0.1, 60 * RATE_HZ)
    given = chained(tmp_path) if coder is read_audio else noise

    for wait_s in (0.0, 0.01, 0.03, 0.1):
        timer = threading.Timer(wait_s, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            until = time.monotonic() + 20
            while time.monotonic() < until:
                coder(given, RATE_HZ)
        timer.join()
    assert capfd.readouterr().err == ""
