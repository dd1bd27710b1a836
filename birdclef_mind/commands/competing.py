"""The commands of the competition: the dry run, infer, score, rehearse."""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from birdclef_mind.commands.arguments import expect_bundle, given_file, number, numbers, one_of, place, whole
from birdclef_mind.commands.parsers import LISTENER, YEAR, Group, add_command, add_config, add_jobs
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import (
    counted,
    fidelity_lines,
    found_lines,
    score_lines,
)
from birdclef_mind.data.event_tables import CSV, FORMATS
from birdclef_mind.errors import ConfigError
from birdclef_mind.kaggle.settings import MEAN, RANKS, Submitting
from birdclef_mind.storage.places import reached

_LAYOUT = one_of("2026", "2025", "both")
_EVENTS = one_of(*FORMATS)
_BLEND = one_of(MEAN, RANKS)


def add_dry_run(group: Group) -> None:
    """Add `dry-run` to the commands."""
    parser = add_command(
        group, "dry-run", dry_run,
        "go the whole way on an invented sample: sample, cache, train, infer, score", "dry-run runs/dry-run",
    )  # fmt: skip
    parser.add_argument(
        "out", nargs="?", type=place, default=Path("runs/dry-run"), help="folder (default: runs/dry-run)"
    )
    add_jobs(parser)


def dry_run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Go the whole way on the built-in sample."""
    import_tensorflow_quietly()
    from birdclef_mind.commands.dry_run import dry_run as run

    started = time.perf_counter()
    result = run(args.out, jobs=args.jobs, say=terminal.say, track=terminal.track)
    if result.held_out:
        terminal.say("\n".join(["", "recordings that were held out in training:", *score_lines(result.held_out)]))
    terminal.say("\n".join(["", "its submission, against the sample's truth:", *score_lines(result.scores)]))
    terminal.say("\n".join(["", "how much of the input each layer holds:", *fidelity_lines(result.facts), ""]))
    terminal.say("\n".join([*found_lines(result.held_out, result.scores, result.facts), ""]))
    terminal.end(
        f"the whole way in {time.perf_counter() - started:.0f} s; open these",
        [
            ("report.html", result.explanation / "report.html"),
            ("submission.csv", result.submission),
            ("training curves", result.bundle / "history.png"),
            ("confusion matrix", result.bundle / "confusion.png"),
            ("pictures", result.cache),
            ("next", command("studio", result.bundle, "--cache", result.cache, "--work", args.out / "studio")),
        ],
    )
    return 0


def add_infer(group: Group) -> None:
    """Add `infer` to the commands."""
    parser = add_command(
        group, "infer", infer,
        "name the birds in every 5 seconds of the test soundscapes and write the submission",
        "infer runs/bundle birdclef-2023 submission.csv --deadline 110",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help="folder written by `train`")
    parser.add_argument("competition", type=reached, help="competition folder with test_soundscapes/")
    parser.add_argument("out", type=place, help="the submission to write; a log stands beside it")
    parser.add_argument(
        "--listener", type=place, metavar="MODEL", help=f"what a bundle of `train --listener` listens with: {LISTENER}"
    )
    parser.add_argument(
        "--with", dest="others", type=place, action="append", default=[], metavar="BUNDLE",
        help="another bundle of the same classes, whose scores are averaged with the first; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--deadline", type=number(0), metavar="MINUTES",
        help="stop computing in time to end by then (default: ten less than the competition allows, 110 in 2023)",
    )  # fmt: skip
    parser.add_argument("--shifts", type=whole(1, 4), help="how often each row is covered by windows (default: 1)")
    parser.add_argument(
        "--smoothing", type=numbers, metavar="WEIGHTS", help="of rows before, the row, and after it: 0.1,0.8,0.1"
    )
    parser.add_argument(
        "--file-power", type=number(0, 1, or_equal=True), metavar="POWER",
        help="of the mean of the three highest scores in the soundscape, which scores are multiplied by (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--habits", type=number(0, 1, or_equal=True), metavar="POWER",
        help="how much site and hour in names of files count, by labelled soundscapes that taught (default: 0)",
    )  # fmt: skip
    parser.add_argument("--blend", type=_BLEND, help="several bundles by mean (default) or ranks")
    add_config(parser, "[submitting]")
    parser.add_argument(
        "--events", type=place, metavar="CSV",
        help="also write when each bird sings: onset, offset, bird, score (networks with attention over time)",
    )  # fmt: skip
    parser.add_argument(
        "--format", type=_EVENTS,
        help="of the events: csv (default), or a folder of tables of raven or of audacity, one a soundscape",
    )  # fmt: skip


def infer(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write a submission; status 1 when a soundscape kept its priors or gave no events, or for a warning.

    ConfigError for events of what hears no events, and with a deadline, which they would not keep.
    """
    # What the libraries and the bundles take to be read is part of what the deadline allows.
    started = time.monotonic()
    # What can be refused without TensorFlow is refused before its import, which takes seconds.
    from birdclef_mind.data.form import form_of_rows
    from birdclef_mind.data.soundscapes import refuse_among, require_rows
    from birdclef_mind.kaggle.outputs import log_path, refuse_outputs

    root, form, submitting = args.competition, args.format or CSV, _submitting(args)
    for written in filter(None, (args.out, args.events)):
        refuse_among(root, written)
    refuse_outputs(args.out, args.events, folder=form != CSV)
    if args.events and (args.listener or args.others):
        raise ConfigError("--events: expected one bundle of a network that reads pictures, not --listener or --with")
    if args.events and args.deadline is not None:
        raise ConfigError("--events: expected no --deadline beside it, since events are found when scores are done")
    if args.format and not args.events:
        raise ConfigError("--format: expected --events beside it, the table that is written so")
    for bundle in (args.bundle, *args.others):
        expect_bundle(bundle)
    require_rows(root)
    import_tensorflow_quietly()
    from birdclef_mind.kaggle.answering import open_answering
    from birdclef_mind.kaggle.write_submission import write_submission
    from birdclef_mind.networks.bundle import load
    from birdclef_mind.networks.events import Listener, write_events

    network = load(args.bundle) if args.events else None
    if network:
        Listener(network)
    answering = network or open_answering(
        [args.bundle, *args.others], args.listener, shifts=submitting.shifts, say=terminal.say
    )
    minutes = form_of_rows(root).deadline_minutes if args.deadline is None else args.deadline
    report = write_submission(
        answering, root, args.out, submitting=submitting, deadline_minutes=minutes, started=started,
        say=terminal.say, track=terminal.track,
    )  # fmt: skip
    left = "not computed" if report.stayed else "kept its priors"
    failed = [*(f"{left}: {problem}" for problem in report.problems), *report.warnings]
    places: list[tuple[str, str | Path]] = [("submission", args.out), ("log", log_path(args.out))]
    if network:
        count, unheard = write_events(network, root, args.events, terminal.track, form=form)
        failed += [f"no events: {problem}" for problem in unheard]
        places.append((counted(count, "event"), args.events))
    for line in (*failed, *report.remarks, *report.notes):
        terminal.say(line)
    terminal.end(
        f"{counted(report.soundscapes, 'soundscape')}, {counted(report.rows, 'row')}, "
        f"{report.computed} of them computed, in {report.seconds:.1f} s",
        places,
    )
    return 1 if failed else 0


