"""When a bird sings: onset and offset of every song that a network with scores a moment hears in soundscapes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.data.event_tables import COLUMNS, CSV, Event, event_tables, is_text_of_events, read_event_tables
from birdclef_mind.data.form import form_of_rows
from birdclef_mind.data.sample_submission import sample_of
from birdclef_mind.data.soundscapes import Soundscape, find_soundscapes, refuse_among
from birdclef_mind.errors import BundleError, ConfigError, printable, reason_of
from birdclef_mind.networks.build import moments
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.predictor import BATCH, averaged, soundscape_pictures
from birdclef_mind.sound import audio
from birdclef_mind.sound.ogg_pages import hole_s
from birdclef_mind.storage.ledger import Ledger, refuse_others, write_own
from birdclef_mind.storage.progress import Track, untracked

if TYPE_CHECKING:
    import pandas as pd

# Songs of a bird with less silence between them are one event; what is shorter than two moments is none.
_GAP_S = 0.5
_SHORTEST_MOMENTS = 2


class Listener:
    """Chances a moment of a bundle's network, compiled once; BundleError for a network that has none."""

    def __init__(self, bundle: Bundle) -> None:
        networks = [network for member in bundle.members if (network := moments(member)) is not None]
        if not networks:
            raise BundleError(
                f"events: expected a network that scores every moment, such as resnet, got {bundle.network.name}"
            )
        self._bundle = bundle
        self._forwards = [averaged([network], bundle.features) for network in networks]

    def chances(self, pixels: Pixels) -> Array:
        """Chances (segments, moments, classes) of pixels (segments, rows, frames), uint8."""
        starts = range(0, len(pixels), BATCH)
        scores = [
            np.concatenate([forward(pixels[at : at + BATCH, ..., None]).numpy() for at in starts])
            for forward in self._forwards
        ]
        return self._bundle.calibration.mean_chances(scores)

    def events(self, pixels: Pixels) -> list[Event]:
        """Events in pixels (segments, rows, frames), uint8, of segments that stand side by side, in order of onset."""
        chances = self.chances(pixels)
        moment_s = self._bundle.features.windowing.length_s / chances.shape[1]
        thresholds = self._bundle.calibration.limits(chances.shape[2])
        return find_events(chances.reshape(-1, chances.shape[2]), thresholds, self._bundle.classes.names, moment_s)


def find_events(chances: Array, thresholds: Array, names: Sequence[str], moment_s: float) -> list[Event]:
    """Runs of moments in which a bird's chance reaches its threshold; short gaps are closed first.

    Parameters
    ----------
    chances : (moments, classes). thresholds : (classes,). moment_s : seconds a moment.
    """
    found = []
    for place, name in enumerate(names):
        heard = np.concatenate([[False], chances[:, place] >= thresholds[place], [False]])
        onsets, offsets = np.flatnonzero(heard[1:] & ~heard[:-1]), np.flatnonzero(~heard[1:] & heard[:-1])
        if not onsets.size:
            continue
        apart = (onsets[1:] - offsets[:-1]) * moment_s >= _GAP_S
        for onset, offset in zip(onsets[np.append(True, apart)], offsets[np.append(apart, True)], strict=True):
            if offset - onset >= _SHORTEST_MOMENTS:
                score = float(chances[onset:offset, place].max())
                found.append(Event(float(onset * moment_s), float(offset * moment_s), name, score))
    return sorted(found, key=lambda event: (event.onset_s, event.bird))


def write_events(
    bundle: Bundle, root: Path, out: Path, track: Track = untracked, *, form: str = CSV
) -> tuple[int, list[str]]:
    """Write the events of all test soundscapes: (events, a line for each soundscape that failed).

    As `CSV` into the file `out`, else a file a soundscape into the folder `out`, see `event_tables`. BundleError for a
    network that has no scores a moment, ConfigError where somebody else's file stands, or for a place among the
    soundscapes.
    """
    refuse_among(root, out)
    listener = Listener(bundle)
    sample = sample_of(root)
    asked = sample.row_ids if sample else ()
    found_sounds = find_soundscapes(root, asked, form_of_rows(root)).found
    problems: list[str] = []
    events: dict[str, list[Event]] = {}
    for one, found in _events_of(listener, bundle, found_sounds, problems, track):
        # The last window is padded, so that a song may seem to outlast the sound.
        end_s, hole = audio.duration_s(one.path) or np.inf, hole_s(one.path)
        if hole is not None:
            problems.append(f"{printable(one.path.name)}: from {hole:.1f} s on, where sound is missing")
            end_s = min(end_s, hole)
        inside = [event for event in found if event.onset_s < end_s]
        events[one.name] = [replace(event, offset_s=min(event.offset_s, end_s)) for event in inside]
    features = bundle.features
    tables = event_tables(events, form, features.fmin_hz, features.fmax_hz)
    refuse_others([out / name if name else out for name in tables], ConfigError)
    for name, text in tables.items():
        write_own(out / name if name else out, text.encode("utf-8"))
    if form != CSV:
        _remove_earlier(out, tables)
    return sum(map(len, events.values())), problems


def _remove_earlier(folder: Path, tables: Collection[str]) -> None:
    """Take away tables of an earlier run that would be read as events of this one; no other text of this program."""
    ledger = Ledger(folder)
    old = [path for path in folder.glob("*.txt") if path.name not in tables and ledger.wrote(path.name)]
    gone = [path for path in old if not path.stat().st_size or is_text_of_events(path)]
    for path in gone:
        path.unlink()
    ledger.settle(gone=[path.name for path in gone])


def read_events(path: Path) -> "pd.DataFrame":
    """Events as `write_events` wrote them in any form: "soundscape", "onset_s", "offset_s", "bird", "score"."""
    import pandas as pd

    found = read_event_tables(path)
    rows = [(name, one.onset_s, one.offset_s, one.bird, one.score) for name, own in found.items() for one in own]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _events_of(
    listener: Listener, bundle: Bundle, sounds: Sequence[Soundscape], problems: list[str], track: Track
) -> Iterator[tuple[Soundscape, list[Event]]]:
    for one in track(sounds, len(sounds), "events"):
        try:
            yield one, listener.events(soundscape_pictures(one.path, bundle)[1].pixels)
        except Exception as error:  # Whatever a library raises costs this soundscape alone.
            problems.append(f"{printable(one.path.name)}: {reason_of(error)}")
