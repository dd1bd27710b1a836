"""The folders this program reads and writes, told apart by a file that each of them holds."""

from pathlib import Path

CACHE = "cache.json"
BUNDLE = "bundle.json"
EXPLANATION = "explanation.json"
COMPARISON = "comparison.json"
COMPETITION = "train_metadata.csv"
# Beside a bundle: how well its network does.
SCORES = "scores.json"

_KINDS = {
    CACHE: "a cache",
    BUNDLE: "a bundle",
    EXPLANATION: "an explanation",
    COMPARISON: "a comparison",
    COMPETITION: "a competition folder",
}

_MAKERS = {
    CACHE: "run `cache` again",
    BUNDLE: "train again",
    EXPLANATION: "run `explain` again",
    COMPARISON: "run `compare` again",
}


def remedy(name: str) -> str:
    """How a file of facts is made anew: one that tells a folder's kind, or else that of decoders.

    >>> remedy("bundle.json")
    'train again'
    """
    return _MAKERS.get(name, "run `train-decoders` again")


def known_kinds() -> tuple[str, ...]:
    """The kinds that `kind_of` can tell by name."""
    return tuple(dict.fromkeys(_KINDS.values()))


def kind_of(path: Path) -> str:
    """What a path leads to, in words for a message: "a cache", "nothing", "a file", "an empty folder", …"""
    if not path.exists():
        return "nothing"
    if not path.is_dir():
        return "a file"
    for name, kind in _KINDS.items():
        if (path / name).is_file():
            return kind
    names = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if not names:
        return "an empty folder"
    return f"a folder with {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"
