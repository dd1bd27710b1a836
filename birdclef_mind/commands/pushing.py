"""The command lines of `scripts/push-dataset` and `scripts/push-kernel`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from birdclef_mind.commands.arguments import Parser, given_file, place
from birdclef_mind.commands.config import Config
from birdclef_mind.commands.surroundings import settle
from birdclef_mind.commands.terminal import Terminal, ended_by, told
from birdclef_mind.kaggle.program import Kaggle
from birdclef_mind.kaggle.pushing import Pushing, push_dataset, push_kernels
from birdclef_mind.kaggle.staging import find_project

_STATUS_HELP = "Status: 0 all went well; 2 not so, one sentence says why; 130 interrupted."


def main(arguments: Sequence[str] | None = None) -> int:
    """Push as asked; the status is 0, or after one sentence 2 for an error and 130 for an interruption.

    It is 1 where all was done and what was printed is lost.
    """
    if arguments is None:
        settle()
    what = "scripts"
    try:
        args = _parser().parse_args(arguments)
        what = args.what
        _push(args)
        return told(0, what)
    except SystemExit as ended:
        # `--help` ends here.
        return told(int(ended.code or 0), what)
    except KeyboardInterrupt as error:
        # Whoever was interrupted on the way to Kaggle left a note of what is true there.
        then = "; ".join(getattr(error, "__notes__", [])) or "nothing was sent to Kaggle"
        print(f"\n{what}: interrupted; {then}", file=sys.stderr)
        return 130
    except Exception as error:
        return ended_by(error, what)


def _push(args: argparse.Namespace) -> None:
    terminal = Terminal(quiet=False)
    config = Config.of_kernels(args.config)
    pushing = Pushing(
        project=find_project(), work=args.work, config=args.config, dry=args.dry_run,
        again=getattr(args, "again", False), competition=getattr(args, "competition", None) or config.competition,
        model=config.listener, wheels=tuple(getattr(args, "wheels", ())),
    )  # fmt: skip
    kaggle = Kaggle(args.owner)
    if args.what == "push-dataset":
        push_dataset(kaggle, pushing, terminal.say)
    else:
        push_kernels(kaggle, pushing, args.names, terminal.say)


def _parser() -> Parser:
    parser = Parser(prog="scripts", description=__doc__)
    group = parser.add_subparsers(dest="what", required=True, metavar="COMMAND", parser_class=Parser)
    dataset = group.add_parser(
        "push-dataset", prog="scripts/push-dataset", epilog=_STATUS_HELP,
        description="Put the package and its settings on Kaggle as a dataset, and wait until Kaggle serves it.",
    )  # fmt: skip
    dataset.add_argument(
        "--wheel", dest="wheels", type=given_file, action="append", default=[], metavar="FILE",
        help="a library's wheel that travels along, such as OpenVINO's, with which the kernel submit computes quicker; "
        "may be given again",
    )  # fmt: skip
    kernels = group.add_parser(
        "push-kernel", prog="scripts/push-kernel", epilog=_STATUS_HELP,
        description="Push kernels, wait for the end of each, and fetch its output and log. One that was pushed from "
        "here as it is now, and runs or is complete there, is only waited for and fetched.",
    )  # fmt: skip
    kernels.add_argument("names", nargs="+", metavar="NAME", help="cache-images, train, submit, explain, or all")
    kernels.add_argument(
        "--competition", metavar="NAME",
        help="as in its address, such as birdclef-2026 (default: the settings' `competition`, or birdclef-2023)",
    )  # fmt: skip
    kernels.add_argument("--again", action="store_true", help="push anew what is complete there already")
    for one in (dataset, kernels):
        one.add_argument(
            "--owner", help="your name on Kaggle, the last part of your page's address (default: $KAGGLE_USERNAME, or "
            "what `kaggle` is set to)",
        )  # fmt: skip
        one.add_argument(
            "--config", type=given_file, help="TOML file of settings; the same for the dataset and its kernels"
        )
        one.add_argument(
            "--work", type=place, default=Path("runs/kaggle"),
            help="folder for what is staged and fetched (default: runs/kaggle)",
        )  # fmt: skip
        one.add_argument("--dry-run", action="store_true", help="stage and show everything, ask Kaggle nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
