"""A small synthetic competition folder: invented birds with distinct songs, over noise, in BirdCLEF's shape."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.competition import METADATA, SAMPLE_SUBMISSION, TEST_SOUNDSCAPES, TRAIN_AUDIO
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.sound import audio
from birdclef_mind.storage import files, folders
from birdclef_mind.storage.tables import csv_text

RATE_HZ = 32_000
WINDOW_S = 5
SONGS = ("whistle", "trill", "chirp", "buzz")
TRUTH = "truth.csv"
# As many as the competition's own table lists before the hidden run.
_LISTED = 3
_OWN_SOUND = re.compile(rf"{TRAIN_AUDIO}/sam[a-z]{{3}}\d+/SYN\d{{5}}\.ogg|{TEST_SOUNDSCAPES}/soundscape_9\d{{4}}\.ogg")
# Peaks of songs.
_LOUDNESS, _HARD_LOUDNESS = (0.1, 0.4), (0.03, 0.15)
_COLUMNS = (
    "primary_label", "secondary_labels", "type", "latitude", "longitude", "scientific_name", "common_name",
    "author", "license", "rating", "url", "filename",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How large a sample is, and its seed.

    Attributes
    ----------
    species : 2 to 40. recordings : a species. authors : who share the recordings among them.
    soundscapes : test recordings of `soundscape_s` seconds.
    noise : whether it is hard: songs barely above the noise, every author's place sounding its own way, other birds
        singing in the background of training recordings, and places in the test that training has never heard.
    """

    species: int = 6
    recordings: int = 10
    authors: int = 5
    soundscapes: int = 2
    soundscape_s: int = 60
    seed: int = 0
    noise: bool = False

    def __post_init__(self) -> None:
        limits = {
            "species": (2, 40), "recordings": (1, 999), "authors": (1, 99), "soundscapes": (0, 999),
            "soundscape_s": (WINDOW_S, 600), "seed": (0, 2**31),
        }  # fmt: skip
        for name, (lowest, highest) in limits.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not lowest <= value <= highest:
                raise ConfigError(f"{name}: expected a whole number from {lowest} to {highest}, got {value!r}")


@dataclass(frozen=True)
class Species:
    """An invented bird: what its song is made of."""

    code: str
    common_name: str
    song: str
    pitch_hz: float
    notes_a_s: float

    def sing(self, rng: np.random.Generator) -> Array:
        """One phrase, (samples,), float: notes at the bird's pitch and pace, a little different every time."""
        pitch_hz = self.pitch_hz * rng.uniform(0.97, 1.03)
        notes = int(rng.integers(2, 4) if self.song == "whistle" else rng.integers(4, 9))
        gap = np.zeros(int(RATE_HZ / self.notes_a_s * 0.35))
        length_s = 0.65 / self.notes_a_s
        return np.concatenate([part for _ in range(notes) for part in (_note(self.song, pitch_hz, length_s), gap)])


def write_sample(out: Path, sample: Sample = Sample()) -> None:
    """Write the folder: training table and recordings, test soundscapes, `sample_submission.csv`, `truth.csv`.

    The same sample gives the same tables and the same sound. TableError for a folder that holds anything but a sample
    that was stopped before it was whole.
    """
    if (out / TRUTH).exists():
        raise TableError(f"{out}: expected a new or empty folder for the sample, found one with {TRUTH}")
    rng = np.random.default_rng(sample.seed)
    birds = invent_species(sample.species)
    with (
        folders.claimed(out, "sample", TableError, adopt=_unfinished) as ledger,
        folders.renewed(ledger, last=TRUTH) as stage,
    ):
        _write_recordings(stage, sample, birds, rng)
        _write_soundscapes(stage, sample, birds, rng)


def _unfinished(out: Path) -> list[str]:
    """Files of a sample that was stopped before it had its truth; none where anything else stands there."""
    visible = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    names = [path.relative_to(out).as_posix() for path in visible]
    recordings = [name for name in names if _OWN_SOUND.fullmatch(name)]
    tables = [METADATA, SAMPLE_SUBMISSION]
    return names if recordings and all(name in (*recordings, *tables) for name in names) else []


