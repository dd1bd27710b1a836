"""Decoders of a listener, trained on what it heard and kept beside its explanation.

decoders.json, decoders.weights.h5   see `kept_decoders`
decoders.outlines.npz                what the taps make of the windows learned from, for the nearest ones
twin.*                               the same of the listener's untrained twin, where it has one
*.records                            while they are trained: what stood at the taps when each window was heard
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.decoder_networks import Decoders
from birdclef_mind.backwards.decoders import train_decoders
from birdclef_mind.backwards.kept_decoders import key_of, read_decoders, resume, write_decoders
from birdclef_mind.backwards.nearest import outline
from birdclef_mind.backwards.pair_decoders import Pairs, PairTraining, build_pair_decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.errors import BundleError
from birdclef_mind.explanation.listener_reading import ListenerReading
from birdclef_mind.explanation.listener_windows import WindowSides, sounds_by_recording
from birdclef_mind.storage import files
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.ledger import OWN, Ledger
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.storage.records import Records

DECODERS, TWIN = "decoders", "twin"
_ENDINGS = ("json", "weights.h5", "outlines.npz")
KEPT = tuple(f"{name}.{ending}" for name in (DECODERS, TWIN) for ending in _ENDINGS)
_AT_A_TIME = 32
# Of how they are built; those that were built otherwise are trained anew.
_BUILD = 2


@dataclass(frozen=True)
class Learned:
    """Decoders of the taps, and outlines of the windows that they learned from, by tap, (windows, numbers)."""

    decoders: Decoders
    outlines: dict[str, Array]


def learn_decoders(
    ledger: Ledger,
    name: str,
    reading: ListenerReading,
    sides: WindowSides,
    decoding: Decoding,
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> Learned:
    """Train decoders of a listener's taps under a name in a folder that is claimed; what is there and fits is kept.

    What was stopped goes on where it was. AudioError for a recording that cannot be read any more.
    """
    folder, key = ledger.folder, _key(reading, sides, decoding)
    state = Checkpoint(ledger, name, key)
    records = f"{name}.{hashlib.sha256(key.encode()).hexdigest()[:8]}.records"
    held_at = folder / records
    if key_of(folder / f"{name}.json") == key:
        # What cannot be read is trained anew.
        with suppress(BundleError, OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
            found = read_decoders(folder, name, reading.taps, _size(sides), {"key": key}, build=build_pair_decoders)
            outlines = _read_outlines(folder / f"{name}.outlines.npz", key, len(sides.learn.rows), reading.tap_names)
            say(f"{name}: trained in the same way already, and kept")
            _forget(ledger, state, held_at)
            return Learned(found, outlines)
    ledger.add(dict.fromkeys([*(f"{name}.{ending}" for ending in _ENDINGS), records], OWN))
    held = Records(held_at, {tap.name: tap.shape for tap in reading.taps})
    _hear(reading, sides, held, track)
    pairs, validation = _pairs(sides, held)
    training = PairTraining(reading.taps, pairs, decoding)
    resume(training, state, say)
    decoders = train_decoders(
        training, pairs, validation, say=lambda line: say(f"{name}: {line}"), track=track,
        save=lambda own: state.save(own.state()),
    )  # fmt: skip
    learned = Learned(decoders, _outlines(held, sides))
    with files.whole(folder / f"{name}.outlines.npz") as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, key=np.array(key), **learned.outlines)
    write_decoders(folder, name, decoders, {"key": key, "decoding": asdict(decoding)})
    _forget(ledger, state, held_at)
    return learned


def _forget(ledger: Ledger, state: Checkpoint, held_at: Path) -> None:
    """Remove what was needed while it was trained."""
    state.forget()
    held_at.unlink(missing_ok=True)
    ledger.settle(gone=[held_at.name])


def _pairs(sides: WindowSides, held: Records) -> tuple[Pairs, Pairs]:
    """What is learned from, and what decides when to stop."""
    count = len(sides.learn.rows)
    learn = Pairs(sides.learn.pictures.pixels, held.read)
    return learn, Pairs(sides.check.pictures.pixels, lambda places: held.read(places + count))


def _key(reading: ListenerReading, sides: WindowSides, decoding: Decoding) -> str:
    """Digest of all that decoders follow from: the listener, its taps, the pictures and the settings."""
    pictures = files.digest_of(sides.learn.pictures.pixels, sides.check.pictures.pixels)
    taps = [[tap.name, *tap.shape] for tap in reading.taps]
    told = json.dumps([_BUILD, reading.listener.digest, taps, pictures, asdict(decoding)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _size(sides: WindowSides) -> tuple[int, int]:
    rows, frames = sides.learn.pictures.pixels.shape[1:]
    return rows, frames


def _hear(reading: ListenerReading, sides: WindowSides, held: Records, track: Track) -> None:
    """Let the listener hear all windows that it has not heard yet, those to learn from first."""
    rows = [*sides.learn.rows, *sides.check.rows]
    begin = len(held)
    sounds = sounds_by_recording(rows, reading.competition, reading.features, begin)
    recordings = len({row.recording for row in rows[begin:]})
    for samples in track(sounds, recordings, f"recordings heard by {reading.listener.name}"):
        for start in range(0, len(samples), _AT_A_TIME):
            held.append(reading.hear(samples[start : start + _AT_A_TIME], reading.tap_names))


def _outlines(held: Records, sides: WindowSides) -> dict[str, Array]:
    count = len(sides.learn.rows)
    parts = [held.read(np.arange(start, min(start + _AT_A_TIME, count))) for start in range(0, count, _AT_A_TIME)]
    return {name: np.concatenate([outline(part[name]) for part in parts]) for name in parts[0]}


def _read_outlines(path: Path, key: str, count: int, taps: Sequence[str]) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as arrays:
        found = {name: np.asarray(arrays[name]) for name in taps}
        if str(arrays["key"]) != key or any(len(value) != count for value in found.values()):
            raise ValueError(f"{path}: expected outlines of {count} windows")
    return found
