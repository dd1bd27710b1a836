"""The command lines of `scripts/push-dataset` and `scripts/push-kernel`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.kaggle_program import Kaggle
from birdclef_mind.pushing import Pushing, push_dataset, push_kernels
from birdclef_mind.staging import find_project


def main(arguments: Sequence[str] | None = None) -> int:
    """Push as asked; errors are one sentence and status 2."""
    args = _parser().parse_args(arguments)
    try:
        pushing = Pushing(project=find_project(), work=args.work, config=args.config, dry=args.dry_run)
        kaggle = Kaggle(args.owner)
        if args.what == "push-dataset":
            push_dataset(kaggle, pushing, print)
        else:
            push_kernels(kaggle, pushing, args.names, print)
    except BirdclefMindError as error:
        print(f"{args.what}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{args.what}: interrupted; what Kaggle has begun goes on there", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts", description=__doc__)
    group = parser.add_subparsers(dest="what", required=True)
    dataset = group.add_parser(
        "push-dataset", prog="scripts/push-dataset",
        description="Put the package and its settings on Kaggle as a dataset, and wait until Kaggle serves it.",
    )  # fmt: skip
    kernels = group.add_parser(
        "push-kernel", prog="scripts/push-kernel",
        description="Push kernels, wait for the end of each, and fetch its output and log.",
    )  # fmt: skip
    kernels.add_argument("names", nargs="+", metavar="NAME", help="cache-images, train, submit, explain, or all")
    for one in (dataset, kernels):
        one.add_argument("--owner", help="your name on Kaggle (default: $KAGGLE_USERNAME, or what `kaggle` is set to)")
        one.add_argument("--config", type=Path, help="TOML file of settings; the same for the dataset and its kernels")
        one.add_argument("--work", type=Path, default=Path("runs/kaggle"), help="folder for what is staged and fetched")
        one.add_argument("--dry-run", action="store_true", help="stage and show everything, ask Kaggle nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
