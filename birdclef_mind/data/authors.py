"""Who recorded the sounds of a collection: their tags tell, or a table with the columns filename and author."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.errors import TableError, printable
from birdclef_mind.sound import audio
from birdclef_mind.storage.tables import table_rows


@dataclass(frozen=True)
class Authors:
    """A table of authors: its file's name, and who recorded what, by file name with or without its folders."""

    table: str
    by_file: Mapping[str, str]

    def of(self, sound: Path) -> str:
        """Who recorded a sound, given by its path below the collection; "" for nobody."""
        return self.by_file.get(sound.as_posix()) or self.by_file.get(sound.name, "")

    def remark(self, sounds: Iterable[Path]) -> str:
        """A line on files that the table names and the collection, given by the paths below it, has not; or ""."""
        there = {name for sound in sounds for name in (sound.as_posix(), sound.name)}
        missing = [name for name in self.by_file if name not in there]
        if not missing:
            return ""
        return (
            f"{self.table}: {len(missing)} of {len(self.by_file)} files that it names are not in the collection, such "
            f"as {printable(missing[0])}"
        )


def read_authors(table: Path, folder: Path) -> Authors:
    """Read a table of authors; TableError for a file with two."""
    found: dict[str, str] = {}
    for row, cells in table_rows(table, ("filename", "author")):
        name, author = cells["filename"].removeprefix(f"{folder.name}/"), cells["author"].strip()
        if found.setdefault(name, author) != author:
            raise TableError(f"{table.name}, row {row}: expected one author of {name!r}, got {author!r} too")
    return Authors(table.name, found)


def author_of(path: Path, folder: Path, authors: Authors | None) -> str | None:
    """Who recorded a file of the collection `folder`, "" for nobody; None for a file that is no sound."""
    try:
        if audio.read_header(path) is None:
            return None
    except Exception:  # Whatever a library makes of one file, the others are collected.
        return None
    return printable(audio.artist_of(path)).strip() if authors is None else authors.of(path.relative_to(folder))
