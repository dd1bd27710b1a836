"""A place made of real sounds: minutes in which held-out birds sing, near and far, over rain and sea.

Clips that are laid end to end do not show what soundscapes are like: there a bird goes on singing, several do at once,
most are far away, and something else is always louder. Each minute here has one weather and some birds; each bird
sings from one perch for a while, so often, so loud and so far away.
"""

import csv
import shutil

import numpy as np
import scipy.signal

RATE_HZ, MINUTE_S, ROW_S = 32_000, 60, 5
WEATHER = ("rainfl1", "seawav1")
LEVEL = 0.02
LOUDER_DB = (-5.0, 10.0)
MOST_BIRDS, SONGS = 4, (2, 6)
STRETCH_S = (15.0, 60.0)
# Of a clip so much lies in a row in which its bird counts as heard.
HEARD_S = 1.0
FAR, FAR_HZ, ECHO, ECHO_S = 0.5, 5_000, 0.5, 0.6


def write_place(birds, weather, out, seed, minutes):
    """A competition of test soundscapes with their truth, of the test clips of `birds` and the weather of another."""
    rng = np.random.default_rng(seed)
    perches, labels = songs_of(birds)
    names = [f"soundscape_{41_000 + 1000 * seed + number}" for number in range(minutes)]
    heard = write_minutes(out / "test_soundscapes", names, (perches, labels), skies_of(weather), rng)
    write_truth(out, labels, heard)


def write_place_to_learn_from(birds, weather, out, seed, minutes):
    """The same with soundscapes to learn from, as 2026 had them; `minutes` of the test, without labels and with them.

    Of each bird's test recordings every other one sings in the test alone; of the others every other clip sings where
    nobody labelled, and the rest where somebody did. So with the weather. OUT/clips is a competition of the training
    clips alone, OUT/whole has all.
    """
    rng = np.random.default_rng(seed)
    (perches, labels), skies = songs_of(birds), skies_of(weather)
    parts = {"test": {}, "untold": {}, "told": {}}
    for label, recordings in perches.items():
        names = list(rng.permutation(sorted(recordings)))
        parts["test"][label] = {name: recordings[name] for name in names[::2]}
        for part, first in (("untold", 0), ("told", 1)):
            own = {name: recordings[name][first::2] for name in names[1::2]}
            parts[part][label] = {name: clips for name, clips in own.items() if clips}
    parts = {part: {label: own for label, own in one.items() if own} for part, one in parts.items()}
    whole, clips = out / "whole", out / "clips"
    for root in (whole, clips):
        root.mkdir(parents=True)
        (root / "train_audio").symlink_to((birds / "train_audio").resolve())
        shutil.copyfile(birds / "train_metadata.csv", root / "train_metadata.csv")
    for place, (part, count) in enumerate(zip(parts, minutes, strict=True)):
        kind = "Test" if part == "test" else "Train"
        names = [
            f"BC2026_{kind}_{1000 * place + number:04d}_S{number % 4:02d}_20260501_0{number % 4}0000"
            for number in range(count)
        ]
        own = {label: sounds[place::3] for label, sounds in skies.items()}
        heard = write_minutes(whole / f"{kind.lower()}_soundscapes", names, (parts[part], labels), own, rng)
        if part == "test":
            write_truth(whole, labels, heard)
        elif part == "told":
            write_table(
                whole / "train_soundscapes_labels.csv",
                [
                    ["filename", "start", "end", "primary_label"],
                    *[
                        [f"{name}.ogg", ROW_S * row, ROW_S * (row + 1), ";".join(np.array(labels)[there]) or "nocall"]
                        for name, rows in heard.items()
                        for row, there in enumerate(rows)
                    ],
                ],
            )
    write_table(whole / "taxonomy.csv", [["primary_label"], *[[label] for label in labels]])


def skies_of(weather):
    """Recordings of each weather."""
    from birdclef_mind.data.competition import open_competition

    opened = open_competition(weather)
    return {label: [opened.audio_path(one) for one in opened.recordings if one.label == label] for label in WEATHER}


def write_minutes(folder, names, singers, skies, rng):
    """A minute of sound by each name, of `singers`: clips by label, and all labels; which birds each row holds."""
    from birdclef_mind.sound import audio

    folder.mkdir(parents=True, exist_ok=True)
    heard = {}
    for number, name in enumerate(names):
        sound, heard[name] = one_minute(*singers, skies[WEATHER[number % len(WEATHER)]], rng)
        (folder / f"{name}.ogg").write_bytes(audio.ogg_bytes(sound, RATE_HZ))
    return heard


def write_truth(out, labels, heard):
    """What is heard in the rows of each soundscape, and a sample submission."""
    header = ["row_id", *labels]
    truth = [
        [f"{name}_{ROW_S * (row + 1)}", *map(int, there)]
        for name, rows in heard.items()
        for row, there in enumerate(rows)
    ]
    write_table(out / "truth.csv", [header, *truth])
    write_table(out / "sample_submission.csv", [header, *[[row[0], *[0] * len(labels)] for row in truth]])


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def songs_of(birds):
    """Clips (samples,) of the test soundscapes by label and recording, and all labels."""
    from birdclef_mind.sound.audio import read_audio

    with (birds / "test_sources.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sounds, perches = {}, {}
    for row in rows:
        name, _, end_s = row["row_id"].rpartition("_")
        if name not in sounds:
            sounds[name] = read_audio(birds / "test_soundscapes" / f"{name}.ogg", RATE_HZ)
        end = int(end_s) * RATE_HZ
        clip = sounds[name][end - ROW_S * RATE_HZ : end]
        perches.setdefault(row["primary_label"], {}).setdefault(row["recording"], []).append(clip)
    with (birds / "sample_submission.csv").open(newline="", encoding="utf-8") as file:
        return perches, next(csv.reader(file))[1:]


def one_minute(perches, labels, sky, rng):
    """A minute of sound, and which birds are heard in each of its rows, (rows, labels)."""
    sound = weather_of(sky, rng)
    heard = np.zeros((MINUTE_S // ROW_S, len(labels)), bool)
    for label in rng.choice(sorted(perches), rng.integers(1, MOST_BIRDS + 1), replace=False):
        clips = perches[label][rng.choice(sorted(perches[label]))]
        louder, far, echo = 10 ** (rng.uniform(*LOUDER_DB) / 20), rng.random() < FAR, rng.random() < ECHO
        length_s = rng.uniform(*STRETCH_S)
        begin_s = rng.uniform(0, MINUTE_S - length_s)
        for _ in range(rng.integers(*SONGS, endpoint=True)):
            clip = from_afar(clips[rng.integers(len(clips))], far, echo, rng)
            start_s = rng.uniform(begin_s, max(begin_s, begin_s + length_s - ROW_S))
            start = round(start_s * RATE_HZ)
            part = sound[start : start + clip.size]
            part += LEVEL * louder * clip[: part.size] / max(np.sqrt(np.mean(np.square(clip))), 1e-6)
            starts = ROW_S * np.arange(len(heard))
            inside = np.minimum(starts + ROW_S, start_s + ROW_S) - np.maximum(starts, start_s)
            heard[inside >= HEARD_S, labels.index(label)] = True
    return (sound * min(1.0, 0.99 / np.abs(sound).max())).astype(np.float32), heard


def weather_of(sky, rng):
    """A minute of clips of one weather, faded into each other."""
    from birdclef_mind.sound.audio import read_audio

    fade = RATE_HZ // 2
    sound = np.zeros(MINUTE_S * RATE_HZ + fade)
    place = 0
    while place < MINUTE_S * RATE_HZ:
        clip = read_audio(sky[rng.integers(len(sky))], RATE_HZ).astype(float)
        clip /= max(np.sqrt(np.mean(np.square(clip))), 1e-6)
        if clip.size <= 2 * fade:
            continue
        ramp = np.minimum(1, np.minimum(np.arange(clip.size), np.arange(clip.size)[::-1]) / fade)
        own = (clip * np.sqrt(ramp))[: sound.size - place]
        sound[place : place + own.size] += LEVEL * own
        place += clip.size - fade
    return sound[: MINUTE_S * RATE_HZ]


def from_afar(clip, far, echo, rng):
    """A clip as it comes from far away, without its high tones, and with an echo."""
    clip = clip.astype(float)
    if far:
        clip = scipy.signal.sosfilt(scipy.signal.butter(2, FAR_HZ, fs=RATE_HZ, output="sos"), clip)
    if echo:
        time_s = np.arange(round(ECHO_S * RATE_HZ)) / RATE_HZ
        tail = rng.normal(size=time_s.size) * np.exp(-6.9 * time_s / ECHO_S)
        tail *= 0.5 / np.sqrt(np.square(tail).sum())
        clip = clip + scipy.signal.fftconvolve(clip, tail)[: clip.size]
    return clip
