"""Decoders of a bundle: trained on a cache, resumable, and kept in the bundle's folder as code + weights.

    decoders.json           which network they belong to, how they were trained
    decoders.weights.h5     their weights
    decoders.progress.npz   while they are trained: all that is needed to go on

`twin.*` is the same for the random-weights twin of the network, their control.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from birdclef_mind import files
from birdclef_mind.anatomy import Anatomy, read_anatomy
from birdclef_mind.bundle import Bundle, values_digest
from birdclef_mind.cache import Cache, IndexRow
from birdclef_mind.decoders import Decoders, DecoderTraining, build_decoders, train_decoders
from birdclef_mind.errors import BundleError
from birdclef_mind.overrides import apply, from_record
from birdclef_mind.progress import Track, untracked
from birdclef_mind.recipes import Decoding

Array = np.ndarray[Any, Any]
Say = Callable[[str], None]

FORMAT = 2
DECODERS, TWIN = "decoders", "twin"


def sides(bundle: Bundle, cache: Cache) -> tuple[list[IndexRow], list[IndexRow]]:
    """Segments of a cache that are not silent: those the network was trained on, and those held out."""
    bundle.require(cache.features.fingerprint(), str(cache.root))
    held_out = set(bundle.record.get("validation_recordings", ()))
    heard = [row for row in cache.rows if not row.silent]
    learn = [row for row in heard if row.recording not in held_out]
    return learn, [row for row in heard if row.recording in held_out]


def corrected(bundle: Bundle, cache: Cache) -> Cache:
    """The cache with the corrections that the bundle was trained with."""
    return apply(from_record(bundle.record.get("overrides", ())), cache)


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

    Held-out recordings decide when to stop. Interrupted, it goes on from its last epoch; what is there and was trained
    in the same way is kept.
    """
    learn, check = sides(bundle, corrected(bundle, cache))
    check = check or learn
    pixels, validation = (cache.pictures(rows, track).pixels for rows in (learn, check))
    anatomy = read_anatomy(bundle.model)
    found = _train(folder, DECODERS, anatomy, pixels, validation, decoding, values_digest(bundle.model), say)
    # The twin's answers mean nothing, so only its pictures are asked for.
    plain = replace(decoding, answer_weight=0.0)
    twin = read_anatomy(random_twin(bundle.model, decoding.seed + 1))
    _train(folder, TWIN, twin, pixels, validation, plain, values_digest(bundle.model), say)
    return found


def load_decoders(folder: Path, bundle: Bundle, anatomy: Anatomy, name: str = DECODERS) -> Decoders:
    """Load a bundle's decoders; BundleError when there are none, or they belong to another network."""
    path = folder / f"{name}.json"
    if not path.is_file():
        raise BundleError(f"{folder}: holds no decoders; `birdclef-mind train-decoders {folder} CACHE` trains them")
    try:
        facts = files.read_facts(folder, path.name, "decoders", BundleError, FORMAT)
        if facts["network_sha256"] != values_digest(bundle.model):
            raise BundleError(f"{path}: expected decoders of this network, got those of an older or another one")
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
        raise BundleError(f"{path}: expected decoders of this program, got {error!r}") from error


def twin_of(bundle: Bundle, seed: int) -> Anatomy:
    """The random twin whose decoders `train_bundle_decoders` trains with this seed."""
    return read_anatomy(random_twin(bundle.model, seed + 1))


def seed_of(folder: Path) -> int:
    """The seed a bundle's decoders were trained with; the default where there are none."""
    try:
        return int(json.loads((folder / f"{DECODERS}.json").read_text(encoding="utf-8"))["decoding"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return Decoding().seed


def _train(
    folder: Path,
    name: str,
    anatomy: Anatomy,
    pixels: Array,
    validation: Array,
    decoding: Decoding,
    network_sha256: str,
    say: Say,
) -> Decoders:
    taps = anatomy.taps()
    training = DecoderTraining(anatomy, taps, pixels, decoding)
    progress = folder / f"{name}.progress.npz"
    # A state fits only the same network, settings and pictures.
    key = json.dumps([asdict(decoding), network_sha256, list(pixels.shape), len(validation)])
    _resume(training, progress, key, say)

    def save(training: DecoderTraining) -> None:
        with files.whole(progress) as part, part.open("wb") as file:
            np.savez(file, allow_pickle=False, key=np.array(key), **training.state())

    decoders = train_decoders(training, pixels, validation, say=lambda line: say(f"{name}: {line}"), save=save)
    weights = folder / f"{name}.weights.h5"
    (folder / f"{name}.json").unlink(missing_ok=True)
    with files.whole(weights) as part:
        _together(decoders).save_weights(part)
    facts = {
        "network_sha256": network_sha256,
        "weights_sha256": files.sha256(weights),
        "shapes": {tap.name: list(tap.shape) for tap in taps},
        "validation_losses": decoders.best_losses,
        "epochs": decoders.epochs,
        "decoding": asdict(decoding),
    }
    files.write_facts(folder / f"{name}.json", facts, FORMAT)
    progress.unlink(missing_ok=True)
    return decoders


def _resume(training: DecoderTraining, progress: Path, key: str, say: Say) -> None:
    if not progress.is_file():
        return
    try:
        with np.load(progress, allow_pickle=False) as arrays:
            if str(arrays["key"]) == key:
                training.restore(dict(arrays))
                say(f"going on after epoch {training.current.epochs}")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        say(f"{progress.name} cannot be used, beginning anew")


def _together(decoders: Decoders) -> keras.Model:
    """All decoders as one model, so that they are kept in one file."""
    networks = decoders.networks.values()
    return keras.Model([n.inputs[0] for n in networks], [n.outputs[0] for n in networks], name="decoders")
