"""Speed, as ratios measured side by side in one run.

`python scripts/benchmark.py COMPETITION --write docs/measurements.md` writes the page of the documentation; with
`--only PART` that part of it alone. Listening is measured where `--listener`, or the variable BIRDCLEF_MIND_LISTENER,
names a TFLite file of BirdNET.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import answering
import backwards
import caching
import growth
import hosting
import learning
import listening
import page
import runtimes

from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.data.competition import open_competition


def read_backwards(args):
    yield from backwards.stamping()
    yield from backwards.sounding(args.competition)
    if args.explanation:
        yield from backwards.reporting(args.explanation)


def listen(args):
    model = args.listener
    if model is None or not model.is_file():
        found = "nothing is named" if model is None else f"found none at {model}"
        print(
            "listening is not measured: expected a TFLite file of BirdNET as --listener or BIRDCLEF_MIND_LISTENER, "
            + found,
            file=sys.stderr,
        )
        return
    yield from listening.rows(args.competition, model)


PARTS = {
    "caching": lambda args: caching.rows(args.competition),
    "answering": lambda args: answering.rows(),
    "runtimes": lambda args: runtimes.rows(),
    "learning": lambda args: learning.rows(),
    "backwards": read_backwards,
    "listening": listen,
    "studio": lambda args: hosting.rows(),
    "growth": lambda args: growth.rows() if args.growth or args.only == "growth" else (),
}


def rows(args):
    for name, part in PARTS.items():
        if args.only in (None, name):
            yield from part(args)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    named = os.environ.get("BIRDCLEF_MIND_LISTENER")
    parser.add_argument("competition", type=Path, help="folder with real recordings")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", choices=PARTS, metavar="PART", help=f"one part: {', '.join(PARTS)}")
    parser.add_argument("--growth", action="store_true", help="also how cost grows, which takes minutes")
    parser.add_argument("--explanation", type=Path, help="also how long its report takes")
    parser.add_argument(
        "--listener", type=Path, metavar="MODEL", default=Path(named) if named else None,
        help="a TFLite file of BirdNET to listen with (default: BIRDCLEF_MIND_LISTENER)",
    )  # fmt: skip
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also write the rows as a page of Markdown")
    args = parser.parse_args()
    import_tensorflow_quietly()
    found = []
    for row in rows(args):
        found.append(row)
        if not args.json:
            ratio = f"{row.ratio:>9.3f} × {row.beside}" if row.ratio else ""
            memory = f", {row.megabytes:.0f} MB" if row.megabytes else ""
            print(f"{row.work:<78}{row.seconds * 1000:>10.2f} ms{ratio}{memory}", flush=True)
    if args.json:
        print(json.dumps([asdict(row) for row in found], indent=1))
    if args.write and found:
        names = {str(args.competition): "COMPETITION", str(args.listener): "MODEL"}
        command = page.command_of(sys.argv[1:], names)
        count = len(open_competition(args.competition).recordings)
        if args.only:
            page.write_section(args.write, page.heading(args.only), page.part(args.only, found, command, count))
        else:
            page.write(args.write, page.with_others(args.write, page.page(found, command, count)))


if __name__ == "__main__":
    main()
