"""Caching: decoding alone (the floor), with librosa and Pillow a segment at a time, and ours by 1 and 2 processes."""

import io
import tempfile
from pathlib import Path

import numpy as np
from timing import Row, timed

from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.data.write_cache import write_cache
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import PRESETS


def rows(root, jobs=(1, 2)):
    competition, features = open_competition(root), PRESETS["mel32"]
    classes = choose_labels([recording.label for recording in competition.recordings], "all")
    paths = [competition.audio_path(recording) for recording in competition.recordings]
    segments = sum(len(audio.cut(audio.read_audio(path, 32_000), features).starts_s) for path in paths)

    def decode():
        for path in paths:
            audio.read_audio(path, 32_000)

    def one_by_one():
        for path in paths:
            cache_one_by_one(path, features)

    def ours(jobs):
        with tempfile.TemporaryDirectory() as folder:
            write_cache(competition, classes, features, Path(folder) / "cache", jobs=jobs)

    floor = timed(decode) / segments
    beside = "decoding alone"
    yield Row("decoding alone, a segment", floor)
    plain = timed(one_by_one, 1) / segments
    yield Row("cached with librosa and Pillow, a segment at a time", plain, plain / floor, beside)
    for count in jobs:
        own = timed(lambda count=count: ours(count)) / segments
        yield Row(f"cached by {count} process{'es' if count > 1 else ''}, a segment", own, own / floor, beside)


def cache_one_by_one(path, features):
    """A recording's pictures by librosa and Pillow, as the notebook of 2023 makes them."""
    import librosa
    from PIL import Image

    samples = audio.read_audio(path, 32_000)
    for start in range(0, len(samples), features.segment_samples):
        segment = samples[start : start + features.segment_samples]
        mel = librosa.feature.melspectrogram(
            y=segment, sr=32_000, n_fft=2048, hop_length=512, n_mels=32, power=1.0, fmin=0, fmax=16_000
        )
        mel = np.pad(mel, ((0, 0), (0, features.frames - mel.shape[1])))
        span = max(float(np.ptp(mel)), 1e-9)
        Image.fromarray(np.uint8(255 * (mel - mel.min()) / span)).save(io.BytesIO(), "PNG")
