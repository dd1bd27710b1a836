from dataclasses import replace

import librosa
import numpy as np
import pytest

from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import (
    ROUNDS,
    Pictures,
    PixelScale,
    bands_to_levels,
    bands_to_samples,
    levels_to_bands,
    levels_to_pixels,
    levels_to_scale,
    pictures_to_samples,
    pixels_to_levels,
    samples_to_levels,
    samples_to_pictures,
)
from birdclef_mind.sound.settings import PRESETS, Features, Windowing

LENGTH = 160_000


def librosa_levels(samples, features):
    settings = {
        "sr": 32_000, "n_fft": 2048, "hop_length": 512, "n_mels": features.n_mels,
        "fmin": features.fmin_hz, "fmax": features.fmax_hz, "power": features.power,
    }  # fmt: skip
    if features.kind == "mfcc":
        return librosa.feature.mfcc(y=samples, n_mfcc=features.n_coeffs, **settings)
    mel = librosa.feature.melspectrogram(y=samples, **settings)
    return librosa.power_to_db(mel, top_db=features.range_db) if features.kind == "logmel" else mel


def correlations(one, other):
    return [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]


@pytest.fixture(scope="module")
def sounds(sample_folder):
    """Real-looking segments: some of the sample's songs, one short and padded."""
    paths = sorted((sample_folder / "train_audio").glob("*/*.ogg"))
    cuts = [audio.cut(audio.read_audio(path, 32_000), PRESETS["mel32"]).samples[:1] for path in paths[:5]]
    return np.concatenate(cuts)


@pytest.fixture(scope="module")
def real_sounds(bird_corner):
    paths = sorted((bird_corner / "train_audio").glob("*/*.ogg"))
    return np.concatenate([audio.cut(audio.read_audio(p, 32_000), PRESETS["mel32"]).samples[:1] for p in paths])


