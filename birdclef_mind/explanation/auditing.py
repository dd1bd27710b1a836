"""A network's training data looked through: what may be wrong with it, as facts, tables and a page.

OUT/audit.json      all facts; written last, so a folder with it is complete
OUT/audit.csv       what may be wrong, the likeliest first, a row a segment
OUT/overrides.csv   the corrections of the kinds that were accepted, where there are any
OUT/heard/          what a listener made of the recordings, kept for the next time
OUT/pictures, OUT/sounds, OUT/recordings   of the segments that are shown, as of an explanation
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.audit import suspicion
from birdclef_mind.audit.ears import ears_of, hear, open_ears
from birdclef_mind.audit.suspicion import Suspicion
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.reconstruction import answer_of, read_backwards
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.override import START, Override
from birdclef_mind.data.overrides import COLUMNS, CorrectedCache, regular_starts, segment_of
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.data_sheets import write_sheets
from birdclef_mind.explanation.facts import AuditFacts
from birdclef_mind.explanation.notes import bundle_facts, corrections, heard_notes
from birdclef_mind.explanation.reading import Reading, competition_of
from birdclef_mind.explanation.suspects import SHOWN, Found, find_suspects, suspect_facts
from birdclef_mind.listeners.embeddings import Embeddings, open_embeddings
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.weights import values_digest
from birdclef_mind.storage import files, folder_kinds
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.storage.tables import csv_text

FACTS = folder_kinds.AUDIT
TABLE, OVERRIDES, HEARD = "audit.csv", "overrides.csv", "heard"
_TABLE_COLUMNS = ("rank", "kind", "chance", "recording", "start_s", "label", "action", "value", "reason")
# Segments whose pictures and sounds are put in; beyond, they stand in the table alone.
_MOST_SHOWN = 600


@dataclass(frozen=True, kw_only=True)
class Auditing:
    """How training data is looked through.

    Attributes
    ----------
    listener : ears trained elsewhere that are asked too, or embeddings that they made; None for none.
    competition : where the recordings are; None for the folder the cache was made from.
    accept : kinds of which every suggested correction is accepted; ConfigError for one that is none.
    """

    listener: Path | None = None
    competition: Path | None = None
    accept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        mended = [kind for kind in suspicion.KINDS if kind not in suspicion.HEARD_ALONE]
        for kind in self.accept:
            if kind not in mended:
                raise ConfigError(f"accept: expected some of {', '.join(mended)}, got {kind!r}")


def audit(
    bundle_folder: Path,
    cache: Cache,
    out: Path,
    auditing: Auditing = Auditing(),
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> AuditFacts:
    """Write what may be wrong with what a bundle was trained on to the folder `out`; gives the facts that it writes.

    Bad input is refused before anything is written: BundleError, ConfigError, ListenerError for what is no listener,
    StoreError for embeddings of other sounds.
    What stood in `out` stays until the new audit is whole. "failures" names recordings that cannot be heard, and why.
    """
    bundle = bundles.load(bundle_folder)
    corrected = bundles.as_trained(bundle, cache)
    competition = competition_of(auditing.competition, cache, say)
    listener = _opened(auditing.listener, competition, corrected, say)
    rows = tuple(row for row in cache.rows if row.label)
    with explanation.claimed(out, "audit", BundleError) as ledger, ExitStack() as opened:
        ears = None
        if isinstance(listener, Embeddings):
            ears = ears_of(listener, rows, cache.classes.names)
        elif listener is not None and auditing.listener is not None and competition is not None:
            heard = hear(
                auditing.listener, listener, corrected, competition=open_competition(competition), out=out / HEARD,
                moved=[one for one in corrected.corrections if one.action == START], say=say, track=track,
            )  # fmt: skip
            ears = ears_of(heard, rows, cache.classes.names)
        pixels = cache.pictures(rows, track).pixels
        folder = opened.enter_context(explanation.renewed(ledger, bundle.features, FACTS))
        anatomy = read_anatomy(bundle.model)
        answer = answer_of(anatomy)
        reading = Reading(
            bundle=bundle, cache=corrected, folder=folder, backwards=read_backwards(anatomy), answer=answer,
            second=answer, competition=competition, failed={},
        )  # fmt: skip
        say(f"looking through {len(rows)} segments")
        found = find_suspects(reading, bundle_folder, rows, pixels, ears=ears, say=say, track=track)
        shown = _shown(found, corrected)
        say("writing the page's pictures and sounds")
        sheets = write_sheets(reading, shown, corrected.pictures(shown, track).pixels, whole=False)
        folder.sounds_made(track)
        facts: AuditFacts = {
            "bundle": bundle_facts(bundle, values_digest(bundle.model)),
            "real_sound": str(competition) if competition else None,
            "notes": heard_notes(reading.failed),
            "failures": reading.failed,
            "data": sheets,
            "suspects": suspect_facts(found, reading, shown),
            "corrections": corrections(corrected, bundle),
        }
        _write_tables(folder.root, found, corrected, auditing.accept)
        folder.finish(facts, FACTS)
    return facts


def _opened(
    path: Path | None, competition: Path | None, cache: CorrectedCache, say: Say
) -> Embeddings | Listener | None:
    """What a listener made of the recordings before, or the listener, to hear them now; None without one.

    StoreError for embeddings of other sounds, ConfigError where there is nothing to hear.
    """
    if path is None:
        return None
    if (path / folder_kinds.EMBEDDINGS).is_file():
        found = open_embeddings(path)
        found.require_same_sounds(cache)
        heard = {(row.recording, row.segment) for row in found.rows}
        if lost := sum((row.recording, row.segment) not in heard for row in cache.rows):
            say(f"{path}: {lost} of {len(cache.rows)} segments were not heard, and are judged without a listener")
        return found
    if competition is None:
        raise ConfigError(f"listener: expected the recordings, for it to hear, found none at {cache.competition}")
    return open_ears(path, say=say)


def _shown(found: Found, cache: CorrectedCache) -> list[IndexRow]:
    """The first segments of each suspicion, at most so many together, in the cache's order."""
    chosen = list(dict.fromkeys((row.recording, row.segment) for one in found.now for row in one.rows[: 2 * SHOWN]))
    some = set(chosen[:_MOST_SHOWN])
    return [row for row in cache.rows if (row.recording, row.segment) in some]


