"""Pushing to Kaggle, and waiting until Kaggle has done what it said: the dataset first, then kernels in order.

The same command is always right: a kernel that was pushed from the same work folder as it would be now, and runs or is
complete on Kaggle, is not pushed again; it is waited for, and its output is fetched.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.errors import KaggleError
from birdclef_mind.kaggle import pushed
from birdclef_mind.kaggle.kernel_logs import last_words
from birdclef_mind.kaggle.patience import Patience
from birdclef_mind.kaggle.program import CARRYING_S, Dataset, Kaggle, KernelRun, Unanswered
from birdclef_mind.kaggle.program_words import Answer
from birdclef_mind.kaggle.staging import (
    DATASET,
    DATASET_FOLDER,
    KERNELS,
    Sources,
    build_id,
    claimed,
    stage_dataset,
    stage_kernel,
)
from birdclef_mind.storage import trees
from birdclef_mind.storage.ledger import Ledger
from birdclef_mind.storage.progress import Say

_COMPLETE = "complete"
_UNDER_WAY = ("running", "queued", "newscript", "cancelrequested")
_CANCELLED = "a cancellation on its page"
_NOTHING_RUNS = "nothing runs; see that the dataset, the competition's rules and the kernels before it are there"


@dataclass(frozen=True, kw_only=True)
class Pushing:
    """How to push.

    Attributes
    ----------
    project : the checkout. work : folder for what is staged and fetched.
    config : settings for the dataset, checked before; None for all labels.
    every_s, most_s : how often to ask, and how long to wait at most. bears : answers lost in a row.
    dry : print and stage, and ask Kaggle nothing. again : push kernels anew that are complete there already.
    competition : its name in addresses on Kaggle, for the kernels; "" for the one that their files name.
    model : there, for the kernels to listen with; "" for none. wheels : of libraries that travel in the dataset.
    """

    project: Path
    work: Path
    config: Path | None = None
    every_s: float = 20.0
    most_s: float = 12 * 3600.0
    bears: int = 10
    dry: bool = False
    again: bool = False
    competition: str = ""
    model: str = ""
    wheels: tuple[Path, ...] = ()

    @property
    def patience(self) -> Patience:
        """How it waits."""
        return Patience(every_s=self.every_s, most_s=self.most_s, bears=self.bears)


def push_dataset(kaggle: Kaggle, pushing: Pushing, say: Say) -> str:
    """Create the dataset or give it a new version, and wait until Kaggle serves that; the build's id.

    KaggleError where Kaggle refuses it, does not answer, or does not serve it in time.
    """
    with claimed(pushing.work) as work:
        return _push_dataset(kaggle, pushing, work, say)


def _push_dataset(kaggle: Kaggle, pushing: Pushing, work: Ledger, say: Say) -> str:
    folder, dataset = pushing.work / DATASET_FOLDER, f"{kaggle.owner}/{DATASET}"
    build = stage_dataset(pushing.project, work, kaggle.owner, pushing.config, wheels=pushing.wheels)
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    say(f"staged build {build} in {folder}: {names}")
    if pushing.dry:
        say(f"would run: kaggle datasets version -p {folder} -m {build}   (`create` the first time)")
        return build
    found = pushing.patience.ask(lambda: kaggle.dataset(dataset), say, Unanswered)
    before = found.version if found else 0
    verb = ("create",) if found is None else ("version", "-m", build)
    with _meanwhile("", "an upload was under way; the same command begins it anew"):
        kaggle.call(
            "datasets", *verb, "-p", str(folder),
            expects="is being created",
            next_step=f"nothing was changed; see that you are {kaggle.owner} there, and run the same command again",
            unsure="whether it arrived is not known; run the same command again, it makes one version more at most",
        )  # fmt: skip
    say(f"uploaded; waiting until Kaggle serves it (version {before} until now)")
    _wait_for_version(kaggle, dataset, before, pushing.patience, say)
    say(f"{dataset} is ready")
    return build


def _wait_for_version(kaggle: Kaggle, dataset: str, before: int, patience: Patience, say: Say) -> None:
    def served() -> Dataset | None:
        found = kaggle.dataset(dataset)
        return found if found and found.version > before and found.status in ("ready", "failed") else None

    after = f"{dataset}: expected a version after {before}, and"
    page = "look at the dataset's page for a failed upload, then run the same command again"
    with _meanwhile("what was uploaded may still be served", "what was uploaded may still be served; see its page"):
        found = patience.wait(served, say, lambda: f"{after} none came; {page}")
    if found.status == "failed":
        raise KaggleError(f"{after} Kaggle could not read version {found.version}; {page}")


def push_kernels(kaggle: Kaggle, pushing: Pushing, names: Sequence[str], say: Say, *, build: str | None = None) -> None:
    """Push kernels, each when the one before has ended, and fetch their outputs and logs.

    `build` is the dataset's they are meant for; None for what the checkout would give now. KaggleError for a kernel
    that is refused, fails, or does not end in time.
    """
    wanted = _wanted(names)
    build = build or build_id(pushing.project, pushing.config)
    with claimed(pushing.work) as work:
        pushed.refuse_other(pushing.work)
        for name in wanted:
            trees.refuse_others(work, _output(name), KaggleError)
        sources = Sources(pushing.competition, pushing.model)
        staged = [
            (name, stage_kernel(pushing.project, name, work, kaggle.owner, build, sources=sources)) for name in wanted
        ]
        for name, kernel in staged:
            folder = pushing.work / name
            if pushing.dry:
                say(f"staged {kernel} in {folder}; would run: kaggle kernels push -p {folder}")
                continue
            _push_kernel(_Errand(kaggle, pushing, work, say), _Staged(name, kernel, build))


def _wanted(names: Sequence[str]) -> tuple[str, ...]:
    """Names of kernels, each once; "all" stands for all."""
    for name in names:
        if name not in (*KERNELS, "all"):
            raise KaggleError(f"kernel: expected one of {', '.join(KERNELS)}, got {name!r}")
    return KERNELS if "all" in names else tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class _Errand:
    """Who is asked, what was asked for, the claimed folder, and who is told."""

    kaggle: Kaggle
    pushing: Pushing
    work: Ledger
    say: Say


@dataclass(frozen=True)
class _Staged:
    """A kernel as it is pushed: its name here, "owner/slug", and the dataset's build it is meant for."""

    name: str
    kernel: str
    build: str


