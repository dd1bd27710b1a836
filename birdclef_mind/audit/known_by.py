"""By what a network knows the segments of a species, where a part of them shares a recordist, place, hum or voice."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.audit import suspicion
from birdclef_mind.audit.strategies import LEAST, shares, strategies
from birdclef_mind.audit.suspicion import Suspicion
from birdclef_mind.backwards.anatomy import Anatomy
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import IndexRow
from birdclef_mind.evidence.asked import asked_of
from birdclef_mind.evidence.front import Front
from birdclef_mind.evidence.maps import occlusion
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import hz_to_mel, mel_to_hz

# Evidence is what an answer loses without each sixteenth of the bands; of a species so many segments are asked about,
# and of so many species.
_PARTS, _SEGMENTS, _SPECIES = 16, 24, 8
# Fewer of a kind are no way of knowing.
_OF_A_KIND = 3
_NAMED = 0.5
# Numbers in a session that begins with where it was.
_PLACE_AND_DAY = 3


def by_what(
    rows: Sequence[IndexRow], marked: dict[str, frozenset[str]], anatomy: Anatomy, cache: Cache
) -> list[Suspicion]:
    """Groups of a species' segments that the network knows in a way of their own, and that share something foreign.

    Parameters
    ----------
    rows : segments with sound, as they are labelled. marked : recordings by the kind of what is foreign in them.

    ConfigError or Obstacle for a network whose evidence cannot be read.
    """
    by_label: dict[str, list[IndexRow]] = {}
    for row in rows:
        by_label.setdefault(row.label, []).append(row)
    chosen = [(label, _some(own)) for label, own in by_label.items()]
    worth = [(label, own, found) for label, own in chosen if len(own) >= LEAST and (found := _traits(own, marked))]
    worth = worth[:_SPECIES]
    if not worth:
        return []
    # All at once, since a network is compiled for each time it is asked.
    labels = cache.classes.indices([row.label for _, own, _ in worth for row in own])
    profiles = shares(_evidence([row for _, own, _ in worth for row in own], labels, anatomy, cache))
    suspicions: list[Suspicion] = []
    for _, own, traits in worth:
        suspicions += _suspicions(own, profiles[: len(own)], traits, cache.features)
        profiles = profiles[len(own) :]
    return suspicions


def _some(rows: Sequence[IndexRow]) -> list[IndexRow]:
    return [rows[place] for place in np.linspace(0, len(rows) - 1, min(len(rows), _SEGMENTS)).astype(int)]


def _traits(rows: Sequence[IndexRow], marked: dict[str, frozenset[str]]) -> dict[str, Array]:
    """What part of a species' segments shares, in words: whether each has it, (n,)."""
    found = {_FOREIGN[kind]: np.array([row.recording in names for row in rows]) for kind, names in marked.items()}
    for words, value_of in _SHARED.items():
        values = np.array([value_of(row) for row in rows])
        for value in dict.fromkeys(filter(None, values.tolist())):
            own = values == value
            if len({row.recording for row, has in zip(rows, own, strict=True) if has}) > 1:
                found[words.format(value)] = own
    return {name: has for name, has in found.items() if _OF_A_KIND <= has.sum() < len(rows)}


def _place(row: IndexRow) -> str:
    """Where a segment was recorded: of latitude, longitude and day the first two, else the site."""
    parts = row.session.split()
    return " ".join(parts[:2]) if len(parts) == _PLACE_AND_DAY else row.session


_FOREIGN = {suspicion.HUM: "these have a hum", suspicion.VOICE: "in these somebody speaks"}
_SHARED: dict[str, Callable[[IndexRow], str]] = {
    "these are recorded by {}": lambda row: row.author,
    "these are from one place, {}": _place,
}


def _evidence(rows: Sequence[IndexRow], wanted: Array, anatomy: Anatomy, cache: Cache) -> Array:
    """What the answer to `wanted` (n,) loses without each part of the bands, (n, parts)."""
    front = Front(cache.features)
    bands = front.bands(cache.pictures(rows))
    lost = occlusion(asked_of(anatomy, front, bands, wanted), (_PARTS, 1))[:, :, 0]
    return np.asarray(lost[:, [int(part[0]) for part in _parts(cache.features)]])


def _parts(features: Features) -> list[Array]:
    """The mel bands of each part."""
    count = min(_PARTS, features.n_mels)
    part_of = np.arange(features.n_mels) * count // features.n_mels
    return [np.flatnonzero(part_of == part) for part in range(count)]


def _suspicions(
    rows: Sequence[IndexRow], profiles: Array, traits: dict[str, Array], features: Features
) -> Iterator[Suspicion]:
    for one in strategies(profiles, traits)[:1]:
        own = tuple(rows[place] for place in one.places)
        reason = (
            f"{len(own)} of {len(rows)} segments that were asked about are known by "
            f"{_span(one.bands, features)}, the others are not; {one.trait}"
        )
        yield Suspicion(kind=suspicion.STRATEGY, rows=own, chance=one.chance, reason=reason)


def _span(more: Array, features: Features) -> str:
    """The frequencies at which a group has the most evidence that others have not, in words; `more` is (parts,)."""
    parts = _parts(features)
    strong = np.flatnonzero(more >= _NAMED * more.max())
    low, high = hz_to_mel(np.array([features.fmin_hz, features.fmax_hz]))
    edges = mel_to_hz(np.linspace(float(low), float(high), features.n_mels + 2))
    best = int(more.argmax())
    first, last = best, best
    while first - 1 in strong:
        first -= 1
    while last + 1 in strong:
        last += 1
    from_hz, to_hz = edges[parts[first][0]], edges[parts[last][-1] + 2]
    return f"what sounds at {from_hz / 1000:.2g} to {to_hz / 1000:.2g} kHz"
