"""Scores of a soundscape's rows in the light of each other: a bird that sings is likely to go on, and to come again."""

from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from birdclef_mind.arrays import Array
from birdclef_mind.kaggle.settings import Submitting

# Of how many of the highest scores in a soundscape the mean is taken.
_TOP = 3


def smoothed(scores: Array, submitting: Submitting) -> Array:
    """Scores (rows, classes) of a soundscape in order, as the settings want them."""
    return by_file(over_neighbours(scores, submitting.smoothing), submitting.file_power)


def over_neighbours(scores: Array, weights: Sequence[float]) -> Array:
    """The mean of each row of scores (rows, classes) and its neighbours, by weights; at the ends of those there are."""
    if not weights:
        return scores
    kernel = np.asarray(weights, float)
    # Weights are of the row before first, and a convolution would turn them.
    total, there = (
        scipy.ndimage.correlate1d(np.asarray(values, float), kernel, axis=0, mode="constant")
        for values in (scores, np.ones((len(scores), 1)))
    )
    return np.asarray(total / there)


def by_file(scores: Array, power: float) -> Array:
    """Scores (rows, classes) times the mean of each class's highest in the soundscape to a power; 0 leaves them."""
    if not power:
        return scores
    highest = np.sort(scores, axis=0)[-_TOP:].mean(axis=0)
    return np.asarray(scores * np.maximum(highest, 0) ** power)
