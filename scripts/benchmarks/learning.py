"""Training: pictures a second that are ready for the network against those it can take."""

import numpy as np
from timing import Row, seconds

from birdclef_mind.sound.settings import PRESETS

BATCHES = 12


def rows(recipes=(("classic", "mel32"), ("modern", "logmel128")), batches=BATCHES):
    from birdclef_mind.training.recipe import recipe

    for name, preset in recipes:
        yield from of_recipe(name, recipe(name), PRESETS[preset], batches)


def of_recipe(name, training, features, batches):
    import tensorflow as tf

    from birdclef_mind.training.batches import training_dataset

    material = made_up(features, batches * training.batch_size)
    learner = learner_of(training, features, batches)
    ready = list(training_dataset(material, training, training.epochs - 1))
    again = tf.data.Dataset.from_tensors(ready[0]).repeat(batches)

    change, last = tf.function(learner.changed), training.epochs - 1
    works = {
        "chosen and moved, ready for the device": lambda: [None for _ in training_dataset(material, training, last)],
        "mixed and masked on the device": lambda: [change(*batch) for batch in ready],
        "trained, both together": lambda: learner.fit(
            training_dataset(material, training, last), shuffle=False, verbose=0
        ),
    }
    learner.fit(again, shuffle=False, verbose=0)
    limit = seconds(lambda: learner.fit(again, shuffle=False, verbose=0)) / material.draws
    yield Row(f"{name}: a picture's training step, the same batch again and again", limit)
    for words, work in works.items():
        work()
        took = seconds(work) / material.draws
        yield Row(f"{name}: a picture {words}", took, took / limit, "the step alone")


def made_up(features, count):
    from birdclef_mind.sound.pictures import Pictures, PixelScale
    from birdclef_mind.training.draws import Material

    pixels = np.random.default_rng(0).integers(0, 256, (count, features.rows, features.frames), np.uint8)
    scale = PixelScale(np.zeros(count, np.float32), np.full(count, 80, np.float32))
    targets = np.eye(9, dtype=np.float32)[np.arange(count) % 9]
    none, alike = np.full(count, -1), np.full(count, 1 / count)
    return Material(Pictures(pixels, scale), np.arange(count), targets, none, alike, np.arange(3), count, features)


def learner_of(training, features, batches):
    from birdclef_mind.networks import build as networks
    from birdclef_mind.training.learner import Learner, compile_learner

    network = networks.build(training.network, features.rows, features.frames, 9)
    learner = Learner(network, training, features.range_db)
    compile_learner(learner, training, batches)
    return learner
