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


def stamped_by_loops(activation, patches):
    """Stamping as its definition says it, one filter at one place after the other."""
    height, width, filters = activation.shape
    side = patches.shape[0]
    canvas = np.zeros((height + side - 1, width + side - 1))
    for row, column, index in np.ndindex(height, width, filters):
        canvas[row : row + side, column : column + side] += activation[row, column, index] * patches[:, :, index]
    return canvas


def reading_backwards():
    """Stamps and answers of `classic` by loops and by arrays."""
    from birdclef_mind.anatomy import read_anatomy
    from birdclef_mind.answers import stamped_answers
    from birdclef_mind.inversion import read_chain, stamp_back
    from birdclef_mind.model import build

    anatomy = read_anatomy(build("classic", 32, 313, 9))
    chain, taps = read_chain(anatomy), anatomy.of_kind("convolution")
    pictures = np.random.default_rng(0).uniform(0, 255, (12, 32, 313)).astype(np.float32)
    activations = anatomy.activations(taps, pictures)

    def loops():
        for tap, activation in zip(taps, activations, strict=True):
            stamped_by_loops(activation[0], chain.grids[id(tap.output)].patches)

    def arrays():
        for tap, activation in zip(taps, activations, strict=True):
            stamp_back(chain, tap, activation, anatomy.rows_frames)

    slow, quick = timed(loops, rounds=1), timed(arrays) / 12
    yield "seven layers stamped by loops, a picture", slow, None
    yield "seven layers stamped in batches of 12, a picture", quick, quick / slow
    yield (
        "nine answers by the weights, an answer",
        timed(lambda: stamped_answers(anatomy, chain, np.arange(9))) / 9,
        None,
    )


def sounding(root):
    """24 pictures to sound, and how well the sound gives the picture again, beside librosa."""
    import librosa

    from birdclef_mind.features import Pictures, pictures_to_samples, pixels_to_levels, samples_to_pictures

    competition, features = open_competition(root), PRESETS["mel32"]
    paths = [competition.audio_path(recording) for recording in competition.recordings]
    chosen = paths[:: max(1, len(paths) // 24)]
    samples = np.concatenate([audio.cut(audio.read_audio(path, 32_000), features).samples[:2] for path in chosen])[:24]
    pictures = samples_to_pictures(samples, features)

    def closeness(sounds):
        again = samples_to_pictures(np.asarray(sounds, np.float32), features).pixels
        pairs = zip(again, pictures.pixels, strict=False)
        return statistics.median(np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs)

    def theirs():
        levels = np.maximum(pixels_to_levels(pictures.pixels[:6], pictures.scale[:6]), 0)
        settings = {"sr": 32_000, "n_fft": 2048, "hop_length": 512, "power": 1.0, "length": features.segment_samples}
        return [librosa.feature.inverse.mel_to_audio(mel, **settings) for mel in levels]

    def ours():
        return pictures_to_samples(Pictures(pictures.pixels, pictures.scale), features, threads=os.cpu_count())

    slow, quick = timed(theirs, rounds=1) / 6, timed(ours, rounds=1) / len(samples)
    yield f"picture to sound by librosa (re-analysis correlation {closeness(theirs()):.4f})", slow, None
    yield f"picture to sound in a batch of 24 (re-analysis correlation {closeness(ours()):.4f})", quick, quick / slow


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("competition", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [*caching(args.competition), *classifying(), *reading_backwards(), *sounding(args.competition)]
    if args.json:
        print(json.dumps([{"work": work, "seconds": seconds, "ratio": ratio} for work, seconds, ratio in rows]))
        return
    for work, seconds, ratio in rows:
        print(f"{work:<72}{seconds * 1000:>10.2f} ms{f'{ratio:>8.3f} ×' if ratio else ''}")


if __name__ == "__main__":
    main()
