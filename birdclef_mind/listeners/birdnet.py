"""BirdNET v2.4 as a listener: its twin, the names of what it knows, and a check at loading that it hears right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet_twin import RATE_HZ, WINDOW_SAMPLES, Twin, read_twin
from birdclef_mind.listeners.interpreter import Interpreter
from birdclef_mind.listeners.listener import Heard, Listener
from birdclef_mind.listeners.outputs import noises, require_hearing
from birdclef_mind.listeners.species_lists import read_birdnet_labels
from birdclef_mind.listeners.terms import BIRDNET
from birdclef_mind.storage import files

NAME, KIND = "BirdNET v2.4", "birdnet"
# How far the twin's logits may be from the file's own, run as it is.
_TOLERANCE = 1e-3


def open_birdnet(path: Path, labels: Path | None = None) -> Listener:
    """Open a TFLite file of BirdNET v2.4; `labels` is its list of species, looked for beside it where not given.

    ListenerError for a file of another model, a list of another length, or a twin that does not hear as the file does.
    """
    twin = read_twin(path)
    species = read_birdnet_labels(path, labels, twin.model.output.shape[-1])
    ears = TwinEars(twin)
    _require_alike(ears, path)
    return Listener(
        name=NAME, kind=KIND, rate_hz=RATE_HZ, window_s=WINDOW_SAMPLES / RATE_HZ, hop_s=twin.hop_samples / RATE_HZ,
        species=species, digest=files.sha256(path), terms=BIRDNET, ears=ears,
    )  # fmt: skip


def untrained(listener: Listener, path: Path, seed: int) -> Listener:
    """The same ears with what follows them untrained, of the file that the listener was made of; see `read_twin`."""
    return replace(
        listener, name=f"untrained {listener.name}", digest=f"{listener.digest} untrained {seed}",
        ears=TwinEars(read_twin(path, untrained_seed=seed)),
    )  # fmt: skip


class TwinEars:
    """A twin behind a listener; compiled once for each choice of taps."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self._compiled: dict[tuple[str, ...], Any] = {}
        self._taps = {name: tuple(tensor.shape[1:]) for name, tensor in twin.taps.items()}

    @property
    def taps(self) -> Mapping[str, tuple[int, ...]]:
        """Names and shapes of the taps."""
        return self._taps

    def hear(self, samples: Array, taps: Sequence[str]) -> Heard:
        """Hear some windows: samples (windows, samples), float32."""
        logits, *found = self._forward(tuple(taps))(samples)
        return Heard(logits.numpy(), {tap: value.numpy() for tap, value in zip(taps, found, strict=True)})

    def sums_a_moment(self, samples: Array) -> Array:
        """What each of a window's moments adds to each logit, (windows, moments, species), float32.

        The embedding is the mean of the moments, and logits are an affine map of it, so that each moment adds what the
        map makes of it alone over their number: the constant is shared out evenly. Of samples (windows, samples).
        """
        (moments,) = self.hear(samples, ["moments"]).activations.values()
        windows, _, count, channels = moments.shape
        above = keras.Model(self.twin.taps["embedding"], self.twin.model.output)
        alone = above(moments.reshape(-1, channels), training=False)
        return np.asarray(alone).reshape(windows, count, -1) / np.float32(count)

    def reader(self, tap: str) -> Callable[[Any], Any]:
        """From samples (windows, samples), a tensor, to a tap's."""
        model = keras.Model(self.twin.model.input, self.twin.taps[tap])
        return lambda samples: model(samples, training=False)

    def logits_reader(self) -> Callable[[Any], Any]:
        """From samples (windows, samples), a tensor, to logits."""
        return lambda samples: self.twin.model(samples, training=False)

    def _forward(self, taps: tuple[str, ...]) -> Any:
        if taps not in self._compiled:
            model = self.twin.model
            several = keras.Model(model.input, [model.output, *(self.twin.taps[tap] for tap in taps)])
            self._compiled[taps] = tf.function(
                # Keras gives a single output bare.
                lambda samples: keras.tree.flatten(several(samples, training=False)),
                input_signature=[tf.TensorSpec((None, model.input.shape[-1]), tf.float32)],
                autograph=False,
            )
        return self._compiled[taps]


def _require_alike(ears: TwinEars, path: Path) -> None:
    """Refuse a twin whose taps do not follow the sound, or whose logits are not those of the file."""
    sounds = noises(WINDOW_SAMPLES)
    heard = ears.hear(sounds, tuple(ears.taps))
    require_hearing(heard.activations, str(path))
    own = Interpreter(path).run(sounds[:1])[0]
    apart = float(np.abs(own - heard.logits[:1]).max())
    if apart > _TOLERANCE:
        raise ListenerError(
            f"{path}: expected logits that the file's own operators give, to within {_TOLERANCE:g}, got {apart:.2g}"
        )
