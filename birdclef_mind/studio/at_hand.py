"""Recordings below the folders that a studio was given: they are opened by their place in a list, nothing else is."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from birdclef_mind.data.collection import sounds_of
from birdclef_mind.errors import ConfigError, printable
from birdclef_mind.sound.audio import SUFFIXES
from birdclef_mind.storage.folder_kinds import kind_of

# So many are listed of what was given, and as many of what is pasted.
_MOST_LISTED = 2000


class AtHand:
    """Sound files below some folders, soundscapes first; the list only grows, so that a place stays what it is.

    ConfigError where one of them is no folder.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        for folder in folders:
            if not folder.is_dir():
                raise ConfigError(f"sounds: expected a folder with recordings, found {kind_of(folder)} at {folder}")
        self._folders = tuple(folder.resolve() for folder in folders)
        self._lock = threading.Lock()
        self._allowed = (*self._folders, *(sounds for folder in self._folders if (sounds := sounds_of(folder))))
        found = self._inside(path for folder in folders for path in _below(folder))
        self.paths = list(islice(dict.fromkeys(found), _MOST_LISTED))

    @property
    def names(self) -> list[str]:
        """How each is shown: its folder and its name."""
        return [printable(f"{path.parent.name}/{path.name}") for path in self.paths]

    def pasted(self, text: str) -> list[int]:
        """Places of the recordings of a folder, or of one file, by a path that somebody pasted.

        ConfigError for one outside the folders that were given, of which nothing is told, and for one without sound.
        """
        path = _path_in(text)
        if path is None or not any(path.is_relative_to(folder) for folder in self._folders):
            given = ", ".join(printable(str(folder)) for folder in self._folders) or "none"
            raise ConfigError(
                f"path: expected one inside a folder that the studio was given ({given}), got {printable(text)!r}; "
                "drop it here, or begin the studio with --sounds FOLDER"
            )
        found = list(islice(self._inside(_below(path) if path.is_dir() else _sounds([path])), _MOST_LISTED))
        if not found:
            raise ConfigError(f"path: expected a folder with recordings, or one of them, found none at {path}")
        with self._lock:
            known = {path.resolve(): place for place, path in enumerate(self.paths)}
            for one in found:
                if one.resolve() not in known:
                    known[one.resolve()] = len(self.paths)
                    self.paths.append(one)
            return [known[one.resolve()] for one in found]

    def _inside(self, paths: Iterable[Path]) -> Iterator[Path]:
        """Those that links lead to no other place, but for the sounds of a collection that was made here."""
        return (path for path in paths if any(path.resolve().is_relative_to(folder) for folder in self._allowed))


def _path_in(text: str) -> Path | None:
    """What a file manager puts on the clipboard: a path, perhaps in quotes, or a link to it; None for anything else."""
    first = next(iter(text.strip().splitlines()), "").strip().strip("\"'")
    plain = unquote(urlsplit(first).path) if first.startswith("file://") else first
    try:
        path = Path(plain)
        return path.resolve() if path.is_absolute() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _below(root: Path) -> Iterator[Path]:
    for part in _parts(root):
        for folder in [part, *sorted(path for path in part.iterdir() if path.is_dir())]:
            yield from _sounds(sorted(folder.iterdir()))


def _sounds(paths: Sequence[Path]) -> Iterator[Path]:
    return (path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file())


def _parts(root: Path) -> Sequence[Path]:
    soundscapes = sorted(path for path in root.glob("*soundscapes*") if path.is_dir())
    return [*soundscapes, root / "train_audio"] if (root / "train_audio").is_dir() else [*soundscapes, root]
