import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.stamps import filter_patches, read_chain, stamp, stamp_back, unflatten
from birdclef_mind.backwards.transposed import raw_to_picture, transposed_pass
from birdclef_mind.errors import Obstacle
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.settings import Network


def stamped(activation, patches, stride):
    """Sum over places and filters of patch times activation: the definition, in loops."""
    height, width, filters = activation.shape
    tall, wide = patches.shape[:2]
    canvas = np.zeros(((height - 1) * stride[0] + tall, (width - 1) * stride[1] + wide))
    for row, column, f in np.ndindex(height, width, filters):
        top, left = row * stride[0], column * stride[1]
        canvas[top : top + tall, left : left + wide] += activation[row, column, f] * patches[:, :, f]
    return canvas


def composed(kernels, strides, dilations):
    """Patches layer by layer: sum over kernel positions and channels of weight times the shifted patch, in loops."""
    found, pitch = [kernels[0][:, :, 0, :]], strides[0]
    if dilations[0] > 1:
        kernel = kernels[0]
        wide = np.zeros(
            ((kernel.shape[0] - 1) * dilations[0] + 1, (kernel.shape[1] - 1) * dilations[0] + 1, kernel.shape[3])
        )
        wide[:: dilations[0], :: dilations[0]] = kernel[:, :, 0, :]
        found = [wide]
    for kernel, stride, dilation in zip(kernels[1:], strides[1:], dilations[1:], strict=True):
        before, step = found[-1], pitch * dilation
        rows, columns, channels, filters = kernel.shape
        size = (before.shape[0] + (rows - 1) * step, before.shape[1] + (columns - 1) * step)
        patches = np.zeros((*size, filters))
        for f in range(filters):
            for row, column, channel in np.ndindex(rows, columns, channels):
                for y, x in np.ndindex(*before.shape[:2]):
                    patches[row * step + y, column * step + x, f] += (
                        kernel[row, column, channel, f] * before[y, x, channel]
                    )
        found.append(np.maximum(patches, 0))
        pitch *= stride
    return found


def chain_network(rows, frames, plan, padding, activation="relu", seed=0):
    """A chain of convolutions (filters, side, stride, dilation) and two dense layers."""
    keras.utils.set_random_seed(seed)
    value = picture = keras.Input((rows, frames, 1))
    for number, (filters, side, stride, dilation) in enumerate(plan):
        value = layers.Conv2D(
            filters,
            side,
            strides=stride,
            dilation_rate=dilation,
            padding=padding,
            activation=activation,
            name=f"c{number}",
        )(value)
    value = layers.Dense(4, activation=activation, name="embed")(layers.Flatten()(value))
    return keras.Model(picture, layers.Dense(3, name="answer")(value))


