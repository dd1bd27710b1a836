"""Every way back at once: reconstructions of pictures from each tap by each method, and how far to trust them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict, TypeVar

import numpy as np
import tensorflow as tf

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import Anatomy, Stage, as_input
from birdclef_mind.backwards.decoder_networks import Decoders
from birdclef_mind.backwards.drawn import draw
from birdclef_mind.backwards.fidelity import Answer, Interval, Judges
from birdclef_mind.backwards.nearest import Library, is_vector
from birdclef_mind.backwards.stamps import Chain, read_chain, stamp_back
from birdclef_mind.backwards.transposed import raw_to_picture, transposed_pass
from birdclef_mind.errors import ConfigError, Obstacle

WEIGHTS, TRANSPOSED, METAMER, NEAREST = "weights", "transposed", "metamer", "nearest"
DRAWN, DECODER, REFINED = "drawn", "decoder", "refined"
METHODS = {
    WEIGHTS: "weights only: each filter's patch, stamped where the filter is active",
    TRANSPOSED: "transposed pass: the layer's activation sent back through the network",
    METAMER: "what it insists on: noise changed until this layer takes it for the recording",
    NEAREST: "what it takes for the same: the real recording of the training data that this layer finds most alike",
    DRAWN: "one recording it could have been: noise settled into pieces of real ones that this layer finds alike",
    DECODER: "what could be recovered: a small network taught to redraw the input from this layer",
    REFINED: "the same, refined: the redrawn picture changed until this layer nearly takes it for the recording",
}

_Way = TypeVar("_Way")


@dataclass(frozen=True)
class Backwards:
    """A network read backwards from its taps: `read_backwards` makes it.

    Attributes
    ----------
    skipped : for each method that cannot do all taps, one sentence that says why.
    library : real segments, of which the nearest are found; None without.
    """

    anatomy: Anatomy
    taps: tuple[Stage, ...]
    chain: Chain
    decoders: Decoders | None
    skipped: Mapping[str, str]
    library: Library | None = None

    def pictures(
        self, pictures: Array, activations: Sequence[Array] | None = None, recordings: Sequence[str] = ()
    ) -> dict[str, dict[str, Array]]:
        """Reconstructions by tap and method, each (n, rows, frames), 0–255, of pictures (n, rows, frames), 0–255.

        Metamers, draws and what is refined take long, and are made elsewhere.

        Parameters
        ----------
        activations : those of the taps, (n, …) each, where they are known already.
        recordings : of each picture; without them none that is near is looked for.
        """
        activations = self.anatomy.activations(self.taps, pictures) if activations is None else activations
        back = transposed_pass(self.anatomy, self.taps, pictures)
        found: dict[str, dict[str, Array]] = {}
        for tap, activation, raw in zip(self.taps, activations, back, strict=True):
            ways = {TRANSPOSED: raw_to_picture(raw)}
            stamped = self._stamped(tap, activation)
            if stamped is not None:
                ways[WEIGHTS] = stamped
            if self.library is not None and recordings:
                places = self.library.nearest(tap.name, activation, recordings, 1).places[:, 0]
                if (places >= 0).all():
                    ways[NEAREST] = self.library.pixels[places].astype(np.float32)
            if (redrawn := self.redrawn(tap, activation)) is not None:
                ways[DECODER] = redrawn
            found[tap.name] = in_order(ways)
        return found

    def redrawn(self, tap: Stage, activation: Array) -> Array | None:
        """What its decoder makes, (n, rows, frames), of a tap's activation (n, …); None without one."""
        if self.decoders is None or tap.name not in self.decoders.networks:
            return None
        return self.decoders.pictures(tap.name, activation)

    def drawn(self, tap: Stage, activation: Array, recordings: Sequence[str], seed: int = 0) -> Array | None:
        """Recordings it could have been, (n, rows, frames), of a tap's activation (n, units); None where none is drawn.

        Only of vectors: a map still tells where everything was, and is redrawn. `recordings` as of `pictures`.
        """
        if self.library is None or not recordings or not is_vector(activation):
            return None
        return draw(
            self.library, tap.name, activation, recordings,
            read=lambda pictures: self.anatomy.activations([tap], pictures)[0], seed=seed,
        )  # fmt: skip

    def _stamped(self, tap: Stage, activation: Array) -> Array | None:
        try:
            raw = [
                stamp_back(self.chain, tap, activation[start : start + 12], self.anatomy.rows_frames)
                for start in range(0, len(activation), 12)
            ]
        except Obstacle:
            return None
        return raw_to_picture(np.concatenate(raw))


