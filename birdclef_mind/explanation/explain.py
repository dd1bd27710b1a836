"""Reading the robot mind: a bundle and its pictures to an explanation folder."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.fidelity import Answer, Judges, mean_distance
from birdclef_mind.backwards.reconstruction import (
    METHODS,
    Backwards,
    answer_of,
    measure_fidelity,
)
from birdclef_mind.data.cache import Cache, IndexRow
from birdclef_mind.data.competition import open_competition
from birdclef_mind.errors import BundleError, ConfigError, TableError
from birdclef_mind.explanation import examples
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.answer_cards import write_answers
from birdclef_mind.explanation.blind_test import blind_clips
from birdclef_mind.explanation.bounds import Real, bounded, listening
from birdclef_mind.explanation.comparison import compare_features, setups_named
from birdclef_mind.explanation.data_sheets import choose_segments, size_of, write_sheets
from birdclef_mind.explanation.decided import write_decided
from birdclef_mind.explanation.example_cards import add_sound_errors, write_examples
from birdclef_mind.explanation.facts import Comparison, Explanation, Fidelity, Sheets
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.explanation.judge_sounds import judge_sounds
from birdclef_mind.explanation.judging import open_judge
from birdclef_mind.explanation.network_facts import anatomy_facts, filter_facts, performance_facts
from birdclef_mind.explanation.notes import bundle_facts, corrections, heard_notes, notes
from birdclef_mind.explanation.reading import Reading, both_ways, competition_of
from birdclef_mind.explanation.settings import Showing
from birdclef_mind.explanation.suspect_facts import Suspects
from birdclef_mind.explanation.suspects import find_suspects, suspect_facts
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.bundle_folder import SECOND
from birdclef_mind.networks.weights import values_digest
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage.files import digest_of
from birdclef_mind.storage.kept import Kept
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.training.origin import Extras
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.train import train

# Enough for narrow intervals; more would only take longer. Segments of one recording tell much the same.
_MOST_MEASURED, _MOST_OF_EACH = 256, 3
_MOST_LEARNED = 2000
# Bytes of whole recordings that a page may carry; beyond, each segment's own seconds are enough.
_MOST_COPIED = 200_000_000
# An independent network need not be as good as the one explained.
_SECOND_EPOCHS = 20


@dataclass(frozen=True, kw_only=True)
class Explaining:
    """What is explained.

    Attributes
    ----------
    examples : segments chosen when none are named, of those held out, or of all where none were.
    segments : "RECORDING@SECONDS". sounds : files from disk.
    seeds : draws of each class. metamers : noises that each layer's begin with; none for 0.
    sheets : segments of the training data shown, at most.
    whole_recordings : whether the training data is heard from copies of whole recordings, where these take 200 MB at
        most; else each segment has a sound of its own, which is less to carry.
    presets : features compared besides the notebook's and the bundle's own.
    competition : where the real sound is; None for the folder the cache was made from.
    second : bundle of an independent network; None to train one with another seed and keep it in the bundle.
    judge : a listener that judges every sound, opened as `open_listener` does; None for none.
    replaces : whether the explanation of another bundle gives way.
    """

    examples: int = Showing.examples
    segments: tuple[str, ...] = ()
    sounds: tuple[Path, ...] = ()
    seeds: int = Showing.seeds
    metamers: int = Showing.metamers
    sheets: int = Showing.sheets
    whole_recordings: bool = True
    presets: tuple[str, ...] = ()
    competition: Path | None = None
    second: Path | None = None
    judge: Path | None = None
    replaces: bool = False

    def __post_init__(self) -> None:
        for name in ("examples", "seeds", "sheets"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: expected a whole number above 0, got {getattr(self, name)!r}")
        if self.metamers < 0:
            raise ConfigError(f"metamers: expected a whole number from 0, got {self.metamers!r}")


def explain(
    bundle_folder: Path,
    cache: Cache,
    out: Path,
    explaining: Explaining = Explaining(),
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> Explanation:
    """Write the explanation of a bundle to the folder `out`; gives the facts that it writes as JSON.

    Bad input — another cache's features, a segment that does not exist, a sound that cannot be read, a folder in use —
    is refused before anything is written: BundleError or ConfigError. A bundle without decoders is explained without
    them. With a judge every sound is judged; one that cannot be opened, knows none of the birds or is the network
    itself is refused as `open_judge` says. What stood in `out` stays until the new explanation is whole. "failures"
    among the facts names recordings that cannot be heard, and why.
    """
    bundle = bundles.load(bundle_folder)
    corrected = bundles.as_trained(bundle, cache)
    both = corrected.sides(bundle.record.validation_recordings)
    learn, check = _with_a_bird(both.learn), _with_a_bird(both.check)
    competition = competition_of(explaining.competition, cache, say)
    named = [(examples.find_row(corrected, wanted), "named") for wanted in explaining.segments]
    files = examples.from_files(explaining.sounds, cache.features)
    setups = setups_named(explaining.presets, bundle.features)
    backwards, twin = both_ways(bundle_folder, bundle)
    digest = values_digest(bundle.model)
    known_from = explaining.competition or cache.competition
    judging = open_judge(explaining.judge, bundle_folder, bundle, known_from, say=say)
    if not explaining.replaces:
        explanation.check_folder(out, digest)
    with explanation.claimed(out, "explanation", BundleError) as ledger, ExitStack() as opened:
        second, second_saw = _second(bundle_folder, bundle, cache, explaining.second, say=say, track=track)
        folder = opened.enter_context(explanation.renewed(ledger, bundle.features))
        reading = Reading(
            bundle=bundle, cache=corrected, folder=folder, backwards=backwards, answer=answer_of(backwards.anatomy),
            second=second, competition=competition, failed={},
        )  # fmt: skip
        measured = check or both.learn
        unseen = [row for row in measured if row.recording not in second_saw] or measured
        shown = examples.evenly(examples.some_of_each(unseen, _MOST_OF_EACH), _MOST_MEASURED)
        known = examples.evenly(learn, _MOST_LEARNED)
        held_out, learned = cache.pictures(shown, track), cache.pictures(known, track)
        say("measuring how much of the input each layer holds")
        real = Real(tuple(known), learned)
        reading, twin = replace(reading, backwards=real.known_to(backwards)), real.known_to(twin)
        fidelity = _fidelity(reading, twin, held_out, [row.recording for row in shown], learned.pixels)
        if not named and not files:
            named = _choose(reading, shown, held_out, explaining.examples)
        say("working backwards from each layer")
        cached = [examples.from_rows(cache, named, competition, reading.failed)] if named else []
        chosen, skipped = examples.join([*cached, *files]), dict(backwards.skipped)
        seeds = range(explaining.metamers)
        found = bounded(
            reading, twin, chosen, real, fidelity, seeds=seeds, skipped=skipped,
            keep=Kept(ledger, _follows(reading, twin, chosen, learned, seeds), say), track=track,
        )  # fmt: skip
        cards = write_examples(reading, chosen, real, found, distance=fidelity["mean_distance"])
        say("looking for what its answers rest on")
        rested = write_decided(reading, twin.anatomy, chosen, cards, skipped)
        say("asking what each name sounds like to it")
        answers = write_answers(
            reading, real, seeds=explaining.seeds, metamers=explaining.metamers > 0, skipped=skipped
        )
        say("drawing what the filters look for")
        layers = filter_facts(backwards, folder, held_out.pixels)
        say("looking through the training data, comparing features")
        shown_rows = choose_segments(
            [row for row in corrected.rows if row.label], explaining.sheets, [row for row, _ in named]
        )
        data = _data(reading, shown_rows, explaining, say=say, track=track)
        suspects = _suspects(reading, bundle_folder, shown_rows, say=say, track=track)
        comparison, no_comparison = _comparison(folder, bundle, setups, competition, track)
        reading.failed.update(comparison["failures"] if comparison else {})
        say("making the sounds")
        add_sound_errors(cards, fidelity, folder.sounds_made(track))
        facts: Explanation = {
            "bundle": bundle_facts(bundle, digest),
            "performance": performance_facts(bundle_folder),
            "real_sound": str(competition) if competition else None,
            "notes": [*notes(competition, bool(check), second_saw), *no_comparison, *heard_notes(reading.failed)],
            "failures": reading.failed,
            "methods": METHODS,
            "skipped": skipped,
            "anatomy": anatomy_facts(backwards),
            "filters": layers,
            "fidelity": fidelity,
            "examples": cards,
            "answers": answers,
            "comparison": comparison,
            "data": data,
            "suspects": suspects,
            "blind": blind_clips(cards, answers["cards"], bundle.classes.names),
            "corrections": corrections(corrected, bundle),
        }
        if rested is not None:
            facts["rested"] = rested
        if judging is not None:
            say(f"letting {judging.judge.listener.name} judge the sounds")
            facts["judge"] = judge_sounds(judging, folder, facts, learned, track=track)
        folder.finish(facts)
    return facts


def _with_a_bird(rows: Sequence[IndexRow]) -> list[IndexRow]:
    return [row for row in rows if row.label and not row.birdless]


def _follows(
    reading: Reading, twin: Backwards, chosen: examples.Examples, learned: Pictures, seeds: Sequence[int]
) -> list[object]:
    """All that the reconstructions of some examples follow from, in few words."""
    both = (reading.backwards, twin)
    decoders = [model for own in both if own.decoders for model in own.decoders.networks.values()]
    models = [values_digest(model) for model in (*(own.anatomy.model for own in both), *decoders)]
    return [*models, digest_of(chosen.pictures.pixels, learned.pixels), list(seeds)]


def _second(
    folder: Path, bundle: Bundle, cache: Cache, given: Path | None, *, say: Say, track: Track
) -> tuple[Answer, frozenset[str]]:
    """An independent network, and the held-out recordings that it was trained on."""
    path = given or folder / SECOND
    if given is None and not (path / bundles.FACTS).is_file():
        settings = Training.from_dict(bundle.record.training)
        say("training an independent network once, with another seed; it is kept in the bundle")
        epochs = min(settings.epochs, _SECOND_EPOCHS)
        other = replace(
            settings, seed=settings.seed + 1, epochs=epochs, warmup_epochs=min(settings.warmup_epochs, epochs - 1)
        )
        train(cache, path, other, Extras(bundle.record.overrides), say=say, track=track)
    second = bundles.load_like(path, bundle.features.fingerprint(), bundle.classes.names)
    if values_digest(second.model) == values_digest(bundle.model):
        raise BundleError(f"{path}: expected another network than the one that is explained, found the same weights")
    unseen = set(second.record.validation_recordings)
    saw = frozenset(set(bundle.record.validation_recordings) - unseen)
    return answer_of(read_anatomy(second.model)), saw


def _fidelity(reading: Reading, twin: Backwards, pictures: Pictures, groups: list[str], learned: Array) -> Fidelity:
    pixels, songs = pictures.pixels, listening(pictures.scale, reading.bundle.features)
    judges = Judges(
        pixels.astype(np.float32), groups, mean_distance(pixels), reading.answer, reading.second, songs=songs
    )
    layers, mean_picture = measure_fidelity(reading.backwards, twin, judges, learned.mean(axis=0))
    return {
        "segments": len(pixels),
        "recordings": len(set(groups)),
        "mean_distance": judges.distance,
        "layers": layers,
        "mean_picture": mean_picture,
        "input": judges.measures(judges.ask(judges.pictures)),
    }


def _choose(reading: Reading, rows: list[IndexRow], pictures: Pictures, count: int) -> list[tuple[IndexRow, str]]:
    truth = reading.bundle.classes.indices([row.label for row in rows])
    chosen = examples.choose_rows(rows, reading.answer(pictures.pixels), truth, count)
    return [(rows[place], why) for place, why in chosen]


def _data(reading: Reading, rows: Sequence[IndexRow], explaining: Explaining, *, say: Say, track: Track) -> Sheets:
    whole = explaining.whole_recordings
    size = size_of({row.recording for row in rows}, reading.competition) if reading.competition else 0
    if whole and size > _MOST_COPIED:
        say(f"the recordings of these segments take {size / 1e6:.0f} MB: each segment gets a sound of its own instead")
        whole = False
    return write_sheets(reading, rows, reading.cache.pictures(rows, track).pixels, whole=whole)


def _suspects(reading: Reading, bundle_folder: Path, shown: Sequence[IndexRow], *, say: Say, track: Track) -> Suspects:
    """What may be wrong with the segments that are shown, and with those that corrections drop."""
    cache = reading.cache
    left = {(row.recording, row.segment) for row in cache.rows} - {(row.recording, row.segment) for row in shown}
    rows = [row for row in cache.as_cached.rows if row.label and (row.recording, row.segment) not in left]
    pixels = cache.as_cached.pictures(rows).pixels
    return suspect_facts(find_suspects(reading, bundle_folder, rows, pixels, say=say, track=track), reading, shown)


def _comparison(
    folder: Folder, bundle: Bundle, setups: dict[str, Features], competition: Path | None, track: Track
) -> tuple[Comparison | None, list[str]]:
    """The features compared on the birds of the bundle; None, and why, when their recordings are not at hand."""
    if competition is None:
        return None, []
    try:
        opened = open_competition(competition)
        known = set(bundle.classes.names)
        own = tuple(recording for recording in opened.recordings if recording.label in known)
        if not own:
            return None, [f"Features are not compared: {competition} has no recording of what it knows."]
        return compare_features(replace(opened, recordings=own), folder, setups, track=track), []
    except (TableError, ConfigError) as error:
        return None, [f"Features are not compared: {error}."]
