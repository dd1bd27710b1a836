"""How a network knows a species: evidence of its segments in groups, and whether a group goes with something foreign.

Spectral clustering of evidence, Lapuschkin et al. 2019, "Unmasking Clever Hans predictors". A network that knows one
bird in two ways has two groups; that is no fault, unless one of them is one recordist, or goes with a hum or a voice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import SpectralClustering

from birdclef_mind.arrays import Array

# Of a species so many groups at most, from as many neighbours of each segment as make a graph of one piece.
_GROUPS, _NEIGHBOURS, _WIDTH, _THREAD = 5, 7, 0.1, 1e-4
# Fewer segments show no way of knowing.
LEAST = 12
_SMALLEST = 4
_INSIDE = 0.8


@dataclass(frozen=True)
class Strategy:
    """A group of a species' segments that goes with a trait which the others lack.

    Attributes
    ----------
    places : of its segments among the species'. trait : its name. chance : share of the group with the trait, times
        share of the others without.
    bands : the evidence that the group has more than the others, (parts,), from the lowest frequencies on.
    """

    places: Array
    trait: str
    chance: float
    bands: Array


def groups_of(profiles: Array) -> Array:
    """The group of each segment by where its evidence lies, profiles (n, parts): (n,), int.

    There are as many as the widest gap between the smallest eigenvalues of the graph of neighbours says; von Luxburg
    2007, "A tutorial on spectral clustering", section 8.3.
    """
    apart = np.square(profiles[:, None] - profiles[None]).sum(axis=2)
    alike = np.exp(-apart / _WIDTH)
    near = np.argsort(-alike, axis=1, kind="stable")[:, : _NEIGHBOURS + 1]
    # Groups that have nothing in common hang together by a thread, since spectra want one graph.
    graph = np.full_like(alike, _THREAD)
    np.put_along_axis(graph, near, np.take_along_axis(alike, near, axis=1), axis=1)
    graph = np.maximum(graph, graph.T)
    sizes = graph.sum(axis=1)
    values = np.linalg.eigvalsh(np.eye(len(graph)) - graph / np.sqrt(np.outer(sizes, sizes)))
    most = min(_GROUPS, len(profiles) - 1)
    count = int(np.diff(values[: most + 1])[1:].argmax()) + 2
    return np.asarray(SpectralClustering(count, affinity="precomputed", random_state=0).fit_predict(graph))


def shares(evidence: Array) -> Array:
    """Evidence (n, parts) as shares of all that speaks for an answer, (n, parts); what speaks against it is 0."""
    positive = np.maximum(evidence, 0)
    return positive / np.maximum(positive.sum(axis=1, keepdims=True), 1e-9)


def strategies(profiles: Array, traits: Mapping[str, Array]) -> list[Strategy]:
    """Groups of a species' segments that go with a trait, likeliest first.

    Parameters
    ----------
    profiles : shares of evidence, (n, parts). traits : by name whether each segment has it, (n,), bool.
    """
    found: list[Strategy] = []
    if len(profiles) < LEAST or not traits:
        return found
    groups = groups_of(profiles)
    for group in np.unique(groups):
        inside = groups == group
        if inside.sum() < _SMALLEST or inside.all():
            continue
        more = profiles[inside].mean(axis=0) - profiles[~inside].mean(axis=0)
        for name, has in traits.items():
            within, beyond = has[inside].mean(), has[~inside].mean()
            if within >= _INSIDE:
                found.append(Strategy(np.flatnonzero(inside), name, float(within * (1 - beyond)), more))
    return sorted(found, key=lambda one: -one.chance)
