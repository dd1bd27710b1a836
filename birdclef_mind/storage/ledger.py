"""What this program wrote in a folder, kept in the folder itself, so that nothing else is ever replaced or removed.

The ledger is a hidden file, `.birdclef_mind`. Its first line says what it is, the second which kind of folder it
stands in; every other names a file below the folder, after the SHA-256 of what was written, or "-" for a file that
belongs to the folder whatever is in it. A line is added before its file gets its name, so that a file without a line is
somebody else's, whenever the program was stopped.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from birdclef_mind.errors import BirdclefMindError, StoreError
from birdclef_mind.storage import files, locks

NAME = ".birdclef_mind"
OWN = "-"
_HEADER = "birdclef_mind wrote these files and may replace them; it touches nothing else here"
_KIND = "kind"
# An update takes milliseconds.
_PATIENCE_S = 10.0


class Ledger:
    """The ledger of a folder; one that is not there lists nothing.

    Attributes
    ----------
    folder : where it stands. kind : of the folder, "" where single files stand in a folder of somebody else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.kind = folder, ""
        self._digests: dict[str, set[str]] = {}
        self._read()

    @property
    def exists(self) -> bool:
        """Whether the folder has one."""
        return (self.folder / NAME).is_file()

    @property
    def names(self) -> list[str]:
        """Paths of the files it lists, sorted, with "/"; they need not be there."""
        return sorted(self._digests)

    def owns(self, name: str) -> bool:
        """Whether what stands at a path was written by this program, and was not changed since."""
        digests = self._digests.get(name, set())
        if OWN in digests:
            return True
        path = self.folder / name
        return bool(digests) and path.is_file() and files.sha256(path) in digests

    def is_single(self, name: str) -> bool:
        """Whether a listed file stands for itself, and is no part of the folder."""
        return OWN not in self._digests.get(name, {OWN})

    def wrote(self, name: str) -> bool:
        """Whether what stands at a path is a single file that `write_own` wrote, and was not changed since."""
        return self.is_single(name) and self.owns(name)

    def add(self, digests: Mapping[str, str], kind: str = "") -> None:
        """List files that are about to be written; what they held before still counts as own."""
        with locks.held(self.folder / NAME, StoreError, wait_s=_PATIENCE_S):
            self._read()
            self.kind = kind or self.kind
            for name, digest in digests.items():
                self._digests.setdefault(name, set()).add(digest)
            self._write()

    def settle(self, written: Mapping[str, str] | None = None, gone: Iterable[str] = ()) -> None:
        """Note that files have their names, or are gone: of each only what was written last, or nothing, is own now."""
        with locks.held(self.folder / NAME, StoreError, wait_s=_PATIENCE_S):
            self._read()
            for name, digest in (written or {}).items():
                self._digests[name] = {digest}
            for name in gone:
                self._digests.pop(name, None)
            self._write()

    def remove(self) -> None:
        """Take the ledger itself away."""
        (self.folder / NAME).unlink(missing_ok=True)

    def _read(self) -> None:
        self._digests = {}
        try:
            text = (self.folder / NAME).read_text(encoding="ascii")
        except (FileNotFoundError, NotADirectoryError):
            return
        except UnicodeDecodeError:
            text = ""
        except OSError as error:
            raise StoreError(
                f"{self.folder / NAME}: expected a list of this program, found what cannot be read ({error.strerror}); "
                "move it away"
            ) from error
        header, *lines = text.splitlines() or [""]
        if header != _HEADER:
            raise StoreError(f"{self.folder / NAME}: expected a list of this program, found something else")
        for line in lines:
            word, _, rest = line.partition(" ")
            try:
                name = str(json.loads(rest))
            except ValueError as error:
                raise StoreError(
                    f"{self.folder / NAME}: expected a list of this program, found the line {line!r}; move it away"
                ) from error
            if word == _KIND:
                self.kind = name
            elif _is_below(name):
                self._digests.setdefault(name, set()).add(word)

    def _write(self) -> None:
        lines = [_HEADER, *([f"{_KIND} {json.dumps(self.kind)}"] if self.kind else [])]
        # As JSON, so that a name may hold anything, line breaks included.
        lines += [f"{digest} {json.dumps(name)}" for name in self.names for digest in sorted(self._digests[name])]
        files.write_text(self.folder / NAME, "".join(f"{line}\n" for line in lines))


def refuse_others(paths: Iterable[Path], error: type[BirdclefMindError]) -> None:
    """Raise `error` for the first path at which somebody else's file stands, or a folder."""
    for path in paths:
        if path.name.startswith(NAME):
            raise error(f"{path}: expected another name; those that begin with {NAME} are this program's own")
        if path.is_symlink():
            raise error(f"{path}: expected a file to write, found a link to {path.readlink()}")
        if path.exists() and not path.is_file():
            raise error(f"{path}: expected a file to write, found a folder or a device")
        # What belongs to a folder of ours, such as a network's weights, is no single file to write.
        if path.exists() and not Ledger(path.parent).wrote(path.name):
            raise error(
                f"{path}: expected nothing there, or what this program wrote; found another file, or one that was "
                "changed since; move it away or give another name"
            )


def write_own(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, and list it beside itself as written by this program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(path.parent)
    with files.whole(path) as part:
        part.write_bytes(content)
        digest = files.sha256(part)
        ledger.add({path.name: digest})
    ledger.settle({path.name: digest})


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
