"""A listener's taps read backwards: what could be recovered, the nearest real recordings, and what each insists on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.drawn import draw
from birdclef_mind.backwards.nearest import Library, Neighbours, is_vector
from birdclef_mind.backwards.pair_decoders import Place
from birdclef_mind.backwards.reconstruction import DECODER, DRAWN, METAMER, NEAREST, OfLayer, OfMethod, in_order
from birdclef_mind.backwards.sound_metamers import SoundMetamers, make_sound_metamers
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.explanation.facts import Fidelity
from birdclef_mind.explanation.listener_decoders import Learned
from birdclef_mind.explanation.listener_reading import ListenerReading
from birdclef_mind.explanation.listener_windows import Windows, sounds_of
from birdclef_mind.explanation.sound_judges import Sounded, SoundJudges, sound_of
from birdclef_mind.sound.pictures import Pictures, PixelScale, samples_to_pictures
from birdclef_mind.storage.progress import Track, untracked

_KIND = "tap"
# Maps near the sound are large, and decoders make larger ones of them.
_AT_A_TIME = 8
# One seed of the twin is enough, as for our own networks.
_TWIN_SEEDS = (0,)


@dataclass(frozen=True, kw_only=True)
class ListenerMind:
    """A listener read backwards.

    Attributes
    ----------
    learned : decoders and outlines. real : the windows that these learned from.
    twin, of_twin : the same of its untrained twin; None where it has none.
    """

    reading: ListenerReading
    learned: Learned
    real: Windows
    twin: ListenerReading | None = None
    of_twin: Learned | None = None

    def nearest(self, tap: str, activation: Array, recordings: Sequence[str], count: int) -> Neighbours:
        """The windows of other recordings that a tap finds most alike, see `Library.nearest`.

        Parameters
        ----------
        activation : of the tap, (n, …). recordings : of each.
        """
        return self.library.nearest(tap, activation, recordings, count)

    @property
    def library(self) -> Library:
        """The windows that were learned from, and what the taps make of them."""
        return Library(tuple(self.real.recordings), self.real.pictures.pixels, self.learned.outlines)

    def ways(self, tap: Place, own: Sounded, recordings: Sequence[str], activation: Array) -> dict[str, Sounded]:
        """Ways back from a tap's activation (n, …) of some recordings, without metamers, which take long."""
        features = self.reading.features
        found = {}
        places = self.nearest(tap.name, activation, recordings, 1).places[:, 0]
        if (places >= 0).all():
            samples = sounds_of([self.real.rows[place] for place in places], self.reading.competition, features)
            scale = self.real.pictures.scale
            pictures = Pictures(self.real.pictures.pixels[places], PixelScale(scale.low[places], scale.width[places]))
            found[NEAREST] = Sounded(pictures, samples)
        if (drawn := self.drawn(tap, own, recordings, activation)) is not None:
            found[DRAWN] = drawn
        redrawn = self.learned.decoders.pictures(tap.name, activation, _AT_A_TIME)
        found[DECODER] = sound_of(Pictures(redrawn, own.pictures.scale), features)
        return found

    def drawn(
        self, tap: Place, own: Sounded, recordings: Sequence[str], activation: Array, *, seed: int = 0
    ) -> Sounded | None:
        """Recordings that a tap's activation (n, …) could have been; None of maps, and where none is drawn."""
        if not is_vector(activation):
            return None

        def sounding(pictures: Array) -> Sounded:
            return sound_of(Pictures(pictures, own.pictures.scale), self.reading.features)

        pictures = draw(
            self.library, tap.name, activation, recordings,
            read=lambda some: self.reading.hear(sounding(some).samples, [tap.name])[tap.name], seed=seed,
        )  # fmt: skip
        return None if pictures is None else sounding(pictures)

    def of_control(self, tap: Place, own: Sounded, recordings: Sequence[str]) -> dict[str, Sounded]:
        """What the untrained twin gives back of the same recordings; nothing where there is no twin."""
        if self.twin is None or self.of_twin is None:
            return {}
        activation = self.twin.hear(own.samples, [tap.name])[tap.name]
        redrawn = self.of_twin.decoders.pictures(tap.name, activation, _AT_A_TIME)
        found = {DECODER: sound_of(Pictures(redrawn, own.pictures.scale), self.reading.features)}
        control = replace(self, reading=self.twin, learned=self.of_twin, twin=None, of_twin=None)
        drawn = control.drawn(tap, own, recordings, activation)
        return found if drawn is None else {**found, DRAWN: drawn}


