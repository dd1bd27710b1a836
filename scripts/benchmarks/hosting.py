"""The studio: a long recording dropped, a moment clicked, a microphone left on, over HTTP as a browser asks."""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from answering import bundle_of, soundscapes
from timing import Row, seconds, timed

RATE_HZ = 32_000
LIVE_S = 20


class Served:
    """A studio in a process of its own, asked over HTTP."""

    def __init__(self, process, link):
        self.process, self.link = process, link

    def ask(self, path, body=None):
        with urllib.request.urlopen(urllib.request.Request(self.link + path, body)) as answer:
            return answer.read()

    def told(self, path, values=None, body=None):
        return json.loads(self.ask(path, json.dumps(values).encode() if values is not None else body))

    def until(self, path, reached):
        while not reached(told := self.told(path)):
            time.sleep(0.02)
        return told

    def megabytes(self):
        """The most memory that the process has had."""
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def cpu_s(self):
        """Seconds of one core that the process has had."""
        own = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(own[11]) + int(own[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def studio(bundle, root):
    """A studio on a bundle that is written below `root`."""
    from birdclef_mind.networks import bundle as bundles

    (root / "bundle").mkdir()
    bundles.write(bundle, root / "bundle")
    command = [sys.executable, "-m", "birdclef_mind", "studio", root / "bundle", "--work", root / "work"]
    process = subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True)
    try:
        said = process.stdout.readline() + process.stdout.readline()
        yield Served(process, re.search(r"http\S+", said)[0])
    finally:
        process.terminate()
        process.wait()


def rows(minutes=60, live_s=LIVE_S):
    from birdclef_mind.networks.predictor import Predictor
    from birdclef_mind.sound import audio

    bundle = bundle_of("classic", "mel32", 264)
    with tempfile.TemporaryDirectory() as folder:
        path = soundscapes(folder, 1, minutes)
        predictor = Predictor(bundle)
        shape = (12 * minutes, bundle.features.rows, bundle.features.frames)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        floor = seconds(lambda: audio.read_audio(path, RATE_HZ)) + timed(lambda: predictor.scores(pixels), 1)
        with studio(bundle, Path(folder)) as served:
            yield from dropped(served, path, minutes, floor)
            yield clicked(served)
            yield left_on(served, live_s)


def dropped(served, path, minutes, floor):
    """A recording of some minutes, until it can be looked at, and until all of it is heard."""
    begun = time.perf_counter()
    number = served.told("recordings?name=long", body=path.read_bytes())["number"]
    served.ask(f"recordings/{number}/picture/0")
    yield Row(f"{minutes} minutes dropped, until the first ten seconds are drawn", time.perf_counter() - begun)
    served.until(f"recordings/{number}", lambda told: told["ended"])
    took = time.perf_counter() - begun
    work = f"{minutes} minutes dropped, until all of it is heard, each half second anew"
    yield Row(work, took, took / floor, "decoding and the network alone, each five seconds", served.megabytes())


def clicked(served, rounds=5):
    """A click on a moment, until what the first layer knows of it can be heard: the median of some, after one."""
    number = served.told("state")["open"][0][0]

    def first():
        begun = time.perf_counter()
        work = served.told("works", {"recording": number, "start_s": 3, "what": "layers"})["number"]
        found = served.until(f"works/{work}", lambda told: told["found"] or told["ended"])["found"]
        served.ask(found[0]["sound"])
        took = time.perf_counter() - begun
        served.until(f"works/{work}", lambda told: told["ended"])
        return took

    took = statistics.median([first() for _ in range(rounds + 1)][1:])
    return Row("a click, until what the first layer knows can be heard", took, took, "a second")


def left_on(served, live_s):
    """A second from a microphone, in seconds of one core."""
    number = served.told("recordings/live", {})["number"]
    sound = (0.05 * np.random.default_rng(0).standard_normal(RATE_HZ // 5)).astype("<f4").tobytes()
    begun, before = time.perf_counter(), served.cpu_s()
    for step in range(5 * live_s):
        served.told(f"recordings/{number}/samples?rate={RATE_HZ}", body=sound)
        served.told(f"recordings/{number}")
        time.sleep(max(0, begun + (step + 1) / 5 - time.perf_counter()))
    share = (served.cpu_s() - before) / (time.perf_counter() - begun)
    return Row("a second from a microphone, in seconds of one core", share, share, "a second")
