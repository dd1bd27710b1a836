"""Answering: windows one by one and in batches, and ten-minute soundscapes from their file to the submission."""

import tempfile
from pathlib import Path

import numpy as np
from timing import Row, timed

from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import PRESETS

MINUTES = 10


def bundle_of(name, preset, birds):
    """An untrained network with all that inference needs."""
    from birdclef_mind.data.labels import Classes
    from birdclef_mind.networks.build import build
    from birdclef_mind.networks.bundle import Bundle
    from birdclef_mind.networks.calibration import Calibration
    from birdclef_mind.networks.record import Record
    from birdclef_mind.training.recipe import recipe

    network, features = recipe(name).network, PRESETS[preset]
    classes = Classes(tuple(f"bird{index:03d}" for index in range(birds)))
    model = build(network, features.rows, features.frames, birds)
    return Bundle(model, network, features, classes, {}, [1 / birds] * birds, Record(), Calibration(network.answer))


def soundscapes(root, count, minutes=MINUTES):
    """A competition folder with `count` soundscapes, one file under many names."""
    folder = Path(root) / "test_soundscapes"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000 * 60 * minutes).astype(np.float32)
    first = folder / "soundscape_1.ogg"
    first.write_bytes(audio.ogg_bytes(noise, 32_000))
    for number in range(2, count + 1):
        (folder / f"soundscape_{number}.ogg").hardlink_to(first)
    return first


def rows(recipes=(("classic", "mel32"), ("modern", "logmel128")), minutes=MINUTES):
    from birdclef_mind.networks.predictor import Predictor

    for name, preset in recipes:
        bundle = bundle_of(name, preset, 264)
        predictor = Predictor(bundle)
        windows = 12 * minutes
        shape = (windows, bundle.features.rows, bundle.features.frames)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

        def alone(model=bundle.model, pixels=pixels):
            for picture in pixels[:10, None, :, :, None]:
                model.predict(picture, verbose=0)

        slow = timed(alone, 1) / 10
        quick = timed(lambda predictor=predictor, pixels=pixels: predictor.scores(pixels)) / windows
        yield Row(f"{name}: a window, model.predict one by one", slow)
        yield Row(f"{name}: a window, in batches", quick, quick / slow, "one by one")
        yield from whole_soundscape(name, bundle, minutes, quick * windows)


def whole_soundscape(name, bundle, minutes, network_s):
    """A soundscape from the file to the submission, beside what cannot be spared."""
    from birdclef_mind.kaggle.write_submission import write_submission

    with tempfile.TemporaryDirectory() as folder:
        path, root = soundscapes(folder, 1, minutes), Path(folder)
        floor = timed(lambda: audio.read_audio(path, 32_000)) + network_s
        whole = timed(lambda: write_submission(bundle, root, root / "s.csv"))
    yield Row(f"{name}: {minutes} minutes, decoding and network alone", floor)
    yield Row(f"{name}: {minutes} minutes, from the file to the submission", whole, whole / floor, "these alone")
