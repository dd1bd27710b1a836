"""Pushing to Kaggle, and waiting until Kaggle has done what it said: the dataset first, then kernels in order."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind import trees
from birdclef_mind.errors import KaggleError
from birdclef_mind.kaggle_program import Kaggle
from birdclef_mind.ledger import Ledger
from birdclef_mind.staging import DATASET, DATASET_FOLDER, KERNELS, build_id, claimed, stage_dataset, stage_kernel

Say = Callable[[str], None]

_UNDER_WAY = ("running", "queued", "new_script")


@dataclass(frozen=True, kw_only=True)
class Pushing:
    """How to push.

    Attributes
    ----------
    project : the checkout. work : folder for what is staged and fetched. config : settings for the dataset, or None.
    every_s, most_s : how often to ask, and how long to wait at most. dry : print and stage, and ask Kaggle nothing.
    """

    project: Path
    work: Path
    config: Path | None = None
    every_s: float = 20.0
    most_s: float = 12 * 3600.0
    dry: bool = False


def push_dataset(kaggle: Kaggle, pushing: Pushing, say: Say) -> str:
    """Create the dataset or give it a new version, and wait until Kaggle serves that; the build's id."""
    with claimed(pushing.work) as work:
        return _push_dataset(kaggle, pushing, work, say)


def _push_dataset(kaggle: Kaggle, pushing: Pushing, work: Ledger, say: Say) -> str:
    folder, dataset = pushing.work / DATASET_FOLDER, f"{kaggle.owner}/{DATASET}"
    build = stage_dataset(pushing.project, work, kaggle.owner, pushing.config)
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    say(f"staged build {build} in {folder}: {names}")
    if pushing.dry:
        say(f"would run: kaggle datasets version -p {folder} -m {build}   (`create` the first time)")
        return build
    before = kaggle.dataset_version(dataset)
    retry = "nothing was changed; run the same command again"
    verb = ("create",) if before is None else ("version", "-m", build)
    words = ("datasets", *verb, "-p", str(folder))
    kaggle.call(*words, expects="is being created", next_step=retry)
    say(f"uploaded; waiting until Kaggle serves it (version {before or 0} until now)")
    _wait(
        lambda: (kaggle.dataset_version(dataset) or 0) > (before or 0),
        pushing,
        f"{dataset}: expected a version after {before or 0}, and none came; look at the dataset's page for a failed "
        "upload, then run the same command again",
    )
    say(f"{dataset} is ready")
    return build


def push_kernels(kaggle: Kaggle, pushing: Pushing, names: Sequence[str], say: Say, *, build: str | None = None) -> None:
    """Push kernels, each when the one before has ended, and fetch their outputs and logs.

    `build` is the dataset's they are meant for; None for what the checkout would give now.
    """
    build = build or build_id(pushing.project, pushing.config)
    wanted = KERNELS if list(names) == ["all"] else tuple(names)
    with claimed(pushing.work) as work:
        for name in wanted:
            trees.refuse_others(work, _output(name), KaggleError)
        staged = [(name, stage_kernel(pushing.project, name, work, kaggle.owner, build)) for name in wanted]
        for name, kernel in staged:
            folder = pushing.work / name
            if pushing.dry:
                say(f"staged {kernel} in {folder}; would run: kaggle kernels push -p {folder}")
                continue
            _push_kernel(kaggle, pushing, work, name, kernel, say)


def _push_kernel(kaggle: Kaggle, pushing: Pushing, work: Ledger, name: str, kernel: str, say: Say) -> None:
    folder = pushing.work / name
    status = kaggle.kernel_status(kernel)
    if status in _UNDER_WAY:
        raise KaggleError(f"{kernel}: is {status}; wait until it has ended, or cancel it on its page, then push again")
    kaggle.call(
        "kernels", "push", "-p", str(folder),
        expects="successfully pushed",
        next_step="nothing runs; see that the dataset, the competition's rules and the kernels before it are there",
    )  # fmt: skip
    say(f"pushed {kernel}; waiting for its end")
    _wait(
        lambda: kaggle.kernel_status(kernel) not in (*_UNDER_WAY, None),
        pushing,
        f"{kernel}: expected it to end; look at its page",
    )
    out = pushing.work / _output(name)
    status = kaggle.kernel_status(kernel)
    with trees.replaced(work, _output(name), KaggleError) as part:
        _fetch(kaggle, kernel, part)
    if status != "complete":
        last = _last_words(out)
        raise KaggleError(f"{kernel}: ended with {status}: {last}; the whole log is in {out}; mend it and push again")
    say(f"{kernel} is complete; its output and log are in {out}")


def _output(name: str) -> str:
    return f"{name}-output"


def _fetch(kaggle: Kaggle, kernel: str, out: Path) -> None:
    kaggle.run("kernels", "output", kernel, "-p", str(out), "--force", "--page-size", "200")


def _last_words(out: Path) -> str:
    logs = sorted(out.glob("*.log"))
    lines = logs[0].read_text(encoding="utf-8").strip().splitlines() if logs else []
    return lines[-1] if lines else "it left no log"


def _wait(done: Callable[[], bool], pushing: Pushing, otherwise: str) -> None:
    until = time.monotonic() + pushing.most_s
    while not done():
        if time.monotonic() >= until:
            raise KaggleError(otherwise)
        time.sleep(pushing.every_s)
