import csv

import numpy as np
import pytest
import soundfile
import soxr

from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.sound import audio
from birdclef_mind.sound.copies import _agree, _textures, alike_recordings
from birdclef_mind.sound.landmarks import SHIFT, Landmarks, _neighbours, _ones, find_landmarks, match_landmarks
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


def test_neighbours_are_those_of_the_definition(rng):
    """In a loop: in order of the bytes, the most alike of those that follow and belong to another."""
    count = 300
    signs = rng.integers(0, 256, (count, 16), np.uint8)
    signs[200:] = signs[:100] ^ (1 << rng.integers(0, 8, (100, 16))).astype(np.uint8) * (rng.random((100, 16)) < 0.1)
    owners = np.arange(count) % 7
    landmarks = Landmarks(np.arange(count, dtype=np.int32), np.zeros(count, np.int32), signs)
    both, clear = _neighbours(landmarks, owners, 0, 1)
    expected = {}
    order = sorted(range(count), key=lambda place: bytes(signs[place, :8]))
    for at, place in enumerate(order):
        distances = {next_: int(np.unpackbits(signs[place] ^ signs[next_]).sum()) for next_ in order[at + 1 : at + 13]}
        others = [next_ for next_ in distances if owners[next_] != owners[place]]
        nearest = min(others, key=distances.__getitem__, default=None)
        if nearest is not None and min(40, max(distances.values())) - distances[nearest] >= 10:
            expected[min(place, nearest), max(place, nearest)] = min(40, max(distances.values())) - distances[nearest]
    pairs = list(zip(*(part.tolist() for part in np.divmod(both, count)), strict=True))
    assert dict(zip(pairs, clear.tolist(), strict=True)) == expected
    assert len(expected) > 50


def test_ones_are_counted(rng, monkeypatch):
    words = rng.integers(0, 2**64, 1000, np.uint64, endpoint=False)
    expected = [int(word).bit_count() for word in words]
    assert _ones(words).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert _ones(words).tolist() == expected


def test_matches_say_how_a_copy_is_shifted(rng):
    samples = sounds(rng, 1)[0]
    shifted = samples[int(0.512 * RATE_HZ) :]
    pixels = np.concatenate([pictures_of(own, "logmel128").pictures.pixels for own in (samples, shifted)])
    matches = match_landmarks(
        find_landmarks(pixels.__getitem__, np.arange(len(pixels))), np.array([0, 0, 1, 1])[: len(pixels)]
    )
    best = matches.votes.argmax()
    assert (matches.first[best], matches.second[best]) in [(0, 2), (1, 3)]
    assert abs(matches.shifts[best] - 32) <= SHIFT


def test_textures_agree_at_their_shift_alone(rng):
    one, other = (_textures(pictures_of(own, "mel32").pictures.pixels[:1]) for own in sounds(rng, 2))
    moved = np.zeros_like(one)
    moved[:, :, :250] = one[:, :, 63:]
    for shift, same in ((63, True), (63 + SHIFT, True), (0, False), (-63, False), (400, False)):
        assert _agree(one, moved, np.array([shift])).tolist() == [same]
    assert _agree(one, other, np.array([0])).tolist() == [False]


@pytest.mark.slow
@pytest.mark.parametrize("noise", [False, True])
def test_the_samples_recordings_are_no_copies(tmp_path, noise):
    write_sample(tmp_path / "s", Sample(noise=noise, soundscapes=0))
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
