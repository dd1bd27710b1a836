"""Invented species with distinct songs, and invented places with their noise."""

from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array

RATE_HZ = 32_000
SONGS = ("whistle", "trill", "chirp", "buzz")


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


def add_song(sound: Array, bird: Species, start: int, level: float, rng: np.random.Generator) -> None:
    """Add a phrase to a sound (samples,), in place, from a sample on; what reaches beyond its end is cut off."""
    phrase = bird.sing(rng) * level
    end = min(sound.size, start + phrase.size)
    sound[start:end] += phrase[: max(0, end - start)]


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
