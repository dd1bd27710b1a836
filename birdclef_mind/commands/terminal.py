"""What a command shows while it works and when it ends."""

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from birdclef_mind.commands.arguments import WordsError
from birdclef_mind.commands.surroundings import lost_output
from birdclef_mind.errors import BirdclefMindError, reason_of
from birdclef_mind.storage.places import faults

# What was done before is used again; other commands leave nothing half done.
_RESUMED = ("cache", "embed", "train", "train-decoders", "dry-run")
# They make their folder anew, beside what stands there, out of what took long and is kept.
_MADE_ANEW = ("explain", "audit")


def ended_early(error: BaseException, name: str, *, foreseen: bool = True) -> int:
    """Say in one sentence why the command `name` ended, and give its exit status."""
    if isinstance(error, KeyboardInterrupt):
        print(f"\n{name}: interrupted; the same command {_after_a_stop(name.rpartition(' ')[2])}", file=sys.stderr)
        return 130
    words = " ".join(str(error).split()) or reason_of(error)
    if isinstance(error, OSError):
        where = _named(error.filename) if error.filename else _lost_folder()
        # HDF5 tells it in the midst of a paragraph.
        number = re.search(r"\berrno = (\d+)", words)
        words = error.strerror or (os.strerror(int(number[1])) if number else words)
        words += f" ({where})" if where else ""
    elif not foreseen:
        words = f"a fault of this program, {type(error).__name__}: {words}; BIRDCLEF_MIND_TRACEBACK=1 shows where"
    print(f"{name}: {words}", file=sys.stderr)
    return 2


def _after_a_stop(command: str) -> str:
    """What a command does that is given again after it was stopped, perhaps before there was anything to keep."""
    if command in _RESUMED:
        return "goes on with what is kept"
    kept = " with what is kept" if command in _MADE_ANEW else ""
    return f"begins again{kept}, and what stood there stands"


def _named(path: Any) -> str:
    """A path that something failed at, and what is wrong with it where one does not see it."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return str(path)
    place = Path(os.fsdecode(path))
    try:
        leads_nowhere = place.is_symlink() and not place.exists()
        in_the_way = next((above for above in place.parents if above.is_file()), None)
    except OSError:
        # What cannot be looked at is no link that anybody knows of.
        return str(place)
    if in_the_way:
        return f"{place}, where {in_the_way} is a file"
    return f"{place}, a link that leads nowhere" if leads_nowhere else str(place)


def _lost_folder() -> str:
    """Words for the folder a command was started in, where that is gone: what fails for it names no path."""
    try:
        Path.cwd()
    except OSError:
        return f"the folder that this was started in, {os.environ.get('PWD', 'whose name is lost')}, is gone"
    return ""


def ended_by(error: Exception, name: str) -> int:
    """Say what ended a command, whatever it is, and give its exit status; BIRDCLEF_MIND_TRACEBACK raises a fault."""
    # A library that cannot be loaded names what is missing, or that there is too little memory.
    foreseen = isinstance(error, (BirdclefMindError, MemoryError, ImportError, *faults()))
    if not foreseen and os.environ.get("BIRDCLEF_MIND_TRACEBACK"):
        raise error
    return ended_early(error, error.name if isinstance(error, WordsError) else name, foreseen=foreseen)


def told(status: int, name: str) -> int:
    """The status, or 1 where what was printed did not reach its place."""
    sys.stdout.flush()
    if lost_output():
        print(f"{name}: what was printed could not be written ({lost_output()})", file=sys.stderr)
        return status or 1
    return status


class Terminal:
    """Lines on standard output, progress on standard error; nothing of either when quiet."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, line: str) -> None:
        """Print a line."""
        if not self.quiet:
            print(line, flush=True)

    def track(self, items: Iterable[Any], total: int, what: str) -> Iterable[Any]:
        """Show a bar with rate and time left; in a log, where bars cannot move, a line every half minute."""
        from tqdm import tqdm

        every_s = 0.1 if sys.stderr.isatty() else 30.0
        delay_s = 0.0 if sys.stderr.isatty() else every_s
        return tqdm(
            items,
            desc=what,
            total=total,
            unit="",
            leave=False,
            disable=self.quiet,
            mininterval=every_s,
            delay=delay_s,
        )

    def failures(self, failed: Mapping[str, str]) -> int:
        """Name recordings that could not be used, and why; the status that this means."""
        for recording, reason in failed.items():
            self.say(f"failed: {recording}: {reason}")
        return 1 if failed else 0

    def end(self, summary: str, places: Sequence[tuple[str, str | Path]]) -> None:
        """Print what was done and where things are."""
        width = max((len(name) for name, _ in places), default=0)
        self.say(summary)
        for name, place in places:
            self.say(f"  {name:<{width}}  {place}")


def command(*words: str | Path) -> str:
    """A command of this program as the user would type it.

    >>> command("train", "my cache", "bundle")
    "birdclef-mind train 'my cache' bundle"
    >>> command("cache", Path("-p"), "c")
    'birdclef-mind cache ./-p c'
    """
    # A path that begins like an option would be taken for one.
    named = (f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word) for word in words)
    return shlex.join(["birdclef-mind", *named])