def _push_kernel(errand: _Errand, staged: _Staged) -> None:
    kaggle, pushing, say, kernel = errand.kaggle, errand.pushing, errand.say, staged.kernel
    before = pushing.patience.ask(lambda: kaggle.kernel(kernel), say, Unanswered)
    if not _is_there(errand, staged, before):
        if before and before.status in _UNDER_WAY:
            raise KaggleError(
                f"{kernel}: is {before.status} there, of this build or of another; wait until it has ended, or cancel "
                "it on its page, then push again"
            )
        _send(errand, staged)
    _fetch(errand, staged, _wait(kaggle, kernel, pushing.patience, say))


def _is_there(errand: _Errand, staged: _Staged, run: KernelRun | None) -> bool:
    """Whether what would be pushed runs or is complete on Kaggle; said in a line."""
    pushing, say, kernel = errand.pushing, errand.say, staged.kernel
    known = pushed.last_push(pushing.work, kernel)
    if pushing.again or run is None or known is None or known.content != pushed.content_of(pushing.work / staged.name):
        return False
    if run.status in _UNDER_WAY:
        say(f"{kernel}: build {known.build} is {run.status} there already; waiting for its end")
        return True
    # Without a version it may be that nothing arrived, and what has ended is older. A run that failed is pushed anew
    # once its log is here.
    if known.version is not None and (run.status == _COMPLETE or not known.fetched):
        ended = "is complete" if run.status == _COMPLETE else "has ended"
        say(f"{kernel}: build {known.build} {ended} there already; fetching its output (--again pushes it anew)")
        return True
    return False


