"""A listener's windows over the segments of a recording, against a plain loop over segments, windows and shifts."""

import math

import numpy as np
import pytest
import soundfile

from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import AudioError, ConfigError
from birdclef_mind.listeners.hearing import Hearing, hear_windows
from birdclef_mind.listeners.listener import Heard, Listener, Terms
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.sound.audio import SILENCE_DBFS, loudness_dbfs, read_windows, windows
from birdclef_mind.sound.settings import Windowing

RATE_HZ = 800
MATCH = Match(("a", "b", "c"), ((3,), (), (0, 4)))
# Seconds of a listener's window beside segments of 5 s: shorter, a part that does not divide, nearly as long, longer.
WINDOWS_S = [0.96, 2.5, 3.0, 4.99, 5.0, 7.0]


class Plain:
    """Ears without a bend: an embedding of places, and logits, are products with the samples."""

    def __init__(self, samples, places=()):
        rng = np.random.default_rng(3)
        self.weights = rng.normal(size=(samples, 6)) / samples**0.5
        self.inside = rng.normal(size=(samples, math.prod(places) * 4)) / samples**0.5
        self.taps = {"embedding": (*places, 4)}
        self.most = 0

    def hear(self, samples, taps):
        self.most = max(self.most, len(samples))
        inside = (samples.astype(float) @ self.inside).reshape(len(samples), *self.taps["embedding"])
        return Heard((samples.astype(float) @ self.weights).astype(np.float32), dict.fromkeys(taps, inside))


def listening(window_s, *, hop_s=0.1, places=(), rate_hz=RATE_HZ, peak=0.0):
    samples = round(window_s * rate_hz)
    return Listener(
        name="Plain", kind="onnx", rate_hz=rate_hz, window_s=window_s, hop_s=hop_s, digest="0", terms=Terms(),
        species=tuple(Species(f"s{number}") for number in range(6)), ears=Plain(samples, places), peak=peak,
    )  # fmt: skip


def heard_plainly(sound, listener, hearing):
    """Embeddings and opinion of every segment, (segments, windows, …): the definition, in loops."""
    windowing, rate_hz = hearing.windowing, listener.rate_hz
    length, size = round(windowing.length_s * rate_hz), round(listener.window_s * rate_hz)
    count = math.ceil(round(windowing.length_s / listener.window_s, 6))
    embeddings, opinions = [], []
    for start_s in windowing.starts_s(len(sound) / rate_hz):
        begin = round(start_s * rate_hz)
        latest = math.floor((hearing.shifts - 1) / hearing.shifts * listener.hop_s * rate_hz + 0.5)
        reach = max(length, (length - size if length > size else 0) + latest + size)
        own = sound[begin : begin + reach].astype(float)
        own = np.pad(own - own.mean(), (0, reach - len(own)))
        rows = []
        for window in range(count):
            spread = (windowing.length_s - listener.window_s) * window / max(1, count - 1)
            first = round(max(0, spread) * rate_hz)
            pieces = []
            for shift in range(hearing.shifts):
                later = first + round(shift / hearing.shifts * listener.hop_s * rate_hz)
                piece = own[later : later + size]
                if listener.peak:
                    piece = piece * listener.peak / max(np.abs(piece).max(), 1e-12)
                inside = (piece @ listener.ears.inside).reshape(-1, 4).mean(axis=0)
                logits = piece @ listener.ears.weights
                pieces.append((inside, logits))
            inside, logits = (np.mean([piece[kind] for piece in pieces], axis=0) for kind in (0, 1))
            rows.append((inside, [logits[3], max(logits[0], logits[4])]))
        embeddings.append([row[0] for row in rows])
        opinions.append([row[1] for row in rows])
    return np.array(embeddings), np.array(opinions)


def hear(sound, listener, hearing, moved=None):
    cut = windows([sound.astype(np.float32)], hearing.cutting(listener), moved or {})
    return hear_windows(cut, listener, hearing, MATCH)


