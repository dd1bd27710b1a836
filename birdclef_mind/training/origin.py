"""What a network is made from besides its cache: what else it is given, every setting, version and digest."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from birdclef_mind import __version__
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.overrides import Override
from birdclef_mind.listeners.embeddings import Embeddings
from birdclef_mind.networks.bundle_folder import SETTINGS
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.storage import files
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.soft_labels import SoftLabels
from birdclef_mind.training.unlabelled import Unlabelled


@dataclass(frozen=True)
class Extras:
    """What else a training may be given.

    Attributes
    ----------
    overrides : corrections of the cache's segments; they are kept in the bundle. before : bundle of the network before
        them, to be measured beside the new one; None for the one that stands in `out`.
    weights : a file to begin the maps of a `keras.applications` network with. teacher : embeddings of a listener, which
        the network learns to give, and to answer like. unlabelled : more sounds to learn that from.
    soft : soundscapes with soft labels, that are laid over training segments.
    """

    overrides: Sequence[Override] = ()
    before: Path | None = None
    weights: Path | None = None
    teacher: Embeddings | None = None
    unlabelled: Unlabelled | None = None
    soft: SoftLabels | None = None


NO_EXTRAS: Extras = Extras()


def made_from(cache: Cache, pictures: Pictures, extras: Extras) -> dict[str, str | None]:
    """Digests of what a network is made from besides its settings."""
    return {
        "index_sha256": cache.index_sha256,
        "pictures_sha256": files.digest_of(pictures.pixels, pictures.scale.low, pictures.scale.width),
        "weights_sha256": files.sha256(extras.weights) if extras.weights else None,
        **({"teacher": _taught_by(extras.teacher)} if extras.teacher else {}),
        **({"unlabelled": _heard_besides(extras.unlabelled)} if extras.unlabelled else {}),
        **({"soft_labels": _softly_labelled(extras.soft)} if extras.soft else {}),
    }


def _softly_labelled(soft: SoftLabels) -> str:
    """A digest of soft labels, and the listener that gave half of them, where one did."""
    heard = soft.soundscapes.heard
    return f"{soft.digest}; {_taught_by(heard)}" if heard else soft.digest


def _taught_by(teacher: Embeddings) -> str:
    """A listener's name and licence, which the network may be bound by, and digests of it and of what it heard."""
    own = teacher.heard_by
    return f"{own.name} ({own.licence}), {own.digest}, {own.fingerprint()}, {teacher.index_sha256}"


def _heard_besides(unlabelled: Unlabelled) -> str:
    """Digests of sounds without labels, and of what the teacher made of them."""
    return f"{unlabelled.cache.index_sha256}, {unlabelled.embeddings.index_sha256}"


def write_settings(out: Path, cache: Cache, training: Training, extras: Extras) -> None:
    """Write every setting and version."""
    settings = {
        "cache": str(cache.root.resolve()),
        "weights": str(extras.weights) if extras.weights else None,
        "features": asdict(cache.features),
        "training": asdict(training),
        "precision": precision(),
        "versions": versions(),
    }
    files.write_json(out / SETTINGS, settings)


def versions() -> dict[str, str]:
    """Versions of what computes."""
    return {
        "birdclef_mind": __version__, "keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__,
    }  # fmt: skip


def precision() -> str:
    """Half as many bits where a graphics processor computes, which takes less time; weights keep all of theirs."""
    return "mixed_float16" if tf.config.list_logical_devices("GPU") else "float32"
