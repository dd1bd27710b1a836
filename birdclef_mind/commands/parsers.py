"""What the parsers of all commands have in common."""

import argparse
import os
from collections.abc import Callable
from typing import TypeAlias

from birdclef_mind.commands.arguments import MOST_SEED, Parser, given_file, one_of, whole
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.data.form import FORMS

Run = Callable[[argparse.Namespace, Terminal], int]

STATUS_HELP = (
    "Status: 0 all went well; 1 done, but some inputs failed and are listed; 2 nothing done, one sentence says why."
)
COUNT, SEED = whole(1), whole(0, MOST_SEED)
YEAR = one_of(*map(str, sorted(FORMS)))
Group: TypeAlias = "argparse._SubParsersAction[Parser]"


LISTENER = (
    "a model that was trained elsewhere: BirdNET's TFLite file, Perch's folder, a bundle, or a TOML file about one"
)


def add_command(group: Group, name: str, run: Run, summary: str, example: str) -> Parser:
    """Add a command: what it does in a line, how it is called, and `run`, which does it and returns the status."""
    parser = group.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"Example:\n  birdclef-mind {example}\n\n{STATUS_HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors and what was asked for")
    parser.set_defaults(run=run)
    return parser


def add_jobs(parser: Parser) -> None:
    """Add the number of processes."""
    cores = os.cpu_count() or 1
    parser.add_argument("--jobs", type=whole(1, 1024), default=cores, help=f"processes (default: one a core, {cores})")


def add_config(parser: Parser, what: str) -> None:
    """Add a file of settings; `what` of it the command reads."""
    parser.add_argument("--config", type=given_file, help=f"TOML file with {what}; flags win over it")
