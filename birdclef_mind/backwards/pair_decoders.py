"""Decoders of whatever was heard elsewhere: trained on pairs of activations and pictures, however both were made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.decoder_networks import Decoders, Tap, build_decoders
from birdclef_mind.backwards.redrawing import Redrawing, showing_something, some_showing
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import ConfigError

# Models from elsewhere end in rectified units, some of which answer to few sounds.
_LEAST_SHARE = 0.1
# Of those that the usual range is measured on elsewhere.
_EVERY = 4


@dataclass(frozen=True)
class Place:
    """A tap by its name, and its shape as decoders take it, without the batch."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Pairs:
    """Pictures, and what stood at every tap when their sounds were heard.

    Attributes
    ----------
    pixels : (n, rows, frames), uint8. read : from places (m,) to the activations there by tap, (m, …), float32.
    """

    pixels: Pixels
    read: Callable[[Array], Mapping[str, Array]]


def build_pair_decoders(taps: Sequence[Tap], rows_frames: tuple[int, int], *, whole: bool = False) -> Decoders:
    """Untrained decoders for all taps, with units that never fall silent: few windows kill the rectified ones.

    Rows of maps may belong elsewhere in a picture.
    """
    return build_decoders(taps, rows_frames, "leaky_relu", whole=whole, anew=True)


class PairTraining(Redrawing[Pairs]):
    """Training decoders on pairs; pictures are not turned in time, since nobody heard them so."""

    def __init__(self, taps: Sequence[Place], pairs: Pairs, decoding: Decoding) -> None:
        """Build decoders and measure what they read; ConfigError when the pictures show nothing."""
        rows, frames = pairs.pixels.shape[1:]
        self.taps = tuple(taps)
        keras.utils.set_random_seed(decoding.seed)
        super().__init__(build_pair_decoders(taps, (rows, frames)), decoding)
        self._rows_frames = (rows, frames)
        # What stands at all taps of many would be large.
        some = some_showing(showing_something(pairs.pixels, "to learn from"))[::_EVERY]
        found = pairs.read(some)
        self.measure(pairs.pixels[some], [found[tap.name] for tap in self.taps], least_share=_LEAST_SHARE)

    def require(self, lessons: Pairs) -> None:
        """Raise ConfigError unless the pictures of lessons are of the decoders' size."""
        if lessons.pixels.shape[1:] != self._rows_frames:
            raise ConfigError(f"decoders: expected pictures of {self._rows_frames}, got {lessons.pixels.shape[1:]}")

    def pixels(self, lessons: Pairs) -> Pixels:
        """The pictures of lessons, (n, rows, frames)."""
        return lessons.pixels

    def batch(self, lessons: Pairs, places: Array, rng: np.random.Generator | None) -> tuple[Array, ...]:
        """Some pictures, by places (n,), and the activations beside them: arrays (n, …)."""
        found = lessons.read(places)
        return (lessons.pixels[places].astype(np.float32)[..., None], *(found[tap.name] for tap in self.taps))

    def losses(self, batch: Sequence[Any], training: bool) -> Any:
        """Picture errors, (decoders,), of what `batch` gave."""
        pictures, *activations = batch
        return self.errors(pictures, self.redrawn(activations, training))
