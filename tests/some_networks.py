"""Small networks of every make that a stranger may bring, by name: pictures of 12 × 16 to three scores unless said."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from keras import ops

ROWS_FRAMES = (12, 16)


def picture(**options):
    return keras.Input((*ROWS_FRAMES, 1), **options)


def ended(given, value, head="softmax", units=3):
    """A network that ends in a vector of four and its classes."""
    vector = L.Dense(4, activation="relu", name="vector")(L.Flatten()(value))
    return keras.Model(given, L.Dense(units, activation=head, name="classes")(vector))


def maps(given, filters=2, **options):
    return L.Conv2D(filters, 3, padding="same", activation="relu", **options)(L.Rescaling(1 / 255)(given))


def over(change, **options):
    """A network with something done to its maps (n, 12, 16, 2)."""
    given = picture()
    return ended(given, change(maps(given)), **options)


def chain(**last):
    return keras.Sequential(
        [
            picture(),
            L.Rescaling(1 / 255),
            L.Conv2D(3, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Conv2D(2, 3, strides=2, activation="relu"),
            L.Flatten(),
            L.Dense(4, activation="relu", name="vector"),
            L.Dense(3, name="classes", **{"activation": "softmax", **last}),
        ]
    )


def sequential_inside():
    given = picture()
    inner = keras.Sequential([L.Conv2D(2, 3, activation="relu"), L.MaxPooling2D(2)])
    return ended(given, inner(given))


def shared_layer():
    given, conv = picture(), L.Conv2D(1, 3, padding="same", activation="relu", name="conv")
    return ended(given, conv(conv(given)))


def nested_twice():
    one, two, given = (picture() for _ in range(3))
    inner = keras.Model(one, L.Conv2D(1, 3, padding="same", activation="relu", name="conv")(one), name="inner")
    outer = keras.Model(two, inner(inner(two)), name="outer")
    return ended(given, outer(given))


def _member(name, inside="conv"):
    given = picture()
    return keras.Model(given, L.Conv2D(2, 3, activation="relu", name=inside)(given), name=name)


def ensemble():
    given = picture()
    return ended(given, L.Concatenate()([_member("one")(given), _member("two")(given)]))


def named_like_a_second_use():
    given = picture()
    first = L.Conv2D(1, 3, padding="same", name="conv (layer 2)")(given)
    second = L.Conv2D(1, 3, padding="same", name="conv")
    return ended(given, second(second(first)))


def two_outputs_inside(place):
    given, inside = picture(), picture()
    first = L.Conv2D(2, 3, activation="relu", name="first")(inside)
    inner = keras.Model(inside, [first, L.Conv2D(2, 3, name="second")(first)])
    return ended(given, inner(given)[place])


def outputs_by_name():
    given, inside = picture(), picture()
    first = L.Conv2D(2, 3, activation="relu")(inside)
    inner = keras.Model(inside, {"deep": L.Conv2D(2, 3)(first), "shallow": first})
    return ended(given, inner(given)["deep"])


def two_inputs_inside(by_name=False):
    given, one, two = picture(), keras.Input((12, 16, 2), name="one"), keras.Input((12, 16, 2), name="two")
    value = L.Conv2D(2, 3)(L.Subtract()([two, one]))
    inner = keras.Model({"one": one, "two": two} if by_name else [one, two], value)
    three, four = maps(given, name="three"), maps(given, name="four")
    return ended(given, inner({"two": four, "one": three} if by_name else [three, four]))


def any_size_inside():
    """A base that takes any size, as most that are downloaded do."""
    given, inside = picture(), keras.Input((None, None, 1))
    inner = keras.Model(inside, L.MaxPooling2D(2)(L.Conv2D(2, 3, activation="relu")(inside)))
    return ended(given, inner(given, training=False))


class Opaque(keras.Model):
    def __init__(self):
        super().__init__()
        self.convolution = L.Conv2D(2, 3)

    def call(self, pictures):
        return self.convolution(pictures)


class OwnCall(keras.Model):
    """Functional by its making, and another network when it is called."""

    def call(self, pictures, training=None):
        return 1 - super().call(pictures, training=training)


def subclassed_inside():
    given = picture()
    return ended(given, L.Conv2D(2, 3, name="behind")(Opaque()(given)))


def own_call():
    given = picture()
    return OwnCall(given, L.Dense(3, activation="softmax")(L.Flatten()(L.Conv2D(2, 3)(given))))


def by_keyword():
    given = picture()
    inside = keras.Input((12, 16, 1))
    inner = keras.Model(inside, L.Conv2D(2, 3, activation="relu")(inputs=inside))
    return ended(given, inner(inputs=given))


class Gated(L.Layer):
    """Maps and gates in a dict, and a shift by name."""

    def call(self, both, *, shift):
        return both["maps"] * both["gates"] + shift


class Halves(L.Layer):
    """Two tensors of one."""

    def call(self, values):
        half = values.shape[-1] // 2
        return values[..., :half], values[..., half:]


def arguments_in_a_dict():
    given = picture()
    value, gates = maps(given, name="main"), maps(given, name="gates")
    return ended(given, Gated()({"maps": value, "gates": gates}, shift=L.Conv2D(2, 1, name="shift")(value)))


def two_of_one():
    given = picture()
    one, two = Halves()(maps(given, 4))
    return ended(given, L.Conv2D(2, 3, name="second")(L.Add()([L.Conv2D(2, 1)(two), one])))


def meeting(kind):
    given = picture()
    return ended(given, kind()([maps(given, name="one"), maps(given, name="two")]))


def operators():
    given = picture()
    value = maps(given, name="first")
    second = ops.relu(L.Conv2D(2, 3, padding="same", name="second")(value) + value)
    return ended(given, second / 2 - ops.mean(second, axis=(1, 2), keepdims=True))


def squeeze_and_excite():
    given = picture()
    value = maps(given)
    gate = L.Reshape((1, 1, 2))(L.GlobalAveragePooling2D()(value))
    gate = L.Conv2D(2, 1, activation="sigmoid")(L.Conv2D(1, 1, activation="relu")(gate))
    return ended(given, L.Conv2D(2, 3, name="behind")(L.Multiply()([value, gate])))


def attention():
    given = picture()
    moments = L.Reshape((16, 24))(L.Permute((2, 1, 3))(maps(given)))
    value = L.MultiHeadAttention(2, 4)(moments, moments)
    return keras.Model(given, L.Dense(3, activation="softmax")(L.GlobalAveragePooling1D()(value)))


def recurrent():
    given = picture()
    moments = L.Reshape((16, 24))(L.Permute((2, 1, 3))(maps(given)))
    return keras.Model(given, L.Dense(3, activation="softmax")(L.Bidirectional(L.GRU(3))(moments)))


def attention_pooling():
    from birdclef_mind.networks.layers import listen

    given = picture()
    return keras.Model(given, L.Dense(3, activation="sigmoid")(listen(maps(given), channels=5)))


def pooled(kind, **options):
    given = picture()
    value = kind(**options)(maps(given))
    return keras.Model(given, L.Dense(3, activation="softmax")(L.Flatten()(value) if options else value))


def headed(end, units=3):
    """A network with an end of its own behind a vector (n, 4)."""
    given = picture()
    return keras.Model(given, end(L.Dense(4, activation="relu", name="vector")(L.Flatten()(maps(given)))))


def behind_dense(*ends):
    def end(vector):
        value = L.Dense(3, name="classes")(vector)
        for layer in ends:
            value = layer(value)
        return value

    return headed(end)


def sum_of_two(vector):
    return L.Softmax()(L.Add(name="both")([L.Dense(3, name="one")(vector), L.Dense(3, name="two")(vector)]))


def sum_of_two_towers():
    given = picture()
    both = [L.Dense(3, name=f"tower_{n}")(L.GlobalMaxPooling2D()(maps(given, name=f"maps_{n}"))) for n in (1, 2)]
    return keras.Model(given, L.Softmax()(L.Average(name="towers")(both)))


def classes_used_twice():
    dense = L.Dense(4, name="classes", activation="softmax")
    return headed(lambda vector: dense(dense(vector)))


def tiny(rows, frames):
    given = keras.Input((rows, frames, 1))
    value = L.Conv2D(2, 3, padding="same", activation="relu")(given)
    return ended(given, L.Conv2D(2, 3, padding="same")(L.MaxPooling2D(2, padding="same")(value)))


def with_policy(policy, make):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        return make()
    finally:
        keras.config.set_dtype_policy(before)


def residual_with_norm(norm):
    given = picture()
    value = norm(maps(given))
    return ended(given, L.ReLU()(L.Add()([value, L.Conv2D(2, 3, padding="same", name="second")(value)])))


def whole_numbers():
    given = picture(dtype="uint8")
    return ended(given, maps(given))


def whole_weights():
    model = chain()
    for name in ("vector", "classes"):
        model.get_layer(name).quantize("int8")
    return model


def layers_of_another():
    other, given = chain(), picture()
    return ended(given, other.layers[1](other.layers[0](given)))


def called_with_a_list():
    given, inside = picture(), picture()
    (value,) = keras.tree.flatten(keras.Model([inside], [L.Conv2D(2, 3)(inside)])([given]))
    return ended(given, value)


def masks():
    given = picture()
    value = L.LSTM(3)(L.Masking()(L.Reshape(ROWS_FRAMES)(given)))
    return keras.Model(given, L.Dense(3, activation="softmax")(value))


class Dropping(L.Layer):
    """Random in training alone, and training by default."""

    def call(self, values, training=True):
        return keras.random.normal(ops.shape(values)) if training else values


class Scaled(L.Dense):
    """A dense layer with more to it than its kernel."""

    def call(self, values):
        return self.activation(3 * ops.matmul(values, self.kernel))


class Falling(L.Layer):
    """Works on the shapes it is built with, and on no values."""

    def call(self, values):
        if isinstance(values, keras.KerasTensor) or not hasattr(values, "numpy"):
            return values
        raise TypeError("cannot be run")


POLICIES = {
    f"{policy}, {name}": (lambda policy=policy, make=make: with_policy(policy, make))
    for policy in ("mixed_float16", "float16", "bfloat16", "float64")
    for name, make in {
        "chain": chain,
        "single precision at the end": lambda: chain(dtype="float32"),
        "nested": nested_twice,
        "operators": operators,
        "attention pooling": attention_pooling,
        "sum": lambda: headed(sum_of_two),
    }.items()
    if policy == "mixed_float16" or name == "chain"
}

WORKING = {
    "chain": chain,
    "sequential inside": sequential_inside,
    "shared layer": shared_layer,
    "nested twice": nested_twice,
    "ensemble of equal names": ensemble,
    "named like a second use": named_like_a_second_use,
    "first of two outputs inside": lambda: two_outputs_inside(0),
    "second of two outputs inside": lambda: two_outputs_inside(1),
    "outputs by name inside": outputs_by_name,
    "two inputs inside": two_inputs_inside,
    "two inputs by name inside": lambda: two_inputs_inside(by_name=True),
    "any size inside": any_size_inside,
    "subclassed inside": subclassed_inside,
    "by keyword": by_keyword,
    "arguments in a dict": arguments_in_a_dict,
    "two tensors of one": two_of_one,
    **{kind.__name__: (lambda kind=kind: meeting(kind)) for kind in (L.Concatenate, L.Multiply, L.Subtract, L.Average)},
    "operators": operators,
    "squeeze and excite": squeeze_and_excite,
    "attention": attention,
    "recurrent": recurrent,
    "attention pooling": attention_pooling,
    "depthwise": lambda: over(L.DepthwiseConv2D(3, depth_multiplier=2)),
    "separable": lambda: over(L.SeparableConv2D(3, 3)),
    "grouped": lambda: over(L.Conv2D(4, 3, groups=2)),
    "dilated": lambda: over(L.Conv2D(2, 3, dilation_rate=2)),
    "transposed": lambda: over(lambda value: L.Conv2DTranspose(2, 3, strides=2)(L.MaxPooling2D(2)(value))),
    "enlarged": lambda: over(lambda value: L.Conv2D(2, 3)(L.UpSampling2D(2)(L.AveragePooling2D(2)(value)))),
    "padded and cropped": lambda: over(lambda value: L.Conv2D(2, 3)(L.Cropping2D(2)(L.ZeroPadding2D(3)(value)))),
    "dense over maps": lambda: over(lambda value: L.Conv2D(2, 3, name="behind")(L.Dense(3, activation="gelu")(value))),
    "permuted": lambda: over(lambda value: L.Conv2D(2, 3)(L.Permute((2, 1, 3))(value))),
    "reshaped": lambda: over(L.Reshape((6, 64))),
    "dropout of every kind": lambda: over(
        lambda value: L.GaussianNoise(1)(L.SpatialDropout2D(0.5)(L.AlphaDropout(0.5)(L.Dropout(0.9)(value))))
    ),
    "dropout that never rests": lambda: over(lambda value: L.Dropout(0.9)(value, training=True)),
    "training by default": lambda: over(Dropping()),
    "parametric": lambda: over(lambda value: L.PReLU()(L.Conv2D(2, 3)(value))),
    "batch normalisation": lambda: residual_with_norm(L.BatchNormalization(center=False)),
    "layer normalisation": lambda: residual_with_norm(L.LayerNormalization()),
    "group normalisation": lambda: residual_with_norm(L.GroupNormalization(2)),
    "global average": lambda: pooled(L.GlobalAveragePooling2D),
    "global maximum": lambda: pooled(L.GlobalMaxPooling2D),
    "global average kept as a map": lambda: pooled(L.GlobalAveragePooling2D, keepdims=True),
    "sums": lambda: chain(activation=None),
    "sigmoid": lambda: chain(activation="sigmoid"),
    "one class": lambda: over(L.Identity(), head="sigmoid", units=1),
    "one sum": lambda: over(L.Identity(), head=None, units=1),
    "two classes": lambda: over(L.Identity(), units=2),
    "classes without bias": lambda: chain(use_bias=False),
    "softmax of its own": lambda: behind_dense(L.Softmax()),
    "activation of its own": lambda: behind_dense(L.Activation("softmax", dtype="float32")),
    "sigmoid of its own": lambda: behind_dense(L.Activation("sigmoid")),
    "several activations": lambda: behind_dense(L.Activation("linear"), L.Activation("sigmoid"), L.Identity()),
    "functions": lambda: behind_dense(ops.softmax),
    "functions of TensorFlow": lambda: chain(activation=tf.nn.softmax),
    "whole weights": whole_weights,
    "layers of another network": layers_of_another,
    "called with a list": called_with_a_list,
    "masks": masks,
    "logarithms": lambda: behind_dense(L.Activation("log_softmax")),
    "temperature": lambda: behind_dense(L.Rescaling(0.5), L.Dropout(0.1), L.Softmax()),
    "prior": lambda: behind_dense(lambda value: ops.add(value, np.array([[0.1, 0.2, 0.3]], np.float32)), L.Softmax()),
    "normalised sums": lambda: behind_dense(L.BatchNormalization(), L.Softmax()),
    "sum of two": lambda: headed(sum_of_two),
    "classes used twice": classes_used_twice,
    "dense of another kind": lambda: headed(Scaled(3, activation="softmax")),
    "one row": lambda: tiny(1, 9),
    "two by two": lambda: tiny(2, 2),
    "two pixels": lambda: tiny(1, 2),
    "whole numbers": whole_numbers,
    **POLICIES,
}


def no_input():
    return keras.Sequential([L.Conv2D(2, 3), L.Flatten(), L.Dense(3)])


def two_pictures():
    one, two = picture(name="one"), picture(name="two")
    return keras.Model([one, two], L.Dense(3)(L.Flatten()(L.Add()([one, two]))))


def two_answers():
    given = picture()
    value = L.Flatten()(given)
    return keras.Model(given, [L.Dense(3)(value), L.Dense(2)(value)])


def sized(*shape):
    given = keras.Input(shape)
    return keras.Model(given, L.Dense(3)(L.GlobalMaxPooling2D()(given)))


def nothing_in_between():
    given = picture()
    return keras.Model(given, given)


def convolved_classes():
    given = picture()
    return keras.Model(given, L.GlobalAveragePooling2D(name="mean")(L.Conv2D(3, 1)(given)))


def dense_over_maps_alone():
    given = picture()
    return keras.Model(given, L.Dense(3, name="everywhere")(maps(given)))


REFUSED = {
    "subclassed": (Opaque, "expected a Sequential or functional model, got Opaque"),
    "call of its own": (own_call, "expected a Sequential or functional model, got OwnCall with a `call` of its own"),
    "no input": (no_input, "got a Sequential that does not begin with a keras.Input"),
    "three channels": (lambda: sized(8, 8, 3), r"one input of shape \(rows, frames, 1\), got \(8, 8, 3\)"),
    "any size": (lambda: sized(None, None, 1), r"one input of shape \(rows, frames, 1\), got \(None, None, 1\)"),
    "two pictures": (two_pictures, r"one input of shape \(rows, frames, 1\), got 2: one, two"),
    "two answers": (two_answers, "one output, the scores of the classes, got 2"),
    "nothing": (nothing_in_between, "dense layer of classes at the end, got the picture itself"),
    "classes that are maps": (convolved_classes, r"got GlobalAveragePooling2D mean \(layer 2\)"),
    "classes everywhere": (
        dense_over_maps_alone,
        r"scores \(classes,\) of Dense everywhere \(layer 3\), got \(12, 16, 3\)",
    ),
    "two towers": (sum_of_two_towers, r"one vector before the classes, but Average towers \(layer \d+\) joins several"),
    "channels first": (
        lambda: over(lambda value: L.AveragePooling2D(2, data_format="channels_first", name="turned")(value)),
        r"channels first in AveragePooling2D turned \(layer 3\)",
    ),
    "a layer that fails": (
        lambda: over(Falling(name="falling")),
        r"Falling falling \(layer 3\) does not run on a black picture: .*cannot be run",
    ),
}
