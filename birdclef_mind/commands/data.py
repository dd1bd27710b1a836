"""The commands that make what others learn from: an invented competition, and the cache."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from birdclef_mind.commands.arguments import given_file, number, one_of, place, whole
from birdclef_mind.commands.parsers import LISTENER, SEED, YEAR, Group, add_command, add_config, add_jobs
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import counted
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.storage.places import reached

if TYPE_CHECKING:
    from birdclef_mind.data.competition import Competition
    from birdclef_mind.data.labels import Classes
    from birdclef_mind.data.override import Override
    from birdclef_mind.data.write_store import StoreReport

_PRESET = one_of(*PRESETS)


def add_sample(group: Group) -> None:
    """Add `sample` to the commands."""
    parser = add_command(
        group, "sample", sample,
        "write a small invented competition folder with known truth", "sample runs/sample --species 9",
    )  # fmt: skip
    parser.add_argument("out", type=place, help="new folder for it")
    parser.add_argument("--species", type=whole(2, 40), default=6, help="birds (default: 6)")
    parser.add_argument("--recordings", type=whole(1, 999), default=10, help="recordings a bird (default: 10)")
    parser.add_argument("--soundscapes", type=whole(0, 999), default=2, help="test soundscapes (default: 2)")
    parser.add_argument("--seconds", type=whole(5, 600), default=60, help="length of a soundscape (default: 60)")
    parser.add_argument("--seed", type=SEED, default=0, help="another seed, another sample (default: 0)")
    parser.add_argument(
        "--year", type=YEAR, default="2023",
        help="whose competition it looks like, from 2021 to 2026 (default: 2023)",
    )  # fmt: skip
    parser.add_argument(
        "--noise",
        action="store_true",
        help="make it hard: quiet songs, noisy places, unnoticed birds, other test places",
    )


def sample(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the invented competition folder."""
    from birdclef_mind.data.sample import Sample, write_sample
    from birdclef_mind.data.sample_tables import with_clips

    wanted = Sample(
        species=args.species, recordings=args.recordings, soundscapes=args.soundscapes,
        soundscape_s=args.seconds, seed=args.seed, noise=args.noise, year=int(args.year),
    )  # fmt: skip
    write_sample(args.out, wanted)
    species, recorded = wanted.species, with_clips(wanted.form, wanted.species)
    more = f", {species - recorded} more without any" if recorded < species else ""
    terminal.end(
        f"{counted(recorded * wanted.recordings, 'recording')} of {recorded} species{more}, "
        f"{counted(wanted.soundscapes, 'soundscape')}",
        [("competition", args.out), ("next", command("cache", args.out, args.out.parent / "cache"))],
    )
    return 0


def add_collect(group: Group) -> None:
    """Add `collect` to the commands."""
    parser = add_command(
        group, "collect", collect,
        "make a competition folder of recordings that lie in a folder a species; sounds are linked, not copied",
        "collect recordings runs/competition --hold-out 2",
    )  # fmt: skip
    parser.add_argument("folder", type=place, help="folder with a folder a species, recordings at any depth below it")
    parser.add_argument("out", type=place, help="the competition folder, new or of an earlier run")
    parser.add_argument(
        "--authors", type=given_file, metavar="CSV",
        help="who recorded what: columns filename and author (default: the files' tags tell)",
    )  # fmt: skip
    parser.add_argument(
        "--hold-out", type=whole(0, 999), default=0, metavar="N",
        help="recordings a species that become test soundscapes, of whole authors where they are known (default: 0)",
    )  # fmt: skip
    parser.add_argument("--seed", type=SEED, default=0, help="another seed, others held out (default: 0)")


def collect(args: argparse.Namespace, terminal: Terminal) -> int:
    """Make a competition folder of a collection; status 1 when a file was left out."""
    from birdclef_mind.data.collect import collect as run

    found = run(
        args.folder, args.out, authors=args.authors, hold_out=args.hold_out, seed=args.seed, track=terminal.track
    )
    for line in (*found.problems, *found.remarks):
        terminal.say(line)
    held_out = f", {counted(found.held_out, 'recording')} held out with {counted(found.rows, 'row')}"
    terminal.end(
        f"{counted(found.trained, 'recording')} of {found.species} species to train on, "
        f"{counted(found.authors, 'author')} known" + (held_out if found.held_out else ""),
        [("competition", args.out), ("next", command("cache", args.out, args.out.parent / "cache"))],
    )
    return 1 if found.problems else 0


