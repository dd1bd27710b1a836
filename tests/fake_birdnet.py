"""A TFLite file with BirdNET's names, shapes and steps, narrower inside and with random weights; nothing of it is theirs."""

import flatbuffers
import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

SPECIES = 40
SAMPLES = 144_000
# Window and hop of each picture.
PICTURES = ((2048, 278), (1024, 280))
# Blocks and channels of each stage.
STAGES = ((3, 36), (4, 72), (5, 108), (4, 192))
NAMES = [f"Avis numero{'x' * (number % 5)}{chr(97 + number % 26)}_Bird {number}" for number in range(SPECIES)]


def write_fake_birdnet(folder):
    """`model.tflite` with its list `model_Labels.txt`."""
    folder.mkdir(parents=True)
    network = Network(np.random.default_rng(5))
    spec = tf.TensorSpec((None, SAMPLES), tf.float32, name="INPUT")
    concrete = tf.function(network.hear, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], network)
    (folder / "model.tflite").write_bytes(converter.convert())
    (folder / "model_Labels.txt").write_text("\n".join([*NAMES, ""]), encoding="utf-8")


def spoiled(path, change, out):
    """A TFLite file at `out` that differs from `path` by what `change` does to a `Spoiling`."""
    spoiling = Spoiling(path.read_bytes())
    change(spoiling)
    builder = flatbuffers.Builder(2**24)
    builder.Finish(spoiling.model.Pack(builder), b"TFL3")
    out.write_bytes(builder.Output())
    return out


class Spoiling:
    """A TFLite file taken apart."""

    def __init__(self, content):
        self.model = schema.ModelT.InitFromPackedBuf(content, 0)
        self.graph = self.model.subgraphs[0]
        for operator in self.graph.operators:
            operator.inputs = np.array(operator.inputs)

    def tensor(self, beginning):
        """The first tensor that is computed and called so."""
        return self.graph.tensors[self.maker(beginning).outputs[0]]

    def maker(self, beginning):
        """The first operator whose output is called so."""
        return next(one for one in self.graph.operators if self.name(one.outputs[0]).startswith(beginning))

    def name(self, place):
        return self.graph.tensors[place].name.decode()

    def constant(self, place, kind=np.float32):
        """A constant's numbers, which may be written to."""
        buffer = self.model.buffers[self.graph.tensors[place].buffer]
        buffer.data = np.array(buffer.data)
        return buffer.data.view(kind)

    def turn(self, operator, kind):
        """Make an operator one of another kind."""
        number = getattr(schema.BuiltinOperator, kind)
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, number, 1
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1


