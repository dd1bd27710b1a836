"""What trials on trained networks share: commands as a person gives them, and training that is not done twice."""

import subprocess
import sys


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
