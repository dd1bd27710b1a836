"""One sound under two labels: at most one of them is right, unless both birds are in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

# That two are copies is all but sure; which of them is named wrongly is told by others' opinion.
_SURE = 0.9


@dataclass(frozen=True)
class Copied:
    """Two recordings of one sound: the likelier named wrongly, the other, and how likely that is, 0.9 to 1.

    `told` is whether anybody has an opinion on which it is.
    """

    wrong: str
    other: str
    chance: float
    told: bool


def across_labels(
    pairs: Iterable[tuple[str, str]], labels: Mapping[str, frozenset[str]], chances: Mapping[str, float]
) -> list[Copied]:
    """Pairs of copies that have no label in common.

    Parameters
    ----------
    labels : of each recording, all that are in it. chances : of its own label, by others; NaN where nobody can say.
    """
    found = []
    for one, other in pairs:
        if one in labels and other in labels and not labels[one] & labels[other]:
            wrong, right = sorted((one, other), key=lambda name: np.nan_to_num(chances[name], nan=0.5))
            apart = chances[right] - chances[wrong]
            told = bool(np.isfinite(apart) and apart > 0)
            found.append(Copied(wrong, right, _SURE + (1 - _SURE) * (float(apart) if told else 0.0), told))
    return found
