"""What computes a window's scores: TensorFlow's graph, TFLite, OpenVINO, side by side, and how they agree."""

import os
import warnings

import numpy as np
import tensorflow as tf
from timing import Row, by_turns

from birdclef_mind.sound.settings import PRESETS

NETWORKS = ("classic", "resnet", "efficientnetb0", "efficientnetv2s")
CLASSES, WINDOWS, BATCH = 264, 48, 8


def rows(networks=NETWORKS, preset="logmel128", windows=WINDOWS):
    from birdclef_mind.networks import runtime
    from birdclef_mind.networks.build import build
    from birdclef_mind.networks.predictor import averaged
    from birdclef_mind.networks.settings import Network

    os.environ.pop(runtime.VARIABLE, None)
    # Here it is told however quick it is.
    runtime.QUICKER = 0
    features = PRESETS[preset]
    pixels = np.random.default_rng(0).integers(0, 256, (windows, features.rows, features.frames, 1), np.uint8)
    parts = [pixels[start : start + BATCH] for start in range(0, windows, BATCH)]
    for name in networks:
        model = build(Network(name=name), features.rows, features.frames, CLASSES)
        graph, quick = averaged([model], features), runtime.fastest([model], features)
        ways = {"TFLite": _tflite(graph)}
        if "OpenVINO" in quick.words:
            ways["OpenVINO"] = quick.scores
        expected = np.concatenate([np.asarray(graph(part)) for part in parts])
        took = by_turns(*[lambda way=way: [way(part) for part in parts] for way in (graph, *ways.values())])
        yield Row(f"{name}: a window, TensorFlow's graph", took[0] / windows)
        for (other, way), own in zip(ways.items(), took[1:], strict=True):
            apart = np.abs(np.concatenate([np.asarray(way(part)) for part in parts]) - expected).max()
            work = f"{name}: a window, {other} (scores at most {apart:.0e} away)"
            yield Row(work, own / windows, own / took[0], "TensorFlow's graph")


def _tflite(graph):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph.get_concrete_function()])
    with warnings.catch_warnings():
        # It moves to another package one day.
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(model_content=converter.convert(), num_threads=os.cpu_count())
    place = interpreter.get_input_details()[0]["index"]
    answer = interpreter.get_output_details()[0]["index"]

    def scores(part):
        if list(interpreter.get_input_details()[0]["shape"]) != list(part.shape):
            interpreter.resize_tensor_input(place, part.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(place, part)
        interpreter.invoke()
        return interpreter.get_tensor(answer)

    return scores
