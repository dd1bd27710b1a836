"""The sound of segments as it was recorded, from the competition's folder."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from birdclef_mind.arrays import Array
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.competition import recording_path
from birdclef_mind.data.index import IndexRow
from birdclef_mind.errors import AudioError, reason_of
from birdclef_mind.sound import audio
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage import files


def real_sounds(
    rows: Sequence[IndexRow],
    competition: Path | None,
    features: Features,
    failed: dict[str, str],
    *,
    cache: Cache | None = None,
) -> list[Array | None]:
    """Segments' samples (segment_samples,) as recorded, each recording read once; None where it is not at hand.

    `failed` gets recordings that the competition's folder should have and that cannot be read, and why; with a cache
    whose rows they are those too that are no longer the sound that its pictures were made of.
    """
    found: list[Array | None] = [None] * len(rows)
    if competition is None:
        return found
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.recording, []).append(place)
    for recording, own in places.items():
        path = recording_path(competition, recording)
        if path is None:
            failed[recording] = "missing"
            continue
        if cache is not None and cache.source(rows[own[0]]).sha256 != files.sha256(path):
            failed[recording] = "is another sound than the one that the cache's pictures were made of"
            continue
        wanted = {rows[place].segment: rows[place].start_s for place in own}
        try:
            # What comes between those that are asked for is passed over, and nothing behind the last is decoded.
            windows = (one for one in audio.read_windows(path, features, wanted) if one.number in wanted)
            heard = {one.number: one.samples for one in islice(windows, len(wanted))}
        except (AudioError, MemoryError) as error:
            failed[recording] = reason_of(error)
            continue
        for place in own:
            found[place] = heard[rows[place].segment]
    return found