def _send(errand: _Errand, staged: _Staged) -> None:
    kaggle, work, kernel = errand.kaggle, errand.pushing.work, staged.kernel
    words = ("kernels", "push", "-p", str(work / staged.name))
    content = pushed.content_of(work / staged.name)
    pushed.note(work, kernel, staged.build, content, None)
    unsure = f"whether {kernel} runs is not known; the same command finds out and goes on"
    try:
        with _meanwhile("", unsure):
            answer = kaggle.run(*words, most_s=CARRYING_S)
            version = _version(answer)
            if answer.refusal and version is not None:
                _refuse_half(kernel, version, answer)
            kaggle.judged(words, answer, expects="successfully pushed", next_step=_NOTHING_RUNS, unsure=unsure)
    except Unanswered:
        raise
    except KaggleError:
        pushed.forget(work, kernel)
        raise
    pushed.note(work, kernel, staged.build, content, version or 0)
    errand.say(f"pushed {kernel}; waiting for its end")


def _version(answer: Answer) -> int | None:
    found = re.search(r"^Kernel version (\d+) successfully pushed", answer.said, re.MULTILINE)
    return int(found.group(1)) if found else None


def _refuse_half(kernel: str, version: int, answer: Answer) -> None:
    """A kernel that was pushed and runs, but without all that it needs."""
    lines = [line for line in answer.lines if line.startswith("The following are not valid")]
    without = ", ".join(re.findall(r"'([^']+)'", " ".join(lines))) or answer.refusal
    raise KaggleError(
        f"{kernel}: Version {version} runs without {without}: cancel it on its page, see that what it lacks is there "
        "and that you may read it, then push again"
    )


def _wait(kaggle: Kaggle, kernel: str, patience: Patience, say: Say) -> KernelRun:
    last = ["running"]

    def ended() -> KernelRun | None:
        run = kaggle.kernel(kernel)
        if run is None:
            raise Unanswered(f"kaggle kernels status: expected the status of {kernel}, got 'no such kernel'; try again")
        last[0] = run.status
        return None if run.status in _UNDER_WAY else run

    def otherwise() -> str:
        stands = f"it is {last[0]}; wait until it has ended, or cancel it there"
        return f"{kernel}: expected it to end; look at its page: {stands}"

    there = f"{kernel} goes on there; the same command waits for it and fetches its output"
    with _meanwhile(there, there):
        return patience.wait(ended, say, otherwise)


def _fetch(errand: _Errand, staged: _Staged, run: KernelRun) -> None:
    pushing, kernel, output = errand.pushing, staged.kernel, _output(staged.name)
    out = pushing.work / output
    fetched = f"{kernel} has ended there; the same command fetches its output"
    with _meanwhile(fetched, fetched), trees.replaced(errand.work, output, KaggleError) as part:
        pushing.patience.ask(lambda: errand.kaggle.fetch(kernel, part), errand.say, Unanswered)
    pushed.note_fetched(pushing.work, kernel)
    if run.status != _COMPLETE:
        why = run.failure or last_words(out)
        end = _CANCELLED if run.status.startswith("cancel") else run.status
        raise KaggleError(f"{kernel}: ended with {end}: {why}; the whole log is in {out}; mend it and push again")
    errand.say(f"{kernel} is complete; its output and log are in {out}")


def _output(name: str) -> str:
    return f"{name}-output"


@contextmanager
def _meanwhile(then: str, interrupted: str) -> Iterator[None]:
    """Say what is true on Kaggle: `then` after an error's words, `interrupted` as a note for who stops the program."""
    try:
        yield
    except KaggleError as error:
        if not then:
            raise
        raise type(error)(f"{error}; {then}") from error
    except KeyboardInterrupt as error:
        error.add_note(interrupted)
        raise
