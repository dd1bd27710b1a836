"""A small synthetic competition folder: invented species with distinct songs, over noise, in any year's form."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data import sample_tables as tables
from birdclef_mind.data.form import FORMS, TEST_SOUNDSCAPES, USUAL, Form
from birdclef_mind.data.sample_sounds import RATE_HZ, Place, Species, add_song, invent_place, invent_species
from birdclef_mind.data.sample_tables import TRUTH, Clip, Heard
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.sound import audio
from birdclef_mind.storage import files, folders

WINDOW_S = 5
# Peaks of songs.
_LOUDNESS, _HARD_LOUDNESS = (0.1, 0.4), (0.03, 0.15)
# Of none, one or two species in a window.
_PRESENT = (0.1, 0.7, 0.2)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """How large a sample is, and its seed.

    Attributes
    ----------
    species : 2 to 40. recordings : a species. authors : who share the recordings among them.
    soundscapes : test recordings of `soundscape_s` seconds.
    noise : whether it is hard: songs barely above the noise, every author's place sounding its own way, other birds
        singing in the background of training recordings, and places in the test that training has never heard.
    year : whose competition it looks like, see `form`.
    """

    species: int = 6
    recordings: int = 10
    authors: int = 5
    soundscapes: int = 2
    soundscape_s: int = 60
    seed: int = 0
    noise: bool = False
    year: int = USUAL.year

    def __post_init__(self) -> None:
        limits = {
            "species": (2, 40), "recordings": (1, 999), "authors": (1, 99), "soundscapes": (0, 999),
            "soundscape_s": (WINDOW_S, 600), "seed": (0, 2**31),
        }  # fmt: skip
        for name, (lowest, highest) in limits.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not lowest <= value <= highest:
                raise ConfigError(f"{name}: expected a whole number from {lowest} to {highest}, got {value!r}")
        if self.year not in FORMS:
            raise ConfigError(f"year: expected one of {', '.join(map(str, sorted(FORMS)))}, got {self.year!r}")

    @property
    def form(self) -> Form:
        """The form of its tables and folders."""
        return FORMS[self.year]


def write_sample(out: Path, sample: Sample = Sample()) -> None:
    """Write the folder: training table and recordings, soundscapes, `sample_submission.csv`, `truth.csv`.

    The same sample gives the same tables and the same sound. TableError for a folder that holds anything but a sample
    that was stopped before it was whole.
    """
    if (out / TRUTH).exists():
        raise TableError(f"{out}: expected a new or empty folder for the sample, found one with {TRUTH}")
    rng = np.random.default_rng(sample.seed)
    species = tables.named(invent_species(sample.species), sample.form)
    with (
        folders.claimed(out, "sample", TableError) as ledger,
        folders.renewed(ledger, last=TRUTH) as stage,
    ):
        clips = _write_recordings(stage, sample, species, rng)
        tables.write_training(stage, sample.form, clips)
        names = tables.names_of_tests(sample.form, sample.soundscapes)
        heard = [_write_soundscape(stage / TEST_SOUNDSCAPES, name, sample, species, rng) for name in names]
        (stage / TEST_SOUNDSCAPES).mkdir(exist_ok=True)
        tables.write_submission(stage, sample.form, species, heard)
        # What is there to learn from beside clips comes last, so that without it all else is the same.
        folder = stage / sample.form.soundscapes
        more = [_write_soundscape(folder, name, sample, species, rng) for name in tables.training_names(sample.form)]
        tables.write_labels(stage, sample.form, more)
        tables.write_taxonomy(stage, sample.form, species)
        files.write_text(stage / TRUTH, tables.truth(sample.form, species, heard))


def _write_recordings(out: Path, sample: Sample, species: list[Species], rng: np.random.Generator) -> list[Clip]:
    clips: list[Clip] = []
    places = [invent_place(rng, sample.noise) for _ in range(sample.authors)]
    for one in species[: tables.with_clips(sample.form, len(species))]:
        for number in range(sample.recordings):
            author = int(rng.integers(sample.authors))
            sound, secondary = _recording(one, number, places[author], species, sample=sample, rng=rng)
            clip = tables.clip(sample.form, one, len(clips) + 1, author + 1, secondary=secondary, rng=rng)
            _write_ogg(out / sample.form.audio / one.code / clip.file, sound)
            clips.append(clip)
    return clips


def _recording(
    one: Species, number: int, place: Place, species: list[Species], *, sample: Sample, rng: np.random.Generator
) -> tuple[Array, list[str]]:
    """A recording (samples,) of a species, and what else sings in it and is written down."""
    # One in five is shorter than a segment.
    length_s = rng.uniform(1.5, 4.5) if number % 5 == 4 else rng.uniform(6, 15)
    loudness = _HARD_LOUDNESS if sample.noise else _LOUDNESS
    sound = place.noise(int(length_s * RATE_HZ), rng)
    for start_s in np.arange(rng.uniform(0, 0.5), length_s - 0.7, 2.2):
        add_song(sound, one, int(start_s * RATE_HZ), rng.uniform(*loudness), rng)
    secondary = []
    if number % 4 == 1:
        other = species[(species.index(one) + 1 + int(rng.integers(len(species) - 1))) % len(species)]
        add_song(sound, other, int(rng.uniform(0, length_s / 2) * RATE_HZ), 0.06, rng)
        secondary = [other.code]
    if sample.noise:
        # Whoever else sings, quietly and unnoticed.
        for other_place in rng.choice(len(species), 2):
            start = int(rng.uniform(0, length_s) * RATE_HZ)
            add_song(sound, species[other_place], start, rng.uniform(0.01, 0.03), rng)
        sound = place.record(sound)
    return sound, secondary


def _write_soundscape(
    folder: Path, name: str, sample: Sample, species: list[Species], rng: np.random.Generator
) -> Heard:
    """Write a soundscape; which species sing in each of its windows."""
    codes = sorted(one.code for one in species)
    by_code = {one.code: one for one in species}
    loudness = _HARD_LOUDNESS if sample.noise else (0.15, 0.4)
    place = invent_place(rng, sample.noise)
    sound = place.noise(sample.soundscape_s * RATE_HZ, rng)
    windows: list[tuple[str, ...]] = []
    for window in range(sample.soundscape_s // WINDOW_S):
        # Each sings twice, whole inside the window.
        present = {codes[index] for index in rng.choice(len(codes), rng.choice(3, p=_PRESENT), False)}
        for code in sorted(present):
            for start_s in (rng.uniform(0.1, 0.8), rng.uniform(2.2, 2.9)):
                start = int((window * WINDOW_S + start_s) * RATE_HZ)
                add_song(sound, by_code[code], start, rng.uniform(*loudness), rng)
        windows.append(tuple(sorted(present)))
    _write_ogg(folder / f"{name}.ogg", place.record(sound))
    return Heard(name, tuple(windows))


def _write_ogg(path: Path, sound: Array) -> None:
    with files.whole(path) as part:
        part.write_bytes(audio.ogg_bytes(sound.astype(np.float32), RATE_HZ))
