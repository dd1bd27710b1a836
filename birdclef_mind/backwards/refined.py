"""What could be recovered from maps, refined until the layer agrees, measured: beside that of the random twin."""

from dataclasses import dataclass

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import Judges, shuffled
from birdclef_mind.backwards.metamers import bring_near
from birdclef_mind.backwards.nearest import is_vector
from birdclef_mind.backwards.reconstruction import Backwards, OfMethod
from birdclef_mind.storage.progress import Track, untracked


@dataclass(frozen=True)
class Refined:
    """A decoder's pictures of one tap, refined, (n, rows, frames), 0–255, and their measures."""

    pictures: Array
    measures: OfMethod


def refined(
    backwards: Backwards, twin: Backwards, judges: Judges, others: Array, *, track: Track = untracked
) -> dict[str, Refined]:
    """The decoders' pictures of the judges' pictures, refined, by the name of each tap that is a map.

    A vector does not tell where anything was: what makes it agree is no bird. Nothing without decoders. Controls are
    those of `measure_fidelity`: of the twin its own decoders' pictures, refined by it, judged by the real network.
    ConfigError and Obstacle as of `make_metamers`.

    Parameters
    ----------
    others : pictures of other recordings, (m, rows, frames), 0–255.
    """
    pictures, found = judges.pictures, dict[str, Refined]()
    others_of = shuffled(len(pictures), judges.groups)
    activations = backwards.anatomy.activations(backwards.taps, pictures)
    of_twin = twin.anatomy.activations(twin.taps, pictures)
    maps = [
        both for both in zip(backwards.taps, twin.taps, activations, of_twin, strict=True) if not is_vector(both[2])
    ]
    for tap, its_twin, activation, other in track(maps, len(maps), "refining, layers"):
        begun = backwards.redrawn(tap, activation)
        if begun is None:
            continue
        made = bring_near(backwards.anatomy, tap, begun, pictures, others)
        again, scores = backwards.anatomy.activations([tap, backwards.anatomy.classes], made)
        verdicts = judges.ask(made, scores)
        measures: OfMethod = {
            "measures": judges.measures(verdicts, activation, again),
            "shuffled": judges.measures(verdicts[others_of]),
            "segments": len(pictures),
        }
        if (control := twin.redrawn(its_twin, other)) is not None:
            control = bring_near(twin.anatomy, its_twin, control, pictures, others)
            measures["twin"] = judges.measures(judges.ask(control))
        found[tap.name] = Refined(made, measures)
    return found
