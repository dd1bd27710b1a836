"""What the `kaggle` program printed, and which of it is its verdict.

Its exit status is 0 for many failures, and most of what it prints names files, sizes, speeds and addresses, in which
any word may stand. So only lines that begin as its own errors do count, as kaggle 2.2 writes them.
"""

import re
import signal
from dataclasses import dataclass

from birdclef_mind.errors import KaggleError

# An error of Kaggle's server (5xx) is none: whether it did what was asked before it failed is not known.
_REFUSALS = re.compile(
    r"(?:Kernel push|Dataset creation|Dataset version creation) error:"
    r"|The following are not valid \w+ sources"
    r"|Upload unsuccessful:|Skipping(?: folder)?:"
    r"|4\d\d Client Error|(?:kaggle[\w ]*: )?error:",
    re.IGNORECASE,
)
_LOGGED_OUT = re.compile(
    r"Authentication required|Invalid credentials|Unauthorized(?!/)|401 Client Error", re.IGNORECASE
)  # fmt: skip
# Kaggle's own words may be any; the last two are what the program adds to them.
_MISSING = re.compile(r"40[34] |Cannot access kernel|The resource was not found|You don't have access to this resource")
_NOISE = re.compile(
    r"\s*\d+%\||\d\S*B \[|\s*$|Warning:|Starting upload for |Upload successful:|Already uploaded "
    r"|Request failed: .* Will retry|If this is unexpected,|traceback\. If you think|Configuration values from "
)
_TRACEBACK = "Traceback (most recent call last)"
_NO_JSON = re.compile(r"Expecting value: line 1 column 1")
_LONGEST = 300
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]+")


@dataclass(frozen=True)
class Answer:
    """How the program ended and what it printed.

    Attributes
    ----------
    status : its exit status; below 0 the signal that stopped it. said, complained : its two streams.
    """

    status: int
    said: str
    complained: str = ""

    @property
    def lines(self) -> list[str]:
        """Its lines without progress bars, warnings and what it says of files that it sends."""
        return [*_own(self.said), *_own(self.complained)]

    @property
    def refusal(self) -> str:
        """The first line that begins as one of its errors, "" when there is none."""
        return next((line for line in self.lines if _REFUSALS.match(line) or _LOGGED_OUT.match(line)), "")

    @property
    def is_logged_out(self) -> bool:
        """Whether it has no name and no key, or none that Kaggle takes."""
        return any(_LOGGED_OUT.match(line) for line in self.lines)

    @property
    def is_missing(self) -> bool:
        """Whether Kaggle knows nothing of that name, or shows it to somebody else."""
        return bool(self.status) and any(_MISSING.match(line) for line in self.lines)

    @property
    def reason(self) -> str:
        """Why it ended as it did, in one line."""
        complained = _own(self.complained)
        if self.status < 0:
            return f"nothing: it was stopped by {_signal(-self.status)}"
        if self.refusal:
            return self.refusal
        if any(line.startswith(_TRACEBACK) for line in complained):
            return complained[-1].strip()[:_LONGEST]
        last = [complained[0]] if self.status and complained else self.lines[-1:]
        line = "".join(last).strip()[:_LONGEST] or "nothing"
        return f"a page that is not Kaggle's, as a proxy sends it ({line})" if _NO_JSON.match(line) else line


def check_owner(name: str, where: str) -> str:
    """A name on Kaggle; KaggleError for what cannot be one, such as a full name or the address of a page."""
    if not _NAME.fullmatch(name):
        raise KaggleError(
            f"{where}: expected your name on Kaggle, which is the last part of your page's address (janedoe of "
            f"https://www.kaggle.com/janedoe), got {name!r}"
        )
    return name


def _own(text: str) -> list[str]:
    # Bars move by carriage returns, which part lines here.
    return [line.rstrip() for line in text.splitlines() if not _NOISE.match(line)]


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