class Network(tf.Module):
    """BirdNET's layers in TensorFlow's own operations, each under its name; its blocks do not widen."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.mels = [self.normal((n_fft // 2 + 1, 96), 1) for n_fft, _ in PICTURES]
        self.exponents = [0.23, 0.19]

    def normal(self, shape, fan):
        return tf.constant(self.rng.normal(scale=fan**-0.5, size=shape), tf.float32)

    def hear(self, samples):
        with tf.name_scope("model"):
            pictures = self.pictures(samples)
            value = scaled(pictures, self.rng, "BNORM_SPEC_NOQUANT")
            return self.head(self.body(self.stem(value)))

    def pictures(self, samples):
        with tf.name_scope("MEL_SPEC1"):
            raised = samples - tf.reduce_min(samples, axis=1, keepdims=True, name="Min")
            share = raised / (tf.reduce_max(raised, axis=1, keepdims=True, name="Max") + 1e-6)
            ranged = (share - 0.5) * 2
        halves = [self.picture(ranged, number) for number in range(2)]
        with tf.name_scope("concatenate"):
            return tf.concat(halves, axis=-1, name="concat")

    def picture(self, ranged, number):
        n_fft, hop = PICTURES[number]
        with tf.name_scope(f"MEL_SPEC{number + 1}"):
            spectra = tf.signal.stft(ranged, n_fft, hop, n_fft)
            bands = tf.tensordot(tf.cast(spectra, tf.float32), self.mels[number], 1)
            powers = tf.pow(tf.pow(bands, 2.0), self.exponents[number])
            turned = tf.transpose(tf.reverse(powers, axis=[2]), (0, 2, 1))
            return tf.expand_dims(turned, -1)

    def conv(self, value, channels, size, *, stride=1, padding="SAME", ending=None, name=""):
        kernel = self.normal((*size, value.shape[-1], channels), size[0] * size[1] * value.shape[-1])
        with tf.name_scope(name):
            made = tf.nn.conv2d(value, kernel, stride, padding)
            made = tf.nn.bias_add(made, 0.1 * self.normal((channels,), 1))
        return made if ending is None else ending(made)

    def depthwise(self, value, stride, name):
        kernel = self.normal((3, 3, value.shape[-1], 1), 4)
        with tf.name_scope(name):
            made = tf.nn.depthwise_conv2d(value, kernel, (1, stride, stride, 1), "SAME" if stride == 1 else "VALID")
            return tf.nn.bias_add(made, 0.1 * self.normal((value.shape[-1],), 1))

    def stem(self, value):
        value = relu(self.conv(value, 24, (4, 8), stride=2, name="CONV_0"), "ACT_0")
        halves = (
            tf.nn.max_pool2d(value, (1, 2), (1, 2), "VALID", name="POOL_0_MAX"),
            tf.nn.avg_pool2d(value, (1, 2), (1, 2), "VALID", name="POOL_0_AVG"),
        )
        return self.conv(tf.concat(halves, -1, name="POOL_0_CONCAT"), 24, (1, 1), padding="VALID", name="POOL_0_CONV")

    def body(self, value):
        for stage, (blocks, channels) in enumerate(STAGES, start=1):
            for block in range(1, blocks + 1):
                value = self.block(value, channels, 2 if block == 1 else 1, stage > 1, f"BLOCK_{stage}-{block}")
        return value

    def block(self, given, channels, stride, gated, name):
        value = swish(self.conv(given, channels, (1, 1), name=f"{name}_CONV_1"), f"{name}_ACT_1")
        if stride == 2:
            value = tf.pad(value, ((0, 0), (1, 1), (1, 1), (0, 0)), name=f"{name}_PAD")
        value = swish(self.depthwise(value, stride, f"{name}_CONV_2"), f"{name}_ACT_2")
        if gated:
            value = self.gated(value, name)
        value = self.conv(value, channels, (1, 1), name=f"{name}_CONV_3")
        if stride == 2:
            return value
        with tf.name_scope(f"{name}_ADD"):
            return tf.add(value, given, name="add")

    def gated(self, value, name):
        channels = value.shape[-1]
        mean = tf.reduce_mean(value, axis=(1, 2), name=f"{name}_SE_AVG_POOL_1")
        with tf.name_scope(f"{name}_SE_RESHAPE"):
            mean = tf.reshape(mean, tf.stack([tf.shape(mean)[0], 1, 1, channels]))
        gate = swish(self.conv(mean, 8, (1, 1), name=f"{name}_SE_CONV_1"), f"{name}_SE_CONV_1")
        gate = tf.sigmoid(self.conv(gate, channels, (1, 1), name=f"{name}_SE_CONV_2"))
        return tf.multiply(value, gate, name=f"{name}_MULTIPLY")

    def head(self, value):
        value = relu(scaled(value, self.rng, "BNORM_POST_NOQUANT"), "ACT_POST")
        value = relu(self.conv(value, 1024, (3, 3), padding="VALID", name="POST_CONV_1"), "POST_ACT_1")
        with tf.name_scope("GLOBAL_AVG_POOL"):
            embedding = tf.reduce_mean(value, axis=(1, 2), name="Mean")
        return tf.matmul(embedding, self.normal((1024, SPECIES), 1024)) + self.normal((SPECIES,), 1)


def scaled(value, rng, name):
    channels = value.shape[-1]
    with tf.name_scope(name):
        gain = tf.constant(rng.uniform(0.5, 1.5, channels), tf.float32)
        return value * gain + tf.constant(rng.normal(scale=0.3, size=channels), tf.float32)


def relu(value, name):
    with tf.name_scope(name):
        return tf.nn.relu(value, name="Relu")


def swish(value, name):
    with tf.name_scope(name):
        return tf.multiply(value, tf.sigmoid(value), name="mul")
