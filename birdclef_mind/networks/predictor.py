"""Pictures to scores, and soundscapes to pictures; never loads training code."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.sound.recordings import picture
from birdclef_mind.sound.settings import Features

BATCH = 60


def averaged(networks: Sequence[keras.Model], features: Features) -> Callable[[Array], Any]:
    """A compiled function from pixels (n, rows, frames, 1), uint8, to the mean of what the networks answer."""

    @tf.function(input_signature=[tf.TensorSpec((None, features.rows, features.frames, 1), tf.uint8)], autograph=False)  # type: ignore[untyped-decorator]
    def forward(pixels: tf.Tensor) -> tf.Tensor:
        pictures = tf.cast(pixels, tf.float32)
        return tf.add_n([network(pictures, training=False) for network in networks]) / len(networks)

    # Now, so that the first pictures take no longer than the others.
    forward.get_concrete_function()
    return forward


class Predictor:
    """Scores of a bundle's network for pictures, the mean of its members' where it has several; compiled once.

    `forward` computes them, from pixels (n, rows, frames, 1), uint8; None for TensorFlow's graph.
    """

    def __init__(self, bundle: Bundle, forward: Callable[[Array], Any] | None = None) -> None:
        self._classes = len(bundle.classes)
        self._forward = averaged(bundle.members, bundle.features) if forward is None else forward

    def scores(self, pixels: Pixels) -> Array:
        """Scores (segments, classes), float32, of pixels (segments, rows, frames), uint8, in batches.

        What else is in the batch changes a score by rounding only.
        """
        scores = np.empty((len(pixels), self._classes), np.float32)
        for start in range(0, len(pixels), BATCH):
            scores[start : start + BATCH] = self._forward(pixels[start : start + BATCH, ..., None])
        return scores


def soundscape_pictures(path: Path, bundle: Bundle) -> tuple[tuple[float, ...], Pictures]:
    """All windows of a soundscape: their starts in seconds, and their pictures as training sees them.

    They stand side by side, however much windows overlap in training. AudioError for a sound that gives none.
    """
    found = picture(path, bundle.features.side_by_side)
    return found.starts_s, found.pictures


def windows_for_rows(path: Path, bundle: Bundle, shifts: int = 1) -> tuple[tuple[float, ...], Pictures]:
    """Windows of a soundscape that cover every row of a submission alike, as `soundscape_pictures` gives them.

    Those of 5 s stand side by side; shorter ones are spread evenly over each row, longer ones begin with each. With
    several shifts there are as many times more, which overlap.
    """
    found = picture(path, bundle.features.for_rows.shifted(shifts))
    return found.starts_s, found.pictures
