"""Making embeddings of a competition's recordings: a store of what a listener makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

from birdclef_mind import __version__
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.override import Override
from birdclef_mind.data.store_kind import Naming
from birdclef_mind.data.strips import Source, StripFacts
from birdclef_mind.data.write_store import ALONE, StoreReport, Working, write_store
from birdclef_mind.errors import ConfigError
from birdclef_mind.listeners import embedding_files, embeddings
from birdclef_mind.listeners.embeddings import HeardBy
from birdclef_mind.listeners.hearing import hear_windows
from birdclef_mind.listeners.listener import EMBEDDING, Listener
from birdclef_mind.sound.audio import read_windows
from birdclef_mind.sound.settings import Cutting
from birdclef_mind.storage.progress import Say, Track, untracked
from birdclef_mind.storage.quiet import quietly

NAMING = Naming("embeddings", embeddings.FACTS, embeddings.FORMAT, embedding_files.SUFFIX, "embeddings")
# The listener that was opened last, by its path.
_KEPT: dict[Path, Listener] = {}
_OPENING = Lock()


def write_embeddings(
    model: Path,
    heard_by: HeardBy,
    competition: Competition,
    classes: Classes,
    out: Path,
    *,
    overrides: Sequence[Override] = (),
    unlabelled: bool = False,
    working: Working = ALONE,
    track: Track = untracked,
) -> StoreReport:
    """Write or complete embeddings, by the listener that opens at `model`; all is as `write_store` says.

    ConfigError for a listener without an embedding, ListenerError for one that is not the one it is said to be.
    """
    listener = opened(model, heard_by.digest)
    heard_by.require(listener)
    if EMBEDDING not in listener.taps:
        taps = ", ".join(listener.taps) or "none"
        raise ConfigError(f"{listener.name}: expected a listener with a tap {EMBEDDING}, got one with {taps}")
    return write_store(
        competition, classes, EmbeddingMaker(model.absolute(), heard_by), out,
        overrides=overrides, unlabelled=unlabelled, working=working, track=track,
    )  # fmt: skip


@dataclass(frozen=True)
class EmbeddingMaker:
    """Makes the embeddings of a recording; each process opens the listener once."""

    model: Path
    heard_by: HeardBy

    @property
    def naming(self) -> Naming:
        """The words of embeddings."""
        return NAMING

    @property
    def cutting(self) -> Cutting:
        """How recordings are cut."""
        return self.heard_by.cutting

    @cached_property
    def fingerprint(self) -> str:
        """Of who heard, and how."""
        return self.heard_by.fingerprint()

    @property
    def told(self) -> Mapping[str, object]:
        """Who heard, and how."""
        return {"heard_by": asdict(self.heard_by), "versions": {"birdclef_mind": __version__}}

    def encode(self, path: Path, moved: Mapping[int, float], source: Source) -> bytes:
        """What the listener makes of the sound at `path`."""
        listener = opened(self.model, self.heard_by.digest)
        self.heard_by.require(listener)
        heard = hear_windows(
            read_windows(path, self.cutting, moved), listener, self.heard_by.hearing, self.heard_by.match
        )
        return embedding_files.encode(heard, self.fingerprint, source)

    def read_facts(self, path: Path) -> StripFacts:
        """What a file says about itself; StoreError when it says nothing."""
        return embedding_files.read_facts(path)

    def is_own(self, content: bytes) -> bool:
        """Whether a file begins as one of ours does."""
        return embedding_files.is_own(content)


def opened(model: Path, digest: str = "", *, say: Say = lambda line: None) -> Listener:
    """The listener at a path; the one that was opened last is not opened again where it has this digest."""
    place = model.absolute()
    with _OPENING:
        if place not in _KEPT or _KEPT[place].digest != digest:
            # A process that was started for the work has not imported TensorFlow yet, which says much at that.
            with quietly():
                from birdclef_mind.listeners.open_listener import open_listener
            _KEPT.clear()
            _KEPT[place] = open_listener(model, say=say)
        return _KEPT[place]