def in_order(ways: Mapping[str, _Way]) -> dict[str, _Way]:
    """What there is of each way back, in the order of `METHODS`."""
    return {method: ways[method] for method in METHODS if method in ways}


def read_backwards(anatomy: Anatomy, decoders: Decoders | None = None, why_not: str = "") -> Backwards:
    """Prepare all methods for a network; `why_not` says why it has no decoders.

    ConfigError for decoders of another network's taps.
    """
    chain, skipped = read_chain(anatomy), {}
    if decoders is not None:
        _require_fitting(decoders, anatomy)
    if chain.obstacle:
        skipped[WEIGHTS] = f"weights only goes no further than a plain chain: {chain.obstacle}"
    if decoders is None:
        skipped[DECODER] = why_not or "no decoders are trained for this network"
    return Backwards(anatomy, anatomy.taps(), chain, decoders, skipped)


def _require_fitting(decoders: Decoders, anatomy: Anatomy) -> None:
    shapes = {tap.name: tap.shape for tap in anatomy.stages}
    for name, network in decoders.networks.items():
        if network.input_shape[1:] != shapes.get(name):
            raise ConfigError(
                f"decoders: expected those of {anatomy.model.name}'s taps, got one of {name} {network.input_shape[1:]}"
            )


class OfMethod(TypedDict):
    """Measures of one way back from one layer, beside its controls; the error of its sound is added by who makes it.

    `shuffled` is empty where a segment is alone. `segments` are those it is measured on, where they are not those of
    the others. `reached` is the share of metamers that the layer takes for the recording, to a tolerance; `apart` and
    `nearest_other` are how far they, and the nearest other recordings, are from it in the layer: medians of squared
    distances, 1 for the usual other one.
    """

    measures: dict[str, Interval]
    shuffled: dict[str, Interval]
    twin: NotRequired[dict[str, Interval]]
    sound_error: NotRequired[float]
    segments: NotRequired[int]
    reached: NotRequired[float]
    apart: NotRequired[float]
    nearest_other: NotRequired[float]


class OfLayer(TypedDict):
    """Measures of all ways back from one layer."""

    tap: str
    kind: str
    methods: dict[str, OfMethod]


def measure_fidelity(
    backwards: Backwards, twin: Backwards, judges: Judges, mean_picture: Array
) -> tuple[list[OfLayer], dict[str, Interval]]:
    """Measures of every tap and method, each beside its controls; and those of the mean picture (rows, frames) alone.

    The controls are the random-weights twin (its own activations, weights and decoders, judged by the real network) and
    shuffled pairing (another recording's reconstruction taken for this one's).
    """
    pictures = judges.pictures
    own = backwards.anatomy.activations(backwards.taps, pictures)
    found = backwards.pictures(pictures, own, judges.groups)
    of_twin = twin.pictures(pictures, recordings=judges.groups)
    activations = dict(zip(found, own, strict=True))
    layers: list[OfLayer] = []
    for tap in backwards.taps:
        methods: dict[str, OfMethod] = {}
        for method, rebuilt in found[tap.name].items():
            again, scores = backwards.anatomy.activations([tap, backwards.anatomy.classes], rebuilt)
            verdicts = judges.ask(rebuilt, scores)
            methods[method] = {
                "measures": judges.measures(verdicts, activations[tap.name], again),
                "shuffled": judges.shuffled(verdicts),
            }
            if method in of_twin[tap.name]:
                methods[method]["twin"] = judges.measures(judges.ask(of_twin[tap.name][method]))
        layers.append({"tap": tap.name, "kind": tap.kind, "methods": methods})
    return layers, judges.measures(judges.ask(np.broadcast_to(mean_picture, pictures.shape)))


def answer_of(anatomy: Anatomy) -> Answer:
    """The network as a function from pictures (n, rows, frames), 0–255, to scores (n, classes)."""
    shape, reader = (None, *anatomy.rows_frames, 1), anatomy.reader([anatomy.classes])
    forward = tf.function(lambda pictures: reader(pictures)[0], [tf.TensorSpec(shape, tf.float32)], autograph=False)

    def answer(pictures: Array) -> Array:
        parts = [forward(as_input(pictures[start : start + 64])) for start in range(0, len(pictures), 64)]
        return np.concatenate(parts)

    return answer


def rounded(values: Sequence[float] | Array, digits: int = 4) -> list[float]:
    """Values (n,) as plain floats with as many digits as a reader needs."""
    return [round(float(value), digits) for value in values]