def invent_species(count: int) -> list[Species]:
    """Birds that differ in kind of song, pitch and pace; the first ones stay the same whatever the count."""
    birds = []
    for index in range(count):
        song = SONGS[index % len(SONGS)]
        # The golden ratio spreads pitches evenly however many birds there are.
        place = (0.5 + index * 0.618034) % 1
        pitch_hz = 1200 * (7500 / 1200) ** place
        pace = {"whistle": 1.5, "trill": 9.0, "chirp": 4.0, "buzz": 2.5}[song] * (1 + 0.3 * (index // len(SONGS) % 3))
        number = index // len(SONGS) + 1
        birds.append(
            Species(
                f"sam{song[:3]}{number}", f"Sample {song.title().removesuffix('e')}er {number}", song, pitch_hz, pace
            )
        )
    return birds


def _note(song: str, pitch_hz: float, length_s: float) -> Array:
    time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
    part = time_s / length_s
    if song == "whistle":
        tone = np.sin(2 * np.pi * pitch_hz * time_s)
    elif song == "trill":
        tone = np.sin(2 * np.pi * pitch_hz * (time_s + 0.02 * np.sin(2 * np.pi * part) / (2 * np.pi)))
    elif song == "chirp":
        tone = np.sin(2 * np.pi * pitch_hz * (1.35 * time_s - 0.35 * time_s * part))
    else:
        tone = np.sin(2 * np.pi * pitch_hz * time_s) * np.sign(np.sin(2 * np.pi * 110 * time_s))
    return np.asarray(tone * np.sin(np.pi * part) ** 0.5)


def _noise(length: int, rng: np.random.Generator) -> Array:
    """Wind and leaves: noise that falls off towards high frequencies."""
    spectrum = np.fft.rfft(rng.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    colored = np.fft.irfft(spectrum / np.sqrt(1 + (hz / 400) ** 1.5), length)
    return np.asarray(colored / colored.std())


def _add_song(sound: Array, bird: Species, start: int, level: float, rng: np.random.Generator) -> None:
    phrase = bird.sing(rng) * level
    end = min(sound.size, start + phrase.size)
    sound[start:end] += phrase[: max(0, end - start)]


@dataclass(frozen=True)
class Place:
    """Where somebody records: how loud its hiss is, which tones hum there, how its microphone colours the sound."""

    hiss: float
    hum_hz: tuple[float, ...] = ()
    colour: tuple[float, float] | None = None

    def noise(self, length: int, rng: np.random.Generator) -> Array:
        """Its noise, (length,): hiss, and hums that swell."""
        sound = _noise(length, rng) * self.hiss
        time_s = np.arange(length) / RATE_HZ
        for hz in self.hum_hz:
            swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time_s + rng.uniform(0, 6))
            sound += self.hiss * 0.5 * swell * np.sin(2 * np.pi * hz * time_s)
        return sound

    def record(self, sound: Array) -> Array:
        """Sound (samples,) as its microphone gives it, (samples,)."""
        if self.colour is None:
            return sound
        hz = np.fft.rfftfreq(sound.size, 1 / RATE_HZ)
        steep, middle_hz = self.colour
        return np.asarray(np.fft.irfft(np.fft.rfft(sound) * (1 + hz / middle_hz) ** steep, sound.size))


def invent_place(rng: np.random.Generator, hard: bool) -> Place:
    """A place with its noise; of a hard sample louder, humming like insects and traffic, and coloured."""
    if not hard:
        return Place(rng.uniform(0.004, 0.02))
    hums = tuple(rng.uniform(2000, 9000, int(rng.integers(0, 3)))) + tuple(rng.uniform(80, 400, 2))
    return Place(rng.uniform(0.015, 0.06), hums, (rng.uniform(-0.8, 0.8), rng.uniform(1000, 4000)))


def _write_recordings(out: Path, sample: Sample, birds: list[Species], rng: np.random.Generator) -> None:
    rows: list[list[Any]] = []
    places = [invent_place(rng, sample.noise) for _ in range(sample.authors)]
    loudness = _HARD_LOUDNESS if sample.noise else _LOUDNESS
    for bird in birds:
        for number in range(sample.recordings):
            author = int(rng.integers(sample.authors))
            # One in five is shorter than a segment.
            length_s = rng.uniform(1.5, 4.5) if number % 5 == 4 else rng.uniform(6, 15)
            sound = places[author].noise(int(length_s * RATE_HZ), rng)
            for start_s in np.arange(rng.uniform(0, 0.5), length_s - 0.7, 2.2):
                _add_song(sound, bird, int(start_s * RATE_HZ), rng.uniform(*loudness), rng)
            secondary = []
            if number % 4 == 1:
                other = birds[(birds.index(bird) + 1 + int(rng.integers(len(birds) - 1))) % len(birds)]
                _add_song(sound, other, int(rng.uniform(0, length_s / 2) * RATE_HZ), 0.06, rng)
                secondary = [other.code]
            if sample.noise:
                # Whoever else sings, quietly and unnoticed.
                for other in rng.choice(len(birds), 2):
                    _add_song(
                        sound, birds[other], int(rng.uniform(0, length_s) * RATE_HZ), rng.uniform(0.01, 0.03), rng
                    )
                sound = places[author].record(sound)
            filename = f"{bird.code}/SYN{len(rows) + 1:05d}.ogg"
            _write_ogg(out / TRAIN_AUDIO / filename, sound)
            rows.append(
                [bird.code, repr(secondary), "['song']", f"{rng.uniform(-3, 3):.4f}", f"{rng.uniform(34, 40):.4f}",
                 f"Exemplum {bird.song}", bird.common_name, f"Sample author {author + 1}", "CC0 1.0", "4.0", "",
                 filename]
            )  # fmt: skip
    _write_csv(out / METADATA, _COLUMNS, rows)


def _write_soundscapes(out: Path, sample: Sample, birds: list[Species], rng: np.random.Generator) -> None:
    codes = sorted(bird.code for bird in birds)
    by_code = {bird.code: bird for bird in birds}
    loudness = _HARD_LOUDNESS if sample.noise else (0.15, 0.4)
    truth = []
    (out / TEST_SOUNDSCAPES).mkdir(parents=True, exist_ok=True)
    for number in range(sample.soundscapes):
        name = f"soundscape_{90001 + number}"
        place = invent_place(rng, sample.noise)
        sound = place.noise(sample.soundscape_s * RATE_HZ, rng)
        for window in range(sample.soundscape_s // WINDOW_S):
            # None, one or two birds a window; each sings twice, whole inside the window.
            present = {codes[index] for index in rng.choice(len(codes), rng.choice(3, p=[0.1, 0.7, 0.2]), False)}
            for code in sorted(present):
                for start_s in (rng.uniform(0.1, 0.8), rng.uniform(2.2, 2.9)):
                    start = int((window * WINDOW_S + start_s) * RATE_HZ)
                    _add_song(sound, by_code[code], start, rng.uniform(*loudness), rng)
            row_id = f"{name}_{(window + 1) * WINDOW_S}"
            truth.append([row_id, *(int(code in present) for code in codes)])
        _write_ogg(out / TEST_SOUNDSCAPES / f"{name}.ogg", place.record(sound))
    _write_csv(out / TRUTH, ("row_id", *codes), truth)
    listed = [[row[0], *[f"{1 / len(codes):.4f}"] * len(codes)] for row in truth[: _listed(sample)]]
    _write_csv(out / SAMPLE_SUBMISSION, ("row_id", *codes), listed)


def _listed(sample: Sample) -> int:
    """How many rows of the first soundscape the sample submission lists: all, or few enough that more are meant."""
    rows = sample.soundscape_s // WINDOW_S
    return _LISTED if rows > 2 * _LISTED else rows


def _write_ogg(path: Path, sound: Array) -> None:
    with files.whole(path) as part:
        part.write_bytes(audio.ogg_bytes(sound.astype(np.float32), RATE_HZ))


def _write_csv(path: Path, header: tuple[str, ...], rows: list[list[Any]]) -> None:
    files.write_text(path, csv_text(header, rows))
