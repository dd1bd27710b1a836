"""Folders below a folder, level by level, without a walk through all that is there."""

import os
from collections.abc import Iterator, Set
from pathlib import Path

from birdclef_mind.checks import some_of


def folders_by_level(root: Path, deepest: int, passed_over: Set[str], widest: int | None = None) -> Iterator[Path]:
    """`root` and the folders below it, the nearest first, at most `deepest` levels down.

    Those of a name in `passed_over` are left out with all below them, and so are the folders in one that has more than
    `widest` of them. What may not be looked into counts as empty.
    """
    level = [root]
    for depth in range(deepest + 1):
        yield from level
        if depth < deepest:
            level = [below for folder in level for below in _below(folder, passed_over, widest)]


def holds(folder: Path, name: str) -> bool:
    """Whether a folder has such a file; one that may not be looked into has none."""
    try:
        return (folder / name).is_file()
    except OSError:
        return False


def listing(root: Path) -> str:
    """What is in a folder, two levels deep, for messages."""
    if not root.is_dir():
        return "nothing"
    found = [str(path.relative_to(root)) for pattern in ("*", "*/*") for path in sorted(root.glob(pattern))]
    return some_of(found, 30) if found else "an empty folder"


def _below(folder: Path, passed_over: Set[str], widest: int | None) -> list[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    found = [Path(entry.path) for entry in entries if entry.is_dir() and entry.name not in passed_over]
    return [] if widest is not None and len(found) > widest else found
