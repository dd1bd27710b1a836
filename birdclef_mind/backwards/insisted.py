"""What each layer insists on, measured: metamers of some segments, beside those of the random twin."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Stage
from birdclef_mind.backwards.fidelity import Judges
from birdclef_mind.backwards.metamers import Metamers, make_metamers
from birdclef_mind.backwards.reconstruction import Backwards, OfMethod
from birdclef_mind.storage.kept import Keep, made_anew
from birdclef_mind.storage.progress import Track, untracked

# One seed of the twin is enough to tell what the layer's mere shape insists on.
_TWIN_SEEDS = (0,)


@dataclass(frozen=True)
class Insisted:
    """Metamers of one layer, and their measures."""

    metamers: Metamers
    measures: OfMethod


def insisted(
    backwards: Backwards,
    twin: Backwards,
    judges: Judges,
    others: Array,
    *,
    seeds: Sequence[int],
    keep: Keep = made_anew,
    track: Track = untracked,
) -> dict[str, Insisted]:
    """What every tap insists on, of the judges' pictures; by the tap's name.

    Measured are the metamers of the first seed; `reached` is of all. Controls are those of `measure_fidelity`: of the
    twin its own metamers, judged by the real network. ConfigError and Obstacle as of `make_metamers`.

    Parameters
    ----------
    others : pictures of other recordings, (m, rows, frames), 0–255.
    keep : keeps metamers as they are made, those of each tap and of the twin's.
    """
    pictures, found = judges.pictures, dict[str, Insisted]()
    activations = backwards.anatomy.activations(backwards.taps, pictures)
    taps = list(zip(backwards.taps, twin.taps, activations, strict=True))

    def sought(of: Backwards, at: Stage, own_seeds: Sequence[int]) -> Sequence[Array]:
        made = make_metamers(of.anatomy, at, pictures, others, seeds=own_seeds)
        return made.pictures, made.errors, made.nearest_other

    for place, (tap, its_twin, activation) in enumerate(track(taps, len(taps), "metamers, layers")):
        made = Metamers(*keep(f"metamers-{place}", partial(sought, backwards, tap, seeds)))
        again, scores = backwards.anatomy.activations([tap, backwards.anatomy.classes], made.pictures[0])
        verdicts = judges.ask(made.pictures[0], scores)
        of_twin = Metamers(*keep(f"metamers-twin-{place}", partial(sought, twin, its_twin, _TWIN_SEEDS)))
        found[tap.name] = Insisted(
            made,
            {
                "measures": judges.measures(verdicts, activation, again),
                "shuffled": judges.shuffled(verdicts),
                "twin": judges.measures(judges.ask(of_twin.pictures[0])),
                "segments": len(pictures),
                "reached": float(made.reached.mean()),
                "apart": float(np.median(made.errors[0])),
                "nearest_other": float(np.median(made.nearest_other)),
            },
        )
    return found
