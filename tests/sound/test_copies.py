import csv

import numpy as np
import pytest
import soundfile
import soxr

from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.sound import audio, matches
from birdclef_mind.sound import copies as copies_
from birdclef_mind.sound.copies import _agree, _textures, alike_recordings
from birdclef_mind.sound.matches import SHIFT
from birdclef_mind.sound.recordings import picture_windows
from birdclef_mind.sound.settings import PRESETS

RATE_HZ = 32_000


def sounds(rng, count, length_s=8.0):
    """Noise that differs from one to the next, and the same song in all of them."""
    time_s = np.arange(int(0.4 * RATE_HZ)) / RATE_HZ
    note = np.sin(2 * np.pi * 3000 * time_s) * np.sin(np.pi * time_s / 0.4)
    song = np.zeros(int(length_s * RATE_HZ))
    for start_s in np.arange(0.3, length_s - 0.5, 0.7):
        song[int(start_s * RATE_HZ) :][: note.size] += note
    return [(0.2 * song + 0.03 * rng.normal(size=song.size)).astype(np.float32) for _ in range(count)]


def pictures_of(samples, preset):
    return picture_windows(audio.windows([np.asarray(samples, np.float32)], PRESETS[preset]), PRESETS[preset])


def found(recordings, preset):
    """Pairs among recordings given as name: samples."""
    own = {name: pictures_of(samples, preset).pictures.pixels for name, samples in recordings.items()}
    names = [name for name, pixels in own.items() for _ in pixels]
    pixels, cepstral = np.concatenate(list(own.values())), PRESETS[preset].kind == "mfcc"
    return {frozenset(pair) for pair in alike_recordings(pixels, names, cepstral=cepstral)}


def encoded(samples, folder, kind, **settings):
    soundfile.write(folder / f"copy.{kind}", samples, RATE_HZ, **settings)
    return audio.read_audio(folder / f"copy.{kind}", RATE_HZ)


@pytest.mark.parametrize("preset", ["mel16", "mfcc16", "mel32", "logmel128"])
def test_the_same_song_in_other_noise_is_no_copy_and_in_the_same_noise_is_one(rng, preset):
    originals = {f"r{number}": samples for number, samples in enumerate(sounds(rng, 6))}
    copies = {f"copy{number}": originals[f"r{number}"][int(0.37 * RATE_HZ) :] for number in range(3)}
    assert found(originals, preset) == set()
    assert found({**originals, **copies}, preset) == {frozenset((f"r{n}", f"copy{n}")) for n in range(3)}


def test_neither_order_nor_how_pictures_are_chosen_matters(rng):
    recordings = [*sounds(rng, 3), np.zeros(0)]
    recordings[3] = 0.1 * recordings[1][int(1.3 * RATE_HZ) :]
    pixels = [pictures_of(samples, "logmel128").pictures.pixels for samples in recordings]
    names = [name for name, own in zip("abcd", pixels, strict=True) for _ in own]
    pixels = np.concatenate(pixels)
    expected = {frozenset("bd")}
    order = rng.permutation(len(names))
    for chosen in (np.arange(len(names)), np.arange(len(names))[::-1], order):
        own = alike_recordings(pixels[chosen], [names[place] for place in chosen])
        assert {frozenset(pair) for pair in own} == expected
        assert own == alike_recordings(pixels, [names[place] for place in chosen], chosen)


def test_a_recording_is_no_copy_of_itself(rng):
    pixels = pictures_of(sounds(rng, 1)[0], "mel32").pictures.pixels
    assert alike_recordings(np.concatenate([pixels, pixels]), ["a"] * 2 * len(pixels)) == []


@pytest.mark.parametrize("shape", [(0, 32, 313), (1, 32, 313), (4, 32, 313), (4, 32, 20), (4, 32, 1), (4, 1, 63)])
@pytest.mark.parametrize("value", [0, 7, 255])
def test_what_shows_nothing_is_no_copy(shape, value):
    assert alike_recordings(np.full(shape, value, np.uint8), list("abcd")[: shape[0]]) == []