@pytest.mark.parametrize("shifts", [1, 3, 16])
@pytest.mark.parametrize("window_s", WINDOWS_S)
def test_every_window_lies_in_the_sound_of_its_segment(window_s, shifts):
    listener, hearing = listening(window_s), Hearing(shifts=shifts)
    offsets, size = hearing.offsets(listener), listener.window_samples
    assert offsets.shape == (hearing.windows(listener), shifts)
    assert offsets.shape[0] * window_s >= 5 - 1e-9 > (offsets.shape[0] - 1) * window_s - 1e-9
    assert offsets.min() == offsets[0, 0] == 0
    assert offsets.max() + size <= hearing.cutting(listener).segment_samples
    # Without a shift the last one ends with the segment, no two leave a gap, and each shift stays within a hop.
    assert offsets[-1, 0] + size == max(5 * RATE_HZ, size)
    assert (np.diff(offsets[:, 0]) <= size).all()
    assert (offsets - offsets[:, :1] < 0.1 * RATE_HZ).all()
    assert (np.diff(offsets, axis=1) > 0).all()


def test_a_rate_that_no_window_divides_keeps_windows_in_their_sound():
    for rate_hz in (11_025, 22_050, 16_001):
        for window_s in WINDOWS_S:
            listener, hearing = listening(window_s, rate_hz=rate_hz), Hearing(shifts=7)
            reach = hearing.offsets(listener).max() + listener.window_samples
            assert reach <= hearing.cutting(listener).segment_samples <= max(reach, 5 * rate_hz + 1)


@pytest.mark.parametrize("shifts", [1, 4])
@pytest.mark.parametrize("window_s", WINDOWS_S)
@pytest.mark.parametrize("duration_s", [0.3, 3.0, 5.0, 5.2, 17.6])
def test_embeddings_and_opinion_follow_their_definition(rng, window_s, shifts, duration_s):
    """Recordings shorter than a window, and tails, are filled up with nothing."""
    sound = rng.normal(scale=0.1, size=round(duration_s * RATE_HZ)) + 0.03
    listener, hearing = listening(window_s), Hearing(windowing=Windowing(step_s=2.5), shifts=shifts)
    found = hear(sound, listener, hearing)
    embeddings, opinion = heard_plainly(sound, listener, hearing)
    assert found.starts_s == tuple(Windowing(step_s=2.5).starts_s(duration_s))
    np.testing.assert_allclose(found.embeddings, embeddings, atol=2e-6)
    np.testing.assert_allclose(found.opinion, opinion, atol=2e-6)
    assert listener.ears.most <= 8


def test_places_of_an_embedding_are_their_mean_and_windows_are_scaled_alone(rng):
    sound = rng.normal(scale=0.1, size=11 * RATE_HZ) * np.linspace(0.1, 1, 11 * RATE_HZ)
    listener, hearing = listening(3.0, places=(2, 3), peak=0.25), Hearing(shifts=2)
    found = hear(sound, listener, hearing)
    embeddings, opinion = heard_plainly(sound, listener, hearing)
    assert found.embeddings.shape == (3, 2, 4)
    np.testing.assert_allclose(found.embeddings, embeddings, atol=2e-6)
    np.testing.assert_allclose(found.opinion, opinion, atol=2e-6)


def test_what_else_is_in_a_recording_changes_no_segment(rng):
    listener, hearing = listening(3.0), Hearing(shifts=2)
    sound = rng.normal(scale=0.1, size=60 * RATE_HZ)
    whole = hear(sound, listener, hearing)
    for segment in (0, 3, 7, 10):
        # A shift listens a little beyond the end of its segment.
        alone = hear(sound[segment * 5 * RATE_HZ :][: 6 * RATE_HZ], listener, hearing)
        np.testing.assert_allclose(alone.embeddings[0], whole.embeddings[segment], atol=1e-6)
        np.testing.assert_allclose(alone.opinion[0], whole.opinion[segment], atol=1e-6)
    loud = sound.copy()
    loud[: 5 * RATE_HZ] *= 9
    np.testing.assert_allclose(hear(loud, listener, hearing).embeddings[1:], whole.embeddings[1:], atol=1e-6)


