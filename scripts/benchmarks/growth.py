"""How cost grows: recordings, soundscapes and birds, each in a process of its own with its peak memory."""

import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import Row, apart

RECORDINGS = (100, 1_000, 10_000)
SOUNDSCAPES = (1, 20, 200)
BIRDS = (9, 264)


def rows(recordings=RECORDINGS, soundscapes=SOUNDSCAPES, birds=BIRDS):
    for kind, counts, words in (
        ("recordings", recordings, "a recording of a second cached, of {} (10 birds)"),
        ("soundscapes", soundscapes, "a ten-minute soundscape answered by classic, of {}"),
        ("birds", birds, "a ten-minute soundscape answered by modern, {} birds"),
    ):
        first = None
        for count in counts:
            took, megabytes = apart("growth", kind, count)
            each = took if kind == "birds" else took / count
            first = first or each
            yield Row(words.format(count), each, each / first, f"of {counts[0]}", megabytes)


def measure(kind, count):
    """Seconds of one piece of work; what it needs is made before."""
    with tempfile.TemporaryDirectory() as folder:
        return {"recordings": cache, "soundscapes": answer, "birds": answer_birds}[kind](Path(folder), count)


def cache(folder, count):
    import soundfile

    from birdclef_mind.data.competition import open_competition
    from birdclef_mind.data.labels import choose_labels
    from birdclef_mind.data.write_cache import write_cache
    from birdclef_mind.sound.settings import PRESETS

    rng = np.random.default_rng(0)
    table = [["primary_label", "secondary_labels", "filename"]]
    for number in range(count):
        name = f"bird{number % 10}/r{number}.wav"
        path = folder / "train_audio" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.normal(0, 0.1, 32_000).astype(np.float32), 32_000)
        table.append([f"bird{number % 10}", "[]", name])
    with (folder / "train_metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    started = time.perf_counter()
    competition = open_competition(folder)
    classes = choose_labels([recording.label for recording in competition.recordings], "all")
    write_cache(competition, classes, PRESETS["mel32"], folder / "cache", jobs=1)
    return time.perf_counter() - started


def answer(folder, count, name="classic", preset="mel32", birds=264):
    from answering import bundle_of, soundscapes

    from birdclef_mind.kaggle.write_submission import write_submission

    soundscapes(folder, count)
    bundle = bundle_of(name, preset, birds)
    started = time.perf_counter()
    write_submission(bundle, folder, folder / "s.csv")
    return time.perf_counter() - started


def answer_birds(folder, birds):
    return answer(folder, 1, "modern", "logmel128", birds)
