"""What tells one kind of store from another: how a recording's file is made, and known again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from birdclef_mind.data.strips import Source, StripFacts
from birdclef_mind.sound.settings import Cutting


@dataclass(frozen=True)
class Naming:
    """The words of a kind of store.

    Attributes
    ----------
    kind : of its folder, as its ledger names it: cache or embeddings. facts : the file that says what it is.
    format : of that file. suffix : of a recording's file. content : what a file holds.
    """

    kind: str
    facts: str
    format: int
    suffix: str
    content: str


class Maker(Protocol):
    """Makes the file of a recording; processes on other machines get a copy of it."""

    @property
    def naming(self) -> Naming:
        """The words of this kind of store."""

    @property
    def cutting(self) -> Cutting:
        """How recordings are cut."""

    @property
    def fingerprint(self) -> str:
        """What differs whenever files would differ."""

    @property
    def told(self) -> Mapping[str, object]:
        """What the facts of the store say of how it was made."""

    def encode(self, path: Path, moved: Mapping[int, float], source: Source) -> bytes:
        """The content of a recording's file, of the sound at `path`; `moved` gives windows another start in seconds."""

    def read_facts(self, path: Path) -> StripFacts:
        """What a file says about itself; StoreError when it says nothing, or is broken."""

    def is_own(self, content: bytes) -> bool:
        """Whether this program made a file, whole or broken further on."""