def test_a_network_hears_a_segment_alone_as_among_others(little, rng):
    from birdclef_mind.listeners.open_listener import open_listener

    listener, hearing = open_listener(little.bundle), Hearing()
    match = Match(("a",), ((0,),))
    sound = rng.normal(scale=0.1, size=32_000 * 55).astype(np.float32)
    whole = hear_windows(windows([sound], hearing.cutting(listener)), listener, hearing, match)
    for segment in (0, 10):
        own = sound[segment * 160_000 :][:160_000]
        alone = hear_windows(windows([own], hearing.cutting(listener)), listener, hearing, match)
        np.testing.assert_allclose(alone.embeddings[0], whole.embeddings[segment], atol=1e-4)
        np.testing.assert_allclose(alone.opinion[0], whole.opinion[segment], atol=1e-4)


def test_a_moved_window_is_heard_where_it_was_moved_to_and_keeps_its_number(rng):
    listener, hearing = listening(3.0), Hearing()
    sound = rng.normal(scale=0.1, size=20 * RATE_HZ)
    moved = hear(sound, listener, hearing, {0: 12.5})
    whole = hear(sound, listener, hearing)
    there = hear(sound[round(12.5 * RATE_HZ) :], listener, hearing)
    assert moved.starts_s == (12.5, 5.0, 10.0, 15.0)
    np.testing.assert_allclose(moved.embeddings[0], there.embeddings[0], atol=1e-6)
    np.testing.assert_allclose(moved.embeddings[1:], whole.embeddings[1:], atol=1e-6)


def test_loudness_is_that_of_the_segment_and_silence_is_known(rng):
    """Of a listener that hears more than the segment at once, too."""
    listener, hearing = listening(7.0), Hearing()
    sound = rng.normal(scale=0.1, size=12 * RATE_HZ)
    sound[: 5 * RATE_HZ] = 0
    found = hear(sound, listener, hearing)
    assert found.loudness_dbfs[0] < SILENCE_DBFS
    assert found.loudness_dbfs[1] == pytest.approx(float(loudness_dbfs(sound[5 * RATE_HZ : 10 * RATE_HZ])), abs=0.01)
    assert found.clipped.tolist() == [0, 0, 0]


def test_recordings_below_the_listeners_rate_and_shorter_than_its_window(rng, tmp_path):
    sound = np.sin(np.arange(16_000) / 7)
    soundfile.write(tmp_path / "a.wav", sound * 0.3, 16_000)
    listener, hearing = listening(3.0, rate_hz=48_000), Hearing()
    found = hear_windows(read_windows(tmp_path / "a.wav", hearing.cutting(listener)), listener, hearing, MATCH)
    assert found.embeddings.shape == (1, 2, 4)
    assert np.isfinite(found.embeddings).all()
    assert np.abs(found.embeddings[0, 0]).max() > 0
    soundfile.write(tmp_path / "b.wav", np.zeros(0), 16_000)
    with pytest.raises(AudioError, match="holds no samples"):
        hear_windows(read_windows(tmp_path / "b.wav", hearing.cutting(listener)), listener, hearing, MATCH)


@pytest.mark.parametrize("shifts", [0, 17, -1, 1.0, True, "2", None])
def test_shifts_that_cannot_be_are_refused(shifts):
    with pytest.raises(ConfigError, match="shifts: expected a whole number from 1 to 16"):
        Hearing(shifts=shifts)


def test_a_hop_of_nothing_hears_the_same_again(rng):
    sound = rng.normal(scale=0.1, size=5 * RATE_HZ)
    listener = listening(3.0, hop_s=0.0)
    several, once = (hear(sound, listener, Hearing(shifts=shifts)) for shifts in (4, 1))
    np.testing.assert_allclose(several.embeddings, once.embeddings, atol=1e-6)
