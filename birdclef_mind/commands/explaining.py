"""The commands that work backwards: explain, compare, report."""

import argparse
import time
from dataclasses import asdict

from birdclef_mind.commands.arguments import expect_bundle, place, whole
from birdclef_mind.commands.parsers import COUNT, LISTENER, Group, add_command, add_config
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.commands.words import (
    comparison_lines,
    counted,
    fidelity_lines,
    judge_lines,
    names_in,
)
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.storage.folder_kinds import is_model
from birdclef_mind.storage.places import reached


def add_explain(group: Group) -> None:
    """Add `explain` to the commands."""
    parser = add_command(
        group, "explain", explain,
        "work backwards from every layer and every bird's name to pictures and sounds, measured",
        "explain runs/bundle runs/cache runs/explanation --examples 12\n"
        "  birdclef-mind explain BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite birdclef-2023 runs/birdnet",
    )  # fmt: skip
    parser.add_argument("bundle", type=place, help=f"folder written by `train`; or a listener, {LISTENER}")
    parser.add_argument(
        "cache",
        type=reached,
        help="the cache it was trained on; for a listener the competition folder that it hears",
    )
    parser.add_argument("out", type=place, help="folder for the explanation")
    parser.add_argument("--examples", type=COUNT, help="held-out segments to choose (default: 12)")
    parser.add_argument(
        "--segment", action="append", default=[], metavar="RECORDING@SECONDS", help="explain this segment (repeatable)"
    )  # fmt: skip
    parser.add_argument(
        "--audio", action="append", default=[], type=place, help="explain your own sound file (repeatable)"
    )
    parser.add_argument("--seeds", type=COUNT, help="draws of each bird's answer (default: 3)")
    parser.add_argument(
        "--metamers", type=whole(0), help="noises that become what each layer insists on; 0 for none (default: 2)"
    )
    parser.add_argument("--sheets", type=COUNT, help="segments of the training data to show, at most (default: 500)")
    parser.add_argument(
        "--presets", default="", metavar="A,B",
        help="features to compare besides mel16, mfcc16, mel32 and the bundle's own (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--competition", type=place, help="folder of the real sound (default: the one the cache was made from)"
    )
    parser.add_argument(
        "--second", type=place,
        help="bundle of another network (default: train one and keep it); for a listener another (default: the judge)",
    )  # fmt: skip
    parser.add_argument(
        "--judge", type=place, metavar="LISTENER", help=f"let it judge every sound: {LISTENER} (default: none)"
    )
    parser.add_argument(
        "--windows", type=COUNT, help="windows that a listener's decoders learn from, at most (default: 2000)"
    )
    add_config(parser, "[showing], and [decoding] for a listener")


