"""Windows of a competition's recordings, cut for a listener: those that are learned from, and those held out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.data.training_table import Recording
from birdclef_mind.errors import AudioError, ConfigError, reason_of
from birdclef_mind.explanation.examples import Example, Examples
from birdclef_mind.sound.audio import SILENCE_DBFS, Window, loudness_dbfs, read_windows
from birdclef_mind.sound.pictures import Pictures, PixelScale, samples_to_pictures
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.training.folds import split_recordings
from birdclef_mind.training.recipe import Training

# As trainings hold out where nothing else is said.
_SHARE, _SEED = Training().validation_share, Training().split_seed


@dataclass(frozen=True)
class Windows:
    """Windows of recordings, and their pictures in the same order."""

    rows: tuple[IndexRow, ...]
    pictures: Pictures

    @property
    def recordings(self) -> list[str]:
        """The recording of each."""
        return [row.recording for row in self.rows]

    def some(self, places: Array) -> "Windows":
        """Those at some places, (n,)."""
        pixels, scale = self.pictures.pixels[places], self.pictures.scale
        rows = tuple(self.rows[place] for place in places)
        return Windows(rows, Pictures(pixels, PixelScale(scale.low[places], scale.width[places])))


@dataclass(frozen=True)
class WindowSides:
    """Windows to learn from and held-out ones, of recordists apart where these are known.

    Attributes
    ----------
    apart : whether any recording could be held out; else both are the same.
    """

    learn: Windows
    check: Windows
    apart: bool


def cut_sides(
    competition: Competition,
    features: Features,
    most: tuple[int, int],
    failed: dict[str, str],
    *,
    track: Track = untracked,
) -> WindowSides:
    """Cut windows of the training recordings, at most so many to learn from and to hold out.

    Of each recording as many are taken as make the number where all give them, from its beginning; silent ones are
    passed over. `failed` gets recordings that cannot be read, and why. ConfigError where no window is left.
    """
    split = split_recordings(competition.recordings, _SHARE, _SEED)
    chosen = [one for one in competition.recordings if one.filename in split.training]
    held_out = [one for one in competition.recordings if one.filename in split.validation]
    learn = _cut(competition, chosen, features, most[0], failed, track=track)
    if not learn.rows:
        raise ConfigError(f"{competition.root}: expected recordings with sound to learn from, found none")
    check = _cut(competition, held_out, features, most[1], failed, track=track)
    if check.rows:
        return WindowSides(learn, check, True)
    count = min(len(learn.rows), most[1])
    return WindowSides(learn, learn.some(np.linspace(0, len(learn.rows) - 1, count).astype(int)), False)


def sounds_by_recording(
    rows: Sequence[IndexRow], competition: Path, features: Features, begin: int = 0
) -> Iterator[Array]:
    """Samples (n, segment_samples) of windows in their order, a recording's at a time, from the window at `begin` on.

    AudioError for a recording that could be read before and cannot be now.
    """
    waiting = list(rows[begin:])
    while waiting:
        count = next((n for n, row in enumerate(waiting) if row.recording != waiting[0].recording), len(waiting))
        yield sounds_of(waiting[:count], competition, features)
        waiting = waiting[count:]


def sounds_of(rows: Sequence[IndexRow], competition: Path, features: Features) -> Array:
    """Samples of windows, (n, segment_samples); AudioError for what cannot be read any more."""
    failed: dict[str, str] = {}
    sounds = [one for one in real_sounds(rows, competition, features, failed) if one is not None]
    if failed:
        name, reason = next(iter(failed.items()))
        raise AudioError(f"{name}: {reason}")
    return np.stack(sounds)


def windows_named(competition: Competition, wanted: Sequence[str], features: Features) -> Examples | None:
    """Windows named RECORDING@SECONDS, in that order; None for no names. ConfigError says what there is."""
    if not wanted:
        return None
    found = [_named(competition, one, features) for one in wanted]
    each = tuple(
        Example(recording.filename, window.start_s, None, recording.label, recording.author, "named", window.samples)
        for recording, window in found
    )
    return Examples(each, samples_to_pictures(np.stack([window.samples for _, window in found]), features))


def _named(competition: Competition, wanted: str, features: Features) -> tuple[Recording, Window]:
    name, _, seconds = wanted.rpartition("@")
    recording = next((one for one in competition.recordings if one.filename == name), None)
    if recording is None:
        raise ConfigError(f"segment: expected RECORDING@SECONDS with a recording of the competition, got {wanted!r}")
    try:
        windows = list(read_windows(competition.audio_path(recording), features))
        return recording, next(one for one in windows if abs(one.start_s - float(seconds)) < 1e-6)
    except AudioError as error:
        raise ConfigError(f"segment: expected a recording that can be read, got {name}: {reason_of(error)}") from error
    except (StopIteration, ValueError):
        starts = ", ".join(f"{one.start_s:g}" for one in windows[:12]) + (", …" if len(windows) > 12 else "")
        raise ConfigError(f"segment: expected {name}@ one of {starts}, got {wanted!r}") from None


def _cut(
    competition: Competition,
    recordings: Sequence[Recording],
    features: Features,
    most: int,
    failed: dict[str, str],
    *,
    track: Track,
) -> Windows:
    chosen = [
        recordings[place] for place in np.linspace(0, len(recordings) - 1, min(len(recordings), most)).astype(int)
    ]
    each = math.ceil(most / max(1, len(chosen)))
    rows: list[IndexRow] = []
    pictures: list[Pictures] = []
    for recording in track(chosen, len(chosen), "recordings cut"):
        try:
            own = list(_sounding(competition.audio_path(recording), features, each))
        except (AudioError, OSError, MemoryError) as error:
            failed[recording.filename] = reason_of(error)
            continue
        if own:
            pictures.append(samples_to_pictures(np.stack([window.samples for window in own]), features))
            # Their sound is read again when it is heard, so that it is never held whole.
            rows += [_row(recording, window) for window in own]
    return Windows(tuple(rows), _joined(pictures, features)).some(np.arange(min(most, len(rows))))


def _sounding(path: Path, features: Features, most: int) -> Iterator[Window]:
    count = 0
    for window in read_windows(path, features):
        if loudness_dbfs(window.samples) >= SILENCE_DBFS and np.ptp(window.samples) > 0:
            yield window
            count += 1
        if count == most:
            return


def _row(recording: Recording, window: Window) -> IndexRow:
    return IndexRow(
        folder=recording.label, label=recording.label, secondary_labels=tuple(recording.secondary_labels),
        recording=recording.filename, author=recording.author, segment=window.number, start_s=window.start_s,
        loudness_dbfs=float(loudness_dbfs(window.samples)), clipped=window.clipped, silent=False,
    )  # fmt: skip


def _joined(parts: Sequence[Pictures], features: Features) -> Pictures:
    empty = np.zeros((0, features.rows, features.frames), np.uint8), np.zeros(0, np.float32)
    pixels = np.concatenate([empty[0], *(part.pixels for part in parts)])
    low, width = ([empty[1], *(getattr(part.scale, name) for part in parts)] for name in ("low", "width"))
    return Pictures(pixels, PixelScale(np.concatenate(low), np.concatenate(width)))