def _submitting(args: argparse.Namespace) -> Submitting:
    """The settings of a file, with what the command line says in their place; ConfigError for what cannot be."""
    from birdclef_mind.commands.config import Config

    names = ("shifts", "smoothing", "file_power", "habits", "blend")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if given.get("blend") == RANKS and not args.others:
        raise ConfigError("--blend: expected --with beside ranks, since one bundle alone has the ranks it has")
    return replace(Config.read(args.config).submitting if args.config else Submitting(), **given)


def add_score(group: Group) -> None:
    """Add `score` to the commands."""
    parser = add_command(
        group, "score", score,
        "measure a submission against the truth", "score submission.csv runs/sample/truth.csv",
    )  # fmt: skip
    parser.add_argument("submission", type=place, help="the submission, or with --events a table of events")
    parser.add_argument(
        "--events", action="store_true",
        help="the first is no submission but events: CSV, Raven's or Audacity's, or a folder of such tables",
    )  # fmt: skip
    parser.add_argument("truth", type=place, help="a table of the same shape with 0 and 1")
    parser.add_argument(
        "--year", type=YEAR,
        help="whose measure comes first (default: that of the folder the truth stands in, or of the table's form)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print all measures as JSON")


def score(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print the measures of a submission; status 1 for rows or events that the truth says nothing of."""
    from birdclef_mind.data.form import FORMS
    from birdclef_mind.data.scoring import score as score_submission

    metric = FORMS[int(args.year)].metric if args.year else ""
    scores = score_submission(args.submission, args.truth, metric, events=args.events)
    if args.json:
        print(json.dumps(scores, indent=1))
    else:
        print("\n".join(score_lines(scores)))
        for problem in scores["problems"]:
            print(problem)
    return 1 if scores["problems"] else 0


def add_rehearse(group: Group) -> None:
    """Add `rehearse` to the commands."""
    parser = add_command(
        group, "rehearse", rehearse,
        "rehearse the whole day on Kaggle on this machine, with the real `kaggle` program and no network",
        "rehearse birdclef-2023 runs/rehearsal --hidden 20",
    )  # fmt: skip
    parser.add_argument("competition", type=place, help="competition folder")
    parser.add_argument("out", type=place, help="folder for it, new or of an earlier rehearsal")
    parser.add_argument(
        "--layout",
        type=_LAYOUT,
        default="2026",
        help="where inputs are mounted: 2026 (default), 2025 or both",
    )
    parser.add_argument(
        "--hidden",
        type=whole(0, 1000),
        default=0,
        help="soundscapes of the hidden run, as long as the year's (default: none)",
    )
    parser.add_argument(
        "--deadline", type=number(0), metavar="MINUTES", help="of the hidden run (default: the kernel's own)"
    )
    parser.add_argument(
        "--listener", type=place, metavar="FOLDER",
        help="the model that the settings' `listener` names on Kaggle: its folder, which is mounted",
    )  # fmt: skip
    parser.add_argument(
        "--config", type=given_file, help="TOML file for the dataset: labels, [features], [training], [decoding]"
    )


def rehearse(args: argparse.Namespace, terminal: Terminal) -> int:
    """Rehearse the whole day on Kaggle."""
    from birdclef_mind.commands.config import Config
    from birdclef_mind.kaggle.rehearsal import Rehearsing
    from birdclef_mind.kaggle.rehearsal import rehearse as run

    config = Config.of_kernels(args.config)
    rehearsing = Rehearsing(
        layout=args.layout, hidden=args.hidden, deadline_minutes=args.deadline, config=args.config,
        labels=config.labels, model=config.listener, listener=args.listener,
    )  # fmt: skip
    result = run(args.competition, args.out, rehearsing, say=terminal.say)
    if result.scores:
        terminal.say("\n".join(["", *score_lines(result.scores), ""]))
    total_s = sum(result.seconds.values())
    terminal.end(
        f"the four kernels in {total_s:.0f} s" + (f", the hidden run in {result.hidden_s} s" if args.hidden else ""),
        [("submission", result.submission), ("outputs and logs", args.out / "staged")],
    )
    return 0
