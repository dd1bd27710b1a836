"""Decoders of a bundle: trained on a cache, resumable, and kept in the bundle's folder as facts and weights.

    decoders.json           which network they belong to, how and on what they were trained
    decoders.weights.h5     their weights
    decoders.*.progress.npz while they are trained: all that is needed to go on

`decoder_networks` builds them anew when they are loaded. `twin.*` is the same for the random-weights twin of the
network, their control. Decoders stand until others are trained to the end: only then are both files put in their place.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from birdclef_mind.arrays import Array, Pixels
from birdclef_mind.backwards.anatomy import Anatomy, read_anatomy
from birdclef_mind.backwards.decoder_networks import Decoders, build_decoders
from birdclef_mind.backwards.decoders import DecoderTraining, train_decoders
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.data.cache import Cache
from birdclef_mind.errors import BundleError, ConfigError, reason_of
from birdclef_mind.networks import bundle_folder
from birdclef_mind.networks.bundle import Bundle, as_trained
from birdclef_mind.networks.weights import values_digest
from birdclef_mind.storage import files
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.ledger import OWN, Ledger
from birdclef_mind.storage.progress import Say, Track, untracked

FORMAT = 2
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
    try:
        facts = files.read_facts(folder, path.name, "decoders", BundleError, FORMAT)
        if facts["network_sha256"] != values_digest(bundle.model):
            raise BundleError(f"{path}: expected decoders of this network, got those of an older or another one")
        if name == TWIN and facts["decoding"]["seed"] != seed_of(folder):
            raise BundleError(f"{path}: expected decoders of the twin of seed {seed_of(folder)}, got another one's")
        decoders = build_decoders(anatomy.taps(), anatomy.rows_frames)
        weights = folder / f"{name}.weights.h5"
        if facts["weights_sha256"] != files.sha256(weights):
            raise BundleError(f"{weights}: was changed since the decoders were trained")
        for tap, network in decoders.networks.items():
            if facts["shapes"][tap] != list(network.input_shape[1:]):
                raise BundleError(f"{path}: expected a decoder for {tap} of shape {network.input_shape[1:]}")
        _together(decoders).load_weights(weights)
        return replace(decoders, best_losses=dict(facts["validation_losses"]), epochs=int(facts["epochs"]))
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise BundleError(f"{path}: expected decoders of this program, got {reason_of(error)}") from error


def twin_of(bundle: Bundle, seed: int) -> Anatomy:
    """The random twin whose decoders `train_bundle_decoders` trains with this seed."""
    return read_anatomy(random_twin(bundle.model, seed + 1))


def seed_of(folder: Path) -> int:
    """The seed a bundle's decoders were trained with; the default where there are none."""
    try:
        return int(json.loads((folder / f"{DECODERS}.json").read_text(encoding="utf-8"))["decoding"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return Decoding().seed


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
    if _key_of(folder / f"{name}.json") == key:
        # What cannot be read is trained anew.
        with suppress(BundleError):
            found = load_decoders(folder, bundle, anatomy, name)
            say(f"{name}: trained in the same way already, and kept")
            state.forget()
            return found
    training = DecoderTraining(anatomy, anatomy.taps(), lessons.pixels, decoding)
    _resume(training, state, say)

    decoders = train_decoders(
        training,
        lessons.pixels,
        lessons.validation,
        say=lambda line: say(f"{name}: {line}"),
        track=track,
        save=lambda training: state.save(training.state()),
    )
    facts = {"key": key, "network_sha256": values_digest(bundle.model), "decoding": asdict(decoding)}
    _write(folder, name, decoders, facts)
    state.forget()
    return decoders


def _write(folder: Path, name: str, decoders: Decoders, facts: Mapping[str, Any]) -> None:
    """Put decoders in the place of older ones, which stand until both files are whole."""
    with files.whole(folder / f"{name}.json") as facts_part, files.whole(folder / f"{name}.weights.h5") as weights_part:
        _together(decoders).save_weights(weights_part)
        own = {
            "weights_sha256": files.sha256(weights_part),
            "shapes": {tap: list(network.input_shape[1:]) for tap, network in decoders.networks.items()},
            "validation_losses": decoders.best_losses,
            "epochs": decoders.epochs,
        }
        files.write_facts(facts_part, {**facts, **own}, FORMAT)


def _key_of(path: Path) -> str:
    """What the decoders of a file follow from; "" for those that do not say, and where there are none."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("key", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _resume(training: DecoderTraining, state: Checkpoint, say: Say) -> None:
    arrays = state.read(say)
    if arrays is None:
        return
    try:
        training.restore(arrays)
    except (KeyError, ValueError, TypeError):
        state.unusable(say)
        return
    say(f"going on after epoch {training.current.epochs}")


def _together(decoders: Decoders) -> keras.Model:
    """All decoders as one model, so that they are kept in one file."""
    networks = decoders.networks.values()
    return keras.Model([n.inputs[0] for n in networks], [n.outputs[0] for n in networks], name="decoders")
