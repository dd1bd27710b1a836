"""A network that this program trained, as a listener."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import BundleError, ListenerError
from birdclef_mind.listeners.listener import EMBEDDING, Heard, Listener
from birdclef_mind.listeners.outputs import logits_of
from birdclef_mind.listeners.terms import OWN
from birdclef_mind.networks.bundle import FACTS, Bundle, load
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.storage import files

_LAST = "classes"


def open_bundle(folder: Path) -> Listener:
    """Open a bundle; ListenerError for one that is broken."""
    try:
        bundle = load(folder)
    except BundleError as error:
        raise ListenerError(str(error)) from error
    features, names = bundle.features, bundle.common_names
    return Listener(
        name=folder.resolve().name, kind="bundle", rate_hz=features.sample_rate_hz,
        window_s=features.windowing.length_s, hop_s=features.hop_samples / features.sample_rate_hz,
        species=tuple(Species(label, names.get(label, "")) for label in bundle.classes.names),
        digest=files.sha256(folder / FACTS), terms=OWN, ears=BundleEars(bundle), answer=bundle.calibration.answer,
    )  # fmt: skip


class BundleEars:
    """A bundle behind a listener: samples become pictures, and these logits, from the mean of its members' scores.

    Its taps are the layers of its first member, by name; `embedding` is what the last one takes.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        last = bundle.model.get_layer(_LAST)
        layers = [layer for layer in bundle.model.layers if layer is not last and not _is_input(layer)]
        self._tensors = {layer.name: layer.output for layer in layers if layer.name != EMBEDDING}
        self._tensors[EMBEDDING] = last.input
        self._taps = {name: tuple(tensor.shape[1:]) for name, tensor in self._tensors.items()}
        self._compiled: dict[tuple[str, ...], Any] = {}

    @property
    def taps(self) -> Mapping[str, tuple[int, ...]]:
        """Names and shapes of the taps."""
        return self._taps

    def hear(self, samples: Array, taps: Sequence[str]) -> Heard:
        """Hear some windows: samples (windows, samples), float32."""
        # As when a recording is read, where a constant is no sound.
        level = samples.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
        pixels = samples_to_pictures(samples - level, self._bundle.features).pixels
        scores, *found = self._forward(tuple(taps))(pixels[..., None])
        logits = logits_of(scores.numpy(), "chances", self._bundle.calibration.answer)
        values = {tap: np.asarray(value, np.float32) for tap, value in zip(taps, found, strict=True)}
        return Heard(logits, values)

    def _forward(self, taps: tuple[str, ...]) -> Any:
        if taps not in self._compiled:
            model, others = self._bundle.model, self._bundle.others
            several = keras.Model(model.inputs[0], [model.output, *(self._tensors[tap] for tap in taps)])

            def forward(pixels: tf.Tensor) -> list[tf.Tensor]:
                pictures = tf.cast(pixels, tf.float32)
                # Keras gives a single output bare.
                scores, *found = keras.tree.flatten(several(pictures, training=False))
                every = [scores, *(other(pictures, training=False) for other in others)]
                return [tf.add_n(every) / len(every), *found]

            shape = (None, *model.inputs[0].shape[1:])
            self._compiled[taps] = tf.function(forward, [tf.TensorSpec(shape, tf.uint8)], autograph=False)
        return self._compiled[taps]


def _is_input(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.InputLayer)