def measure_listener(mind: ListenerMind, judges: SoundJudges, track: Track = untracked) -> Fidelity:
    """Measures of every tap and way back, each beside its controls, of the judges' recordings."""
    reading, own = mind.reading, judges.own
    layers: list[OfLayer] = []
    for tap in track(reading.taps, len(reading.taps), "taps measured"):
        activation = reading.hear(own.samples, [tap.name])[tap.name]
        methods: dict[str, OfMethod] = {}
        for method, sounded in mind.ways(tap, own, judges.groups, activation).items():
            said = judges.ask(sounded, tap.name, activation)
            methods[method] = {"measures": judges.measures(said), "shuffled": judges.shuffled(said)}
        for method, sounded in mind.of_control(tap, own, judges.groups).items():
            methods[method]["twin"] = judges.measures(judges.ask(sounded))
        layers.append({"tap": tap.name, "kind": _KIND, "methods": methods})
    mean = np.broadcast_to(mind.real.pictures.pixels.mean(axis=0), own.pictures.pixels.shape)
    of_mean, again = (
        judges.measures(judges.ask(sound_of(Pictures(pixels, own.pictures.scale), reading.features)))
        for pixels in (mean, own.pictures.pixels)
    )
    return {
        "segments": len(own.samples), "recordings": len(set(judges.groups)), "mean_distance": judges.distance,
        "layers": layers, "mean_picture": of_mean, "input": again, "recording": judges.measures(judges.recording),
    }  # fmt: skip


@dataclass(frozen=True)
class InsistedSound:
    """Metamers of one tap: as they are, with their pictures a seed each, and measured."""

    metamers: SoundMetamers
    pictures: tuple[Pictures, ...]
    measures: OfMethod


def insist_on_sounds(
    mind: ListenerMind,
    judges: SoundJudges,
    others: Array,
    fidelity: Fidelity,
    *,
    seeds: Sequence[int],
    skipped: dict[str, str],
    track: Track = untracked,
) -> dict[str, InsistedSound]:
    """What every tap insists on, of the judges' recordings, by the tap's name; measures go into the fidelity table.

    Nothing without seeds, and where no gradient reaches the sound; `skipped` then says why.

    Parameters
    ----------
    others : sounds of other recordings, (m, segment_samples).
    """
    found: dict[str, InsistedSound] = {}
    for tap in track(mind.reading.tap_names, len(mind.reading.taps), "metamers, taps") if seeds else ():
        try:
            found[tap] = _insisted(mind, judges, others, tap, tuple(seeds))
        except (ConfigError, Obstacle) as error:
            skipped[METAMER] = f"What a layer insists on is not shown: {error}."
    for layer in fidelity["layers"]:
        if layer["tap"] in found:
            layer["methods"] = in_order({**layer["methods"], METAMER: found[layer["tap"]].measures})
    return found


def _insisted(
    mind: ListenerMind, judges: SoundJudges, others: Array, tap: str, seeds: tuple[int, ...]
) -> InsistedSound:
    own, features = judges.own, mind.reading.features
    made = _metamers(mind.reading, own.samples, others, tap, seeds)
    sounded = [Sounded(samples_to_pictures(samples, features), samples) for samples in made.samples]
    activation = mind.reading.hear(own.samples, [tap])[tap]
    said = judges.ask(sounded[0], tap, activation)
    measures: OfMethod = {
        "measures": judges.measures(said),
        "shuffled": judges.shuffled(said),
        "segments": len(own.samples),
        "reached": float(made.reached.mean()),
    }
    if mind.twin is not None:
        (samples,) = _metamers(mind.twin, own.samples, others, tap, _TWIN_SEEDS).samples
        measures["twin"] = judges.measures(judges.ask(Sounded(samples_to_pictures(samples, features), samples)))
    return InsistedSound(made, tuple(one.pictures for one in sounded), measures)


def _metamers(
    reading: ListenerReading, samples: Array, others: Array, tap: str, seeds: tuple[int, ...]
) -> SoundMetamers:
    read = reading.listener.reader(tap)
    if read is None:
        raise Obstacle(f"no gradient flows through a model of kind {reading.listener.kind}")
    return make_sound_metamers(read, samples, reading.hear(others, [tap])[tap], seeds=seeds, name=tap)
