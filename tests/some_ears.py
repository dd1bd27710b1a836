"""Networks of which it is known what they listen to."""

import keras
import numpy as np
from keras import layers

from birdclef_mind.networks.layers import AttentionPooling
from birdclef_mind.sound.pictures import Pictures, samples_to_pictures
from birdclef_mind.sound.settings import Features, Windowing

FEATURES = Features(
    kind="logmel", n_mels=16, power=2.0, fmin_hz=50, fmax_hz=4000, sample_rate_hz=8000, n_fft=512, hop_samples=128,
    windowing=Windowing(length_s=1.0, step_s=1.0),
)  # fmt: skip


def ear(band=9, scale=8.0):
    """A network of two classes that hears one band alone: within 20 dB of the loudest it is sure of the second class."""
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1), name="picture")
    value = layers.Rescaling(1 / 255, name="rescaling")(picture)
    only = layers.Conv2D(2, (FEATURES.rows, 1), use_bias=False, name="only_band")
    value = only(value)
    value = layers.GlobalAveragePooling2D(name="embedding")(value)
    answer = layers.Dense(2, activation="softmax", name="classes")
    model = keras.Model(picture, answer(value), name="ear")
    kernel = np.zeros(only.kernel.shape, np.float32)
    kernel[band, 0, 0, :] = [-scale, scale]
    only.kernel.assign(kernel)
    answer.kernel.assign(np.eye(2, dtype=np.float32))
    answer.bias.assign(np.array([scale, -scale], np.float32) * 0.75)
    return model


def attentive(seed=0):
    """A network with random weights whose moments are weighed by attention, and a normalisation behind it."""
    keras.utils.set_random_seed(seed)
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1), name="picture")
    value = layers.Rescaling(1 / 255)(picture)
    value = layers.Conv2D(6, (FEATURES.rows, 3), strides=(1, 4), activation="relu")(value)
    value = layers.Reshape((-1, 6))(value)
    pooling = AttentionPooling(4, name="embedding")
    value = layers.BatchNormalization(name="normalise")(layers.Dropout(0.3)(pooling(value)))
    model = keras.Model(picture, layers.Dense(3, activation="softmax", name="classes")(value))
    rng = np.random.default_rng(seed)
    pooling.rate.assign(rng.normal(size=pooling.rate.shape))
    normalise = model.get_layer("normalise")
    normalise.set_weights([rng.uniform(0.5, 2, 6), *rng.normal(size=(2, 6)), rng.uniform(0.5, 2, 6)])
    return model


def sounds(*tones_hz, noise=0.001, seed=0):
    """A sound a tone, with a little noise, and a second tone at 600 Hz in each: (samples, pictures)."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(FEATURES.segment_samples) / FEATURES.sample_rate_hz
    made = [0.2 * np.sin(2 * np.pi * hz * time_s) + 0.2 * np.sin(2 * np.pi * 600 * time_s) for hz in tones_hz]
    samples = (np.stack(made) + noise * rng.normal(size=(len(made), time_s.size))).astype(np.float32)
    return samples, samples_to_pictures(samples, FEATURES)


def some_pictures(count=3, seed=0):
    """Pictures of noise."""
    rng = np.random.default_rng(seed)
    return samples_to_pictures(rng.normal(0, 0.1, (count, FEATURES.segment_samples)).astype(np.float32), FEATURES)


__all__ = ["FEATURES", "Pictures", "attentive", "ear", "some_pictures", "sounds"]
