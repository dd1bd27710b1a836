"""Pieces of long work that are kept as each is done: whoever goes on after a kill makes the others alone."""

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Say

# From a piece's name and what makes its arrays to these arrays, which may have been made before.
Keep: TypeAlias = Callable[[str, Callable[[], Sequence[Array]]], Sequence[Array]]


def made_anew(name: str, make: Callable[[], Sequence[Array]]) -> Sequence[Array]:
    """The arrays of a piece, of any shapes, made anew: a `Keep` of work that has no folder.

    Parameters
    ----------
    name : of the piece. make : makes its arrays, of any shapes.
    """
    return make()


class Kept:
    """Keeps pieces in a folder that is claimed, one file each; they go when the folder is renewed. A `Keep`.

    `follows` is all that they follow from: what JSON can hold. Pieces of other work are not taken for them.
    """

    def __init__(self, ledger: Ledger, follows: object, say: Say = lambda line: None) -> None:
        self._ledger, self._key, self._say = ledger, json.dumps(follows, sort_keys=True), say
        self._went_on = False

    def __call__(self, name: str, make: Callable[[], Sequence[Array]]) -> Sequence[Array]:
        """The arrays of a piece, from its file where it was made before."""
        state = Checkpoint(self._ledger, name, self._key)
        held = state.read(self._say)
        if held is None:
            made = [np.asarray(array) for array in make()]
            state.save({str(place): array for place, array in enumerate(made)})
            return made
        if not self._went_on:
            self._say("going on: what was made before it was stopped is kept")
        self._went_on = True
        return [held[str(place)] for place in range(len(held) - 1)]
