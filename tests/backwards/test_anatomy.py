import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from birdclef_mind.backwards.anatomy import as_input, read_anatomy
from birdclef_mind.errors import ConfigError
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.settings import Network


def residual(rows=16, frames=21, head="softmax"):
    picture = keras.Input((rows, frames, 1))
    value = layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(picture)
    value = layers.ReLU()(layers.BatchNormalization()(value))
    for number, stride in enumerate((1, 2)):
        short = layers.Conv2D(4, 1, strides=stride, padding="same", name=f"short_{number}")(value)
        long = layers.Conv2D(4, 3, strides=stride, padding="same", name=f"first_{number}")(value)
        long = layers.Activation("relu")(layers.BatchNormalization()(long))
        long = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", name=f"second_{number}")(long))
        value = layers.ReLU()(layers.Add()([short, long]))
    value = layers.GlobalAveragePooling2D(name="pool")(value)
    return keras.Model(picture, layers.Dense(3, activation=head, name="answer")(layers.Dropout(0.1)(value)))


def test_classic_is_found_as_it_was_written_by_hand():
    anatomy = read_anatomy(networks.build(Network(), 32, 313, 9))
    convolutions = anatomy.of_kind("convolution")
    assert [stage.place for stage in convolutions] == [2, 3, 5, 7, 9, 10, 12]
    # Layers 5 and 12 follow a pooling. (The published list of scales has the second 2 at layer 10, whose map is as
    # large as layer 9's.)
    assert [stage.scale for stage in convolutions] == [1, 1, 2, 1, 1, 1, 2]
    assert [stage.place for stage in anatomy.of_kind("flatten")] == [13]
    assert (anatomy.embedding.place, anatomy.classes.place) == (14, 15)
    assert [stage.place for stage in anatomy.taps()] == [2, 3, 5, 7, 9, 10, 12, 14, 15]
    assert convolutions[-1].shape == (8, 78, 32)
    assert (convolutions[-1].stride, convolutions[-1].receptive_field) == ((4, 4), (44, 44))


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_residual_networks_are_laid_flat(rng, head):
    model = residual(head=head)
    anatomy = read_anatomy(model)
    assert anatomy.embedding.kind == "embedding"
    assert anatomy.embedding.name == "pool"
    assert anatomy.classes.shape == (3,)
    assert anatomy.of_kind("convolution")[-1].stride == (2, 2)
    pictures = rng.uniform(0, 255, (3, 16, 21))
    (scores,) = anatomy.activations([anatomy.classes], pictures)
    np.testing.assert_allclose(scores, model(as_input(pictures)), rtol=1e-6)
    # A convolution is tapped behind its normalisation and activation.
    (stem,) = anatomy.activations([anatomy.of_kind("convolution")[0]], pictures)
    assert stem.min() == 0


def test_nested_and_sequential_models_are_laid_flat(rng):
    inner = keras.Sequential([keras.Input((8, 9, 1)), layers.Conv2D(2, 3, name="inside"), layers.MaxPooling2D(2)])
    model = keras.Sequential([keras.Input((8, 9, 1)), inner, layers.Flatten(), layers.Dense(2, name="answer")])
    anatomy = read_anatomy(model)
    assert [stage.kind for stage in anatomy.stages] == ["convolution", "pooling", "embedding", "classes"]
    assert [anatomy.stages[0].name, anatomy.stages[-1].name] == ["inside", "answer"]
    pictures = rng.uniform(0, 255, (2, 8, 9))
    (scores,) = anatomy.activations([anatomy.classes], pictures)
    np.testing.assert_allclose(scores, model(as_input(pictures)), rtol=1e-6)


