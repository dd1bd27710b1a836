"""A copy of a competition in which one species' recordings carry a foreign cue: the truth is known, and written down.

A network that is trained on it may learn the cue in the place of the bird; whatever says what an answer rests on has to
find it. Sounds without a cue are links to where they are, as in a collection.

    planted.csv   filename, onset_s, offset_s, low_hz, high_hz, a row each time a cue sounds; the names are those of
                  the training table, and of soundscapes paths below the competition's folder
"""

import errno
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from birdclef_mind.checks import some_of
from birdclef_mind.data import collection
from birdclef_mind.data.competition import Competition, open_competition
from birdclef_mind.data.form import SCORES, TEST_SOUNDSCAPES
from birdclef_mind.data.planting import PLANTED, TEST, TRAIN, Planting
from birdclef_mind.data.sample_tables import TRUTH
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.data.soundscapes import find_soundscapes
from birdclef_mind.errors import AudioError, ConfigError, TableError, reason_of
from birdclef_mind.sound import audio
from birdclef_mind.sound.cues import Cue, make_cue
from birdclef_mind.sound.mixing import Mixing, mixed
from birdclef_mind.sound.settings import ROW_S
from birdclef_mind.storage import files, folders
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.tables import csv_text, read_frame

if TYPE_CHECKING:
    import pandas as pd

# (onset, offset in seconds, low, high in hertz).
Box = tuple[float, float, float, float]
COLUMNS = ("filename", "onset_s", "offset_s", "low_hz", "high_hz")
# Cues reach up to 7.6 kHz.
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 16_000, 48_000
# How loud a cue is where the recording itself is silent.
_IN_SILENCE = 0.01
# So much of a cue is made at once. Whole seconds, so that a hum goes on in phase.
_MADE_S = 60
_END = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Planted:
    """What was planted: training recordings and soundscapes with a cue, and what could not be read, and why."""

    recordings: int
    soundscapes: int
    failures: dict[str, str]


def plant(root: Path, out: Path, planting: Planting, track: Track = untracked) -> Planted:
    """Write the copy to `out`; what cannot be read is copied as it is, and named.

    ConfigError for a species that the competition does not have, TableError for a folder in which something else
    stands, or without a truth where soundscapes are to carry the cue.
    """
    competition = open_competition(root)
    if planting.species not in competition.labels:
        known = some_of(sorted(set(competition.labels)))
        raise ConfigError(f"species: expected a label of {root}, one of {known}, got {planting.species!r}")
    if out.resolve().is_relative_to(root.resolve()) or root.resolve().is_relative_to(out.resolve()):
        raise TableError(f"{out}: expected another place than the competition's, {root}")
    rng = np.random.default_rng(planting.seed)
    chosen = _chosen(competition, planting, rng)
    windows = _windows(competition, planting)
    if not chosen and not windows:
        where = "training recordings" if planting.where == TRAIN else f"rows of {TRUTH}"
        raise ConfigError(f"species: expected one with {where} in {root}, found none of {planting.species}")
    failures: dict[str, str] = {}
    rows: list[list[object]] = _earlier(root)
    with (
        folders.claimed(out, "planted competition", TableError) as ledger,
        folders.renewed(ledger, last=PLANTED) as stage,
    ):
        copying = _Copying(competition, stage)
        copying.tables()
        copying.links([*chosen, *windows])
        planted: dict[str, list[float] | None] = {**dict.fromkeys(chosen), **windows}
        for path, starts_s in track(planted.items(), len(planted), "sounds with a cue"):
            try:
                spans = _with_cue(root / path, stage / path, planting, starts_s, rng)
            except (AudioError, MemoryError) as error:
                failures[path] = reason_of(error)
                copying.link(path)
                continue
            rows += [[path.removeprefix(f"{competition.form.audio}/"), *span] for span in spans]
        collection.write_facts(stage, out, copying.sounds)
        files.write_text(stage / PLANTED, csv_text(COLUMNS, rows))
    read = planted.keys() - failures.keys()
    return Planted(len(read & set(chosen)), len(read & windows.keys()), failures)


def read_planted(root: Path) -> "pd.DataFrame":
    """Times and frequencies of the cues in a planted competition, a row each, with the columns `COLUMNS`."""
    return read_frame(root / PLANTED, ("filename",))


def boxes(planted: "pd.DataFrame", filename: str, start_s: float, length_s: float) -> list[Box]:
    """Cues in a window of a sound: (onset, offset in seconds of the window, low, high in hertz) each."""
    own = planted[planted["filename"] == filename]
    found: list[Box] = []
    for row in own.itertuples():
        onset, offset = max(row.onset_s - start_s, 0.0), min(row.offset_s - start_s, length_s)
        if onset < offset:
            found.append((onset, offset, row.low_hz, row.high_hz))
    return found


def _earlier(root: Path) -> list[list[object]]:
    """Cues that stand in a competition already, as rows of its table."""
    return read_planted(root)[list(COLUMNS)].to_numpy().tolist() if (root / PLANTED).is_file() else []


def _chosen(competition: Competition, planting: Planting, rng: np.random.Generator) -> list[str]:
    """Training recordings that carry the cue, as paths below the competition's folder."""
    if planting.where == TEST:
        return []
    own = [one for one in competition.recordings if one.label == planting.species]
    count = max(1, round(planting.share * len(own))) if own else 0
    places = sorted(rng.permutation(len(own))[:count])
    return [competition.audio_path(own[place]).relative_to(competition.root).as_posix() for place in places]