def explain(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the explanation of a bundle or a listener, and its page; status 1 when some recordings cannot be heard.

    ConfigError for words that make sense of a listener alone.
    """
    from birdclef_mind.explanation.folder import refuse_unfit

    if is_model(args.bundle):
        refuse_unfit(args.out, "explanation", BundleError)
        import_tensorflow_quietly()
        return _explain_listener(args, terminal)
    if args.windows is not None:
        raise ConfigError(f"windows: expected a listener, whose decoders learn from them, got {args.bundle}")
    from birdclef_mind.commands.config import Config
    from birdclef_mind.data.cache import open_cache

    cache = open_cache(args.cache)
    expect_bundle(args.bundle)
    refuse_unfit(args.out, "explanation", BundleError)
    import_tensorflow_quietly()
    from birdclef_mind.explanation.explain import Explaining
    from birdclef_mind.explanation.explain import explain as explain_bundle
    from birdclef_mind.explanation.folder import FACTS, REPORT
    from birdclef_mind.explanation.report.page import write_report
    from birdclef_mind.explanation.settings import Showing
    from birdclef_mind.storage.ledger import refuse_others

    showing = Config.read(args.config).showing if args.config else Showing()
    given = {
        name: getattr(args, name)
        for name in ("examples", "seeds", "metamers", "sheets", "judge")
        if getattr(args, name) is not None
    }
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
    facts = explain_bundle(args.bundle, cache, args.out, explaining, say=terminal.say, track=terminal.track)
    write_report(args.out, args.out / REPORT)
    terminal.say("\n".join(["", *fidelity_lines(facts), *judge_lines(facts), ""]))
    terminal.end(
        f"{counted(len(facts['examples']), 'example')} and {counted(len(facts['answers']['cards']), 'bird')} "
        f"explained in {time.perf_counter() - started:.0f} s",
        [("report", args.out / REPORT), ("facts", args.out / FACTS), ("sounds", args.out / "sounds")],
    )
    return terminal.failures(facts["failures"])


def _explain_listener(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the explanation of a listener, and its page."""
    from birdclef_mind.backwards.settings import Decoding
    from birdclef_mind.commands.config import Config
    from birdclef_mind.explanation.folder import FACTS, REPORT
    from birdclef_mind.explanation.listener_mind import ExplainingListener, explain_listener
    from birdclef_mind.explanation.report.page import write_report
    from birdclef_mind.storage.ledger import refuse_others

    for name in ("seeds", "sheets", "presets", "competition"):
        if getattr(args, name):
            raise ConfigError(f"{name}: expected a bundle, which has such a part, got the listener {args.bundle}")
    config = Config.read(args.config) if args.config else None
    showing = {name: getattr(config.showing, name) for name in ("examples", "metamers", "judge")} if config else {}
    names = ("examples", "metamers", "judge", "windows", "second")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    explaining = ExplainingListener(
        **{**showing, **given}, segments=tuple(args.segment), sounds=tuple(args.audio),
        decoding=config.decoding if config else Decoding(),
    )  # fmt: skip
    refuse_others([args.out / REPORT], BundleError)
    started = time.perf_counter()
    facts = explain_listener(args.bundle, args.cache, args.out, explaining, say=terminal.say, track=terminal.track)
    write_report(args.out, args.out / REPORT)
    terminal.say("\n".join(["", *fidelity_lines(facts), *judge_lines(facts), ""]))
    terminal.end(
        f"{counted(len(facts['examples']), 'example')} explained in {time.perf_counter() - started:.0f} s",
        [("report", args.out / REPORT), ("facts", args.out / FACTS), ("sounds", args.out / "sounds")],
    )
    return terminal.failures(facts["failures"])


def add_compare(group: Group) -> None:
    """Add `compare` to the commands."""
    parser = add_command(
        group, "compare", compare,
        "set features side by side on the same segments: pictures, rebuilt sounds, measures",
        "compare birdclef-2023 runs/comparison --presets logmel128",
    )  # fmt: skip
    parser.add_argument(
        "competition", type=reached, help="competition folder of any year, with its training table and recordings"
    )
    parser.add_argument("out", type=place, help="folder for the comparison")
    parser.add_argument(
        "--presets", default="logmel128", metavar="A,B",
        help="besides the notebook's mel16, mfcc16 and mel32 (default: logmel128)",
    )  # fmt: skip
    parser.add_argument("--bird", help="label of the bird to show (default: the one with most recordings)")


def compare(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write a comparison of features, and its page; status 1 when some recordings cannot be read."""
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
    return terminal.failures(facts["failures"])


def add_report(group: Group) -> None:
    """Add `report` to the commands."""
    parser = add_command(
        group, "report", report,
        "render an explanation as a web page that works from disk", "report runs/explanation report.html --single-file",
    )  # fmt: skip
    parser.add_argument("explanation", type=place, help="folder written by `explain`")
    parser.add_argument("out", type=place, help="the page, a name that ends in .html")
    parser.add_argument("--single-file", action="store_true", help="put pictures and sounds inside the page")


def report(args: argparse.Namespace, terminal: Terminal) -> int:
    """Render an explanation as a page."""
    from birdclef_mind.explanation.report.page import write_report

    write_report(args.explanation, args.out, single_file=args.single_file)
    terminal.end("rendered; it opens by double click", [("report", args.out)])
    return 0