PLANS = [
    [(3, 3, 1, 1)],
    [(2, 3, 1, 1), (3, 5, 1, 1)],
    [(2, (3, 2), 2, 1), (1, 3, 1, 1), (4, 2, 2, 1)],
    [(3, 3, 1, 2), (2, 3, 1, 1)],
]


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 2), (8, 13, 5)])
@pytest.mark.parametrize(("side", "stride"), [(1, (1, 1)), (3, (1, 1)), (3, (2, 2)), (7, (2, 1)), (2, (3, 3))])
def test_stamping_follows_its_definition(rng, shape, side, stride):
    activation, patches = rng.normal(size=(2, *shape)), rng.normal(size=(side, side + 1, shape[-1]))
    for found, one in zip(stamp(activation, patches, stride), activation, strict=True):
        np.testing.assert_allclose(found, stamped(one, patches, stride), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_patches_follow_their_definition(plan, padding):
    if padding == "same" and any(stride != 1 and dilation != 1 for _, _, stride, dilation in plan):
        pytest.skip("Keras allows no strides with dilation")
    model = chain_network(19, 23, plan, padding)
    anatomy = read_anatomy(model)
    found = filter_patches(anatomy, read_chain(anatomy))
    kernels = [np.asarray(model.get_layer(f"c{n}").kernel, float) for n in range(len(plan))]
    wanted = composed(kernels, [stride for _, _, stride, _ in plan], [dilation for *_, dilation in plan])
    assert list(found) == [f"c{n}" for n in range(len(plan))]
    for one, other in zip(found.values(), wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_patches_of_classic_have_the_published_sides():
    anatomy = read_anatomy(networks.build(Network(), 32, 313, 9))
    patches = filter_patches(anatomy, read_chain(anatomy))
    assert [value.shape[0] for value in patches.values()] == [3, 5, 9, 11, 13, 15, 19]


def adjoint(anatomy, tap, shape, weights):
    """Rows of the matrix of a linear network, one picture pixel at a time, applied backwards to `weights`."""
    rows, frames = shape
    units = np.eye(rows * frames, dtype=np.float32).reshape(-1, rows, frames, 1)
    reader = anatomy.reader([tap])
    zero = reader(np.zeros((1, rows, frames, 1), np.float32))[0].numpy()
    columns = (reader(units)[0].numpy() - zero).reshape(rows * frames, -1)
    return (columns @ weights.ravel()).reshape(rows, frames)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_pass_is_the_exact_adjoint_of_a_linear_network(rng, plan, padding):
    model = chain_network(13, 17, plan, padding, activation=None)
    anatomy = read_anatomy(model)
    taps = anatomy.taps()
    pictures = rng.normal(size=(2, 13, 17)).astype(np.float32)
    back = transposed_pass(anatomy, taps, pictures)
    for tap, raw, activation in zip(taps, back, anatomy.activations(taps, pictures), strict=True):
        wanted = adjoint(anatomy, tap, (13, 17), activation[1])
        np.testing.assert_allclose(raw[1], wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize("plan", PLANS)
def test_stamps_are_the_exact_adjoint_of_linear_valid_convolutions(rng, plan):
    model = chain_network(13, 17, plan, "valid", activation=None)
    anatomy = read_anatomy(model)
    chain = read_chain(anatomy, clip=False)
    for tap in anatomy.of_kind("convolution"):
        activation = rng.normal(size=(1, *tap.shape)).astype(np.float32)
        found = stamp_back(chain, tap, activation, (13, 17))[0]
        wanted = adjoint(anatomy, tap, (13, 17), activation)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("stride", "side"), [(1, 3), (2, 3), (2, 4), (3, 5)])
def test_stamps_of_a_padded_convolution_lie_where_they_belong(rng, stride, side):
    model = chain_network(14, 19, [(2, side, stride, 1)], "same", activation=None)
    anatomy = read_anatomy(model)
    (tap,) = anatomy.of_kind("convolution")
    activation = rng.normal(size=(1, *tap.shape)).astype(np.float32)
    found = stamp_back(read_chain(anatomy), tap, activation, (14, 19))[0]
    np.testing.assert_allclose(found, adjoint(anatomy, tap, (14, 19), activation), rtol=1e-4, atol=1e-5)


def test_transposed_pass_is_the_gradient_of_half_the_squared_activation(rng):
    model = networks.build(Network(), 12, 20, 3)
    anatomy = read_anatomy(model)
    taps = anatomy.taps()
    pictures = rng.uniform(0, 255, (2, 12, 20)).astype(np.float32)
    for tap, raw in zip(taps, transposed_pass(anatomy, taps, pictures), strict=True):
        reader = anatomy.reader([tap])
        with tf.GradientTape() as tape:
            given = tf.constant(pictures[..., None])
            tape.watch(given)
            energy = tf.reduce_sum(tf.square(reader(given)[0])) / 2
        np.testing.assert_allclose(raw, tape.gradient(energy, given).numpy()[..., 0], rtol=1e-4, atol=1e-7)


def test_unflattening_is_exact(rng):
    values = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
    flat = layers.Flatten()(values).numpy()
    np.testing.assert_array_equal(unflatten(flat, (4, 5, 6)), values)


def test_an_invertible_linear_layer_is_inverted(rng):
    """Orthonormal patches without overlap, then an orthonormal dense layer: stamping back recovers the input."""
    picture = keras.Input((4, 6, 1))
    maps = layers.Conv2D(4, 2, strides=2, use_bias=False, name="orthonormal")(picture)
    value = layers.Dense(24, use_bias=False, name="turned")(layers.Flatten()(maps))
    model = keras.Model(picture, layers.Dense(2)(value))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    model.get_layer("orthonormal").set_weights([turn.reshape(2, 2, 1, 4)])
    model.get_layer("turned").set_weights([np.eye(24)[rng.permutation(24)]])
    anatomy = read_anatomy(model)
    pictures = rng.uniform(0, 255, (3, 4, 6)).astype(np.float32)
    (maps,) = anatomy.activations(anatomy.of_kind("convolution"), pictures)
    back = stamp_back(read_chain(anatomy), anatomy.of_kind("convolution")[0], maps, (4, 6))
    np.testing.assert_allclose(back, pictures, rtol=1e-4, atol=1e-3)
    # Behind the dense layer what was negative is clipped, so the maps are made positive first.
    model.get_layer("orthonormal").set_weights([np.eye(4).reshape(2, 2, 1, 4)])
    (turned,) = anatomy.activations([anatomy.embedding], pictures)
    back = stamp_back(read_chain(anatomy), anatomy.embedding, turned, (4, 6))
    np.testing.assert_allclose(back, pictures, rtol=1e-4, atol=1e-3)


def test_pooling_is_undone_by_resizing():
    picture = keras.Input((8, 10, 1))
    value = layers.AveragePooling2D(2)(
        layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="c")(picture)
    )
    value = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="d")(value)
    anatomy = read_anatomy(keras.Model(picture, layers.Dense(2)(layers.Flatten()(value))))
    activation = np.zeros((1, 4, 5, 1), np.float32)
    activation[0, 1, 2, 0] = 4
    back = stamp_back(read_chain(anatomy), anatomy.of_kind("convolution")[1], activation, (8, 10))[0]
    wanted = tf.image.resize(activation[0], (8, 10)).numpy()[..., 0]
    np.testing.assert_allclose(back, wanted, atol=1e-6)


