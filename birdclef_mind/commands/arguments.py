"""Words at a terminal to checked values: what cannot be is refused by name, before anything is touched."""

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.storage.folder_kinds import BUNDLE

MOST_SEED = 2**31 - 2
# Other digits and underscores, which Python reads, nobody means.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class WordsError(ConfigError):
    """Words that a command does not take; `name` is the command's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Parser(argparse.ArgumentParser):
    """A parser that raises what it does not take as one sentence, where others print a page and leave.

    An option that takes one value is taken once: whoever gives it twice means two things, of which one would be lost.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.given: set[str] = set()
        for action in (None, "store"):
            self.register("action", action, _Once)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is left over here, where the command is known whose `--help` explains."""
        self.given = set()
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Raise WordsError, which says what was expected and what came."""
        words = re.sub(r"^argument (--?)?(\S+): ", r"\2: ", " ".join(message.split()))
        raise WordsError(self.prog, f"{words}; `{self.prog} --help` explains")


class _Once(argparse.Action):
    """A value that is kept, and no second one for the same option."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        """Keep a value; argparse's ArgumentError for a second."""
        if option_string is not None and self.dest in parser.given:
            raise argparse.ArgumentError(self, "expected it once, got it again")
        parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


def _refused(expected: str, text: str) -> argparse.ArgumentTypeError:
    got = text if re.fullmatch(r"[\w.+-]+", text) else repr(text)
    return argparse.ArgumentTypeError(f"expected {expected}, got {got}")


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from `lowest` to `highest`."""
    wanted = f"a whole number from {lowest}" + ("" if highest is None else f" to {highest}")

    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) else None
        if number is None or number < lowest or (highest is not None and number > highest):
            raise _refused(wanted, text)
        return number

    return parse


def number(above: float, at_most: float | None = None, *, or_equal: bool = False) -> Callable[[str], float]:
    """A reader of finite numbers above a border, or equal to it, and perhaps up to another."""
    wanted = f"a number {'from' if or_equal else 'above'} {above:g}"
    wanted += "" if at_most is None else f" {'to' if or_equal else 'and at most'} {at_most:g}"

    def parse(text: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        holds = math.isfinite(value) and (value > above or (or_equal and value == above))
        if not holds or (at_most is not None and value > at_most):
            raise _refused(wanted, text)
        return value

    return parse


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them; argparse's ArgumentTypeError for others."""
    parts = text.split(",")
    if not all(map(_NUMBER.fullmatch, parts)):
        raise _refused("numbers with commas between them, such as 0.1,0.8,0.1", text)
    return tuple(map(float, parts))


def one_of(*names: str) -> Callable[[str], str]:
    """A reader of some words."""

    def parse(text: str) -> str:
        if text not in names:
            raise _refused(f"one of {', '.join(names)}", text)
        return text

    return parse


def given_file(text: str) -> Path:
    """A file that is there; argparse's ArgumentTypeError where none is."""
    if not text or not Path(text).is_file():
        found = "a folder" if text and Path(text).is_dir() else "nothing"
        raise argparse.ArgumentTypeError(f"expected a file, found {found} at {text!r}")
    return Path(text)


def expect_bundle(folder: Path) -> None:
    """Refuse what is no bundle at once: whatever loads one imports TensorFlow, which takes seconds.

    BundleError for others, StoreError for one that another process keeps moving.
    """
    # NumPy stands behind them, which the list of commands does without.
    from birdclef_mind.storage import files, folders

    folders.settled(folder)
    files.expect_in(folder, BUNDLE, "a bundle", BundleError)


def place(text: str) -> Path:
    """A path that can be one; argparse's ArgumentTypeError for no text, and for what no system takes."""
    if not text or "\0" in text:
        raise _refused("a path", text)
    return Path(text)