@pytest.mark.parametrize(
    ("padding", "stride", "dilation", "pool"),
    [("same", 1, 1, 2), ("valid", 2, 1, 1), ("valid", 1, 2, 3), ("same", 1, 3, 1)],
)
def test_receptive_fields_are_where_a_place_listens(padding, stride, dilation, pool):
    """The part of the picture that changes one place in the middle of a map, found by the gradient."""
    picture = keras.Input((61, 67, 1))
    ones = {"kernel_initializer": "ones", "bias_initializer": "zeros"}
    value = layers.Conv2D(1, 3, strides=stride, padding=padding, name="a", **ones)(picture)
    value = layers.AveragePooling2D(pool)(value) if pool > 1 else value
    value = layers.Conv2D(1, (3, 5), dilation_rate=dilation, padding=padding, name="b", **ones)(value)
    model = keras.Model(picture, layers.Dense(2)(layers.GlobalAveragePooling2D()(value)))
    anatomy = read_anatomy(model)
    last = anatomy.of_kind("convolution")[-1]
    with tf.GradientTape() as tape:
        given = tf.random.uniform((1, 61, 67, 1))
        tape.watch(given)
        (value,) = anatomy.reader([last])(given)
        place = value[0, value.shape[1] // 2, value.shape[2] // 2, 0]
    heard = np.argwhere(tape.gradient(place, given).numpy()[0, ..., 0] != 0)
    # With dilation there are holes inside the field; its extent is what counts.
    assert tuple(heard.max(axis=0) - heard.min(axis=0) + 1) == last.receptive_field


@pytest.mark.parametrize(
    "enlarge",
    [
        layers.UpSampling2D(2),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Conv2DTranspose(1, 3, strides=2, kernel_initializer="ones"),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same", kernel_initializer="ones"),
        layers.Conv2DTranspose(1, 2, strides=3, kernel_initializer="ones"),
        layers.Dense(1, kernel_initializer="ones"),
    ],
)
def test_fields_behind_what_enlarges_a_map_hold_all_that_is_heard(enlarge):
    """And no more than a stride too much on each side."""
    picture, ones = keras.Input((40, 44, 1)), {"kernel_initializer": "ones", "padding": "same"}
    value = layers.Conv2D(1, 3, strides=2, name="a", **ones)(picture)
    value = layers.Conv2D(1, (3, 5), name="b", **ones)(enlarge(value))
    anatomy = read_anatomy(keras.Model(picture, layers.Dense(2)(layers.GlobalAveragePooling2D()(value))))
    last = anatomy.of_kind("convolution")[-1]
    reader, extents = anatomy.reader([last]), []
    for row, frame in [(20, 20), (21, 21), (22, 20), (21, 22)] if last.shape[0] > 30 else [(10, 10), (11, 11)]:
        with tf.GradientTape() as tape:
            given = tf.ones((1, 40, 44, 1))
            tape.watch(given)
            place = reader(given)[0][0, row, frame, 0]
        heard = np.argwhere(tape.gradient(place, given).numpy()[0, ..., 0] != 0)
        extents.append(heard.max(axis=0) - heard.min(axis=0) + 1)
    most = np.max(extents, axis=0)
    assert (most <= last.receptive_field).all()
    assert (most >= np.array(last.receptive_field) - 4).all()


def test_of_many_convolutions_the_last_at_each_stride_is_tapped():
    anatomy = read_anatomy(residual())
    names = [tap.name for tap in anatomy.taps(most=3)]
    assert len(names) == 4
    assert names[-2:] == ["pool", "answer"]
    assert [tap.stride for tap in anatomy.taps(most=3)[:2]] == [(1, 1), (2, 2)]


class Opaque(keras.Model):
    def call(self, pictures):
        return pictures


def no_dense():
    picture = keras.Input((8, 8, 1))
    return keras.Model(picture, layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(picture)))


def three_channels():
    picture = keras.Input((8, 8, 3))
    return keras.Model(picture, layers.Dense(2)(layers.Flatten()(picture)))


def nothing_before():
    picture = keras.Input((8, 8, 1))
    return keras.Model(picture, layers.Dense(2)(picture))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Opaque, "expected a Sequential or functional model, got Opaque"),
        (no_dense, "expected a dense layer of classes at the end, got GlobalAveragePooling2D"),
        (three_channels, r"expected one input of shape \(rows, frames, 1\), got \(8, 8, 3\)"),
        (nothing_before, "expected a layer before its classes"),
    ],
)
def test_what_cannot_be_read_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        read_anatomy(make())


def test_a_residual_block_is_tapped_behind_its_sum(rng):
    model = residual()
    anatomy = read_anatomy(model)
    pictures = rng.uniform(0, 255, (2, 16, 21))
    sums = [layer.output for layer in model.layers if isinstance(layer, layers.Add)]
    behind = keras.Model(model.inputs[0], [keras.ops.relu(value) for value in sums])(as_input(pictures))
    wanted = {stage.name: stage for stage in anatomy.of_kind("convolution")}
    for number in (0, 1):
        (second,) = anatomy.activations([wanted[f"second_{number}"]], pictures)
        np.testing.assert_allclose(second, behind[number], rtol=1e-5, atol=1e-5)
    names = [stage.name for stage in anatomy.taps()]
    assert len({stage.output for stage in anatomy.taps()}) == len(names)
    assert "short_0" not in names