def test_normalisation_and_global_pooling_belong_to_a_chain(rng):
    picture = keras.Input((6, 7, 1))
    value = layers.Conv2D(3, 3, padding="same", use_bias=False, name="c")(picture)
    value = layers.BatchNormalization(name="norm")(value)
    model = keras.Model(picture, layers.Dense(2, name="answer")(layers.GlobalAveragePooling2D()(value)))
    model.get_layer("norm").set_weights([rng.uniform(1, 2, 3), np.zeros(3), np.zeros(3), rng.uniform(1, 2, 3)])
    anatomy = read_anatomy(model)
    chain = read_chain(anatomy)
    assert chain.obstacle == ""
    tap = anatomy.of_kind("convolution")[0]
    activation = rng.uniform(size=(1, *tap.shape)).astype(np.float32)
    found = stamp_back(chain, tap, activation, (6, 7))[0]
    np.testing.assert_allclose(found, adjoint(anatomy, tap, (6, 7), activation), rtol=1e-4, atol=1e-5)
    pooled = rng.uniform(size=(1, 3)).astype(np.float32)
    found = stamp_back(chain, anatomy.embedding, pooled, (6, 7))[0]
    np.testing.assert_allclose(found, adjoint(anatomy, anatomy.embedding, (6, 7), pooled), rtol=1e-4, atol=1e-5)


def test_a_layer_that_stands_in_the_way_is_named():
    picture = keras.Input((8, 8, 1))
    first = layers.Conv2D(2, 3, padding="same", name="first")(picture)
    joined = layers.Add(name="join")([first, layers.Conv2D(2, 3, padding="same", name="second")(first)])
    anatomy = read_anatomy(keras.Model(picture, layers.Dense(2)(layers.Flatten()(joined))))
    chain = read_chain(anatomy)
    assert chain.obstacle == "Add join (layer 3) stands in the way"
    assert list(filter_patches(anatomy, chain)) == ["first", "second"]
    with pytest.raises(Obstacle, match=r"weights only, flatten.*: Add join \(layer 3\) stands in the way"):
        stamp_back(chain, anatomy.embedding, np.zeros((1, 128), np.float32), (8, 8))


def test_raw_pictures_are_stretched_one_by_one():
    raw = np.stack([np.array([[-3.0, 0, 1, 2]]), np.full((1, 4), 7.0), np.zeros((1, 4))])
    found = raw_to_picture(raw)
    np.testing.assert_allclose(found[0], [[0, 0, 127.5, 255]])
    assert not found[1:].any()
