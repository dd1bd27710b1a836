"""Making a picture cache: a store of 8-bit pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from birdclef_mind import __version__
from birdclef_mind.data import cache, strips
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.override import Override
from birdclef_mind.data.store_kind import Naming
from birdclef_mind.data.write_store import StoreReport, Working, write_store
from birdclef_mind.sound.recordings import Pictured, picture
from birdclef_mind.sound.settings import Cutting, Features
from birdclef_mind.storage import archives
from birdclef_mind.storage.progress import Track, untracked

PICTURES = Naming("cache", cache.FACTS, cache.FORMAT, cache.SUFFIX, "pictures")


def write_cache(
    competition: Competition,
    classes: Classes,
    features: Features,
    out: Path,
    *,
    overrides: Sequence[Override] = (),
    pack: bool = False,
    unlabelled: bool = False,
    jobs: int = 1,
    scheduler: str = "",
    track: Track = untracked,
) -> StoreReport:
    """Write or complete a cache of the pictures of a competition's recordings; all is as `write_store` says."""
    return write_store(
        competition, classes, PictureMaker(features), out,
        overrides=overrides, pack=pack, unlabelled=unlabelled, working=Working(jobs, scheduler), track=track,
    )  # fmt: skip


@dataclass(frozen=True)
class PictureMaker:
    """Makes the pictures of a recording."""

    features: Features

    @property
    def naming(self) -> Naming:
        """The words of a cache."""
        return PICTURES

    @property
    def cutting(self) -> Cutting:
        """How recordings are cut."""
        return self.features.cutting

    @property
    def fingerprint(self) -> str:
        """Of the features."""
        return self.features.fingerprint()

    @property
    def told(self) -> Mapping[str, object]:
        """The features, and what made them."""
        return {
            "features": asdict(self.features),
            "versions": {"birdclef_mind": __version__, "store_format": strips.FORMAT},
        }

    def encode(self, path: Path, moved: Mapping[int, float], source: strips.Source) -> bytes:
        """The pictures of the sound at `path`."""
        return strips.encode(make_strip(picture(path, self.features, moved), self.features, source))

    def read_facts(self, path: Path) -> strips.StripFacts:
        """What pictures say about themselves; StoreError when they say nothing."""
        return strips.read_facts(path)

    def is_own(self, content: bytes) -> bool:
        """Whether a file begins as pictures of ours do."""
        return archives.is_marked(content)


def make_strip(found: Pictured, features: Features, source: strips.Source) -> strips.Strip:
    """A recording's pictures as the strip that is stored."""
    facts = strips.StripFacts(
        features.fingerprint(),
        source,
        found.starts_s,
        tuple(found.pictures.scale.low.tolist()),
        tuple(found.pictures.scale.width.tolist()),
        tuple(found.loudness_dbfs.round(2).tolist()),
        tuple(found.clipped.round(6).tolist()),
    )
    return strips.Strip(found.pictures.pixels, facts)
