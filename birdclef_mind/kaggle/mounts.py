"""Where Kaggle puts a kernel's inputs: two layouts are in use, so a folder is known by what it holds.

Until 2025 a source stood at `input/<slug>`; since 2026 it stands at `input/datasets/<owner>/<slug>`,
`input/notebooks/<owner>/<slug>` or `input/competitions/<slug>`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from birdclef_mind.data.form import LARGE_FOLDERS, is_competition
from birdclef_mind.errors import TableError

_DEEPEST = 4


def find_folder(inputs: Path, marker: str, what: str) -> Path:
    """The folder with a file `marker`, at most four levels below `inputs`; TableError lists what is there instead."""
    return _find(inputs, lambda folder: _holds(folder, marker), f"{what} with {marker} in it")


def find_competition(inputs: Path) -> Path:
    """The competition's folder, of any year; TableError lists what is there instead."""
    return _find(inputs, is_competition, "the competition")


def _find(inputs: Path, is_it: Callable[[Path], bool], what: str) -> Path:
    for folder in _folders(inputs):
        if is_it(folder):
            return folder
    raise TableError(f"{inputs}: expected {what}, found {listing(inputs)}")


def listing(inputs: Path) -> str:
    """What is mounted, two levels deep, for messages."""
    if not inputs.is_dir():
        return "nothing"
    found = [str(path.relative_to(inputs)) for pattern in ("*", "*/*") for path in sorted(inputs.glob(pattern))]
    return ", ".join(found[:30]) + (", …" if len(found) > 30 else "") if found else "an empty folder"


def _holds(folder: Path, marker: str) -> bool:
    try:
        return (folder / marker).is_file()
    except OSError:  # What may not be looked into is not what is looked for.
        return False


def _folders(inputs: Path) -> Iterator[Path]:
    """Folders level by level, the nearest first."""
    level = [inputs]
    for _ in range(_DEEPEST + 1):
        yield from level
        level = [below for folder in level for below in _below(folder)]


def _below(folder: Path) -> list[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    return [Path(entry.path) for entry in entries if entry.is_dir() and entry.name not in LARGE_FOLDERS]