def add_cache(group: Group) -> None:
    """Add `cache` to the commands."""
    parser = add_command(
        group, "cache", cache,
        "turn the training recordings into 8-bit pictures; run again after an interruption, it goes on",
        "cache birdclef-2023 runs/cache --preset mel32 --labels 9",
    )  # fmt: skip
    parser.add_argument(
        "competition", type=reached, help="competition folder of any year, with its training table and recordings"
    )
    parser.add_argument("out", type=reached, help="folder for the pictures, new or a cache to complete")
    parser.add_argument("--preset", type=_PRESET, help=f"pictures: {', '.join(PRESETS)} (default: mel32)")
    parser.add_argument(
        "--labels",
        help="birds: all (default), the first N in the table, or a list a,b,c (a label that is a number is that label)",
    )
    parser.add_argument("--step", type=number(0, 5), help="seconds from one 5 s window to the next (default: 5)")
    parser.add_argument("--overrides", type=given_file, help="corrections from a report: windows it moves are moved")
    parser.add_argument(
        "--unlabelled", action="store_true",
        help="make pictures of the soundscapes to learn from that nobody labelled, and of nothing else",
    )  # fmt: skip
    parser.add_argument("--pack", action="store_true", help="end with one archive a bird, read without unpacking")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="let the workers of a Dask cluster do it")
    add_jobs(parser)
    add_config(parser, "labels and [features]")


def cache(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the picture cache; status 1 when a recording failed, or a table beside soundscapes helps nobody."""
    from birdclef_mind.commands.config import Config
    from birdclef_mind.data.competition import open_competition
    from birdclef_mind.data.overrides import read_overrides
    from birdclef_mind.data.write_cache import write_cache
    from birdclef_mind.sound.settings import Features

    config = Config.read(args.config) if args.config else Config()
    features = Features.from_dict({"preset": args.preset}) if args.preset else config.features
    if args.step is not None:
        features = replace(features, windowing=replace(features.windowing, step_s=args.step))
    competition = open_competition(args.competition)
    classes = _chosen(competition, config.labels if args.labels is None else args.labels, terminal)
    started = time.perf_counter()
    overrides = read_overrides(args.overrides) if args.overrides else ()
    report = write_cache(
        competition, classes, features, args.out,
        overrides=overrides, pack=args.pack, unlabelled=args.unlabelled, jobs=args.jobs, scheduler=args.scheduler,
        track=terminal.track,
    )  # fmt: skip
    places: list[tuple[str, str | Path]] = [("pictures", args.out)]
    if report.segments and not args.unlabelled:
        places.append(("next", command("train", args.out, args.out.parent / "bundle")))
    took_s, problems = time.perf_counter() - started, competition.problems
    return _end(report, terminal, places, overrides, took_s=took_s, problems=problems)


def _chosen(competition: "Competition", wanted: str | Sequence[str], terminal: Terminal) -> "Classes":
    """The classes that are asked for, after what the competition's tables leave out has been said."""
    from birdclef_mind.data.labels import choose_labels

    for note in (*competition.notes, *competition.problems):
        terminal.say(note)
    classes = choose_labels(competition.labels, wanted)
    if isinstance(wanted, str) and wanted.isdecimal() and classes.names == (wanted,):
        terminal.say(f"labels: {wanted} is taken as the label of that name, not as a number of them")
    return classes


def _end(
    report: "StoreReport", terminal: Terminal, places: list[tuple[str, str | Path]], overrides: Sequence["Override"],
    *, took_s: float, problems: Sequence[str],
) -> int:  # fmt: skip
    """Say what was made; status 1 when a recording failed, or a table beside soundscapes helps nobody."""
    from birdclef_mind.data.index import FAILURES
    from birdclef_mind.data.override import START

    for remark in report.remarks:
        terminal.say(remark)
    (what, out), failed = places[0], len(report.failures)
    if failed:
        kinds = Counter(failure.reason.split(" (")[0].split(", at ")[0] for failure in report.failures)
        reasons = ", ".join(f"{count} {reason}" for reason, count in kinds.most_common(5))
        places.insert(1, ("failures", f"{Path(out) / FAILURES}   ({failed}: {reasons})"))
    details = [f"{report.kept} were there already"] if report.kept else []
    details += [f"{report.renewed} were made anew"] if report.renewed else []
    old = counted(report.removed, f"old {'picture' if what == 'pictures' else 'file'}")
    details += [f"{old} removed"] if report.removed else []
    moved = sum(override.action == START for override in overrides)
    details += [f"{counted(moved, 'window')} moved"] if overrides else []
    if len(overrides) > moved:
        details += [f"{counted(len(overrides) - moved, 'other correction')} left to `train`"]
    details += [f"{counted(failed, 'recording')} failed"] if failed else []
    rate = (
        f"{counted(report.recordings, 'recording')}, {counted(report.segments, 'segment')} "
        f"in {took_s:.1f} s ({report.recordings / took_s:.0f}/s)"
    )
    terminal.end(", ".join([rate, *details]), places)
    return 1 if failed or problems else 0


def add_embed(group: Group) -> None:
    """Add `embed` to the commands."""
    parser = add_command(
        group, "embed", embed,
        "let a model that was trained elsewhere hear the training recordings, and keep what it makes of them",
        "embed BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite birdclef-2023 runs/embeddings",
    )  # fmt: skip
    parser.add_argument("listener", type=place, help=LISTENER)
    parser.add_argument("competition", type=reached, help="competition folder of any year, with its recordings")
    parser.add_argument("out", type=reached, help="folder for the embeddings, new or some to complete")
    parser.add_argument("--labels", help="classes, as of `cache` (default: all)")
    parser.add_argument("--step", type=number(0, 5), help="seconds from one 5 s segment to the next (default: 5)")
    parser.add_argument(
        "--shifts", type=whole(1, 16), default=1,
        help="hear each window so often, a little later each time, and take the mean (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--ebird", type=given_file, metavar="CSV", help="eBird's taxonomy: other scientific names by a label"
    )
    parser.add_argument(
        "--genus", action="store_true", help="others of its genus stand in for a species that it does not know"
    )
    parser.add_argument("--overrides", type=given_file, help="corrections from a report: windows it moves are moved")
    parser.add_argument(
        "--unlabelled", action="store_true", help="hear the soundscapes that nobody labelled, and nothing else"
    )
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="let the workers of a Dask cluster do it")
    parser.add_argument(
        "--jobs", type=whole(1, 1024), default=1,
        help="processes, each with a listener of its own, which works on several cores by itself (default: 1)",
    )  # fmt: skip
    add_config(parser, "labels")


