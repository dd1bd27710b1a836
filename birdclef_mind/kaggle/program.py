"""The `kaggle` program: asked in a process of its own, and believed by its words (see `program_words`)."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from birdclef_mind.errors import KaggleError
from birdclef_mind.kaggle.program_words import Answer, check_owner

# A question takes seconds; gigabytes that come or go may take hours.
QUESTION_S, CARRYING_S = 300.0, 6 * 3600.0
_INSTALL = "`pip install --force-reinstall 'kaggle>=2.2'`"
# With these it prints every request, keys included.
_TELLTALES = ("VERBOSE", "VERBOSE_OUTPUT")


class Unanswered(KaggleError):
    """A question to Kaggle that was lost on the way; asked again it may well be answered."""


@dataclass(frozen=True)
class Dataset:
    """How a dataset stands: its newest version, and "ready", "failed", or what Kaggle is doing with it."""

    version: int
    status: str


@dataclass(frozen=True)
class KernelRun:
    """How a kernel's newest run stands, in small letters without spaces, and Kaggle's words when it failed."""

    status: str
    failure: str = ""


class Kaggle:
    """The user's `kaggle` program; credentials are its own affair and never read here.

    Attributes
    ----------
    environment : of its processes. owner : the user's name on Kaggle.
    """

    def __init__(self, owner: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self.environment = {name: value for name, value in given.items() if name not in _TELLTALES}
        self._program = _find_program()
        self.owner = self._find_owner(owner)

    def call(self, *words: str, expects: str = "", next_step: str, unsure: str = "") -> str:
        """Run a command that carries something, and return what it printed, once it is `judged`."""
        answer = self.run(*words, most_s=CARRYING_S)
        self.judged(words, answer, expects=expects, next_step=next_step, unsure=unsure)
        return answer.said

    def judged(self, words: tuple[str, ...], answer: Answer, *, expects: str, next_step: str, unsure: str = "") -> None:
        """Raise KaggleError for an answer that refuses, Unanswered for one that is no verdict.

        Parameters
        ----------
        expects : what it says when all went well. next_step : what a refusal means, and what to do. unsure : the same
            where it gave no verdict.
        """
        if answer.refusal or answer.is_missing:
            raise KaggleError(self._fault(words, expects or "success", answer, next_step))
        if answer.status or expects not in answer.said:
            raise Unanswered(self._fault(words, expects or "success", answer, unsure or next_step))

    def run(self, *words: str, most_s: float | None = None) -> Answer:
        """Run a command; KaggleError where it cannot be started, Unanswered where it does not end in `most_s`."""
        command, most_s = " ".join(("kaggle", *words[:2])), QUESTION_S if most_s is None else most_s
        try:
            done = subprocess.run(
                [self._program, *words],
                env={**self.environment, "PYTHONIOENCODING": "utf-8"},
                stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=most_s,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Unanswered(f"{command}: expected an end within {most_s:g} s, and it hung; try again") from error
        except OSError as error:
            raise KaggleError(
                f"{command}: expected a program that can be started, got {error.strerror} ({self._program}); {_INSTALL}"
            ) from error
        return Answer(done.returncode, *(stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr)))

    def dataset(self, dataset: str) -> Dataset | None:
        """How a dataset stands; None when there is none that the user may see, KaggleError when nobody says."""
        words = ("datasets", "status", dataset, "--format", "json")
        answer = self.run(*words)
        for line in answer.lines if not answer.status else []:
            facts = _json(line)
            version, status = facts.get("current_version_number"), facts.get("status")
            if isinstance(version, int) and isinstance(status, str):
                return Dataset(version, status.lower())
        if answer.is_missing and not answer.is_logged_out:
            return None
        raise self._lost(words, f"the status of {dataset}", answer)

    def kernel(self, kernel: str) -> KernelRun | None:
        """How a kernel's newest run stands; None when there is none that the user may see, KaggleError as `dataset`."""
        words = ("kernels", "status", kernel)
        answer = self.run(*words)
        found = re.search(rf'^{re.escape(kernel)} has status "(?:\w+\.)?(\w+)"', answer.said, re.MULTILINE)
        if found:
            failure = re.search(r'^Failure message: "(.*)"', answer.said, re.MULTILINE | re.DOTALL)
            words_of_failure = " ".join(failure.group(1).split()) if failure else ""
            return KernelRun(found.group(1).replace("_", "").lower(), words_of_failure)
        if answer.is_missing and not answer.is_logged_out:
            return None
        raise self._lost(words, f"the status of {kernel}", answer)

    def fetch(self, kernel: str, out: Path) -> None:
        """Fetch a kernel's output and log into a folder; KaggleError, mostly Unanswered, when they do not come."""
        words = ("kernels", "output", kernel, "-p", str(out), "--force", "--page-size", "200")
        answer = self.run(*words, most_s=CARRYING_S)
        if answer.status:
            raise self._lost(words, f"the output of {kernel}", answer)

    def _lost(self, words: tuple[str, ...], expected: str, answer: Answer) -> KaggleError:
        if answer.is_logged_out:
            return KaggleError(self._fault(words, expected, answer, "nothing was changed"))
        return Unanswered(self._fault(words, expected, answer, "see that you are online, and try again"))

    def _fault(self, words: tuple[str, ...], expected: str, answer: Answer, next_step: str) -> str:
        steps = [next_step, self._remedy()] if answer.is_logged_out else [next_step]
        return f"kaggle {' '.join(words[:2])}: expected {expected!r}, got {answer.reason!r}; {'; '.join(steps)}"

    def _remedy(self) -> str:
        token = "the token in KAGGLE_API_TOKEN may have expired or be mistyped; "
        given = token if self.environment.get("KAGGLE_API_TOKEN") else ""
        return f"{given}log in with `kaggle auth login`, or see https://www.kaggle.com/settings/api for a new token"

    def _find_owner(self, given: str | None) -> str:
        if given is not None:
            return check_owner(given, "owner")
        if self.environment.get("KAGGLE_USERNAME"):
            return check_owner(self.environment["KAGGLE_USERNAME"], "KAGGLE_USERNAME")
        answer = self.run("config", "view")
        found = re.search(r"^- username: (.*)$", answer.said, re.MULTILINE)
        name = found.group(1).strip() if found else "None"
        if name != "None":
            return check_owner(name, "`kaggle config view`, username")
        # What else it says, such as of a connection, has nothing to do with keys.
        step = self._remedy() if answer.is_logged_out or not answer.status else "see that you are online"
        raise KaggleError(
            f"owner: expected your name on Kaggle, and `kaggle config view` said {answer.reason!r}; {step}, "
            "then set KAGGLE_USERNAME or give --owner NAME"
        )


def _json(line: str) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _find_program() -> str:
    beside = Path(sys.executable).with_name("kaggle")
    program = str(beside) if beside.is_file() else shutil.which("kaggle")
    if program is None:
        raise KaggleError("expected the program `kaggle`, found none; install it with `pip install 'kaggle>=2.2'`")
    return program
