"""What each Kaggle kernel does, once it has the package: find its inputs, do its work, say where it is.

The dataset holds `build.json`, with the build a kernel was pushed for, and `config.toml`. Kernels hand on their
outputs: cache → train → submit and explain.
"""

import os
import time
from dataclasses import asdict
from pathlib import Path

from birdclef_mind import files
from birdclef_mind.cache import FACTS as CACHE_FACTS
from birdclef_mind.competition import METADATA, SAMPLE_SUBMISSION, open_competition
from birdclef_mind.config import Config
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.mounts import find_folder
from birdclef_mind.surroundings import import_tensorflow_quietly
from birdclef_mind.terminal import Terminal, score_lines

BUILD_FILE = "build.json"
CONFIG_FILE = "config.toml"
# Kaggle stops a submission at 120 minutes; loading and writing need a few.
DEADLINE_MINUTES = 110.0


def check_build(inputs: Path, build: str) -> Config:
    """The dataset's settings; ConfigError when the dataset is of another build than the kernel."""
    folder = find_folder(inputs, BUILD_FILE, "the dataset of this project")
    mounted = files.read_object(folder, BUILD_FILE, "a dataset", ConfigError).get("build")
    if mounted != build:
        raise ConfigError(
            f"{folder}: expected build {build} of the dataset, got {mounted}: Kaggle serves an older or newer version; "
            "push the dataset, wait until it is ready, then push this kernel again"
        )
    return Config.read(folder / CONFIG_FILE)


def cache_images(inputs: Path, out: Path, build: str) -> None:
    """Cache the training audio as packed pictures in OUT/cache."""
    from birdclef_mind.caching import write_cache
    from birdclef_mind.labels import choose_labels

    config, terminal = check_build(inputs, build), Terminal(quiet=False)
    competition = open_competition(find_folder(inputs, METADATA, "the competition"))
    birds = choose_labels([recording.label for recording in competition.recordings], config.labels)
    report = write_cache(
        competition, birds, config.features, out / "cache", pack=True, jobs=os.cpu_count() or 1, track=terminal.track
    )
    for failure in report.failures:
        terminal.say(f"failed: {failure.recording}: {failure.reason}")
    terminal.end(f"{report.recordings} recordings, {report.segments} segments", [("pictures", out / "cache")])


def train(inputs: Path, out: Path, build: str) -> None:
    """Train the network and its decoders on the cached pictures, into OUT/bundle."""
    config, terminal = check_build(inputs, build), Terminal(quiet=False)
    import_tensorflow_quietly()
    from birdclef_mind.cache import open_cache
    from birdclef_mind.decoding import train_bundle_decoders
    from birdclef_mind.training import train as train_network

    cache = open_cache(find_folder(inputs, CACHE_FACTS, "the pictures of the kernel cache-images"))
    report = train_network(cache, out / "bundle", config.training, say=terminal.say, track=terminal.track)
    if report.scores:
        terminal.say("\n".join(score_lines(report.scores)))
    train_bundle_decoders(out / "bundle", report.bundle, cache, config.decoding, say=terminal.say, track=terminal.track)
    terminal.end(f"epoch {report.best_epoch} is kept", [("bundle", out / "bundle")])


def submit(inputs: Path, out: Path, build: str, started: float) -> None:
    """Write OUT/submission.csv; `started` is what `time.monotonic` said when the kernel began."""
    check_build(inputs, build)
    terminal = Terminal(quiet=False)
    import_tensorflow_quietly()
    from birdclef_mind.bundle import FACTS, load
    from birdclef_mind.submission import write_submission

    minutes = float(os.environ.get("BIRDCLEF_MIND_DEADLINE", DEADLINE_MINUTES))
    bundle = load(find_folder(inputs, FACTS, "the bundle of the kernel train"))
    report = write_submission(
        bundle,
        _submission_folder(inputs),
        out / "submission.csv",
        deadline_minutes=minutes,
        started=started,
        track=terminal.track,
    )
    for line in (*(f"kept its priors: {problem}" for problem in report.problems), *report.warnings):
        terminal.say(line)
    terminal.end(
        f"{report.soundscapes} soundscapes, {report.rows} rows, {report.computed} of them computed, "
        f"in {time.monotonic() - started:.1f} s since the kernel began",
        [("submission", out / "submission.csv")],
    )


def explain(inputs: Path, out: Path, build: str) -> None:
    """Write OUT/report.html, one page with all its pictures and sounds."""
    config, terminal = check_build(inputs, build), Terminal(quiet=False)
    import_tensorflow_quietly()
    import tempfile

    from birdclef_mind.bundle import FACTS
    from birdclef_mind.cache import open_cache
    from birdclef_mind.explain import Explaining
    from birdclef_mind.explain import explain as explain_bundle
    from birdclef_mind.report import write_report

    cache = open_cache(find_folder(inputs, CACHE_FACTS, "the pictures of the kernel cache-images"))
    with tempfile.TemporaryDirectory() as folder:
        # The bundle stands in a folder that cannot be written to, and a second network is added to it.
        bundle = _writable(find_folder(inputs, FACTS, "the bundle of the kernel train"), Path(folder) / "bundle")
        place = _submission_folder(inputs)
        explaining = Explaining(**asdict(config.showing), whole_recordings=False, competition=place)
        explanation = Path(folder) / "explanation"
        explain_bundle(bundle, cache, explanation, explaining, say=terminal.say, track=terminal.track)
        write_report(explanation, out / "report.html", single_file=True)
    terminal.end("explained", [("report", out / "report.html")])


def _submission_folder(inputs: Path) -> Path:
    """The competition's folder, by any of its tables: a hidden run may lack one."""
    try:
        return find_folder(inputs, METADATA, "the competition")
    except TableError:
        return find_folder(inputs, SAMPLE_SUBMISSION, "the competition")


def _writable(folder: Path, copy: Path) -> Path:
    copy.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy
