"""Decoders of a bundle: trained on a cache, resumable, and kept in the bundle's folder as facts and weights.

`decoders.*` are files as `kept_decoders` writes them, `twin.*` the same for the random-weights twin of the network,
their control. `decoder_networks` builds them anew when they are loaded. Decoders stand until others are trained to the
end: only then are both files put in their place.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.anatomy import Anatomy, read_anatomy
from birdclef_mind.backwards.decoder_networks import Decoders
from birdclef_mind.backwards.decoders import DecoderTraining, train_decoders
from birdclef_mind.backwards.kept_decoders import key_of, read_decoders, resume, write_decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.data.cache import Cache
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.bundle import Bundle, as_trained
from birdclef_mind.networks.weights import values_digest
from birdclef_mind.storage import files
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.ledger import OWN, Ledger
from birdclef_mind.storage.progress import Say, Track, untracked

DECODERS, TWIN = "decoders", "twin"


def random_twin(model: keras.Model, seed: int) -> keras.Model:
    """The same network with fresh random weights."""
    keras.utils.set_random_seed(seed)
    return keras.models.clone_model(model)


def train_bundle_decoders(
    folder: Path,
    bundle: Bundle,
    cache: Cache,
    decoding: Decoding = Decoding(),
    *,
    say: Say = lambda line: None,
    track: Track = untracked,
) -> Decoders:
    """Train decoders for a bundle, and for its random twin, and keep them in its folder.

    Held-out recordings decide when to stop; where none were held out, the segments that are learned from do. A training
    that was interrupted goes on from its last epoch. Decoders that are there and were trained in the same way, for the
    same network on the same pictures, are kept. ConfigError where no segment is left to learn from, BundleError for
    another cache than the network's.
    """
    both = as_trained(bundle, cache).sides(bundle.record.validation_recordings)
    if not both.learn:
        raise ConfigError(f"{cache.root}: expected segments with sound to train decoders on, got none")
    with bundle_folder.claimed(folder) as ledger:
        ledger.add(dict.fromkeys(bundle_folder.ADDED, OWN))
        pixels = cache.pictures(both.learn, track).pixels
        lessons = Lessons(pixels, cache.pictures(both.check, track).pixels if both.check else pixels)
        found = _keep_or_train(
            ledger, DECODERS, bundle, read_anatomy(bundle.model), lessons, decoding=decoding, say=say, track=track
        )
        # The twin's answers mean nothing, so only its pictures are asked for.
        plain = replace(decoding, answer_weight=0.0)
        _keep_or_train(
            ledger, TWIN, bundle, twin_of(bundle, decoding.seed), lessons, decoding=plain, say=say, track=track
        )
    return found


@dataclass(frozen=True)
class Lessons:
    """Pictures (n, rows, frames), uint8, that decoders learn from, and those that decide when to stop."""

    pixels: Pixels
    validation: Array

    def key(self, network_sha256: str, decoding: Decoding) -> str:
        """Digest of all that decoders follow from: they fit only the same network, settings and pictures."""
        pictures = files.digest_of(self.pixels, self.validation)
        told = json.dumps([network_sha256, asdict(decoding), pictures], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


def load_decoders(folder: Path, bundle: Bundle, anatomy: Anatomy, name: str = DECODERS) -> Decoders:
    """Load a bundle's decoders; BundleError when there are none, they were changed, or belong to another network."""
    path = folder / f"{name}.json"
    if not path.is_file():
        raise BundleError(f"{folder}: holds no decoders; `birdclef-mind train-decoders {folder} CACHE` trains them")
    wanted = {"network_sha256": values_digest(bundle.model)}
    decoders = read_decoders(folder, name, anatomy.taps(), anatomy.rows_frames, wanted)
    if name == TWIN and _seed_in(path) != seed_of(folder):
        raise BundleError(f"{path}: expected decoders of the twin of seed {seed_of(folder)}, got another one's")
    return decoders


def twin_of(bundle: Bundle, seed: int) -> Anatomy:
    """The random twin whose decoders `train_bundle_decoders` trains with this seed."""
    return read_anatomy(random_twin(bundle.model, seed + 1))


def seed_of(folder: Path) -> int:
    """The seed a bundle's decoders were trained with; the default where there are none."""
    seed = _seed_in(folder / f"{DECODERS}.json")
    return Decoding().seed if seed is None else seed


def _seed_in(path: Path) -> int | None:
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["decoding"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep_or_train(
    ledger: Ledger,
    name: str,
    bundle: Bundle,
    anatomy: Anatomy,
    lessons: Lessons,
    *,
    decoding: Decoding,
    say: Say,
    track: Track,
) -> Decoders:
    folder, key = ledger.folder, lessons.key(values_digest(bundle.model), decoding)
    state = Checkpoint(ledger, name, key)
    if key_of(folder / f"{name}.json") == key:
        # What cannot be read is trained anew.
        with suppress(BundleError):
            found = load_decoders(folder, bundle, anatomy, name)
            say(f"{name}: trained in the same way already, and kept")
            state.forget()
            return found
    training = DecoderTraining(anatomy, anatomy.taps(), lessons.pixels, decoding)
    resume(training, state, say)

    decoders = train_decoders(
        training,
        lessons.pixels,
        lessons.validation,
        say=lambda line: say(f"{name}: {line}"),
        track=track,
        save=lambda training: state.save(training.state()),
    )
    facts = {"key": key, "network_sha256": values_digest(bundle.model), "decoding": asdict(decoding)}
    write_decoders(folder, name, decoders, facts)
    state.forget()
    return decoders
