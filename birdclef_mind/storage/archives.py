"""Few large files instead of many small ones: one stored archive a label, read in place without unpacking.

OUT/<label>.zip holds what OUT/<label>/ would hold. Where both are there, the folder wins.
"""

import zipfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from birdclef_mind.errors import StoreError
from birdclef_mind.storage import files

SUFFIX = ".zip"
# The text chunk of every picture of the store, and how early it stands in the file.
_MARK, _MARK_BEFORE = b"iTXtbirdclef_mind\0", 256


def read(path: Path) -> bytes:
    """The bytes of a file, or of the member of its folder's archive.

    FileNotFoundError when neither is there, StoreError for an archive that is none.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        archive = _archive_of(path.parent)
        if not archive.is_file():
            raise
    try:
        return _opened(archive, archive.stat().st_mtime_ns).read(path.name)
    except KeyError as error:
        raise FileNotFoundError(path) from error
    except zipfile.BadZipFile as error:
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> StoreError:
    return StoreError(
        f"{archive}: expected an archive of pictures, got {error}; without it the cache command makes them anew"
    )


def refuse_others(folders: Iterable[Path]) -> None:
    """Raise StoreError when an archive that `pack` would write is there already and is not of pictures of ours."""
    for folder in folders:
        archive = _archive_of(folder)
        if archive.exists() and not _is_ours(archive):
            raise StoreError(f"{archive}: expected nothing there, or an archive of pictures, found another file")


def pack(folders: Iterable[Path]) -> None:
    """Turn each folder into an archive beside it; interrupted, folder and archive may both be there."""
    for folder in folders:
        packed = [path for path in sorted(folder.iterdir()) if path.is_file() and is_marked(path.read_bytes())]
        with files.whole(_archive_of(folder)) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for path in packed:
                # Without a date of its own, so that the same pictures give the same archive.
                archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
        for path in packed:
            path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def unpack(root: Path, labels: Iterable[str]) -> None:
    """Undo `pack` for the labels' archives in `root`; a file that is there already is newer and stays.

    StoreError for an archive that is broken, or holds anything but pictures.
    """
    for path in filter(_is_ours, (root / f"{label}{SUFFIX}" for label in sorted(labels))):
        folder = path.with_name(path.name.removesuffix(SUFFIX))
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    # A member of a stranger's archive may name any path.
                    if Path(name).name != name or name.startswith("."):
                        raise StoreError(f"{path}: expected pictures alone in it, got {name!r}")
                    if not (folder / name).exists():
                        with files.whole(folder / name) as part:
                            part.write_bytes(archive.read(name))
        except zipfile.BadZipFile as error:
            raise _damaged(path, error) from error
        path.unlink()


def is_marked(content: bytes) -> bool:
    """Whether a file begins as a picture of the store does, whole or broken further on.

    >>> is_marked(b"a photograph")
    False
    """
    return _MARK in content[:_MARK_BEFORE]


def _is_ours(path: Path) -> bool:
    """Whether an archive holds pictures of ours and nothing else."""
    try:
        with zipfile.ZipFile(path) as archive:
            if not archive.namelist():
                return False
            for name in archive.namelist():
                with archive.open(name) as member:
                    if not is_marked(member.read(_MARK_BEFORE)):
                        return False
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
    return True


def _archive_of(folder: Path) -> Path:
    return folder.with_name(folder.name + SUFFIX)


@lru_cache(maxsize=16)
def _opened(archive: Path, changed_ns: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(archive)
