"""What a layer still knows, by the best of the ways back that take no longer than a click."""

from functools import cached_property

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.reconstruction import DECODER, TRANSPOSED, WEIGHTS, Backwards

# A decoder's picture is the best of the quick ways, the transposed pass the last resort.
_QUICK = (DECODER, WEIGHTS, TRANSPOSED)


class Quick:
    """Pictures (n, rows, frames), 0–255, read backwards from each tap of a network."""

    def __init__(self, backwards: Backwards, pictures: Array) -> None:
        self.backwards, self._pictures = backwards, np.asarray(pictures, np.float32)

    @cached_property
    def activations(self) -> list[Array]:
        """What the network makes of them at each of its taps, (n, …) each."""
        return self.backwards.anatomy.activations(self.backwards.taps, self._pictures)

    def best(self, place: int) -> tuple[str, Array]:
        """The method, and its pictures (n, rows, frames), of a tap by its place."""
        tap = self.backwards.taps[place]
        redrawn = self.backwards.redrawn(tap, self.activations[place])
        if redrawn is not None:
            return DECODER, redrawn
        ways = self._without_decoders[tap.name]
        method = next(way for way in _QUICK if way in ways)
        return method, ways[method]

    @cached_property
    def _without_decoders(self) -> dict[str, dict[str, Array]]:
        return self.backwards.pictures(self._pictures, self.activations)
