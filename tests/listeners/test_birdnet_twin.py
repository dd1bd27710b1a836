"""BirdNET's ways on a file of its names and shapes with random weights: the twin hears as the file does, or is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from fake_birdnet import NAMES, PICTURES, SAMPLES, spoiled

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet import open_birdnet
from birdclef_mind.listeners.birdnet_twin import TAPS, read_twin, require_birdnet
from birdclef_mind.listeners.interpreter import Interpreter
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.tflite_file import read_graph


@pytest.fixture(scope="module")
def listener(fake_birdnet):
    return open_birdnet(fake_birdnet / "model.tflite")


@pytest.fixture
def windows(rng):
    """Noise, a tone, noise that grows, silence with a click; (windows, samples)."""
    found = rng.normal(scale=0.1, size=(4, SAMPLES)).astype(np.float32)
    found[1] = 0.5 * np.sin(0.3 * np.arange(SAMPLES))
    found[2] *= np.linspace(0, 1, SAMPLES)
    found[3] = 0
    found[3, 700] = 1
    return found


def test_the_twin_agrees_with_the_file_at_every_tap(fake_birdnet, listener, windows):
    path = fake_birdnet / "model.tflite"
    heard = listener.hear(windows, tuple(TAPS))
    places = require_birdnet(read_graph(path))
    logits, *taps = Interpreter(path, keep=True).run(windows, list(places.values()))
    np.testing.assert_allclose(heard.logits, logits, atol=1e-4)
    for name, expected in zip(places, taps, strict=True):
        own = heard.activations[name]
        assert own.shape == expected.shape == (len(windows), *listener.taps[name])
        assert np.abs(own - expected).max() < 1e-3 * np.abs(expected).max(), name


def test_what_moments_add_is_the_logit(listener, windows):
    adds = listener.sums_a_moment(windows)
    assert adds.shape == (len(windows), listener.taps["moments"][1], len(listener.species))
    logits = listener.hear(windows).logits
    np.testing.assert_allclose(adds.sum(axis=1), logits, atol=1e-5 * max(1, np.abs(logits).max()))
    # Of a sound in the last second alone the first moments hear as much as of any silence.
    late = np.where(np.arange(windows.shape[1]) >= 2 * windows.shape[1] // 3, windows[:1], 0).astype(np.float32)
    apart = np.abs(np.diff(listener.sums_a_moment(late)[0], axis=0)).max(axis=1)
    assert apart[3:].max() > apart[0]


def test_its_pictures_follow_their_formula(fake_birdnet, listener, windows):
    graph = read_graph(fake_birdnet / "model.tflite")
    samples = windows[2].astype(float)
    ranged = 2 * ((samples - samples.min()) / (np.ptp(samples) + 1e-6) - 0.5)
    found = listener.activations(windows[2:3], ["pictures"])["pictures"][0]
    layers = [listener.ears.twin.model.get_layer(f"picture_{number}") for number in (1, 2)]
    mels = [one.value for one in graph.tensors if one.value is not None and one.value.shape[:1] == (96,)]
    for channel, (n_fft, hop) in enumerate(PICTURES):
        (mel,) = [one.astype(float) for one in mels if one.shape == (96, n_fft // 2 + 1)]
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        starts = range(0, SAMPLES - n_fft + 1, hop)
        spectra = np.stack([np.fft.rfft(hann * ranged[start : start + n_fft]).real for start in starts], 1)
        expected = ((mel @ spectra) ** 2)[::-1] ** float(layers[channel].exponent.numpy())
        assert found[..., channel].shape == expected.shape == (96, 511)
        np.testing.assert_allclose(found[..., channel], expected, atol=3e-3 * expected.max())


def test_the_logit_is_a_mean_of_six_moments(listener, windows):
    heard = listener.hear(windows, ("moments", "embedding"))
    dense = listener.ears.twin.model.layers[-1]
    moments = heard.activations["moments"][:, 0]
    each = moments @ dense.kernel.numpy() + dense.bias.numpy()
    np.testing.assert_allclose(each.mean(axis=1), heard.logits, atol=1e-4)
    np.testing.assert_allclose(moments.mean(axis=1), heard.activations["embedding"], atol=1e-5)


def test_it_has_gradients_down_to_the_sound(listener, windows):
    given = tf.constant(windows[:1])
    with tf.GradientTape() as tape:
        tape.watch(given)
        logit = listener.ears.twin.model(given, training=False)[0, 3]
    slope = tape.gradient(logit, given).numpy()
    assert np.isfinite(slope).all()
    assert np.abs(slope).max() > 0


def test_it_knows_its_species_and_windows(listener, fake_birdnet):
    lines = []
    assert open_listener(fake_birdnet / "model.tflite", say=lines.append).digest == listener.digest
    assert lines[0].startswith("BirdNET v2.4: CC BY-NC-SA 4.0; free for education and research")
    assert [f"{one.scientific_name}_{one.common_name}" for one in listener.species] == NAMES
    assert (listener.rate_hz, listener.window_samples, listener.answer) == (48_000, SAMPLES, "sigmoid")
    assert listener.hop_s == 278 / 48_000


def test_an_untrained_twin_has_the_same_numbers_in_another_order(fake_birdnet, listener, windows):
    twin, own = read_twin(fake_birdnet / "model.tflite", untrained_seed=3), listener.ears.twin
    for mine, other in zip(own.model.layers, twin.model.layers, strict=True):
        for weights, shuffled in zip(mine.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(np.sort(weights.ravel()), np.sort(shuffled.ravel()))
    logits = twin.model(windows, training=False).numpy()
    assert np.abs(logits - listener.hear(windows).logits).max() > 0.1
    again = read_twin(fake_birdnet / "model.tflite", untrained_seed=3).model(windows[:1], training=False).numpy()
    np.testing.assert_array_equal(again, twin.model(windows[:1], training=False).numpy())
    shown = keras.Model(twin.model.input, twin.taps["pictures"])(windows, training=False).numpy()
    np.testing.assert_array_equal(shown, listener.activations(windows, ["pictures"])["pictures"])


def other_input(file):
    tensor = file.graph.tensors[file.graph.inputs[0]]
    tensor.shape = tensor.shapeSignature = np.array([1, 96_000], np.int32)


def another_name(file):
    file.tensor("model/BLOCK_2-4_ADD/").name = b"model/BLOCK_2-4_SUM/add"


def another_shape(file):
    file.tensor("model/BLOCK_1-3_ADD/").shapeSignature = np.array([-1, 24, -1, 37], np.int32)


def another_step(file):
    file.turn(file.maker("model/BLOCK_1-1_ACT_1/Sig"), "TANH")


def another_beginning(file):
    file.turn(file.maker("model/MEL_SPEC1/sub"), "MAXIMUM")


def another_range(file):
    file.turn(file.maker("model/MEL_SPEC1/truediv"), "MAXIMUM")


def a_range_without_a_constant(file):
    divided, taken = file.maker("model/MEL_SPEC1/truediv"), file.maker("model/MEL_SPEC1/sub_1")
    taken.inputs[1] = divided.outputs[0]


def another_picture(file):
    file.turn(file.maker("model/MEL_SPEC2/Reverse"), "ABS")


def a_computed_kernel(file):
    file.maker("model/BLOCK_1-2_CONV_1/").inputs[1] = file.maker("model/ACT_0/").outputs[0]


def another_activation(file):
    file.maker("model/POST_ACT_1/").builtinOptions.fusedActivationFunction = 3


def another_mean(file):
    place = file.maker("model/GLOBAL_AVG_POOL/").inputs[1]
    file.constant(place, np.int32)[:] = (2, 3)


def a_strange_step(file):
    file.turn(file.maker("model/BLOCK_1-2_ADD/"), "MAXIMUM")


def another_order(file):
    first, second = (file.maker(f"model/BLOCK_1-2_{name}/") for name in ("CONV_3", "ADD"))
    operators = file.graph.operators
    one, other = operators.index(first), operators.index(second)
    operators[one], operators[other] = second, first


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_input, r"its input is \[\(1, 96000\)\], not windows of 144000 samples"),
        (another_name, "nothing in it is called model/BLOCK_2-4_ADD/…"),
        (another_shape, r"its stage_1 have the shape \(-1, 24, -1, 37\), not \(-1, 24, -1, 36\)"),
        (another_step, "it has 57 steps of kind LOGISTIC, not 58"),
        (another_beginning, "it begins with REDUCE_MIN, MAXIMUM, not with REDUCE_MIN, SUB"),
        (another_range, "its samples go through MAXIMUM where DIV is expected"),
        (a_range_without_a_constant, "its range has 2 constants, not 3"),
        (another_picture, "comes from ABS, not from REVERSE_V2"),
        (a_computed_kernel, "model/ACT_0/.* is computed, not a constant"),
        (another_activation, "model/POST_ACT_1/.* ends in activation 3"),
        (another_mean, r"is a mean over axes \(2, 3\), not over height and width"),
        (a_strange_step, "it has a step of kind MAXIMUM after its pictures"),
        (another_order, "model/BLOCK_1-2_CONV_3/.* is used before it is made"),
    ],
)
def test_another_model_is_refused_by_what_differs(fake_birdnet, tmp_path, change, why):
    path = spoiled(fake_birdnet / "model.tflite", change, tmp_path / "other.tflite")
    with pytest.raises(ListenerError, match=f"expected BirdNET v2.4, found a model that differs: .*{why}"):
        read_twin(path)


def a_wider_kernel(file):
    operator = file.maker("model/BLOCK_1-2_CONV_2/")
    operator.builtinOptions.dilationHFactor = operator.builtinOptions.dilationWFactor = 2


def no_numbers(file):
    file.constant(file.maker("model/BLOCK_3-1_CONV_1/").inputs[2])[:] = np.nan


def no_embedding(file):
    file.constant(file.maker("model/POST_ACT_1/").inputs[2])[:] = -1e6


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (a_wider_kernel, "expected logits that the file's own operators give, to within 0.001, got"),
        (no_numbers, "expected stage_3 that follow the sound, got numbers that do not"),
        (no_embedding, "expected moments that follow the sound, got numbers that do not"),
    ],
)
def test_a_twin_that_hears_something_else_is_refused(fake_birdnet, tmp_path, change, why):
    path = spoiled(fake_birdnet / "model.tflite", change, tmp_path / "other.tflite")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/en.txt").write_text("\n".join(NAMES))
    with pytest.raises(ListenerError, match=why):
        open_birdnet(path)


def test_a_file_that_is_not_birdnet_has_to_be_described(fake_birdnet, tmp_path):
    path = spoiled(fake_birdnet / "model.tflite", another_step, tmp_path / "other.tflite")
    with pytest.raises(
        ListenerError, match=r'57 steps of kind LOGISTIC[^\n]*\nkind = "tflite"\nmodel = "other.tflite"'
    ):
        open_listener(path)


def test_what_is_no_model_is_refused(tmp_path, fake_birdnet):
    path = tmp_path / "x.tflite"
    path.write_text("a text")
    with pytest.raises(ListenerError, match="expected a TFLite file, got one that does not begin as such"):
        read_graph(path)
    path.write_bytes((fake_birdnet / "model.tflite").read_bytes()[:9000])
    with pytest.raises(ListenerError, match="expected a whole TFLite file, got a broken one"):
        read_graph(path)
    with pytest.raises(ListenerError, match="expected a TFLite file, found none that can be read"):
        read_graph(tmp_path / "none.tflite")
