"""What each Kaggle kernel does, once it has the package: find its inputs, do its work, say where it is.

The dataset holds `build.json`, with the build a kernel was pushed for, and `config.toml`. Kernels hand on their
outputs: cache → train → submit and explain.
"""

import math
import os
import time
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from birdclef_mind.commands.config import Config
from birdclef_mind.commands.surroundings import import_tensorflow_quietly
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.commands.variables import settle_variables
from birdclef_mind.commands.words import score_lines
from birdclef_mind.data.cache import FACTS as CACHE_FACTS
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.form import SAMPLE_SUBMISSION, form_of_rows
from birdclef_mind.errors import BirdclefMindError, ConfigError, DivergedError, TableError, printable, reason_of
from birdclef_mind.kaggle.mounts import find_competition, find_folder, take_wheel
from birdclef_mind.kaggle.staging import BUILD_FILE, CONFIG_FILE
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import refuse_others, write_own

DEADLINE = "BIRDCLEF_MIND_DEADLINE"
_NO_TIME = 1e-9


def check_build(inputs: Path, build: str) -> Config:
    """The dataset's settings; ConfigError when the dataset is of another build than the kernel.

    Every kernel begins with it, so that variables which would change its work are dropped here.
    """
    settle_variables()
    folder = find_folder(inputs, BUILD_FILE, "the dataset of this project")
    mounted = files.read_object(folder, BUILD_FILE, "a dataset", ConfigError).get("build")
    if mounted != build:
        raise ConfigError(
            f"{folder}: expected build {build} of the dataset, got {mounted}: Kaggle serves an older or newer version; "
            "push the dataset, wait until it is ready, then push this kernel again"
        )
    return Config.of_kernels(folder / CONFIG_FILE)


def cache_images(inputs: Path, out: Path, build: str) -> None:
    """Cache the training audio as packed pictures in OUT/cache."""
    from birdclef_mind.data.labels import choose_labels
    from birdclef_mind.data.write_cache import write_cache

    config, terminal = check_build(inputs, build), Terminal(quiet=False)
    competition = open_competition(find_competition(inputs))
    for note in (*competition.notes, *competition.problems):
        terminal.say(note)
    birds = choose_labels(competition.labels, config.labels)
    heard = None
    if config.listener:
        import_tensorflow_quietly()
        from birdclef_mind.commands import listening

        # First, since a model that is missing should not be found after hours.
        heard = listening.ears(inputs, config, competition, birds, terminal)
    report = write_cache(
        competition, birds, config.features, out / "cache", pack=True, jobs=os.cpu_count() or 1, track=terminal.track
    )
    for remark in report.remarks:
        terminal.say(remark)
    terminal.failures({failure.recording: failure.reason for failure in report.failures})
    failed = f", {len(report.failures)} recordings failed" if report.failures else ""
    places: list[tuple[str, str | Path]] = [("pictures", out / "cache")]
    if heard:
        listening.embed(heard, out / "embeddings", competition, birds, terminal)
        places.append(("embeddings", out / "embeddings"))
    if config.rounds:
        from birdclef_mind.commands.teaching import cache_soundscapes

        own = cache_soundscapes(out, config, competition, birds, ears=heard, terminal=terminal)
        places.append(("soundscapes", own))
    terminal.end(f"{report.recordings} recordings, {report.segments} segments{failed}", places)


def train(inputs: Path, out: Path, build: str) -> None:
    """Train the network and its decoders on the cached pictures, into OUT/bundle."""
    config, terminal = check_build(inputs, build), Terminal(quiet=False)
    import_tensorflow_quietly()
    from birdclef_mind.backwards.bundle_decoders import train_bundle_decoders
    from birdclef_mind.commands import listening, teaching
    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.networks.bundle import FACTS as BUNDLE_FACTS
    from birdclef_mind.networks.bundle import load
    from birdclef_mind.training.origin import Extras
    from birdclef_mind.training.train import train as train_network

    cache = open_cache(find_folder(inputs, CACHE_FACTS, "the pictures of the kernel cache-images"))
    place, ended = out / "bundle", "the best epoch before is kept"
    try:
        extras = Extras(teacher=listening.teacher(inputs) if config.listener else None)
        if config.rounds:
            bundle, ended = teaching.train_in_rounds(inputs, place, config, cache, extras=extras, terminal=terminal)
        else:
            report = train_network(cache, place, config.training, extras, say=terminal.say, track=terminal.track)
            bundle, ended = report.bundle, f"epoch {report.best_epoch} is kept"
            if report.scores:
                terminal.say("\n".join(score_lines(report.scores)))
    except DivergedError as error:
        if not (place / BUNDLE_FACTS).is_file():
            raise
        terminal.say(f"went on with the bundle that is there: {error}")
        bundle = load(place)
    try:
        train_bundle_decoders(place, bundle, cache, config.decoding, say=terminal.say, track=terminal.track)
    except BirdclefMindError as error:
        # What the kernel made is of use to nobody when it fails, and the submission needs no decoders.
        ended += f", without all its decoders: {error}"
    places: list[tuple[str, str | Path]] = [("bundle", place)]
    if config.listener:
        try:
            places.append(("head", listening.train_head(inputs, out / "head", config, terminal)))
        except BirdclefMindError as error:
            ended += f", without a head on the listener: {error}"
    terminal.end(ended, places)


def submit(inputs: Path, out: Path, build: str, started: float) -> None:
    """Write OUT/submission.csv; `started` is what `time.monotonic` said when the kernel began.

    A dataset of another build, a missing competition and a deadline that is none end the kernel. Whatever else is
    raised ends it only when no submission can be written at all: what stands is kept, and where nothing does, every row
    gets the same score.
    """
    config = check_build(inputs, build)
    root, terminal = _submission_folder(inputs), Terminal(quiet=False)
    minutes = _deadline_minutes(root)
    place = out / "submission.csv"
    before = _written_at(place)
    try:
        _infer(inputs, root, place, config, minutes=minutes, started=started, terminal=terminal)
    except Exception as error:  # A run that fails is a submission lost; the error is named wherever one looks.
        _outlive(error, root, place, stands=_written_at(place) != before, terminal=terminal)


def _infer(
    inputs: Path, root: Path, place: Path, config: Config, *, minutes: float, started: float, terminal: Terminal
) -> None:
    take_wheel(inputs, "openvino")
    import_tensorflow_quietly()
    from birdclef_mind.commands import listening
    from birdclef_mind.kaggle.write_submission import write_submission
    from birdclef_mind.networks.bundle import FACTS, load

    network = load(find_folder(inputs, FACTS, "the bundle of the kernel train"))
    answering = listening.answering(inputs, network, config, terminal) if config.listener else network
    report = write_submission(
        answering, root, place, submitting=config.submitting, deadline_minutes=minutes, started=started,
        say=terminal.say, track=terminal.track,
    )  # fmt: skip
    for line in (*(f"kept its priors: {problem}" for problem in report.problems), *report.warnings, *report.remarks):
        terminal.say(line)
    for line in report.notes:
        terminal.say(line)
    terminal.end(
        f"{report.soundscapes} soundscapes, {report.rows} rows, {report.computed} of them computed, "
        f"in {time.monotonic() - started:.1f} s since the kernel began",
        [("submission", place)],
    )


def _outlive(error: Exception, root: Path, place: Path, *, stands: bool, terminal: Terminal) -> None:
    """End well with a valid file; where none can be written, with the error."""
    if stands:
        line = f"the submission stands as it was when this came: {reason_of(error)}"
    else:
        from birdclef_mind.kaggle.constant_submission import write_constant

        try:
            rows = write_constant(root, place)
        except Exception:
            raise error from None
        line = f"NOTHING WAS COMPUTED: all {rows} rows have the same score in every column, since {reason_of(error)}"
    traceback.print_exception(error)
    terminal.end(line, [("submission", place)])
    log = place.with_suffix(".log")
    with suppress(OSError, BirdclefMindError):
        refuse_others([log], ConfigError)
        write_own(log, (log.read_bytes() if log.is_file() and stands else b"") + f"{printable(line)}\n".encode())


def _written_at(path: Path) -> int:
    """When a file was written; 0 for none."""
    return path.stat().st_mtime_ns if path.is_file() else 0


def _deadline_minutes(root: Path) -> float:
    """Minutes that the environment gives, or that the competition's form allows."""
    text = os.environ.get(DEADLINE, "")
    try:
        minutes = float(text or form_of_rows(root).deadline_minutes)
    except ValueError:
        minutes = math.nan
    if not math.isfinite(minutes):
        raise ConfigError(f"{DEADLINE}: expected a number of minutes, got {text!r}")
    # With no time left every row keeps its priors.
    return max(minutes, _NO_TIME)


def explain(inputs: Path, out: Path, build: str) -> None:
    """Write OUT/report.html, one page with all its pictures and sounds."""
    config, terminal = check_build(inputs, build), Terminal(quiet=False)
    import_tensorflow_quietly()
    import tempfile

    from birdclef_mind.data.cache import open_cache
    from birdclef_mind.explanation.explain import Explaining
    from birdclef_mind.explanation.explain import explain as explain_bundle
    from birdclef_mind.explanation.report.page import write_report
    from birdclef_mind.networks.bundle import FACTS

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
        return find_competition(inputs)
    except TableError:
        return find_folder(inputs, SAMPLE_SUBMISSION, "the competition")


def _writable(folder: Path, copy: Path) -> Path:
    copy.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy
