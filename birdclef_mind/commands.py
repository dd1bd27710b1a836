"""What each command does: its arguments to calls into the package, and its last words."""

import argparse
import json
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

from birdclef_mind.errors import BundleError
from birdclef_mind.surroundings import import_tensorflow_quietly
from birdclef_mind.terminal import (
    Terminal,
    command,
    comparison_lines,
    counted,
    fidelity_lines,
    names_in,
    score_lines,
)


def sample(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the synthetic competition folder."""
    from birdclef_mind.data.sample import Sample, write_sample

    wanted = Sample(
        species=args.species, recordings=args.recordings, soundscapes=args.soundscapes,
        soundscape_s=args.seconds, seed=args.seed, noise=args.noise,
    )  # fmt: skip
    write_sample(args.out, wanted)
    terminal.end(
        f"{counted(wanted.species * wanted.recordings, 'recording')} of {counted(wanted.species, 'bird')}, "
        f"{counted(wanted.soundscapes, 'soundscape')}",
        [("competition", args.out), ("next", command("cache", args.out, args.out.parent / "cache"))],
    )
    return 0


def cache(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the picture cache; status 1 when a recording failed."""
    from birdclef_mind.config import Config
    from birdclef_mind.data.cache import FAILURES
    from birdclef_mind.data.competition import find_competition, open_competition
    from birdclef_mind.data.labels import choose_labels
    from birdclef_mind.data.overrides import START, read_overrides
    from birdclef_mind.data.write_cache import write_cache
    from birdclef_mind.sound.settings import Features

    config = Config.read(args.config) if args.config else Config()
    features = Features.from_dict({"preset": args.preset}) if args.preset else config.features
    if args.step is not None:
        features = replace(features, windowing=replace(features.windowing, step_s=args.step))
    competition = open_competition(find_competition(args.competition))
    in_order = [recording.label for recording in competition.recordings]
    wanted = config.labels if args.labels is None else args.labels
    classes = choose_labels(in_order, wanted)
    if isinstance(wanted, str) and wanted.isdecimal() and classes.names == (wanted,):
        terminal.say(f"labels: {wanted} is taken as the label of that name, not as a number of birds")
    started = time.perf_counter()
    overrides = read_overrides(args.overrides) if args.overrides else ()
    report = write_cache(
        competition, classes, features, args.out,
        overrides=overrides, pack=args.pack, jobs=args.jobs, scheduler=args.scheduler, track=terminal.track,
    )  # fmt: skip
    took_s = time.perf_counter() - started
    failed = len(report.failures)
    places: list[tuple[str, str | Path]] = [("pictures", args.out)]
    if failed:
        kinds = Counter(failure.reason.split(" (")[0].split(", at ")[0] for failure in report.failures)
        reasons = ", ".join(f"{count} {reason}" for reason, count in kinds.most_common(5))
        places.append(("failures", f"{args.out / FAILURES}   ({failed}: {reasons})"))
    places.append(("next", command("train", args.out, args.out.parent / "bundle")))
    details = [f"{report.kept} were there already"] if report.kept else []
    details += [f"{counted(report.removed, 'old picture')} removed"] if report.removed else []
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
    return 1 if failed else 0


def explain(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the explanation of a bundle."""
    import_tensorflow_quietly()
    from birdclef_mind.config import Config
    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.explanation.explain import Explaining
    from birdclef_mind.explanation.explain import explain as explain_bundle
    from birdclef_mind.explanation.folder import FACTS, REPORT
    from birdclef_mind.explanation.report.page import write_report
    from birdclef_mind.explanation.settings import Showing
    from birdclef_mind.storage.ledger import refuse_others

    showing = Config.read(args.config).showing if args.config else Showing()
    given = {name: getattr(args, name) for name in ("examples", "seeds", "sheets") if getattr(args, name) is not None}
    explaining = Explaining(
        **{**asdict(showing), **given},
        segments=tuple(args.segment),
        sounds=tuple(args.audio),
        presets=names_in(args.presets),
        competition=args.competition,
        second=args.second,
    )
    refuse_others([args.out / REPORT], BundleError)
    started = time.perf_counter()
    facts = explain_bundle(
        args.bundle, open_cache(args.cache), args.out, explaining, say=terminal.say, track=terminal.track
    )
    write_report(args.out, args.out / REPORT)
    terminal.say("\n".join(["", *fidelity_lines(facts), ""]))
    terminal.end(
        f"{counted(len(facts['examples']), 'example')} and {counted(len(facts['answers']['cards']), 'bird')} "
        f"explained in {time.perf_counter() - started:.0f} s",
        [("report", args.out / REPORT), ("facts", args.out / FACTS), ("sounds", args.out / "sounds")],
    )
    return _tell_failures(facts["failures"], terminal)


def _tell_failures(failed: dict[str, str], terminal: Terminal) -> int:
    """Name recordings that could not be used; the status that this means."""
    for recording, reason in failed.items():
        terminal.say(f"failed: {recording}: {reason}")
    return 1 if failed else 0


def compare(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write a comparison of features."""
    from birdclef_mind.data.competition import open_competition
    from birdclef_mind.explanation import comparison
    from birdclef_mind.explanation.report.page import write_comparison

    setups = comparison.setups_named(names_in(args.presets))
    competition = open_competition(args.competition)
    with comparison.open_folder(args.out) as folder:
        facts = comparison.compare_features(competition, folder, setups, args.bird, track=terminal.track)
        folder.finish(facts, comparison.FACTS)
        write_comparison(folder.root)
    terminal.say("\n".join([*comparison_lines(facts), ""]))
    terminal.end(
        f"{counted(len(facts['setups']), 'set-up')} compared on {counted(facts['measured']['segments'], 'segment')} "
        f"of {counted(facts['measured']['birds'], 'bird')}",
        [("page", args.out / comparison.PAGE), ("facts", args.out / comparison.FACTS)],
    )
    return _tell_failures(facts["failures"], terminal)


def report(args: argparse.Namespace, terminal: Terminal) -> int:
    """Render an explanation as a page."""
    from birdclef_mind.explanation.report.page import write_report

    write_report(args.explanation, args.out, single_file=args.single_file)
    terminal.end("rendered; it opens by double click", [("report", args.out)])
    return 0


def infer(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write a submission; status 1 when a soundscape kept its priors."""
    import_tensorflow_quietly()
    from birdclef_mind.data.competition import find_competition
    from birdclef_mind.kaggle.write_submission import log_path, refuse_outputs, write_submission
    from birdclef_mind.networks.bundle import load
    from birdclef_mind.networks.events import Listener, write_events

    refuse_outputs(args.out, args.events)
    bundle, root = load(args.bundle), find_competition(args.competition)
    if args.events:
        Listener(bundle)
    report = write_submission(
        bundle,
        root,
        args.out,
        deadline_minutes=args.deadline,
        track=terminal.track,
    )
    failed = [*(f"kept its priors: {problem}" for problem in report.problems), *report.warnings]
    places: list[tuple[str, str | Path]] = [("submission", args.out), ("log", log_path(args.out))]
    if args.events:
        count, unheard = write_events(bundle, root, args.events, terminal.track)
        failed += [f"no events: {problem}" for problem in unheard]
        places.append((counted(count, "event"), args.events))
    for line in failed:
        terminal.say(line)
    terminal.end(
        f"{counted(report.soundscapes, 'soundscape')}, {counted(report.rows, 'row')}, "
        f"{report.computed} of them computed, in {report.seconds:.1f} s",
        places,
    )
    return 1 if failed else 0


def score(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print the measures of a submission."""
    from birdclef_mind.data.scoring import score as score_submission

    scores = score_submission(args.submission, args.truth)
    if args.json:
        print(json.dumps(scores, indent=1))
    else:
        print("\n".join(score_lines(scores)))
    return 0


def rehearse(args: argparse.Namespace, terminal: Terminal) -> int:
    """Rehearse the whole day on Kaggle."""
    from birdclef_mind.config import Config
    from birdclef_mind.kaggle.rehearsal import Rehearsing
    from birdclef_mind.kaggle.rehearsal import rehearse as run

    rehearsing = Rehearsing(
        layout=args.layout, hidden=args.hidden, deadline_minutes=args.deadline, config=args.config,
        labels=Config.read(args.config).labels if args.config else "all",
    )  # fmt: skip
    result = run(args.competition, args.out, rehearsing, say=terminal.say)
    if result["scores"]:
        terminal.say("\n".join(["", *score_lines(result["scores"]), ""]))
    total_s = sum(result["seconds"].values())
    terminal.end(
        f"the four kernels in {total_s:.0f} s" + (f", the hidden run in {result['hidden_s']} s" if args.hidden else ""),
        [("submission", result["submission"]), ("outputs and logs", args.out / "staged")],
    )
    return 0


def dry_run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Go the whole way on the built-in sample."""
    import_tensorflow_quietly()
    from birdclef_mind.dry_run import dry_run as run

    started = time.perf_counter()
    result = run(args.out, jobs=args.jobs, say=terminal.say, track=terminal.track)
    terminal.say("\n".join(["", *score_lines(result.scores), "", *fidelity_lines(result.facts), ""]))
    terminal.end(
        f"the whole way in {time.perf_counter() - started:.0f} s; open these",
        [
            ("submission.csv", result.submission),
            ("training curves", result.bundle / "history.png"),
            ("confusion matrix", result.bundle / "confusion.png"),
            ("pictures", result.cache),
            ("report.html", result.explanation / "report.html"),
        ],
    )
    return 0
