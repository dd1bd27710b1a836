"""A listener's ears on the segments of a cache: heard once, kept in a folder, asked for classes and for people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.audit.opinions import normalised
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.override import Override
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.embeddings import Embeddings, HeardBy, open_embeddings
from birdclef_mind.listeners.hearing import Hearing
from birdclef_mind.listeners.judge import match_classes
from birdclef_mind.listeners.listener import EMBEDDING, Listener, chances_of
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.listeners.write_embeddings import opened, write_embeddings
from birdclef_mind.storage.progress import Say, Track, untracked

# What listeners that know them call people's sounds, in their own labels.
HUMAN = "human"


@dataclass(frozen=True)
class Ears:
    """What a listener makes of segments.

    Attributes
    ----------
    name : of the listener. vectors : its embeddings, means over its windows, (n, numbers).
    opinion : log chances of the classes, (n, classes), NaN of those that it does not know; None where it knows one.
    human : chance that people are heard, (n,); 0 where it does not know them.
    """

    name: str
    vectors: Array
    opinion: Array | None
    human: Array


def open_ears(model: Path, *, say: Say = lambda line: None) -> Listener:
    """Open the listener at `model`; ListenerError for what is no listener, or one without an embedding."""
    listener = opened(model, say=say)
    if EMBEDDING not in listener.taps:
        raise ListenerError(f"{listener.name}: expected a listener with a tap {EMBEDDING}, got one without")
    return listener


def hear(
    model: Path,
    listener: Listener,
    cache: Cache,
    *,
    competition: Competition,
    out: Path,
    moved: Sequence[Override] = (),
    say: Say = lambda line: None,
    track: Track = untracked,
) -> Embeddings:
    """What the listener that opens at `model` makes of a cache's recordings, kept in `out`; what is there stays.

    Recordings that cannot be read are told.
    """
    match = _with_people(match_classes(_species(cache, competition), listener.species), listener.species)
    heard_by = HeardBy.of(listener, Hearing(windowing=cache.features.windowing), match)
    report = write_embeddings(model, heard_by, competition, cache.classes, out, overrides=moved, track=track)
    for failure in report.failures:
        say(f"not heard by {listener.name}: {failure.recording}: {failure.reason}")
    return open_embeddings(out)


def ears_of(heard: Embeddings, rows: Sequence[IndexRow], classes: Sequence[str]) -> Ears:
    """What stands in embeddings of some segments; NaN, and no people, for those that could not be heard."""
    have = {(row.recording, row.segment) for row in heard.rows}
    found = np.array([(row.recording, row.segment) in have for row in rows], bool)
    arrays, match = heard.arrays([row for row, there in zip(rows, found, strict=True) if there]), heard.heard_by.match
    logits = _spread(arrays.opinion.max(axis=1), found)
    places = {match.labels[number]: place for place, number in enumerate(match.known)}
    opinion = np.full((len(rows), len(classes)), np.nan)
    for number, name in enumerate(classes):
        if name in places:
            opinion[:, number] = logits[:, places[name]]
    human = np.zeros(len(rows))
    if HUMAN in places and heard.heard_by.answer == "sigmoid":
        human = np.nan_to_num(chances_of(logits[:, places[HUMAN]], "sigmoid"))
    known = len(places.keys() & set(classes))
    vectors = _spread(arrays.embeddings.mean(axis=1), found)
    return Ears(heard.heard_by.name, vectors, normalised(opinion) if known > 1 else None, human)


def _spread(values: Array, found: Array) -> Array:
    """Values of those that were found, as (n, …) with NaN for the others; `found` is (n,), bool."""
    spread = np.full((len(found), *values.shape[1:]), np.nan)
    spread[found] = values
    return spread


def _species(cache: Cache, competition: Competition) -> list[Species]:
    own = [competition.species.get(name, Species(name)) for name in cache.classes.names]
    names = cache.common_names
    return [one if one.common_name else replace(one, common_name=names.get(one.label, "")) for one in own]


def _with_people(match: Match, heard: Sequence[Species]) -> Match:
    """A match with one more label, for what a listener calls people's voices."""
    people = tuple(place for place, one in enumerate(heard) if one.label.casefold().startswith(HUMAN))
    return replace(match, labels=(*match.labels, HUMAN), places=(*match.places, people))
