"""The command line: words to arguments, errors to one sentence and a status."""

from collections.abc import Callable, Sequence

from birdclef_mind import __version__
from birdclef_mind.commands import auditing, competing, data, decoders, explaining, hosting, proving, training
from birdclef_mind.commands.arguments import Parser
from birdclef_mind.commands.parsers import STATUS_HELP, Group
from birdclef_mind.commands.surroundings import settle
from birdclef_mind.commands.terminal import Terminal, ended_by, ended_early, told

# In the order of `--help`.
COMMANDS: tuple[Callable[[Group], None], ...] = (
    competing.add_dry_run,
    data.add_sample,
    data.add_collect,
    proving.add_plant,
    data.add_cache,
    data.add_embed,
    training.add_train,
    training.add_runs,
    decoders.add_train_decoders,
    explaining.add_explain,
    auditing.add_audit,
    explaining.add_compare,
    explaining.add_report,
    hosting.add_studio,
    competing.add_infer,
    competing.add_score,
    competing.add_rehearse,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    if arguments is None:
        settle()
    name = "birdclef-mind"
    try:
        args = build_parser().parse_args(arguments)
        name = f"{name} {args.command}"
        status: int = args.run(args, Terminal(args.quiet))
        return told(status, name)
    except SystemExit as ended:
        # `--help` and `--version` end here.
        return told(int(ended.code or 0), name)
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