def embed(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write embeddings; status 1 when a recording failed, or a table beside soundscapes helps nobody."""
    from birdclef_mind.commands.config import Config
    from birdclef_mind.data.competition import open_competition
    from birdclef_mind.data.overrides import read_overrides

    config = Config.read(args.config) if args.config else Config()
    competition = open_competition(args.competition)
    import_tensorflow_quietly()
    from birdclef_mind.data.write_store import Working
    from birdclef_mind.listeners.embeddings import HeardBy
    from birdclef_mind.listeners.hearing import Hearing
    from birdclef_mind.listeners.species_match import match_species, read_ebird, require_any
    from birdclef_mind.listeners.write_embeddings import opened, write_embeddings
    from birdclef_mind.sound.settings import Windowing

    classes = _chosen(competition, config.labels if args.labels is None else args.labels, terminal)
    overrides = read_overrides(args.overrides) if args.overrides else ()
    synonyms = read_ebird(args.ebird) if args.ebird else {}
    listener = opened(args.listener, say=terminal.say)
    species = [competition.species[name] for name in classes.names]
    match = match_species(species, listener.species, synonyms, genus=args.genus)
    if match.note(listener.name):
        terminal.say(match.note(listener.name))
    require_any(match, listener.name)
    hearing = Hearing(windowing=Windowing(step_s=args.step or Windowing().step_s), shifts=args.shifts)
    started = time.perf_counter()
    report = write_embeddings(
        args.listener, HeardBy.of(listener, hearing, match), competition, classes, args.out,
        overrides=overrides, unlabelled=args.unlabelled, working=Working(args.jobs, args.scheduler),
        track=terminal.track,
    )  # fmt: skip
    places: list[tuple[str, str | Path]] = [("embeddings", args.out)]
    if report.segments and not args.unlabelled:
        places.append(("next", command("train", args.out.parent / "bundle", "--listener", args.out)))
    took_s, problems = time.perf_counter() - started, competition.problems
    return _end(report, terminal, places, overrides, took_s=took_s, problems=problems)
