"""The state of long work, kept in its folder so that it goes on after a kill; that of other work stays beside it."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.storage import files
from birdclef_mind.storage.ledger import OWN, Ledger
from birdclef_mind.storage.progress import Say

ENDING = ".progress.npz"


class Checkpoint:
    """The state of one piece of work, in a folder that is claimed and lists it.

    Attributes
    ----------
    path : `<name>.<eight digits of the key's digest>.progress.npz` in its folder. key : all that the work follows from.
    """

    def __init__(self, ledger: Ledger, name: str, key: str) -> None:
        self.path, self.key = ledger.folder / f"{name}.{hashlib.sha256(key.encode()).hexdigest()[:8]}{ENDING}", key
        self._ledger, self._name = ledger, name

    def save(self, arrays: Mapping[str, Array]) -> None:
        """Put a state, arrays of any shapes by name, in the place of the one before, whole or not at all."""
        if self.path.name not in self._ledger.names:
            self._ledger.add({self.path.name: OWN})
        try:
            with files.whole(self.path) as part, part.open("wb") as file:
                np.savez(file, allow_pickle=False, key=np.array(self.key), **arrays)
        except OSError:
            # Where a disk is full, the folder is left as it was, without a line for a file that is not there.
            if not self.path.exists():
                with suppress(OSError):
                    self._ledger.settle(gone=[self.path.name])
            raise

    def read(self, say: Say) -> dict[str, Array] | None:
        """The arrays that were saved, of any shapes, read to the end; None where there are none that can be used.

        What other work left is said in a line, and left alone.
        """
        for path in sorted(self.path.parent.glob(f"{self._name}.*{ENDING}")):
            if path != self.path:
                say(f"{path.name} is of other work that was stopped, and is kept: the same settings go on with it")
        if not self.path.is_file():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                state = dict(arrays)
        except (OSError, EOFError, ValueError, TypeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
            state = {}
        if str(state.get("key")) == self.key:
            return state
        self.unusable(say)
        return None

    def unusable(self, say: Say) -> None:
        """Say that what was read is no state of this work, which therefore begins anew."""
        say(f"{self.path.name} cannot be used; beginning anew")

    def forget(self) -> None:
        """Remove the state: the work is done."""
        self.path.unlink(missing_ok=True)
        self._ledger.settle(gone=[self.path.name])
