"""Deriving the index of a store: a row a segment, from its files themselves and from what was heard."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdclef_mind.data.index import INDEX, place_of
from birdclef_mind.data.labelled import heard_in, lost_rows
from birdclef_mind.data.labels import NOTHING, Classes
from birdclef_mind.data.store_kind import Maker
from birdclef_mind.data.strips import StripFacts
from birdclef_mind.data.training_table import Recording, Window
from birdclef_mind.storage import files
from birdclef_mind.storage.places import ask_each, is_remote
from birdclef_mind.storage.tables import table_writer

COLUMNS = (
    "label", "secondary_labels", "recording", "author", "segment", "start_s",
    "fmin", "frange", "loudness_dbfs", "clipped", "silent",
    "session", "heard",
)  # fmt: skip


@dataclass(frozen=True)
class Indexed:
    """What an index holds.

    Attributes
    ----------
    segments : its rows. seconds : up to the end of each recording's last one. remarks : a line where labels of
        soundscapes are in none of its rows.
    """

    segments: int
    seconds: float
    remarks: tuple[str, ...] = ()


def write_index(
    root: Path,
    recordings: Sequence[Recording],
    maker: Maker,
    classes: Classes,
    *,
    before: Callable[[], None] = lambda: None,
) -> Indexed:
    """Derive the index from the files themselves.

    `before` is called before an index that differs takes the place of the one that stands there.
    """
    segments, seconds, length_s = 0, 0.0, maker.cutting.windowing.length_s
    lost: list[tuple[str, Window]] = []
    with files.whole(root / INDEX) as part:
        with part.open("w", newline="", encoding="utf-8") as file:
            writer = table_writer(file)
            writer.writerow(COLUMNS)
            suffix = maker.naming.suffix
            paths = (place_of(root, recording.folder, recording.filename, suffix) for recording in recordings)
            read = ask_each(maker.read_facts, paths, remote=is_remote(root))
            for recording, facts in zip(recordings, read, strict=True):
                writer.writerows(_cells(recording, facts, length_s, classes))
                segments += len(facts.starts_s)
                seconds += max(facts.starts_s) + length_s
                spans = [(start_s, start_s + length_s) for start_s in facts.starts_s]
                lost += [(recording.filename, one) for one in lost_rows(recording, spans)]
        if not (root / INDEX).is_file() or files.sha256(part) != files.sha256(root / INDEX):
            before()
    return Indexed(segments, seconds, _remarks(recordings, lost))


def _remarks(recordings: Sequence[Recording], lost: Sequence[tuple[str, Window]]) -> tuple[str, ...]:
    """A line on labelled rows that are lost, if any are."""
    if not lost:
        return ()
    rows = sum(bool(one.labels) for recording in recordings for one in recording.windows or ())
    name, first = lost[0]
    return (
        f"labels of soundscapes: {len(lost)} of {rows} rows end in no segment, such as that of {name} from "
        f"{first.start_s:g} to {first.end_s:g} s",
    )


def _cells(recording: Recording, facts: StripFacts, length_s: float, classes: Classes) -> Iterator[list[Any]]:
    lists = zip(facts.starts_s, facts.low, facts.width, facts.loudness_dbfs, facts.clipped, facts.silent, strict=True)
    for segment, (start_s, low, width, loudness_dbfs, clipped, silent) in enumerate(lists):
        yield [
            recording.label, " ".join(recording.secondary_labels), recording.filename, recording.author, segment,
            f"{start_s:.9g}", f"{low:.9g}", f"{width:.9g}", f"{loudness_dbfs:.2f}", f"{clipped:.3g}", int(silent),
            recording.session, _heard(recording, start_s, start_s + length_s, classes),
        ]  # fmt: skip


def _heard(recording: Recording, start_s: float, end_s: float, classes: Classes) -> str:
    """Which of the classes somebody heard in a part of a soundscape; "" where nobody said, and for other recordings.

    `NOTHING` says that none of them is, whether others are heard or nothing.
    """
    heard = heard_in(recording, start_s, end_s)
    if heard is None:
        return ""
    return " ".join(label for label in heard if label in classes.names) or NOTHING
