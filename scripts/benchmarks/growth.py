"""How cost grows: recordings, soundscapes, birds and what is searched for copies, each in a process of its own."""

import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from timing import Row, apart

RECORDINGS = (100, 1_000, 10_000)
SOUNDSCAPES = (1, 20, 200)
BIRDS = (9, 264)
SEGMENTS = (1_000, 10_000)


def rows(recordings=RECORDINGS, soundscapes=SOUNDSCAPES, birds=BIRDS, segments=SEGMENTS):
    for kind, counts, words in (
        ("recordings", recordings, "a recording of a second cached, of {} (10 birds)"),
        ("soundscapes", soundscapes, "a ten-minute soundscape answered by classic, of {}"),
        ("birds", birds, "a ten-minute soundscape answered by modern, {} birds"),
        ("segments", segments, "a segment among {} searched for copies (mel32)"),
    ):
        first = None
        for count in counts:
            took, megabytes = apart("growth", kind, count)
            each = took if kind == "birds" else took / count
            first = first or each
            yield Row(words.format(count), each, each / first, f"of {counts[0]}", megabytes)


def measure(kind, count):
    """Seconds of one piece of work; what it needs is made before."""
    works = {"recordings": cache, "soundscapes": answer, "birds": answer_birds, "segments": search}
    with tempfile.TemporaryDirectory() as folder:
        return works[kind](Path(folder), count)


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


def search(_, count, songs=20, a_recording=10):
    """Copies looked for in pictures of songs of a few kinds, each in noise of its own; every tenth recording is one."""
    from birdclef_mind.sound.copies import alike_recordings

    rng = np.random.default_rng(0)
    kinds = np.zeros((songs, 32, 313), np.uint8)
    for kind in kinds:
        for row, frame in zip(rng.integers(0, 29, 12), rng.integers(0, 290, 12), strict=True):
            kind[row : row + 3, frame : frame + 20] = rng.integers(60, 200)
    pixels = np.empty((count, 32, 313), np.uint8)
    for picture in pixels:
        song = np.roll(kinds[rng.integers(songs)], rng.integers(313), axis=1)
        picture[:] = song + rng.integers(0, 56, song.shape, np.uint8)
    copied = count // a_recording // 10 * a_recording
    pixels[count - copied :] = pixels[:copied]
    names = [f"r{place // a_recording}" for place in range(count)]
    started = time.perf_counter()
    found = alike_recordings(pixels, names)
    took = time.perf_counter() - started
    assert len(found) == copied // a_recording, "every copy and nothing else is found"
    return took
