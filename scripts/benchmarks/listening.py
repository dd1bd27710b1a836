"""Listening with BirdNET: its twin beside the file's own operators, `embed` beside decoding and hearing in one loop."""

import csv
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from answering import soundscapes
from timing import Row, apart, by_turns, timed

from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.sound import audio

RECORDINGS, MEMORY_OF, MINUTES = 20, (20, 80), 10


def rows(root, model, recordings=RECORDINGS, memory_of=MEMORY_OF, minutes=MINUTES):
    """Rows on the listener in the file `model`, a TFLite file of BirdNET."""
    from birdclef_mind.listeners.open_listener import open_listener

    listener = open_listener(model)
    yield from windows(listener, model)
    yield from embedding(root, model, listener, recordings)
    yield from whole_soundscape(listener, model, minutes)
    first = None
    for count in memory_of:
        took, megabytes = apart("listening", str(root), str(model), count)
        first = first or took / count
        yield Row(f"embed in a process of its own, a recording of {count}", took / count, took / count / first,
                  f"of {memory_of[0]}", megabytes)  # fmt: skip


def windows(listener, model, count=32):
    """A window by the file's own operators, on all cores, and by its twin in batches, with the embedding."""
    from birdclef_mind.listeners.interpreter import Interpreter

    samples = np.random.default_rng(0).normal(0, 0.1, (count, listener.window_samples)).astype(np.float32)
    interpreter = Interpreter(model)
    taken = by_turns(lambda: interpreter.run(samples), lambda: listener.hear(samples, ["embedding"]))
    own, twin = (seconds / count for seconds in taken)
    yield Row(f"{listener.name}: a window, the file's own operators", own)
    yield Row(f"{listener.name}: a window, its twin in batches", twin, twin / own, "the file's operators")


def heard_by(listener, competition):
    """How all its classes are heard, whatever the listener knows: each has some counterpart."""
    from birdclef_mind.listeners.embeddings import HeardBy
    from birdclef_mind.listeners.hearing import Hearing
    from birdclef_mind.listeners.species_match import Match

    classes = choose_labels(competition.labels, "all")
    places = tuple((number % len(listener.species),) for number in range(len(classes.names)))
    return classes, HeardBy.of(listener, Hearing(), Match(classes.names, places))


def embedding(root, model, listener, recordings):
    """Some recordings heard in a bare loop that keeps nothing, and by `embed`; the listener is open before either."""
    from birdclef_mind.listeners.write_embeddings import opened, write_embeddings

    competition = open_competition(root)
    competition = replace(competition, recordings=competition.recordings[:recordings])
    classes, how = heard_by(listener, competition)
    offsets = how.hearing.offsets(listener).ravel().tolist()
    paths = [competition.audio_path(recording) for recording in competition.recordings]
    length = round(how.hearing.windowing.length_s * listener.rate_hz)

    def bare():
        segments = 0
        for path in paths:
            sound = audio.read_audio(path, listener.rate_hz)
            starts_s = how.hearing.windowing.starts_s(len(sound) / listener.rate_hz)
            whole = np.pad(sound, (0, length))
            begins = [round(start_s * listener.rate_hz) + later for start_s in starts_s for later in offsets]
            listener.hear(np.stack([whole[begin:][: listener.window_samples] for begin in begins]), ["embedding"])
            segments += len(starts_s)
        return segments

    def ours():
        with tempfile.TemporaryDirectory() as folder:
            write_embeddings(model, how, competition, classes, Path(folder) / "embeddings")

    opened(model)
    segments = bare()
    floor, own = (seconds / segments for seconds in by_turns(bare, ours))
    yield Row("decoding and listening in a bare loop, a segment", floor)
    yield Row("the same by embed, a segment", own, own / floor, "the bare loop")


def whole_soundscape(listener, model, minutes):
    """A soundscape heard as `embed` hears it, beside decoding and the file's own operators alone."""
    from birdclef_mind.listeners.hearing import Hearing, hear_windows
    from birdclef_mind.listeners.interpreter import Interpreter
    from birdclef_mind.listeners.species_match import Match

    hearing, match, interpreter = Hearing(), Match(("bird",), ((0,),)), Interpreter(model)
    count = round(60 * minutes / hearing.windowing.step_s) * hearing.windows(listener)
    silence = np.zeros((8, listener.window_samples), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = soundscapes(folder, 1, minutes)
        floor = timed(lambda: audio.read_audio(path, listener.rate_hz))
        floor += timed(lambda: interpreter.run(silence)) / len(silence) * count
        cutting = hearing.cutting(listener)
        own = timed(lambda: hear_windows(audio.read_windows(path, cutting), listener, hearing, match))
    yield Row(f"{listener.name}: {minutes} minutes, decoding and the file's own operators alone", floor)
    yield Row(f"{listener.name}: {minutes} minutes heard", own, own / floor, "these alone")


def measure(root, model, count):
    """Seconds that `embed` takes for so many recordings, the same ones again under other names."""
    from birdclef_mind.commands.surroundings import import_tensorflow_quietly

    import_tensorflow_quietly()
    from birdclef_mind.listeners.write_embeddings import opened, write_embeddings

    with tempfile.TemporaryDirectory() as folder:
        repeat(open_competition(Path(root)), Path(folder), count)
        competition, listener = open_competition(Path(folder)), opened(Path(model))
        classes, how = heard_by(listener, competition)
        started = time.perf_counter()
        write_embeddings(Path(model), how, competition, classes, Path(folder) / "embeddings")
        return time.perf_counter() - started


def repeat(competition, folder, count):
    """A competition folder of so many recordings: the first `RECORDINGS` of another, over and over."""
    own = competition.recordings[:RECORDINGS]
    table = [["primary_label", "secondary_labels", "filename"]]
    for number in range(count):
        recording = own[number % len(own)]
        name = f"{recording.label}/{number}{Path(recording.filename).suffix}"
        (folder / "train_audio" / recording.label).mkdir(parents=True, exist_ok=True)
        shutil.copy(competition.audio_path(recording), folder / "train_audio" / name)
        table.append([recording.label, "[]", name])
    with (folder / "train_metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
