"""Reading backwards: stamps by loops and by arrays, sounds by librosa and by ours, and writing the report."""

import os
import statistics
import tempfile
from pathlib import Path

import numpy as np
from timing import Row, timed

from birdclef_mind.data.competition import open_competition
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import PRESETS


def stamped_by_loops(activation, patches):
    """Stamping as its definition says it, one filter at one place after the other."""
    height, width, filters = activation.shape
    side = patches.shape[0]
    canvas = np.zeros((height + side - 1, width + side - 1))
    for row, column, index in np.ndindex(height, width, filters):
        canvas[row : row + side, column : column + side] += activation[row, column, index] * patches[:, :, index]
    return canvas


def stamping():
    """Stamps and answers of `classic` by loops and by arrays."""
    from birdclef_mind.backwards.anatomy import read_anatomy
    from birdclef_mind.backwards.answers import stamped_answers
    from birdclef_mind.backwards.stamps import read_chain, stamp_back
    from birdclef_mind.networks.build import build
    from birdclef_mind.networks.settings import Network

    anatomy = read_anatomy(build(Network(), 32, 313, 9))
    chain, taps = read_chain(anatomy), anatomy.of_kind("convolution")
    pictures = np.random.default_rng(0).uniform(0, 255, (12, 32, 313)).astype(np.float32)
    activations = anatomy.activations(taps, pictures)

    def loops():
        for tap, activation in zip(taps, activations, strict=True):
            stamped_by_loops(activation[0], chain.grids[tap.output].patches)

    def arrays():
        for tap, activation in zip(taps, activations, strict=True):
            stamp_back(chain, tap, activation, anatomy.rows_frames)

    slow, quick = timed(loops, rounds=1), timed(arrays) / 12
    yield Row("seven layers stamped by loops, a picture", slow)
    yield Row("seven layers stamped in batches of 12, a picture", quick, quick / slow, "loops")
    each = timed(lambda: stamped_answers(anatomy, chain, np.arange(9))) / 9
    yield Row("nine answers by the weights, an answer", each)


def sounding(root):
    """24 pictures to sound, and how well the sound gives the picture again, beside librosa."""
    import librosa

    from birdclef_mind.sound.pictures import Pictures, pictures_to_samples, pixels_to_levels, samples_to_pictures

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
    yield Row(f"picture to sound by librosa (correlation of what it gives again {closeness(theirs()):.4f})", slow)
    words = f"picture to sound in a batch of 24 (correlation of what it gives again {closeness(ours()):.4f})"
    yield Row(words, quick, quick / slow, "librosa")


def reporting(explanation):
    """Writing the page of an explanation, with its pictures and sounds beside it."""
    from birdclef_mind.explanation.report.page import write_report

    with tempfile.TemporaryDirectory() as folder:
        took = timed(lambda: write_report(explanation, Path(folder) / "report.html"))
    yield Row("the report of an explanation written", took)
