"""Species that share one decision: those which others cannot tell apart by these recordings."""

import numpy as np

from birdclef_mind.arrays import Array


def confusion(logs: Array, labels: Array) -> Array:
    """Mean chance of each class in what is labelled as each, (classes, classes); 0 for labels without any.

    Parameters
    ----------
    logs : log chances, (n, classes), NaN where unknown. labels : (n,).
    """
    told = np.zeros((logs.shape[1],) * 2)
    chances = np.nan_to_num(np.exp(logs))
    for label in np.unique(labels):
        told[label] = chances[labels == label].mean(axis=0)
    return told


def shared(told: Array) -> list[tuple[int, int, float]]:
    """Pairs of classes that are taken for each other nearly as often as known: (one, other, share), likeliest first.

    Of mean chances `told` (classes, classes), see `confusion`. The share is what each gets of the other over what both
    get of themselves: 0 for two that are never mixed up, 1 for two that get one answer. Only pairs with 0.5 or more.
    """
    mixed, known = told + told.T, np.add.outer(np.diag(told), np.diag(told))
    shares = np.triu(mixed / np.maximum(known, 1e-9), 1)
    found = [(int(one), int(other), min(1.0, float(shares[one, other]))) for one, other in np.argwhere(shares >= 0.5)]
    return sorted(found, key=lambda pair: -pair[2])
