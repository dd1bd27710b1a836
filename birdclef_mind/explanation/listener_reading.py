"""One listener as it is read: how its windows become pictures, where it is listened in on, and what its species are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.pair_decoders import Place
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation.examples import evenly
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.listeners.judge import match_classes
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.sound.settings import PRESETS, Features, Windowing

# More taps than these are too many to listen to; they are taken evenly, with the first and the last.
_MOST_TAPS = 8
# A decoder of a vector longer than this would have more weights than the listener.
_LONGEST_VECTOR = 20_000
_PRESET = PRESETS["logmel128"]


@dataclass(frozen=True, kw_only=True)
class ListenerReading:
    """One listener as it is read.

    Attributes
    ----------
    features : of pictures of its own windows at its own rate. taps : where it is listened in on, as decoders take them.
    labels : of the competition. match : which of its species these are. names : what each of its species is called
        here, by label where the competition has it.
    competition : folder of the real sound. failed : gets recordings that cannot be heard, and why.
    """

    listener: Listener
    features: Features
    taps: tuple[Place, ...]
    match: Match
    names: tuple[str, ...]
    folder: Folder
    competition: Path
    failed: dict[str, str]

    @property
    def tap_names(self) -> tuple[str, ...]:
        """Its taps by name."""
        return tuple(tap.name for tap in self.taps)

    def hear(self, samples: Array, taps: Sequence[str] = ()) -> Mapping[str, Array]:
        """Activations of windows (n, samples) by tap, as decoders take them, (n, …)."""
        return laid_out(self.taps, self.listener.hear(samples, taps).activations)

    def wanted(self, labels: Sequence[str]) -> list[tuple[int, ...]]:
        """Which of the listener's species stand for each label; none for one that it does not know."""
        places = dict(zip(self.match.labels, self.match.places, strict=True))
        return [places.get(label, ()) for label in labels]


def laid_out(taps: Sequence[Place], activations: Mapping[str, Array]) -> dict[str, Array]:
    """Activations of some taps, (n, …) each, with the shapes in which decoders take them."""
    shapes = {tap.name: tap.shape for tap in taps}
    return {name: value.reshape(len(value), *shapes[name]) for name, value in activations.items()}


def features_of(listener: Listener) -> Features:
    """Pictures like those of `logmel128`, of a listener's own windows at its own rate, so that nothing is resampled.

    Windows are whole, but for that of a recording which is shorter than one.
    """
    rate_hz = listener.rate_hz
    hop = max(1, round(_PRESET.hop_samples * rate_hz / _PRESET.sample_rate_hz))
    # Windows that end in silence, where a recording does, would teach decoders that there is some.
    length_s = listener.window_s
    windowing = Windowing(length_s=length_s, step_s=length_s, shortest_tail_s=length_s)
    return replace(
        _PRESET, sample_rate_hz=rate_hz, hop_samples=hop, n_fft=hop * _PRESET.n_fft // _PRESET.hop_samples,
        fmax_hz=min(_PRESET.fmax_hz, rate_hz / 2), windowing=windowing,
    )  # fmt: skip


def taps_of(listener: Listener) -> tuple[Place, ...]:
    """Where a listener is listened in on; ConfigError for one with no tap that can be read.

    What lies over time alone is taken for a map of one row.
    """
    places = [Place(name, _as_map(shape)) for name, shape in listener.taps.items()]
    usable = [place for place in places if len(place.shape) == 3 or math.prod(place.shape) <= _LONGEST_VECTOR]
    if not usable:
        there = ", ".join(listener.taps) or "none"
        raise ConfigError(
            f"{listener.name}: expected taps to read backwards from, maps or vectors of {_LONGEST_VECTOR} numbers at "
            f"most, got {there}; `taps` and `embedding` in its description name them"
        )
    return tuple(evenly(usable, _MOST_TAPS))


def left_out(listener: Listener, taps: Sequence[Place]) -> str:
    """A sentence on taps that are not read; "" where all are."""
    others = [name for name in listener.taps if name not in {tap.name for tap in taps}]
    return f"Not read are its taps {', '.join(others)}: of more than {_MOST_TAPS} some stand for all." if others else ""


def species_of(listener: Listener, competition: Mapping[str, Species], labels: Sequence[str]) -> Match:
    """Which of a listener's species the labels of a competition are."""
    return match_classes([competition.get(label, Species(label)) for label in labels], listener.species)


def names_of(listener: Listener, match: Match) -> tuple[str, ...]:
    """What each of a listener's species is called: by the competition's label where it has one, else its own name."""
    names = [one.common_name or one.scientific_name or one.label for one in listener.species]
    for label, places in zip(match.labels, match.places, strict=True):
        for place in places:
            names[place] = label
    return tuple(names)


def _as_map(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape) if len(shape) == 2 else shape
