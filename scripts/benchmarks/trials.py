"""What trials on trained networks share: commands as a person gives them, what is not done twice, tables of a page."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks import page


def trial_parser(words):
    """The arguments of every trial, explained by `words`; its inputs come after the first, WORK."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, nargs="?", help="folder for all that is made")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--page", type=Path, help="page of Markdown that stands there already")
    parser.add_argument("--tables", nargs="+", metavar="TITLE=WORK", default=[])
    return parser


def write_tables(args, heading, words, table):
    """Write a section of a page: `words`, and the `table` of the results in each folder under its title."""
    lines = [heading, "", words]
    for given in args.tables:
        title, _, folder = given.rpartition("=")
        lines += ["", f"### {title}", "", *table(json.loads((Path(folder) / "results.json").read_text()))]
    page.write_section(args.page, heading, "\n".join(lines) + "\n")


def run(*words):
    """A command of the package."""
    subprocess.run([sys.executable, "-m", "birdclef_mind", *map(str, words), "--quiet"], check=True)


def answered(*words):
    """What a command of the package prints."""
    return subprocess.run(
        [sys.executable, "-m", "birdclef_mind", *map(str, words)], check=True, capture_output=True, text=True
    ).stdout


def trained(work, name, competition, args, seed, *more):
    """The bundle of a network trained on a competition, and its cache; what is there already is kept."""
    cache, bundle = work / f"{name}-cache", work / f"{name}-bundle-{seed}"
    run("cache", competition, cache, "--preset", args.preset)
    return learned(cache, bundle, args, seed, *more), cache


def learned(cache, bundle, args, seed, *more):
    """The bundle of a network trained on a cache; one that is there already is kept."""
    if not (bundle / "bundle.json").is_file():
        run("train", cache, bundle, "--recipe", args.recipe, "--epochs", args.epochs, "--seed", seed, *more)
    return bundle


def each_once(work, names, one):
    """Results by name, `one` of each; kept in WORK/results.json, so that what is there is not done again."""
    from birdclef_mind.commands.surroundings import import_tensorflow_quietly

    import_tensorflow_quietly()
    work.mkdir(parents=True, exist_ok=True)
    path = work / "results.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    for name in names:
        if name not in results:
            results[name] = one(name)
            path.write_text(json.dumps(results))
    return results
