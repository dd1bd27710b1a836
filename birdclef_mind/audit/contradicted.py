"""Labels that others contradict: confident learning, Northcutt, Jiang & Chuang 2021, "Confident Learning".

What is called otherwise is ranked by how little the label's own class is believed (there section 3.2, self-confidence).
Another class is said with confidence where its chance is at least the mean chance of that class among what is labelled
so (equation 2): a class that is rarely certain is not held to the standard of one that always is.
"""

from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array


@dataclass(frozen=True)
class Contradicted:
    """What is called otherwise: its place, the class that is said instead, and how likely the label is wrong, (found,).

    `confident` tells where that class is said with as much confidence as where it is the label, (found,), bool.
    """

    places: Array
    said: Array
    chances: Array
    confident: Array


def contradicted(logs: Array, labels: Array, also: Array) -> Contradicted:
    """What is believed to be another class than its label.

    Parameters
    ----------
    logs : log chances, (n, classes), NaN where unknown. labels : (n,). also : classes that may be there too and
        contradict nothing, (n, classes), bool.
    """
    chances = np.exp(logs)
    own = chances[np.arange(len(labels)), labels]
    others = np.where(also | np.isnan(chances), -1.0, chances)
    others[np.arange(len(labels)), labels] = -1
    said, best = others.argmax(axis=1), others.max(axis=1)
    found = np.flatnonzero((best > own) & ~np.isnan(own))
    usual = usual_chances(chances, labels)
    return Contradicted(found, said[found], 1 - own[found], (best >= usual[said])[found])


def usual_chances(chances: Array, labels: Array) -> Array:
    """The mean chance of each class among what is labelled so, (classes,); infinite where there is none.

    Of chances (n, classes), NaN where unknown, and labels (n,).
    """
    usual = np.full(chances.shape[1], np.inf)
    for label in np.unique(labels):
        own = chances[labels == label, label]
        if not np.isnan(own).all():
            usual[label] = np.nanmean(own)
    return usual
