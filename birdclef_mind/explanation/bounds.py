"""Between two bounds: what each layer insists on, what it could have been, and what could be recovered and agrees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import Judges, Listening
from birdclef_mind.backwards.imagined import Imagined, imagined
from birdclef_mind.backwards.insisted import Insisted, insisted
from birdclef_mind.backwards.nearest import make_library
from birdclef_mind.backwards.reconstruction import DRAWN, METAMER, REFINED, Backwards, OfMethod, in_order
from birdclef_mind.backwards.refined import Refined, refined
from birdclef_mind.data.cache import IndexRow
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.explanation.examples import Examples, evenly
from birdclef_mind.explanation.facts import Fidelity
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.sound.pictures import Pictures, PixelScale
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.song import songs_in
from birdclef_mind.storage.kept import Keep, made_anew
from birdclef_mind.storage.progress import Track, untracked

# Of each example, and the first of them is measured.
DRAWS = 3
# Enough to tell how far apart two recordings lie in a layer.
OTHERS = 64


@dataclass(frozen=True)
class Real:
    """Segments of the training data, and their pictures: what is near is looked for among them."""

    rows: tuple[IndexRow, ...]
    pictures: Pictures

    def known_to(self, backwards: Backwards) -> Backwards:
        """The network, with what its layers make of them."""
        recordings = [row.recording for row in self.rows]
        library = make_library(backwards.anatomy, backwards.taps, self.pictures.pixels, recordings)
        return replace(backwards, library=library)


@dataclass(frozen=True)
class Bounds:
    """What each layer insists on, what its vectors could have been, what its maps give refined, by the tap's name."""

    insisted: Mapping[str, Insisted]
    imagined: Mapping[str, Imagined]
    refined: Mapping[str, Refined]

    def pictures(self, tap: str) -> dict[str, Array]:
        """By the way back, (seeds, n, rows, frames) each: the first is shown, the others beside it."""
        made = {METAMER: self.insisted[tap].metamers.pictures} if tap in self.insisted else {}
        made |= {DRAWN: self.imagined[tap].pictures} if tap in self.imagined else {}
        return made | ({REFINED: self.refined[tap].pictures[None]} if tap in self.refined else {})

    def measures(self, tap: str) -> dict[str, OfMethod]:
        """The measures of the first of them, by the way back."""
        made = {METAMER: self.insisted.get(tap), DRAWN: self.imagined.get(tap), REFINED: self.refined.get(tap)}
        return {way: one.measures for way, one in made.items() if one is not None}


def some_others(real: Real) -> Array:
    """Pictures (m, rows, frames) of recordings that tell how far apart two lie in a layer."""
    pixels = real.pictures.pixels
    return np.asarray(pixels[evenly(range(len(pixels)), OTHERS)])


def listening(scale: PixelScale, features: Features) -> Listening:
    """What stands out in pictures, each read with its own scale."""
    return lambda pixels: songs_in(Pictures(pixels, scale), features)


def bounded(
    reading: Reading,
    twin: Backwards,
    chosen: Examples,
    real: Real,
    fidelity: Fidelity,
    *,
    seeds: Sequence[int],
    skipped: dict[str, str],
    keep: Keep = made_anew,
    track: Track = untracked,
) -> Bounds:
    """Metamers of the examples at every tap, draws from vectors, and what is refined, with their measures.

    The measures go into the fidelity table. What takes long of it is given to `keep` as it is made.

    No metamers without seeds, and where the network has none; `skipped` then says why.
    """
    pixels = chosen.pictures.pixels.astype(np.float32)
    judges = Judges(
        pixels, [example.recording for example in chosen.each], fidelity["mean_distance"], reading.answer,
        reading.second, songs=listening(chosen.pictures.scale, reading.bundle.features),
    )  # fmt: skip
    found: dict[str, Insisted] = {}
    agreeing: dict[str, Refined] = {}
    try:
        if seeds:
            others = some_others(real)
            found = insisted(reading.backwards, twin, judges, others, seeds=seeds, keep=keep, track=track)
            agreeing = refined(reading.backwards, twin, judges, others, keep=keep, track=track)
    except (ConfigError, Obstacle) as error:
        skipped[METAMER] = f"what a layer insists on is not shown: {error}"
    bounds = Bounds(found, imagined(reading.backwards, twin, judges, DRAWS), agreeing)
    for layer in fidelity["layers"]:
        layer["methods"] = in_order({**layer["methods"], **bounds.measures(layer["tap"])})
    return bounds
