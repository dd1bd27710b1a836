"""The command line: words to arguments, errors to one sentence and a status."""

import sys
from collections.abc import Sequence

from birdclef_mind import __version__
from birdclef_mind.arguments import Parser
from birdclef_mind.parsers import COMMANDS, STATUS_HELP
from birdclef_mind.surroundings import lost_output, settle
from birdclef_mind.terminal import Terminal, ended_by, ended_early


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
        if lost_output():
            print(f"{name}: what was printed could not be written ({lost_output()})", file=sys.stderr)
            return status or 1
        return status
    except KeyboardInterrupt as error:
        return ended_early(error, name)
    except Exception as error:
        return ended_by(error, name)


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
