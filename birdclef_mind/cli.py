"""The command line: words to arguments, errors to one sentence and a status."""

import os
import sys
from collections.abc import Sequence

from birdclef_mind import __version__
from birdclef_mind.arguments import Parser, WordsError
from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.locations import faults
from birdclef_mind.parsers import COMMANDS, STATUS_HELP
from birdclef_mind.surroundings import settle
from birdclef_mind.terminal import Terminal, ended_early

# Set by who wants to see where an unforeseen fault happened.
TRACEBACK = "BIRDCLEF_MIND_TRACEBACK"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    if arguments is None:
        settle()
    name = "birdclef-mind"
    try:
        args = build_parser().parse_args(arguments)
        name = f"{name} {args.command}"
        status: int = args.run(args, Terminal(args.quiet))
        sys.stdout.flush()
        return status
    except WordsError as error:
        return ended_early(error, error.name)
    except (Exception, KeyboardInterrupt) as error:
        foreseen = isinstance(error, (BirdclefMindError, KeyboardInterrupt, MemoryError, *faults()))
        if not foreseen and os.environ.get(TRACEBACK):
            raise
        return ended_early(error, name, foreseen=foreseen)


def build_parser() -> Parser:
    """The parser of all commands."""
    parser = Parser(
        prog="birdclef-mind",
        description="Name the birds of soundscapes with a small network, and read its mind back to pictures and sound.",
        epilog=f"Begin with `birdclef-mind dry-run`. {STATUS_HELP}",
    )
    parser.add_argument("--version", action="version", version=f"birdclef-mind {__version__}")
    group = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for add in COMMANDS:
        add(group)
    return parser
