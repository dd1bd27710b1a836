"""What trials on trained networks share: commands as a person gives them, and training that is not done twice."""

import json
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
