"""Reading a model from elsewhere backwards: a listener and a competition's recordings to an explanation folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import mean_distance
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.data.competition import Competition, has_recordings, open_competition
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation import examples
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.bounds import OTHERS
from birdclef_mind.explanation.examples import Example, Examples
from birdclef_mind.explanation.facts import Explanation
from birdclef_mind.explanation.judge_sounds import judge_sounds
from birdclef_mind.explanation.judging import Judging, judging_by
from birdclef_mind.explanation.listener_cards import classes_shown, own_sounds, write_listener_cards
from birdclef_mind.explanation.listener_decided import write_listener_decided
from birdclef_mind.explanation.listener_decoders import DECODERS, KEPT, TWIN, learn_decoders
from birdclef_mind.explanation.listener_facts import add_errors, listener_facts
from birdclef_mind.explanation.listener_reading import (
    ListenerReading,
    features_of,
    left_out,
    names_of,
    species_of,
    taps_of,
)
from birdclef_mind.explanation.listener_ways import ListenerMind, insist_on_sounds, measure_listener
from birdclef_mind.explanation.listener_windows import WindowSides, cut_sides, sounds_of, windows_named
from birdclef_mind.explanation.settings import Showing
from birdclef_mind.explanation.sound_judges import Sounded, SoundJudges
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.listeners.open_listener import open_listener, untrained
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Say, Track, untracked

# Of what is learned from so many windows are held out to measure on, within these bounds.
_MEASURED_SHARE, _LEAST_MEASURED, _MOST_MEASURED = 8, 16, 256
_NO_TWIN = "There is no untrained twin of this listener: what its taps would keep without training is not told."


@dataclass(frozen=True, kw_only=True)
class ExplainingListener:
    """What of a listener is explained.

    Attributes
    ----------
    examples : held-out windows chosen when none are named. segments : "RECORDING@SECONDS". sounds : files from disk.
    windows : that decoders learn from, at most. metamers : noises that each tap's begin with; none for 0.
    second, judge : listeners: one that hears all that is measured, by default the other, which judges every example.
    decoding : how decoders are trained.
    """

    examples: int = Showing.examples
    segments: tuple[str, ...] = ()
    sounds: tuple[Path, ...] = ()
    windows: int = 2000
    metamers: int = Showing.metamers
    second: Path | None = None
    judge: Path | None = None
    decoding: Decoding = Decoding()

    def __post_init__(self) -> None:
        for name in ("examples", "windows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: expected a whole number above 0, got {getattr(self, name)!r}")
        if self.metamers < 0:
            raise ConfigError(f"metamers: expected a whole number from 0, got {self.metamers!r}")

    @property
    def measured(self) -> int:
        """Held-out windows that are measured, at most."""
        return min(_MOST_MEASURED, max(_LEAST_MEASURED, self.windows // _MEASURED_SHARE))


def explain_listener(
    path: Path,
    competition: Path,
    out: Path,
    explaining: ExplainingListener = ExplainingListener(),
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> Explanation:
    """Write the explanation of the listener at `path` to the folder `out`; gives the facts that it writes as JSON.

    Its own windows of the competition's training recordings are heard, recordists apart. What its decoders learned is
    kept in `out`, for the next time. Bad input is refused before anything is written: ListenerError for what is no
    listener, TableError or ConfigError for what is no competition with recordings, BundleError for a folder in use.
    """
    listener = open_listener(path, say=say)
    if not has_recordings(competition):
        raise ConfigError(
            f"{competition}: expected a competition folder with its recordings, since {path.name} is a listener, "
            f"found {kind_of(competition)}"
        )
    opened = open_competition(competition)
    features, taps = features_of(listener), taps_of(listener)
    labels = list(dict.fromkeys(one.label for one in opened.recordings))
    match = species_of(listener, opened.species, labels)
    named = windows_named(opened, explaining.segments, features)
    files = examples.from_files(explaining.sounds, features)
    asked = {"judge": explaining.judge, "second": explaining.second}
    judge, second = (_judge(name, path, listener, opened, labels, say=say) for name, path in asked.items())
    explanation.check_folder(out, listener.digest)
    with explanation.claimed(out, "explanation", BundleError) as ledger:
        failed: dict[str, str] = {}
        say("cutting windows of the recordings")
        sides = cut_sides(opened, features, (explaining.windows, explaining.measured), failed, track=track)
        with explanation.renewed(ledger, features, keep=lambda name: name in KEPT) as folder:
            reading = ListenerReading(
                listener=listener, features=features, taps=taps, match=match, names=names_of(listener, match),
                folder=folder, competition=competition, failed=failed,
            )  # fmt: skip
            work = _Work(reading, opened, sides, explaining, second or judge, say, track)
            mind, skipped = _learn(ledger, path, work)
            facts = _explained(work, mind, skipped, [*([named] if named else []), *files])
            if judge is not None:
                say(f"letting {judge.judge.listener.name} judge the sounds")
                facts["judge"] = judge_sounds(judge, folder, facts, sides.learn.pictures, track=track)
            folder.finish(facts)
    return facts


@dataclass(frozen=True)
class _Work:
    """What all parts of one explanation share."""

    reading: ListenerReading
    competition: Competition
    sides: WindowSides
    explaining: ExplainingListener
    second: Judging | None
    say: Say
    track: Track


def _judge(
    name: str, path: Path | None, listener: Listener, competition: Competition, labels: Sequence[str], *, say: Say
) -> Judging | None:
    if path is None:
        return None
    species = [competition.species.get(label, Species(label)) for label in labels]
    found = judging_by(path, species, listener.window_s, say=say)
    if found.judge.listener.digest == listener.digest:
        raise ConfigError(f"{name}: expected another model than the listener that is explained, got {path}")
    return found


def _learn(ledger: Ledger, path: Path, work: _Work) -> tuple[ListenerMind, dict[str, str]]:
    """Train decoders of the listener and of its untrained twin; and what is not shown, in sentences."""
    reading, sides, decoding = work.reading, work.sides, work.explaining.decoding
    work.say("training decoders, which are kept beside the explanation")
    learned = learn_decoders(ledger, DECODERS, reading, sides, decoding, say=work.say, track=work.track)
    others = left_out(reading.listener, reading.taps)
    skipped = {"taps": others} if others else {}
    control = untrained(reading.listener, path, decoding.seed + 1)
    if control is None:
        return ListenerMind(reading=reading, learned=learned, real=sides.learn), {**skipped, "twin": _NO_TWIN}
    twin = replace(reading, listener=control)
    of_twin = learn_decoders(ledger, TWIN, twin, sides, decoding, say=work.say, track=work.track)
    return ListenerMind(reading=reading, learned=learned, real=sides.learn, twin=twin, of_twin=of_twin), skipped


def _explained(work: _Work, mind: ListenerMind, skipped: dict[str, str], given: list[Examples]) -> Explanation:
    reading, sides, explaining = work.reading, work.sides, work.explaining
    samples = sounds_of(sides.check.rows, reading.competition, reading.features)
    work.say("measuring how much of the input each tap holds")
    distance = mean_distance(sides.check.pictures.pixels)
    judges = SoundJudges(
        reading, Sounded(sides.check.pictures, samples), [row.label for row in sides.check.rows],
        sides.check.recordings, distance, second=work.second,
    )  # fmt: skip
    fidelity = measure_listener(mind, judges, work.track)
    chosen = examples.join(given) if given else _choose(work, samples)
    work.say("making sounds that each tap takes for the recordings")
    own = own_sounds(chosen)
    of_examples = SoundJudges(
        reading, own, [one.label for one in chosen.each], [one.recording for one in chosen.each], distance,
        second=work.second,
    )  # fmt: skip
    others = samples[examples.evenly(range(len(samples)), OTHERS)]
    found = insist_on_sounds(
        mind, of_examples, others, fidelity, seeds=range(explaining.metamers), skipped=skipped, track=work.track
    )
    work.say("working backwards from each tap")
    classes = classes_shown(mind, reading.listener.hear(own.samples).logits)
    cards = write_listener_cards(mind, chosen, found, classes, distance=distance, track=work.track)
    work.say("looking for what its answers rest on")
    rested = write_listener_decided(mind, own, cards, skipped)
    reading.folder.sounds_made(work.track)
    add_errors(fidelity, cards)
    facts = listener_facts(
        reading, sides, work.competition, fidelity, cards, classes=classes, skipped=skipped,
        second=None if work.second is None else work.second.judge.listener.name,
    )  # fmt: skip
    if rested is not None:
        facts["rested"] = rested
    return facts


def _choose(work: _Work, samples: Array) -> Examples:
    """Held-out windows, some right, some unsure, some wrong."""
    rows, listener = work.sides.check.rows, work.reading.listener
    truth = np.array([own[0] if own else -1 for own in work.reading.wanted([row.label for row in rows])])
    chosen = examples.choose_rows(rows, listener.scores(samples), truth, work.explaining.examples)
    places = np.array([place for place, _ in chosen])
    return _examples(work, places, [why for _, why in chosen], samples)


def _examples(work: _Work, places: Array, reasons: Sequence[str], samples: Array) -> Examples:
    own = work.sides.check.some(places)
    each = tuple(
        Example(row.recording, row.start_s, None, row.label, row.author, why, samples[place])
        for row, place, why in zip(own.rows, places, reasons, strict=True)
    )
    return Examples(each, own.pictures)
