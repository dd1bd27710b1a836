"""Kinds of Keras layers, by what they do to maps and vectors."""

from typing import Any

from keras import layers

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose)
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
GLOBAL_POOLINGS = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# Normalisations and activations, which leave every value in its place: a convolution is tapped behind them.
POINTWISE = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
)
# Where branches meet: a residual block's convolution is tapped behind the sum, which holds what its shortcut carries.
SUMS = (layers.Add,)
MEETINGS = (
    layers.Add,
    layers.Average,
    layers.Subtract,
    layers.Multiply,
    layers.Maximum,
    layers.Minimum,
    layers.Concatenate,
)
# Layers that do nothing when a network answers.
IDLE = (
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.AlphaDropout,
    layers.ActivityRegularization,
    layers.Identity,
)
# Functions of `keras.ops` in the place of a layer have classes of their own, which Keras does not show.
_FUNCTIONS = {
    "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus", "Softsign", "Tanh", "HardSigmoid",
    "HardSilu", "Mish", "Celu", "Sigmoid", "Softmax", "LogSoftmax", "Cast", "Identity",
}  # fmt: skip
_SCORES = ("softmax", "log_softmax", "sigmoid")


def is_layer(worker: Any) -> bool:
    """Whether what works at a step is a layer, not a function of `keras.ops`."""
    return isinstance(worker, layers.Layer)


def is_idle(worker: Any) -> bool:
    """Whether it gives what it reads when a network answers."""
    return isinstance(worker, IDLE) or (not is_layer(worker) and type(worker).__name__ in ("Cast", "Identity"))


def is_scaling(worker: Any) -> bool:
    """Whether it moves or stretches all values, shares one whole among them, or lays them out otherwise.

    True of a function that takes two tensors, such as "Add", only where it is given one and a constant.
    """
    kinds = (layers.Softmax, layers.Rescaling, layers.Flatten, layers.Reshape)
    if is_layer(worker):
        return isinstance(worker, kinds)
    return type(worker).__name__ in ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")


def is_pointwise(worker: Any) -> bool:
    """Whether it is a normalisation or an activation, or changes nothing: every value stays in its place."""
    if is_layer(worker):
        return isinstance(worker, (*POINTWISE, *IDLE))
    return type(worker).__name__ in _FUNCTIONS


def is_sum(worker: Any) -> bool:
    """Whether it adds what it reads; `+` between two tensors is a function of `keras.ops`."""
    return isinstance(worker, SUMS) or (not is_layer(worker) and type(worker).__name__ == "Add")


def is_meeting(worker: Any) -> bool:
    """Whether branches meet in it."""
    return isinstance(worker, MEETINGS) or is_sum(worker)


def activation_of(worker: Any) -> str:
    """How it makes scores of sums: "softmax", "log_softmax" or "sigmoid"; "" where it does not."""
    if isinstance(worker, layers.Softmax):
        return "softmax"
    if not is_layer(worker):
        functions = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
        return functions.get(type(worker).__name__, "")
    function = getattr(worker, "activation", None)
    if isinstance(function, layers.Layer):
        return activation_of(function)
    # TensorFlow's own functions are as good as Keras', and carry a version in their names.
    known = getattr(function, "__module__", "").partition(".")[0] in ("keras", "tensorflow")
    name = getattr(function, "__name__", "").removesuffix("_v2")
    return name if known and name in _SCORES else ""


def has_plain_kernel(dense: Any) -> bool:
    """Whether it is a plain dense layer, whose sums follow from `kernel` and `bias`; no quantised or derived one is."""
    return type(dense) is layers.Dense and getattr(dense, "quantization_mode", None) is None
