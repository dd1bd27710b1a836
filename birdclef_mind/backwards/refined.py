"""What could be recovered from maps, refined until the layer agrees, measured: beside that of the random twin."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Stage
from birdclef_mind.backwards.fidelity import Judges
from birdclef_mind.backwards.metamers import bring_near
from birdclef_mind.backwards.nearest import is_vector
from birdclef_mind.backwards.reconstruction import Backwards, OfMethod
from birdclef_mind.storage.kept import Keep, made_anew
from birdclef_mind.storage.progress import Track, untracked


@dataclass(frozen=True)
class Refined:
    """A decoder's pictures of one tap, refined, (n, rows, frames), 0–255, and their measures."""

    pictures: Array
    measures: OfMethod


def refined(
    backwards: Backwards,
    twin: Backwards,
    judges: Judges,
    others: Array,
    *,
    keep: Keep = made_anew,
    track: Track = untracked,
) -> dict[str, Refined]:
    """The decoders' pictures of the judges' pictures, refined, by the name of each tap that is a map.

    A vector does not tell where anything was: what makes it agree is no bird. Nothing without decoders. Controls are
    those of `measure_fidelity`: of the twin its own decoders' pictures, refined by it, judged by the real network.
    ConfigError and Obstacle as of `make_metamers`.

    Parameters
    ----------
    others : pictures of other recordings, (m, rows, frames), 0–255.
    keep : keeps what is refined as it is made, that of each tap and of the twin's.
    """
    pictures, found = judges.pictures, dict[str, Refined]()
    activations = backwards.anatomy.activations(backwards.taps, pictures)
    of_twin = twin.anatomy.activations(twin.taps, pictures)
    maps = [
        both for both in zip(backwards.taps, twin.taps, activations, of_twin, strict=True) if not is_vector(both[2])
    ]

    def brought(of: Backwards, at: Stage, begun: Array) -> Sequence[Array]:
        return (bring_near(of.anatomy, at, begun, pictures, others),)

    for place, (tap, its_twin, activation, other) in enumerate(track(maps, len(maps), "refining, layers")):
        begun = backwards.redrawn(tap, activation)
        if begun is None:
            continue
        (made,) = keep(f"refined-{place}", partial(brought, backwards, tap, begun))
        again, scores = backwards.anatomy.activations([tap, backwards.anatomy.classes], made)
        verdicts = judges.ask(made, scores)
        measures: OfMethod = {
            "measures": judges.measures(verdicts, activation, again),
            "shuffled": judges.shuffled(verdicts),
            "segments": len(pictures),
        }
        if (control := twin.redrawn(its_twin, other)) is not None:
            (control,) = keep(f"refined-twin-{place}", partial(brought, twin, its_twin, control))
            measures["twin"] = judges.measures(judges.ask(control))
        found[tap.name] = Refined(made, measures)
    return found
