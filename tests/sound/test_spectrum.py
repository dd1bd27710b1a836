import librosa
import numpy as np
import pytest

from birdclef_mind.sound import spectrum
from birdclef_mind.sound.settings import PRESETS, Features

SMALL = Features(kind="mel", n_mels=8, n_fft=64, hop_samples=16, sample_rate_hz=8000, fmax_hz=4000)


def transformed(samples, features):
    """The short-time Fourier transform from its definition, in loops."""
    length, half = features.n_fft, features.n_fft // 2
    window = [0.5 - 0.5 * np.cos(2 * np.pi * n / length) for n in range(length)]
    frames = 1 + len(samples) // features.hop_samples
    result = np.zeros((frames, half + 1), complex)
    for frame in range(frames):
        for n in range(length):
            place = frame * features.hop_samples + n - half
            if 0 <= place < len(samples):
                turns = np.arange(half + 1) * n / length
                result[frame] += samples[place] * window[n] * np.exp(-2j * np.pi * turns)
    return result


@pytest.mark.parametrize("length", [64, 79, 80, 81, 200])
def test_spectra_follow_their_definition(rng, length):
    samples = rng.normal(size=length).astype(np.float32)
    found = spectrum.samples_to_spectra(samples[None], SMALL)[0]
    np.testing.assert_allclose(found, transformed(samples, SMALL), atol=2e-5)


@pytest.mark.parametrize("length", [160_000, 512 * 20, 512 * 20 + 1, 512 * 20 + 511])
def test_spectra_agree_with_librosa(rng, length):
    features = PRESETS["mel32"]
    samples = rng.normal(size=(2, length)).astype(np.float32)
    found = spectrum.samples_to_spectra(samples, features)
    wanted = librosa.stft(samples, n_fft=2048, hop_length=512, pad_mode="constant").transpose(0, 2, 1)
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("length", [64, 79, 80, 81, 8000])
def test_spectra_of_a_sound_give_it_back(rng, length):
    samples = rng.normal(size=(3, length)).astype(np.float32)
    spectra = spectrum.samples_to_spectra(samples, SMALL)
    reach = min(length, (spectra.shape[1] - 1) * SMALL.hop_samples)
    back = spectrum.spectra_to_samples(spectra, SMALL, reach)
    np.testing.assert_allclose(back, samples[:, :reach], atol=1e-4)


@pytest.mark.parametrize("name", PRESETS)
def test_mel_filters_agree_with_librosa(name):
    features = PRESETS[name]
    wanted = librosa.filters.mel(
        sr=32_000, n_fft=2048, n_mels=features.n_mels, fmin=features.fmin_hz, fmax=features.fmax_hz
    )
    np.testing.assert_allclose(spectrum.mel_filters(features).toarray(), wanted, rtol=1e-5, atol=1e-9)


def test_mel_scale_is_undone():
    hz = np.array([0.0, 1, 999, 1000, 1001, 16_000])
    np.testing.assert_allclose(spectrum.mel_to_hz(spectrum.hz_to_mel(hz)), hz, rtol=1e-12)
    np.testing.assert_allclose(spectrum.hz_to_mel(hz), librosa.hz_to_mel(hz), rtol=1e-12)


def test_spreading_is_the_adjoint_of_summing(rng):
    power, bands = rng.random((2, 5, SMALL.bins)), rng.random((2, 8, 5))
    forward = np.sum(spectrum.sum_bands(power, SMALL) * bands)
    backward = np.sum(power * spectrum.spread_bands(bands, SMALL))
    assert forward == pytest.approx(backward, rel=1e-6)
