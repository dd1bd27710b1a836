"""What may be wrong with the training data: the audit of a network's segments, and its facts for the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Pixels
from birdclef_mind.audit import suspicion
from birdclef_mind.audit.audit import Audit, counts
from birdclef_mind.audit.ears import Ears
from birdclef_mind.audit.known_by import by_what
from birdclef_mind.audit.measured import Measured, foreign_sounds, held_out_opinion, own_vectors
from birdclef_mind.audit.suspicion import Suspicion
from birdclef_mind.data.index import IndexRow
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.explanation.suspect_facts import SuspectFacts, Suspects
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.held_out import copies_among

# Of each suspicion so many segments are shown.
SHOWN = 3
OWN_EARS = "this network"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an audit found.

    Attributes
    ----------
    now : as segments are labelled now, the likeliest first. before : how many of each kind there were without the
        corrections that the network was trained with; None where there are none.
    asked : who was asked. agreement : share of labels on which they agree. notes : sentences on what is not told.
    """

    now: tuple[Suspicion, ...]
    looked_at: int
    asked: tuple[str, ...]
    agreement: float | None
    before: Mapping[str, int] | None = None
    notes: list[str] = field(default_factory=list)


def find_suspects(
    reading: Reading,
    bundle_folder: Path,
    rows: Sequence[IndexRow],
    pixels: Pixels,
    *,
    ears: Ears | None = None,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> Found:
    """Audit some segments of a reading's cache.

    Parameters
    ----------
    rows, pixels : segments as they were cached, and their pictures (n, rows, frames), uint8.
    ears : of a listener, on the same segments.
    """
    measured = _measured(reading, bundle_folder, rows, pixels, ears=ears, track=track)
    chosen = {(row.recording, row.segment) for row in rows}
    cache, notes = reading.cache, list[str]()

    def audited(all_rows: Sequence[IndexRow]) -> Audit:
        own = [row for row in all_rows if (row.recording, row.segment) in chosen and row.label and not row.birdless]
        return Audit(measured, tuple(own), cache.classes, lambda name: cache.common_names.get(name) or name)

    now = audited(cache.rows)
    found = now.suspicions()
    notes += now.notes
    try:
        say("asking by what it knows species that share a recordist, a hum or a voice")
        marked = {kind: _recordings(found, kind) for kind in (suspicion.HUM, suspicion.VOICE)}
        heard = [row for row in now.rows if not row.silent]
        found = suspicion.ranked([*found, *by_what(heard, marked, reading.backwards.anatomy, cache)])
    except (ConfigError, Obstacle) as error:
        notes.append(f"By what it knows a species is not told: {error}")
    if reading.competition is None:
        notes.append("The recordings are not at hand, so that hum and voices cannot be heard")
    return Found(
        now=tuple(found), looked_at=len(rows), asked=(OWN_EARS, *([ears.name] if ears else [])),
        agreement=now.agreement, notes=notes,
        before=counts(audited(cache.as_cached.rows).suspicions()) if cache.corrections else None,
    )  # fmt: skip


def suspect_facts(found: Found, reading: Reading, shown: Sequence[IndexRow]) -> Suspects:
    """The facts of what was found; `shown` are the segments whose pictures and sounds are there, in their order."""
    places = {(row.recording, row.segment): place for place, row in enumerate(shown)}
    start_s = reading.features.windowing.start_s
    facts: Suspects = {
        "kind_words": dict(suspicion.KINDS),
        "found": [_facts(one, places, {row.segment: start_s(row.segment) for row in one.rows}) for one in found.now],
        "counts": dict(counts(found.now)),
        "asked": list(found.asked),
        "agreement": None if found.agreement is None else round(found.agreement, 4),
        "notes": found.notes,
        "looked_at": found.looked_at,
    }
    if found.before is not None:
        facts["before"] = dict(found.before)
    return facts


def _facts(one: Suspicion, places: Mapping[tuple[str, int], int], start_s: Mapping[int, float]) -> SuspectFacts:
    own = [places[row.recording, row.segment] for row in one.rows if (row.recording, row.segment) in places]
    return {
        "kind": one.kind,
        "chance": round(one.chance, 4),
        "reason": one.reason,
        "action": one.action,
        "value": one.value,
        "windows": [{"recording": row.recording, "start_s": start_s[row.segment]} for row in one.rows],
        "segments": own[: 2 * SHOWN if one.kind == suspicion.SHARED else SHOWN],
    }


def _measured(
    reading: Reading, bundle_folder: Path, rows: Sequence[IndexRow], pixels: Pixels, *, ears: Ears | None, track: Track
) -> Measured:
    cache = reading.cache
    own = own_vectors(reading.backwards.anatomy, pixels, track)
    opinions = [held_out_opinion(bundle_folder, rows, cache.classes), ears.opinion if ears else None]
    unheard = np.full(len(rows), np.nan)
    hum, voiced = (
        (unheard, unheard)
        if reading.competition is None
        else foreign_sounds(rows, reading.competition, cache, reading.failed, track=track)
    )
    return Measured(
        rows=tuple(rows), vectors=(own, *([ears.vectors] if ears else [])),
        opinions=tuple(one for one in opinions if one is not None),
        human=ears.human if ears else np.zeros(len(rows)), hum_db=hum, voiced=voiced,
        copies=tuple(copies_among(cache, rows, pixels, track)),
    )  # fmt: skip


def _recordings(found: Sequence[Suspicion], kind: str) -> frozenset[str]:
    return frozenset(row.recording for one in found if one.kind == kind for row in one.rows)