def _write_tables(root: Path, found: Found, cache: CorrectedCache, accept: Sequence[str]) -> None:
    start_s = cache.features.windowing.start_s
    lines = [
        (rank, one.kind, f"{one.chance:.4f}", row.recording, f"{start_s(row.segment):.9g}", row.label, one.action,
         one.value, one.reason)
        for rank, one in enumerate(found.now, 1) for row in one.rows
    ]  # fmt: skip
    files.write_text(root / TABLE, csv_text(_TABLE_COLUMNS, lines))
    accepted = accepted_corrections(found.now, cache, accept) if accept else []
    if accepted:
        rows = [(one.recording, f"{one.start_s:.9g}", one.action, one.value) for one in accepted]
        files.write_text(root / OVERRIDES, csv_text(COLUMNS, rows))


def accepted_corrections(found: Sequence[Suspicion], cache: CorrectedCache, accept: Sequence[str]) -> list[Override]:
    """The corrections of all suspicions of some kinds, and earlier ones of other windows; moved windows stay moved."""
    windowing, regular = cache.features.windowing, regular_starts(cache.as_cached)
    starts = {(row.recording, row.segment): windowing.start_s(row.segment) for row in cache.rows}
    new = suspicion.corrections([one for one in found if one.kind in accept], starts)

    def window(one: Override) -> tuple[str, int]:
        # What people write of a start, and the start itself, may differ by less than a window's tolerance.
        return one.recording, segment_of(one, regular[one.recording])

    named = set(map(window, new))
    return [*(one for one in cache.corrections if one.action == START or window(one) not in named), *new]
