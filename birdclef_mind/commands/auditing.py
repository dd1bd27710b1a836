"""The command that looks through what a network was trained on."""

import argparse
import time
from pathlib import Path

from birdclef_mind.commands.arguments import expect_bundle, place
from birdclef_mind.commands.parsers import LISTENER, Group, add_command
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import audit_lines, counted, names_in
from birdclef_mind.errors import BundleError


def add_audit(group: Group) -> None:
    """Add `audit` to the commands."""
    parser = add_command(
        group, "audit", audit,
        "list what may be wrong with the training data of a network, the likeliest first, each to hear and to correct",
        "audit runs/bundle runs/cache --listener BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help="folder written by `train`")
    parser.add_argument("cache", type=place, help="the cache it was trained on")
    parser.add_argument(
        "out", type=place, nargs="?", help="folder for the page and the tables (default: BUNDLE-audit)"
    )  # fmt: skip
    parser.add_argument(
        "--listener", type=place,
        help=f"ask it too: {LISTENER}; or a folder written by `embed` (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--competition", type=place, help="folder of the real sound (default: the one the cache was made from)"
    )
    parser.add_argument(
        "--accept", default="", metavar="A,B",
        help="write overrides.csv with all corrections of these kinds: label, copy, voice, hum, silent, clipped",
    )  # fmt: skip


def audit(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the audit and its page; status 1 when some recordings cannot be heard."""
    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.explanation.folder import REPORT, refuse_unfit

    expect_bundle(args.bundle)
    cache = open_cache(args.cache)
    out = args.out or Path(f"{args.bundle.resolve() if args.bundle.name in ('', '..') else args.bundle}-audit")
    refuse_unfit(out, "audit", BundleError)
    import_tensorflow_quietly()
    from birdclef_mind.explanation import auditing
    from birdclef_mind.explanation.report.page import write_report
    from birdclef_mind.storage.ledger import refuse_others

    wanted = auditing.Auditing(
        listener=args.listener, competition=args.competition, accept=tuple(names_in(args.accept))
    )
    refuse_others([out / REPORT], BundleError)
    started = time.perf_counter()
    facts = auditing.audit(args.bundle, cache, out, wanted, say=terminal.say, track=terminal.track)
    write_report(out, out / REPORT)
    suspects = facts["suspects"]
    terminal.say("\n".join(["", *audit_lines(suspects), ""]))
    places = [("report", out / REPORT), ("table", out / auditing.TABLE)]
    overrides = out / auditing.OVERRIDES
    if wanted.accept and not overrides.is_file():
        terminal.say(f"of {', '.join(wanted.accept)} there is nothing to correct, so no {overrides.name} is written")
    elif wanted.accept:
        places += [("corrections", overrides)]
        again = command("train", args.cache, args.bundle.with_name(f"{args.bundle.name}-corrected"))
        places += [("next", f"{again} --overrides {overrides} --before {args.bundle}")]
    terminal.end(
        f"{counted(suspects['looked_at'], 'segment')} looked through in {time.perf_counter() - started:.0f} s", places
    )
    return terminal.failures(facts["failures"])
