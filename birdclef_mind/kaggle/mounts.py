"""Where Kaggle puts a kernel's inputs: two layouts are in use, so a folder is known by what it holds.

Until 2025 a source stood at `input/<slug>`; since 2026 it stands at `input/datasets/<owner>/<slug>`,
`input/notebooks/<owner>/<slug>` or `input/competitions/<slug>`.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from birdclef_mind.data.form import LARGE_FOLDERS, is_competition
from birdclef_mind.errors import TableError
from birdclef_mind.storage.levels import folders_by_level, holds, listing

_DEEPEST = 4


def find_folder(inputs: Path, marker: str, what: str) -> Path:
    """The folder with a file `marker`, at most four levels below `inputs`; TableError lists what is there instead."""
    return _find(inputs, lambda folder: holds(folder, marker), f"{what} with {marker} in it")


def find_competition(inputs: Path) -> Path:
    """The competition's folder, of any year; TableError lists what is there instead."""
    return _find(inputs, is_competition, "the competition")


def take_wheel(inputs: Path, library: str) -> None:
    """Take a library whose wheel travels in the dataset, or its unpacked folder; without it all goes on."""
    if importlib.util.find_spec(library):
        return
    for folder in folders_by_level(inputs, _DEEPEST, LARGE_FOLDERS):
        wheels = sorted(folder.glob(f"{library}-*.whl"))
        if holds(folder, f"{library}/__init__.py"):
            sys.path.append(str(folder))
            return
        if wheels and wheels[0].is_file():
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheels[0])]
            subprocess.run(install, check=False)
            importlib.invalidate_caches()
            return


def _find(inputs: Path, is_it: Callable[[Path], bool], what: str) -> Path:
    for folder in folders_by_level(inputs, _DEEPEST, LARGE_FOLDERS):
        if is_it(folder):
            return folder
    raise TableError(f"{inputs}: expected {what}, found {listing(inputs)}")