@pytest.mark.parametrize("name", PRESETS)
def test_levels_agree_with_librosa(sounds, name):
    features = PRESETS[name]
    levels = samples_to_levels(sounds, features)
    for found, samples in zip(levels, sounds, strict=True):
        wanted = librosa_levels(samples, features)
        shown = np.maximum(found, found.max() - features.range_db) if features.kind == "logmel" else found
        assert np.abs(shown - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("samples", [np.zeros(LENGTH), np.full(LENGTH, 0.3), np.full(LENGTH, -1e-9)])
def test_silence_and_constants_are_black_and_stay_silent(name, samples):
    features = PRESETS[name]
    pictures = samples_to_pictures(samples[None], features)
    assert not pictures.pixels.any()
    assert pictures.scale.width[0] == 0
    assert not pictures_to_samples(pictures, features).any()


@pytest.mark.parametrize("name", PRESETS)
def test_silence_beside_a_sound_is_black_and_a_quiet_sound_is_not(sounds, name):
    features = PRESETS[name]
    beside = np.stack([sounds[0], np.zeros(LENGTH), sounds[0] * np.float32(1e-3), np.full(LENGTH, 0.3)])
    levels = samples_to_levels(beside, features)
    pictures = samples_to_pictures(beside, features)
    assert (levels.dtype, pictures.pixels.dtype) == (np.float32, np.uint8)
    assert pictures.scale.low.dtype == pictures.scale.width.dtype == np.float32
    assert pixels_to_levels(pictures.pixels.astype(float), pictures.scale).dtype == np.float32
    assert pictures.pixels.any(axis=(1, 2)).tolist() == [True, False, True, False]
    assert (pictures.scale.width > 0).tolist() == [True, False, True, False]


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_depends_on_the_batch(sounds, name):
    features = PRESETS[name]
    together = samples_to_pictures(sounds, features)
    backwards = samples_to_pictures(sounds[::-1], features)
    np.testing.assert_array_equal(together.pixels, backwards.pixels[::-1])
    for index in range(len(sounds)):
        alone = samples_to_pictures(sounds[index : index + 1], features)
        np.testing.assert_array_equal(alone.pixels[0], together.pixels[index])
        assert alone.scale.low[0] == together.scale.low[index]
    two = Pictures(together.pixels[:2], together.scale[:2])
    one = Pictures(together.pixels[1:2], together.scale[1:2])
    np.testing.assert_array_equal(pictures_to_samples(two, features)[1], pictures_to_samples(one, features)[0])


@pytest.mark.parametrize("name", ["mel16", "mel32", "logmel128"])
def test_gain_changes_the_scale_and_not_the_picture(sounds, name):
    quiet = samples_to_pictures(sounds * np.float32(0.25), PRESETS[name])
    loud = samples_to_pictures(sounds, PRESETS[name])
    difference = np.abs(quiet.pixels.astype(int) - loud.pixels.astype(int))
    assert difference.max() <= 1
    assert (quiet.scale.low <= loud.scale.low).all()


def test_quantising_loses_at_most_half_a_step(rng):
    levels = rng.normal(size=(5, 7, 11)).astype(np.float32) * np.float32([1e-3, 1, 1e3, 0, 5])[:, None, None]
    scale = levels_to_scale(levels, PRESETS["mel32"])
    back = pixels_to_levels(levels_to_pixels(levels, scale), scale)
    half_step = scale.width[:, None, None] / 510
    assert (np.abs(back - levels) <= half_step * (1 + 1e-4) + 1e-6 * np.abs(levels)).all()


def test_values_outside_the_scale_saturate():
    scale = PixelScale(np.float32([10]), np.float32([20]))
    pixels = levels_to_pixels(np.float32([[[0, 10, 20, 30, 99]]]), scale)
    assert pixels.ravel().tolist() == [0, 0, 128, 255, 255]


def test_logmel_window_is_80_db_below_the_peak(sounds):
    features = PRESETS["logmel128"]
    pictures = samples_to_pictures(sounds, features)
    levels = samples_to_levels(sounds, features)
    np.testing.assert_array_equal(pictures.scale.width, 80)
    np.testing.assert_allclose(pictures.scale.low, levels.max(axis=(1, 2)) - 80, rtol=1e-6)
    assert (pictures.pixels.max(axis=(1, 2)) == 255).all()


@pytest.mark.parametrize(("name", "bound"), [("mel16", 0.995), ("mfcc16", 0.99), ("mel32", 0.995), ("logmel128", 0.98)])
def test_sound_of_a_picture_gives_the_picture_again(sounds, name, bound):
    features = PRESETS[name]
    pictures = samples_to_pictures(sounds, features)
    again = samples_to_pictures(pictures_to_samples(pictures, features), features)
    assert np.median(correlations(again.pixels, pictures.pixels)) >= bound


def test_sound_of_a_picture_is_as_loud_as_the_original(sounds):
    features = PRESETS["logmel128"]
    back = pictures_to_samples(samples_to_pictures(sounds, features), features)
    np.testing.assert_allclose(back.std(axis=1), sounds.std(axis=1), rtol=0.1)


def test_a_sound_whose_picture_has_a_narrow_scale_is_heard(sounds):
    features = PRESETS["mel32"]
    pictures = samples_to_pictures(sounds[:1] * np.float32(1e-4), features)
    assert 0 < pictures.scale.width[0] < 1
    assert pictures_to_samples(pictures, features).any()


def test_bands_come_back_from_their_levels(rng):
    bands = rng.uniform(1, 1e5, (2, 16, 7)).astype(np.float32)
    for features in (PRESETS["mel16"], PRESETS["logmel128"], replace(PRESETS["mfcc16"], n_coeffs=16, n_mels=16)):
        np.testing.assert_allclose(levels_to_bands(bands_to_levels(bands, features), features), bands, rtol=1e-3)
    assert (levels_to_bands(np.float32([[[-1, 2]]]), PRESETS["mel32"]) == [[[0, 2]]]).all()
    decibels = levels_to_bands(np.float32([[[10, 200, 999]]]), PRESETS["logmel128"])
    np.testing.assert_allclose(decibels, [[[10, 1e20, 1e20]]], rtol=1e-5)


def test_the_seed_decides_the_invented_phase(sounds):
    features = PRESETS["mel16"]
    pictures = samples_to_pictures(sounds[:2], features)
    first, same, other = (pictures_to_samples(pictures, features, seed=seed) for seed in (0, 0, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.01
    bands = levels_to_bands(pixels_to_levels(pictures.pixels, pictures.scale), features)
    for found in (
        pictures_to_samples(pictures, features),
        pictures_to_samples(pictures, features, threads=2),
        pictures_to_samples(pictures, features, rounds=ROUNDS),
        bands_to_samples(bands, features),
        bands_to_samples(bands.astype(float), features),
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, first)
    assert np.abs(pictures_to_samples(pictures, features, rounds=1) - first).max() > 0.01


def sound_by_definition(bands, features, seed, rounds):
    """Griffin and Lim with momentum, the bands scaled in each round: with librosa's transforms, in double precision."""
    rate, length, hop = features.sample_rate_hz, features.n_fft, features.hop_samples
    filters = librosa.filters.mel(sr=rate, n_fft=length, n_mels=features.n_mels, fmin=features.fmin_hz, dtype=float)

    def scaled(spectrum):
        has = filters @ np.abs(spectrum) ** features.power
        gain = filters.T @ np.minimum(bands / np.maximum(has, 1e-14), 1e4)
        return spectrum * (gain / np.maximum(filters.sum(axis=0), 1e-9)[:, None]) ** (1 / features.power)

    def sound(spectrum):
        return librosa.istft(spectrum, hop_length=hop, length=features.segment_samples, dtype=float)

    turns = np.random.default_rng(seed).random((features.frames, features.bins), np.float32).T
    spectrum, before = scaled(np.exp(2j * np.pi * turns)), 0
    for _ in range(rounds):
        possible = librosa.stft(sound(spectrum), n_fft=length, hop_length=hop, pad_mode="constant", dtype=complex)
        spectrum, before = scaled(possible - 0.99 / 1.99 * before), possible
    return sound(spectrum)


@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_the_sound_of_bands_follows_its_definition(rng, power):
    features = Features(
        kind="mel", n_mels=8, n_fft=64, hop_samples=16, sample_rate_hz=8000, fmax_hz=4000, power=power,
        windowing=Windowing(length_s=0.5, step_s=0.5),
    )  # fmt: skip
    bands = rng.uniform(0, 1, (2, 8, features.frames)).astype(np.float32)
    bands[1, :, ::3] = 0
    found = bands_to_samples(bands, features, seed=3, rounds=3)
    for one, wanted in zip(found, bands, strict=True):
        expected = sound_by_definition(wanted, features, 3, 3)
        np.testing.assert_allclose(one, expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bound"), [("mel32", 0.995), ("logmel128", 0.99)])
def test_real_recordings_survive_and_no_worse_than_with_librosa(real_sounds, name, bound):
    features = PRESETS[name]
    pictures = samples_to_pictures(real_sounds, features)
    ours = samples_to_pictures(pictures_to_samples(pictures, features), features)
    found = correlations(ours.pixels, pictures.pixels)
    assert np.median(found) >= bound
    levels = pixels_to_levels(pictures.pixels[:4], pictures.scale[:4])
    mel = librosa.db_to_power(levels) if features.kind == "logmel" else np.maximum(levels, 0)
    settings = {
        "sr": 32_000, "n_fft": 2048, "hop_length": 512, "power": features.power, "length": LENGTH,
        "fmin": features.fmin_hz, "fmax": features.fmax_hz,
    }  # fmt: skip
    theirs = np.stack([librosa.feature.inverse.mel_to_audio(one, **settings) for one in mel])
    theirs = correlations(samples_to_pictures(theirs.astype(np.float32), features).pixels, pictures.pixels[:4])
    assert np.median(found[:4]) >= np.median(theirs)


@pytest.mark.parametrize("rate_hz", [22_050, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("length_s", [3, 5])
def test_windows_are_shifted_by_whole_samples(rate_hz, length_s):
    windowing = replace(PRESETS["mel32"].windowing, length_s=length_s, step_s=length_s, shortest_tail_s=1.0)
    features = replace(PRESETS["mel32"], sample_rate_hz=rate_hz, fmax_hz=10_000, windowing=windowing)
    for shifts in range(1, 13):
        assert abs(features.shifted(shifts).step_samples - features.segment_samples / shifts) <= 0.5
