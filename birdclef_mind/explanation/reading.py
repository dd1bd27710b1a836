"""One network as it is read: all that the parts of an explanation share."""

from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.backwards import bundle_decoders
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.fidelity import Answer
from birdclef_mind.backwards.reconstruction import Backwards, read_backwards
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.competition import has_recordings
from birdclef_mind.data.overrides import CorrectedCache
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage.folder_kinds import kind_of
from birdclef_mind.storage.progress import Say


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One network as it is read.

    Attributes
    ----------
    folder : where pictures and sounds are put.
    answer, second : from pictures (n, rows, frames) to scores (n, classes), of the network and an independent one.
    competition : folder of the real sound, None where it is not at hand.
    failed : gets recordings that cannot be heard, and why.
    """

    bundle: Bundle
    cache: CorrectedCache
    folder: Folder
    backwards: Backwards
    answer: Answer
    second: Answer
    competition: Path | None
    failed: dict[str, str]

    @property
    def features(self) -> Features:
        """How sound becomes its pictures."""
        return self.cache.features

    @property
    def held_out(self) -> frozenset[str]:
        """Recordings that the network was not trained on."""
        return frozenset(self.bundle.record.validation_recordings)


def both_ways(folder: Path, bundle: Bundle) -> tuple[Backwards, Backwards]:
    """A bundle read backwards, and its twin of random weights as a control; without decoders where it has none.

    BundleError for decoders that were changed, or belong to another network.
    """
    anatomy = read_anatomy(bundle.model)
    twin = bundle_decoders.twin_of(bundle, bundle_decoders.seed_of(folder))
    try:
        trained = bundle_decoders.load_decoders(folder, bundle, anatomy)
        of_twin = bundle_decoders.load_decoders(folder, bundle, twin, bundle_decoders.TWIN)
    except BundleError as error:
        if (folder / f"{bundle_decoders.DECODERS}.json").is_file():
            raise
        return read_backwards(anatomy, None, str(error)), read_backwards(twin)
    return read_backwards(anatomy, trained), read_backwards(twin, of_twin)


def competition_of(given: Path | None, cache: Cache, say: Say = lambda line: None) -> Path | None:
    """Folder of the real sound; None, which is told, when the one the cache was made from is not there.

    ConfigError for one that is given and not there.
    """
    folder = given or cache.competition
    if has_recordings(folder):
        return folder
    if given:
        raise ConfigError(f"competition: expected a folder with its recordings, found {kind_of(folder)} at {folder}")
    say(f"{folder}: the recordings are not there any more; their sounds are made of the pictures")
    return None
