"""Real segments of the training data that are shown beside an example: each is written once, with its real sound."""

from collections.abc import Iterable

from birdclef_mind.data.cache import IndexRow
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.explanation.card_facts import WrittenSegment
from birdclef_mind.explanation.folder import safe_names
from birdclef_mind.explanation.listener_reading import ListenerReading
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.sound.pictures import Pictures


def write_real_segments(
    reading: Reading | ListenerReading,
    rows: tuple[IndexRow, ...],
    pictures: Pictures,
    places: Iterable[int],
    *,
    kind: str = "near",
) -> dict[int, WrittenSegment]:
    """Write some of the rows' segments, by their places; where a sound is not at hand it is made of the picture.

    Parameters
    ----------
    kind : what their files are called; of one kind they are written once.
    """
    chosen, folder = sorted(set(places)), reading.folder
    own = [rows[place] for place in chosen]
    cache = reading.cache if isinstance(reading, Reading) else None
    sounds = real_sounds(own, reading.competition, reading.features, reading.failed, cache=cache)
    written: dict[int, WrittenSegment] = {}
    for place, row, samples, name in zip(chosen, own, sounds, safe_names(len(chosen), kind), strict=True):
        pixels = pictures.pixels[place]
        low, width = float(pictures.scale.low[place]), float(pictures.scale.width[place])
        written[place] = {
            "recording": row.recording, "start_s": row.start_s, "label": row.label,
            "picture": folder.picture(name, pixels), "real": samples is not None,
            "sound": folder.sound_later(name, pixels, low, width) if samples is None else folder.sound(name, samples),
        }  # fmt: skip
    return written
