"""Speed, as ratios measured side by side in one run.

`python scripts/benchmark.py COMPETITION --write docs/measurements.md` writes the page of the documentation.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import answering
import backwards
import caching
import growth
import learning
import page

from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.data.competition import open_competition


def rows(args):
    yield from caching.rows(args.competition)
    yield from answering.rows()
    yield from learning.rows()
    yield from backwards.stamping()
    yield from backwards.sounding(args.competition)
    if args.explanation:
        yield from backwards.reporting(args.explanation)
    if args.growth:
        yield from growth.rows()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("competition", type=Path, help="folder with real recordings")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--growth", action="store_true", help="also how cost grows, which takes minutes")
    parser.add_argument("--explanation", type=Path, help="also how long its report takes")
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
    if args.write:
        page.write(args.write, found, args.competition, len(open_competition(args.competition).recordings))


if __name__ == "__main__":
    main()
