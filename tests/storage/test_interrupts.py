"""Ctrl-C while libraries call back into Python: never lost, and nothing of what was asked for is half done.

In processes of their own, since an interruption that goes astray would end the tests' own.
"""

import subprocess
import sys

import pytest

BEGINNING = """
import os, signal, sys, threading, time
from pathlib import Path
import numpy as np
from birdclef_mind.sound.audio import mp3_bytes, ogg_bytes, read_audio, wav_bytes
from birdclef_mind.storage.interrupts import later

RATE_HZ = 32_000
signal.signal(signal.SIGINT, signal.default_int_handler)
"""

WHEN_THE_BLOCK_ENDS = """
done = []
try:
    with later():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
except KeyboardInterrupt:
    done.append("interrupted")
assert done == ["whole", "interrupted"], done
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""

WHOEVER_HANDLES_IT = """
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append("told"))
with later():
    signal.raise_signal(signal.SIGINT)
    assert not heard
assert heard == ["told"]
"""

OTHER_THREADS = """
found = []

def ask():
    with later():
        found.append(signal.getsignal(signal.SIGINT))

thread = threading.Thread(target=ask)
thread.start()
thread.join()
assert found == [signal.default_int_handler]
"""

# Two minutes, as one sound or as Ogg in two links; each is worked on for much longer than the longest wait.
WHILE_CODING = """
noise = np.random.default_rng(0).normal(0, 0.1, 60 * RATE_HZ)
given = noise
coder = {"ogg": ogg_bytes, "mp3": mp3_bytes, "wav": wav_bytes, "read": read_audio}[sys.argv[1]]
if coder is read_audio:
    given = Path(sys.argv[2])
    with given.open("wb") as chain:
        chain.write(ogg_bytes(noise, RATE_HZ) + ogg_bytes(noise, RATE_HZ))

def lost(wait_s):
    timer = threading.Timer(wait_s, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        until = time.monotonic() + 20
        while time.monotonic() < until:
            coder(given, RATE_HZ)
    except KeyboardInterrupt:
        return False
    return True

assert [wait_s for wait_s in (0.0, 0.01, 0.03, 0.1) if lost(wait_s)] == []
"""


def run(code, *words):
    command = [sys.executable, "-c", BEGINNING + code, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, start_new_session=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "code",
    [WHEN_THE_BLOCK_ENDS, WHOEVER_HANDLES_IT, OTHER_THREADS],
    ids=["when the block ends", "whoever handles it", "other threads"],
)
def test_an_interruption_in_a_block_comes_when_it_ends(code):
    run(code)


@pytest.mark.parametrize("coder", ["ogg", "mp3", "wav", "read"])
def test_coding_is_interrupted_whenever_it_comes(tmp_path, coder):
    run(WHILE_CODING, coder, str(tmp_path / "two.ogg"))
