"""Between two bounds: what each layer insists on, and which real recordings look the same to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from birdclef_mind.backwards.fidelity import Judges, Listening
from birdclef_mind.backwards.insisted import Insisted, insisted
from birdclef_mind.backwards.nearest import make_library
from birdclef_mind.backwards.reconstruction import METAMER, METHODS, Backwards
from birdclef_mind.data.cache import IndexRow
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.explanation.examples import Examples, evenly
from birdclef_mind.explanation.facts import Fidelity
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.sound.pictures import Pictures, PixelScale
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.song import songs_in
from birdclef_mind.storage.progress import Track, untracked

# Enough to tell how far apart two recordings lie in a layer.
_OTHERS = 64


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


def listening(scale: PixelScale, features: Features) -> Listening:
    """What stands out in pictures, each read with its own scale."""
    return lambda pixels: songs_in(Pictures(pixels, scale), features)


def insist(
    reading: Reading,
    twin: Backwards,
    chosen: Examples,
    real: Real,
    fidelity: Fidelity,
    *,
    seeds: Sequence[int],
    skipped: dict[str, str],
    track: Track = untracked,
) -> dict[str, Insisted]:
    """Metamers of the examples at every tap, by its name; their measures go into the fidelity table.

    Nothing without seeds, and where the network has none; `skipped` then says why.
    """
    if not seeds:
        return {}
    pixels = chosen.pictures.pixels.astype(np.float32)
    judges = Judges(
        pixels, [example.recording for example in chosen.each], fidelity["mean_distance"], reading.answer,
        reading.second, songs=listening(chosen.pictures.scale, reading.bundle.features),
    )  # fmt: skip
    pictures = real.pictures.pixels
    others = pictures[evenly(range(len(pictures)), _OTHERS)]
    try:
        found = insisted(reading.backwards, twin, judges, others, seeds=seeds, track=track)
    except (ConfigError, Obstacle) as error:
        skipped[METAMER] = f"what a layer insists on is not shown: {error}"
        return {}
    for layer in fidelity["layers"]:
        ways = {**layer["methods"], METAMER: found[layer["tap"]].measures}
        layer["methods"] = {method: ways[method] for method in METHODS if method in ways}
    return found
