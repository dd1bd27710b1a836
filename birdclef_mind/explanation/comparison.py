"""Do the features keep the bird: several set-ups on the same segments, as pictures, as sounds, and measured."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from heapq import nlargest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.strips import grey_png
from birdclef_mind.data.taxonomy import Species, word_for
from birdclef_mind.data.training_table import Recording
from birdclef_mind.errors import AudioError, ConfigError, reason_of
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.facts import Comparison, Likenesses, Original, Place, Rebuilt, Setup
from birdclef_mind.explanation.folder import Folder, sound_errors
from birdclef_mind.sound import audio
from birdclef_mind.sound.likeness import likeness
from birdclef_mind.sound.pictures import Pictures, pictures_to_samples, samples_to_pictures
from birdclef_mind.sound.settings import PRESETS, Features
from birdclef_mind.storage import folder_kinds
from birdclef_mind.storage.progress import Track, untracked

FACTS = folder_kinds.COMPARISON
PAGE = explanation.COMPARISON_PAGE
# The three set-ups that the notebook of 2023 compares by eye and ear.
NOTEBOOK = ("mel16", "mfcc16", "mel32")
_SHOWN = 9
_HEARD = 3
_MEASURED_BIRDS = 8
_MEASURED_A_BIRD = 6
_COLUMNS = 160
_PCM_BYTES = 2


@dataclass(frozen=True)
class Clip:
    """One window of a recording: its bird, where it starts, and its samples (segment_samples,), float32."""

    recording: str
    label: str
    start_s: float
    samples: Array


def compare_features(
    competition: Competition,
    folder: Folder,
    setups: Mapping[str, Features],
    bird: str | None = None,
    *,
    track: Track = untracked,
) -> Comparison:
    """Set-ups of features side by side on segments of one bird and of others; pictures and sounds go to the folder.

    Parameters
    ----------
    setups : by name; all cut segments of the same length at the same rate.
    bird : None for the one with most recordings.

    Raises
    ------
    ConfigError : a bird that the table does not have, or none of whose recordings can be read.
    """
    by_bird = _recordings_by_bird(competition.recordings, bird)
    names = {label: one.common_name or one.scientific_name for label, one in competition.species.items()}
    chosen = next(iter(by_bird))
    like = next(iter(setups.values()))
    failed: dict[str, str] = {}
    clips = _loudest_clips(competition, by_bird, like, failed, track)
    own = [clip for clip in clips if clip.label == chosen]
    if not own:
        raise ConfigError(f"bird: expected recordings of {chosen} that can be read, found none")
    same, different = own[:_SHOWN], _one_of_each(clips, chosen)[:_SHOWN]
    heard = [*same[:_HEARD], *different[:_HEARD]]
    originals: list[Original] = [
        {
            "recording": clip.recording,
            "label": clip.label,
            "start_s": clip.start_s,
            "sound": folder.sound(f"compare-{place + 1}-original", clip.samples),
            "waveform": _outline(clip.samples),
        }
        for place, clip in enumerate(heard)
    ]
    setups_facts = [
        _setup(folder, name, features, clips, _Shown(same, different, heard))
        for name, features in track(setups.items(), len(setups), "comparing features")
    ]
    return {
        "bird": chosen,
        "are": word_for(competition.species.get(label, Species(label)) for label in by_bird),
        "common_names": {label: names[label] for label in by_bird},
        "same": [_place(clip) for clip in same],
        "different": [_place(clip) for clip in different],
        "originals": originals,
        "measured": {"segments": len(clips), "birds": len({clip.label for clip in clips})},
        "setups": setups_facts,
        "failures": failed,
    }


def setups_named(names: Sequence[str], own: Features | None = None) -> dict[str, Features]:
    """Set-ups by name: those of the notebook, those named, and a network's own, with whose windows all are cut.

    A network's own alone where it is of sound at another rate. ConfigError for a name that is no preset.
    """
    for name in names:
        if name not in PRESETS:
            raise ConfigError(f"presets: expected some of {', '.join(PRESETS)}, got {name!r}")
    setups = {name: PRESETS[name] for name in dict.fromkeys([*NOTEBOOK, *names])}
    if own is None:
        return setups
    if own.sample_rate_hz != next(iter(setups.values())).sample_rate_hz:
        return {"own": own}
    known = {name: replace(features, windowing=own.windowing) for name, features in PRESETS.items()}
    own_name = next((name for name, features in known.items() if features == own), "own")
    return {**{name: known[name] for name in setups}, own_name: own}


@contextmanager
def open_folder(out: Path) -> Iterator[Folder]:
    """Begin a comparison that stands alone in a new folder, or takes the place of an earlier one when it is whole."""
    features = next(iter(PRESETS.values()))
    with (
        explanation.claimed(out, "comparison", ConfigError) as ledger,
        explanation.renewed(ledger, features, FACTS) as folder,
    ):
        yield folder


def _recordings_by_bird(recordings: Sequence[Recording], bird: str | None) -> dict[str, list[Recording]]:
    """The compared bird first, then up to nine others in order of appearance."""
    by_bird: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_bird.setdefault(recording.label, []).append(recording)
    if bird is not None and bird not in by_bird:
        raise ConfigError(f"bird: expected a label of the training table, got {bird!r}")
    first = bird or max(by_bird, key=lambda label: len(by_bird[label]))
    return {first: by_bird.pop(first), **dict(list(by_bird.items())[:_SHOWN])}


def _loudest_clips(
    competition: Competition,
    by_bird: Mapping[str, Sequence[Recording]],
    features: Features,
    failed: dict[str, str],
    track: Track,
) -> list[Clip]:
    """Each recording's loudest window; of the first bird further windows where it has few recordings.

    `failed` gets those that cannot be read, and why.
    """
    wanted = [
        recording
        for place, own in enumerate(by_bird.values())
        for recording in own[: _SHOWN if place == 0 else _MEASURED_A_BIRD if place < _MEASURED_BIRDS else 1]
    ]
    first = next(iter(by_bird))
    windows_each = -(-_SHOWN // min(_SHOWN, len(by_bird[first])))
    by_rank: list[tuple[int, Clip]] = []
    for recording in track(wanted, len(wanted), "reading recordings"):
        try:
            windows = audio.read_windows(competition.audio_path(recording), features)
            loudest = nlargest(windows_each if recording.label == first else 1, windows, key=_loudness)
        except (AudioError, MemoryError) as error:
            failed[recording.filename] = reason_of(error)
            continue
        for rank, own in enumerate(loudest):
            by_rank.append((rank, Clip(recording.filename, recording.label, own.start_s, own.samples)))
    return [clip for _, clip in sorted(by_rank, key=lambda pair: pair[0])]


def _loudness(window: audio.Window) -> float:
    return float(audio.loudness_dbfs(window.samples))


def _one_of_each(clips: Sequence[Clip], but: str) -> list[Clip]:
    """Clips of other birds, all birds once before any comes again."""
    turns: dict[str, int] = {}
    ranked = []
    for clip in clips:
        if clip.label != but:
            turns[clip.label] = turns.get(clip.label, 0) + 1
            ranked.append((turns[clip.label], clip))
    return [clip for _, clip in sorted(ranked, key=lambda pair: pair[0])]


class _Shown(NamedTuple):
    """Clips that are shown: of one bird, of different birds, and those that are heard."""

    same: Sequence[Clip]
    different: Sequence[Clip]
    heard: Sequence[Clip]


def _setup(
    folder: Folder,
    name: str,
    features: Features,
    clips: Sequence[Clip],
    shown: _Shown,
) -> Setup:
    pictures = samples_to_pictures(np.stack([clip.samples for clip in clips]), features)
    places = {id(clip): place for place, clip in enumerate(clips)}

    def drawn(kind: str, some: Sequence[Clip]) -> list[str]:
        return [
            folder.picture(f"compare-{name}-{kind}-{number + 1}", pictures.pixels[places[id(clip)]])
            for number, clip in enumerate(some)
        ]

    listened = [places[id(clip)] for clip in shown.heard]
    pixels, scale = pictures.pixels[listened], pictures.scale[listened]
    sounds = pictures_to_samples(Pictures(pixels, scale), features, threads=folder.threads)
    errors = sound_errors(pixels, scale, sounds, features)
    rebuilt: list[Rebuilt] = [
        {
            "sound": folder.sound(f"compare-{number + 1}-{name}", sound),
            "picture": folder.picture(f"compare-{name}-heard-{number + 1}", pixels[number]),
            "waveform": _outline(sound),
            "error": round(float(errors[number]), 3),
        }
        for number, sound in enumerate(sounds)
    ]
    picture_bytes = float(np.mean([len(grey_png(picture)) for picture in pictures.pixels]))
    return {
        "name": name,
        "fingerprint": features.fingerprint(),
        "features": asdict(features),
        "rows": features.rows,
        "frames": features.frames,
        "same_pictures": drawn("same", shown.same),
        "different_pictures": drawn("different", shown.different),
        "rebuilt": rebuilt,
        "sound_error": round(float(errors.mean()), 3),
        "bytes": round(picture_bytes),
        "share_of_samples": round(picture_bytes / (features.segment_samples * _PCM_BYTES), 4),
        **_told_apart(pictures.pixels, clips),
    }


def _told_apart(pixels: Pixels, clips: Sequence[Clip]) -> Likenesses:
    """Likeness of two pictures of one bird, from different recordings, against that of different birds.

    "told_apart" is how often a pair of the first kind is more alike than one of the second, ties counted half: the
    area under the receiver operating characteristic, 0.5 for features that keep nothing of the bird.
    """
    labels = np.array([clip.label for clip in clips])
    recordings = np.array([clip.recording for clip in clips])
    values = likeness(pixels, pixels)
    upper = np.triu(recordings[:, None] != recordings, 1)
    same = values[upper & (labels[:, None] == labels)]
    different = values[upper & (labels[:, None] != labels)]
    found: Likenesses = {
        "same_pairs": len(same), "different_pairs": len(different),
        "same_likeness": None, "different_likeness": None, "told_apart": None,
    }  # fmt: skip
    if not same.size or not different.size:
        return found
    ordered = np.sort(different)
    below = np.searchsorted(ordered, same, "left") + np.searchsorted(ordered, same, "right")
    return {
        **found,
        "same_likeness": round(float(same.mean()), 4),
        "different_likeness": round(float(different.mean()), 4),
        "told_apart": round(float(below.mean() / 2 / len(different)), 4),
    }


def _outline(samples: Array) -> list[list[float]]:
    """Lowest and highest sample of equal stretches, for drawing: [[lowest, …], [highest, …]]."""
    whole = samples[: samples.size // _COLUMNS * _COLUMNS].reshape(_COLUMNS, -1)
    return [np.round(edge, 3).tolist() for edge in (whole.min(axis=1), whole.max(axis=1))]


def _place(clip: Clip) -> Place:
    return {"recording": clip.recording, "label": clip.label, "start_s": clip.start_s}