@pytest.mark.parametrize("shape", [(1, 32, 313), (6, 32, 20), (6, 1, 63), (6, 3, 100)])
def test_small_pictures_of_noise_are_no_copies(rng, shape):
    assert alike_recordings(rng.integers(0, 256, shape, np.uint8), list("abcdef")[: shape[0]]) == []


def test_silence_around_a_click_makes_no_copies(rng):
    """Steps from and to silence stand in all bands at once, in whatever recording."""
    pixels = np.zeros((12, 32, 313), np.uint8)
    for number, frame in enumerate(rng.integers(20, 250, 12)):
        pixels[number, :, frame : frame + 40] = rng.integers(100, 256, (32, 40))
    assert alike_recordings(pixels, list("abcdefghijkl")) == []


def test_how_much_is_sorted_or_kept_at_once_does_not_matter(rng, monkeypatch):
    originals = [pictures_of(samples, "mel32").pictures.pixels for samples in sounds(rng, 8)]
    copies = [np.roll(own, -20 * number, axis=2) for number, own in enumerate(originals[:5])]
    pixels = np.concatenate([*originals, *copies])
    names = [f"r{number}" for number, own in enumerate([*originals, *copies]) for _ in own]
    expected = [("r0", "r8"), ("r1", "r9"), ("r10", "r2"), ("r11", "r3"), ("r12", "r4")]
    assert alike_recordings(pixels, names) == expected
    for block, shelves, judged in ((200, 256, 4_000), (50, 7, 4_000), (2**20, 1, 10)):
        monkeypatch.setattr(matches, "_BLOCK", block)
        monkeypatch.setattr(matches, "_SHELVES", shelves)
        monkeypatch.setattr(copies_, "_LEAST_JUDGED", judged)
        assert alike_recordings(pixels, names) == expected


def test_textures_agree_at_their_shift_alone(rng):
    one, other = (_textures(pictures_of(own, "mel32").pictures.pixels[:1]) for own in sounds(rng, 2))
    moved = np.zeros_like(one)
    moved[:, :, :250] = one[:, :, 63:]
    for shift, same in ((63, True), (63 + SHIFT, True), (0, False), (-63, False), (400, False)):
        assert _agree(one, moved, np.array([shift])).tolist() == [same]
    assert _agree(one, other, np.array([0])).tolist() == [False]


@pytest.mark.slow
def test_the_samples_recordings_are_no_copies(tmp_path):
    write_sample(tmp_path / "s", Sample(noise=True, soundscapes=0))
    paths = sorted((tmp_path / "s" / "train_audio").rglob("*.ogg"))
    assert found({path.stem: audio.read_audio(path, RATE_HZ) for path in paths}, "mel32") == set()


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["mel32", "logmel128"])
def test_real_copies_are_found_and_other_recordings_of_the_bird_are_not(preset, birds, tmp_path):
    """By 44 recordists, whose recordings are short; every other is copied, in several ways."""
    with (birds / "train_metadata.csv").open(newline="", encoding="utf-8") as file:
        names = [row["filename"] for row in csv.DictReader(file)]
    recordings = {name: audio.read_audio(birds / "train_audio" / name, RATE_HZ) for name in names}
    ways = (
        lambda samples: encoded(samples, tmp_path, "mp3"),
        lambda samples: encoded(0.5 * samples[int(0.1 * RATE_HZ) :], tmp_path, "ogg"),
        lambda samples: encoded(samples[int(1.37 * RATE_HZ) :], tmp_path, "ogg"),
        lambda samples: soxr.resample(soxr.resample(samples[3 * RATE_HZ :], RATE_HZ, 22_050), 22_050, RATE_HZ),
        lambda samples: 0.1 * samples[samples.size // 4 : samples.size // 4 + 12 * RATE_HZ],
    )
    copies = {}
    for number, name in enumerate(names[::2]):
        copy = ways[number % len(ways)](recordings[name])
        if copy.size >= 2.5 * RATE_HZ:
            copies[f"copy of {name}"] = copy
    pairs = found({**recordings, **copies}, preset)
    true = {frozenset((name, name.removeprefix("copy of "))) for name in copies}
    assert len(true) > 70
    assert len(pairs & true) / len(true) >= 0.95
    total = len(recordings) + len(copies)
    assert len(pairs - true) <= 1e-4 * total * (total - 1) / 2