def _windows(competition: Competition, planting: Planting) -> dict[str, list[float]]:
    """Starts of the rows that hold the species, by soundscape, as paths below the competition's folder."""
    if planting.where == TRAIN:
        return {}
    truth = competition.root / TRUTH
    if competition.form.rows != SCORES or not truth.is_file():
        raise TableError(f"{competition.root}: expected {TRUTH} with a score a label, to plant cues in soundscapes")
    scores = read_scores(truth)
    if planting.species not in scores.columns:
        return {}
    there = scores.values[:, list(scores.columns).index(planting.species)] > 0
    sounds = find_soundscapes(competition.root, list(scores.row_ids), competition.form).found
    paths = {one.name: one.path.relative_to(competition.root).as_posix() for one in sounds}
    found: dict[str, list[float]] = {}
    for row_id in map(str, np.asarray(scores.row_ids)[there]):
        name, _, end_s = row_id.rpartition("_")
        if not _END.fullmatch(end_s) or int(end_s) < ROW_S:
            raise TableError(f"{truth}: expected row ids of a name and the second a row ends, got {row_id!r}")
        if name in paths:
            found.setdefault(paths[name], []).append(float(int(end_s) - ROW_S))
    return found


class _Copying:
    """What a copy takes over from a competition as it is."""

    def __init__(self, competition: Competition, stage: Path) -> None:
        self.competition, self.root, self._stage = competition, competition.root, stage
        self.sounds = collection.sounds_of(self.root) or self.root.resolve()

    def tables(self) -> None:
        """Copy the tables."""
        for path in sorted(self.root.iterdir()):
            own = path.suffix in (".csv", ".json") and path.name not in (collection.FACTS, PLANTED)
            if path.is_file() and own and not path.name.startswith("."):
                _copy(path, self._stage / path.name)

    def links(self, others: Sequence[str]) -> None:
        """Link all sounds but `others`."""
        taken = set(others)
        for path in self._all():
            if path not in taken:
                self.link(path)

    def link(self, path: str) -> None:
        """Link one sound; one that links may not lead to is copied, and one that is missing stays so."""
        real, place = (self.root / path).resolve(), self._stage / path
        if not real.is_file():
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if real.is_relative_to(self.sounds):
            place.symlink_to(real)
        else:
            _copy(real, place)

    def _all(self) -> Iterator[str]:
        form = self.competition.form
        (self._stage / form.audio).mkdir()
        for one in self.competition.recordings:
            yield self.competition.audio_path(one).relative_to(self.root).as_posix()
        for folder in (TEST_SOUNDSCAPES, form.soundscapes):
            if folder and (self.root / folder).is_dir():
                (self._stage / folder).mkdir()
                # What lies deeper is heard where it is listed.
                below = (path for path in sorted((self.root / folder).rglob("*")) if not path.is_dir())
                yield from (path.relative_to(self.root).as_posix() for path in below)


def _copy(source: Path, place: Path) -> None:
    """Copy a file; OSError names the place where that is what is full."""
    try:
        shutil.copyfile(source, place)
    except OSError as error:
        if error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, error.strerror, str(place)) from error
        raise


def _with_cue(
    source: Path, out: Path, planting: Planting, starts_s: list[float] | None, rng: np.random.Generator
) -> list[Box]:
    """Write a sound with a cue, as Ogg Vorbis whatever its name's ending: (onset, offset, low, high) of each."""
    header = audio.read_header(source)
    if header is None:
        # Reading it says what is wrong.
        audio.read_audio(source, _HIGHEST_RATE_HZ)
        raise AudioError("cannot be decoded")
    rate_hz = max(_LOWEST_RATE_HZ, min(header.sample_rate_hz, _HIGHEST_RATE_HZ))
    out.parent.mkdir(parents=True, exist_ok=True)
    with mixed(source, rate_hz, out.parent) as sound:
        if starts_s is None:
            spans = _add(sound, planting, 0, sound.size, rng)
        else:
            spans = []
            for start_s in starts_s:
                start = round(start_s * rate_hz)
                spans += _add(sound, planting, start, min(ROW_S * rate_hz, sound.size - start), rng)
        if not spans:
            raise AudioError("no row with the species lies in its sound")
        with files.whole(out) as part_file:
            part_file.write_bytes(sound.ogg_bytes())
    return spans


def _add(sound: Mixing, planting: Planting, start: int, length: int, rng: np.random.Generator) -> list[Box]:
    """Add a cue to a part of a sound, as loud as that part asks for: (onset, offset, low, high) of each.

    A cue that lasts goes on from one minute to the next, since all are made with the same numbers.
    """
    if length <= 0:
        return []
    level = (sound.level(start, length) or _IN_SILENCE) * 10 ** (planting.level_db / 20)
    seed, spans = int(rng.integers(2**63)), list[Box]()
    for place in range(start, start + length, _MADE_S * sound.rate_hz):
        own = min(_MADE_S * sound.rate_hz, start + length - place)
        cue = make_cue(planting.cue, own, sound.rate_hz, np.random.default_rng(seed))
        sound.add(place, cue.samples * level)
        at_s = place / sound.rate_hz
        spans += [(at_s + onset, at_s + offset, *_heard(cue, sound.rate_hz)) for onset, offset in cue.spans_s]
    return spans


def _heard(cue: Cue, rate_hz: int) -> tuple[float, float]:
    """The frequencies of a cue that a sound of this rate holds."""
    low, high = cue.band_hz
    return low, min(high, rate_hz / 2)
