"""Speed, as ratios measured side by side in one run: `python scripts/benchmark.py COMPETITION [--json]`."""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from birdclef_mind import audio
from birdclef_mind.caching import write_cache
from birdclef_mind.competition import open_competition
from birdclef_mind.config import PRESETS
from birdclef_mind.labels import choose_labels


def timed(work, rounds=3):
    """Median seconds of some rounds after one that warms up."""
    work()
    spans = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        spans.append(time.perf_counter() - started)
    return statistics.median(spans)


def caching(root):
    """Caching every recording by one process against decoding it alone."""
    competition = open_competition(root)
    classes = choose_labels([recording.label for recording in competition.recordings], "all")
    paths = [competition.audio_path(recording) for recording in competition.recordings]
    features = PRESETS["mel32"]
    segments = sum(len(audio.cut(audio.read_audio(path, 32_000), features).starts_s) for path in paths)

    def decode():
        for path in paths:
            audio.read_audio(path, 32_000)

    def cache():
        with tempfile.TemporaryDirectory() as folder:
            write_cache(competition, classes, features, Path(folder) / "cache", jobs=1)

    floor, ours = timed(decode), timed(cache)
    yield "decoding alone, a segment", floor / segments, None
    yield "caching mel32 with one process, a segment", ours / segments, ours / floor


def classifying():
    """The 120 windows of a ten-minute soundscape by `classic`, TensorFlow loaded."""
    from birdclef_mind.bundle import Bundle
    from birdclef_mind.inference import Predictor
    from birdclef_mind.labels import Classes
    from birdclef_mind.model import build

    features, classes = PRESETS["mel32"], Classes(tuple(f"bird{index}" for index in range(264)))
    model = build("classic", features.rows, features.frames, len(classes))
    predictor = Predictor(Bundle(model, "classic", features, classes, {}, [0.0] * len(classes), {}))
    pixels = np.random.default_rng(0).integers(0, 256, (120, features.rows, features.frames), np.uint8)
    yield "classifying 120 windows in batches", timed(lambda: predictor.scores(pixels)), None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("competition", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [*caching(args.competition), *classifying()]
    if args.json:
        print(json.dumps([{"work": work, "seconds": seconds, "ratio": ratio} for work, seconds, ratio in rows]))
        return
    for work, seconds, ratio in rows:
        print(f"{work:<50}{seconds * 1000:>10.2f} ms{f'{ratio:>8.2f} ×' if ratio else ''}")


if __name__ == "__main__":
    main()
