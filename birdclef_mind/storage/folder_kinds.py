"""The folders this program reads and writes, told apart by a file that each of them holds."""

from pathlib import Path

CACHE = "cache.json"
BUNDLE = "bundle.json"
EMBEDDINGS = "embeddings.json"
EXPLANATION = "explanation.json"
COMPARISON = "comparison.json"
AUDIT = "audit.json"
COMPETITION = "train_metadata.csv"
# Of models from elsewhere: a description under this name speaks for its folder, the other is in every SavedModel.
DESCRIPTION = "listener.toml"
SAVED_MODEL = "saved_model.pb"
# Beside a bundle: how well its network does.
SCORES = "scores.json"
# What the facts of a head on a listener have, and those of a network that reads pictures have not.
HEARD_BY = "heard_by"

_KINDS = {
    CACHE: "a cache",
    BUNDLE: "a bundle",
    EMBEDDINGS: "embeddings",
    EXPLANATION: "an explanation",
    COMPARISON: "a comparison",
    AUDIT: "an audit",
    COMPETITION: "a competition folder",
}

# Kinds that ledgers name by a word that is none for people.
_CALLED = {
    "embeddings": "embeddings",
    "logs": "the curves of a training",
    "staging": "a folder of what is pushed to Kaggle",
}
_FILES_OF_PAGE = " files"

_MAKERS = {
    CACHE: "run `cache` again",
    BUNDLE: "train again",
    EMBEDDINGS: "run `embed` again",
    EXPLANATION: "run `explain` again",
    COMPARISON: "run `compare` again",
    AUDIT: "run `audit` again",
}


def remedy(name: str) -> str:
    """How a file of facts is made anew: one that tells a folder's kind, or else that of decoders.

    >>> remedy("bundle.json")
    'train again'
    """
    return _MAKERS.get(name, "run `train-decoders` again")


def taken(folder: Path | str, kind: str, found: str) -> str:
    """Why a folder is not written to, for a message: what stands there; the kinds are those that ledgers name.

    >>> taken("here", "cache", "pictures")
    'here: expected a new, empty or cache folder, found pictures; move that away, or name another folder'
    >>> taken("page_files", "page.html files", "a.png")[:80]
    'page_files: expected a new or empty folder, or that of the files of page.html, f'
    """
    page = kind.removesuffix(_FILES_OF_PAGE)
    place = (
        f"a new or empty folder, or that of the files of {page}" if page != kind else f"a new, empty or {kind} folder"
    )
    return f"{folder}: expected {place}, found {found}; move that away, or name another folder"


def called(kind: str) -> str:
    """What a folder is whose ledger names its kind, in words for a message.

    >>> called("explanation"), called("logs"), called("page.html files")
    ('an explanation', 'the curves of a training', 'the files of page.html')
    """
    if kind.endswith(_FILES_OF_PAGE):
        return f"the files of {kind.removesuffix(_FILES_OF_PAGE)}"
    return _CALLED.get(kind, f"{'an' if kind[:1] in tuple('aeiou') else 'a'} {kind}")


def files_of(page: str) -> str:
    """The kind of the folder in which the pictures and sounds of a page stand."""
    return f"{page}{_FILES_OF_PAGE}"


def is_model(path: Path) -> bool:
    """Whether a model, or what describes one, stands at a path, and not a bundle or nothing."""
    return path.is_file() or (path / DESCRIPTION).is_file() or (path / SAVED_MODEL).is_file()


def known_kinds() -> tuple[str, ...]:
    """The kinds that `kind_of` can tell by name."""
    return tuple(dict.fromkeys(_KINDS.values()))


def kind_of(path: Path) -> str:
    """What a path leads to, in words for a message: "a cache", "nothing", "a file", "an empty folder", …"""
    if not path.exists():
        return f"a link that leads nowhere, to {path.readlink()}" if path.is_symlink() else "nothing"
    if not path.is_dir():
        return "a file"
    for name, kind in _KINDS.items():
        if (path / name).is_file():
            return kind
    names = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
    if not names:
        return "an empty folder"
    return f"a folder with {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"
