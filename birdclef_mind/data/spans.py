"""What somebody marked in a sound, from when to when, as corrections of the windows that it reaches into."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from birdclef_mind.data.event_tables import Event, heard_between, read_event_tables
from birdclef_mind.data.override import ALSO, DROP, NONE, Override
from birdclef_mind.errors import TableError

# Labels of selections that mean no species.
_WORDS = {"drop": DROP, "none": NONE, "nocall": NONE}


def read_spans(path: Path) -> tuple[Override, ...]:
    """Selections of Raven or labels of Audacity as corrections: a species is heard in what they span.

    The labels `drop` and `none`, or `nocall`, drop what they span, or say that none is heard there. TableError for a
    table without any selection.
    """
    found = [
        Override(
            f"{path.name}, {one.bird} at {one.onset_s:g} s", name, one.onset_s, _WORDS.get(one.bird, ALSO),
            "" if one.bird in _WORDS else one.bird, one.offset_s,
        )
        for name, own in read_event_tables(path).items() for one in own
    ]  # fmt: skip
    if not found:
        raise TableError(f"{path}: expected at least one selection or label, got none")
    return tuple(found)


def recording_named(name: str, recordings: Iterable[str]) -> str | None:
    """The recording whose file a table names, with or without folders and ending; None where none or several have it.

    >>> recording_named("XC1", ["barswa/XC1.ogg", "barswa/XC2.ogg"]), recording_named("XC3", ["barswa/XC1.ogg"])
    ('barswa/XC1.ogg', None)
    """
    known = list(recordings)
    if name in known:
        return name
    found = [one for one in known if name in (PurePosixPath(one).name, PurePosixPath(one).stem)]
    return found[0] if len(found) == 1 else None


def by_window(
    overrides: Sequence[Override], starts: Mapping[str, Sequence[float]], length_s: float, labels: Mapping[str, str]
) -> list[Override]:
    """Corrections with each span replaced by one for every window that it reaches into; others stay as they are.

    Parameters
    ----------
    starts : regular starts of the windows in seconds, by recording. labels : of the recordings, which a span need not
        repeat.

    Raises
    ------
    TableError : a span of a recording that is not there, or that several could be, or beyond its windows.
    """
    found: list[Override] = []
    for override in overrides:
        if override.end_s is None:
            found.append(override)
            continue
        recording = recording_named(override.recording, starts)
        if recording is None:
            raise TableError(f"{override.place}: expected one recording of the cache, got {override.recording!r}")
        span = [Event(override.start_s, override.end_s, "span")]
        own = [start_s for start_s in starts[recording] if heard_between(span, start_s, start_s + length_s)]
        if not own:
            raise TableError(f"{override.place}: expected a time inside the windows of {recording}")
        if override.action == ALSO and override.value == labels.get(recording):
            continue
        found += [replace(override, recording=recording, start_s=start_s, end_s=None) for start_s in own]
    return list(dict.fromkeys(found))
