"""Recordings that vectors of a network could have been, measured: draws of some segments, beside those of the twin."""

from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import Judges
from birdclef_mind.backwards.reconstruction import Backwards, OfMethod

# One draw of the twin is enough to tell what a vector of this length holds whatever it has learned.
_TWIN_SEED = 0


@dataclass(frozen=True)
class Imagined:
    """Draws from one tap, (draws, n, rows, frames), 0–255, and the measures of the first."""

    pictures: Array
    measures: OfMethod


def imagined(backwards: Backwards, twin: Backwards, judges: Judges, draws: int) -> dict[str, Imagined]:
    """What the judges' pictures could have been, by the name of each tap that is a vector; nothing without a library.

    Controls are those of `measure_fidelity`: of the twin its own draws, judged by the real network.
    """
    pictures, found = judges.pictures, dict[str, Imagined]()
    activations = backwards.anatomy.activations(backwards.taps, pictures)
    of_twin = twin.anatomy.activations(twin.taps, pictures)
    for tap, its_twin, activation, other in zip(backwards.taps, twin.taps, activations, of_twin, strict=True):
        made = [backwards.drawn(tap, activation, judges.groups, seed) for seed in range(draws)]
        drawn = [one for one in made if one is not None]
        if not drawn:
            continue
        again, scores = backwards.anatomy.activations([tap, backwards.anatomy.classes], drawn[0])
        verdicts = judges.ask(drawn[0], scores)
        measures: OfMethod = {
            "measures": judges.measures(verdicts, activation, again),
            "shuffled": judges.shuffled(verdicts),
            "segments": len(pictures),
        }
        if (control := twin.drawn(its_twin, other, judges.groups, _TWIN_SEED)) is not None:
            measures["twin"] = judges.measures(judges.ask(control))
        found[tap.name] = Imagined(np.stack(drawn), measures)
    return found
