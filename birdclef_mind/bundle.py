"""A trained network travels whole: code's name + weights + features + classes + versions, in one folder.

    bundle.json         what it is; written last, so a folder with it is complete
    model.weights.h5    Keras weights; its digest stands in bundle.json

Keras' own saved models do not load across versions; a network built by code plus its weights does.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from birdclef_mind import __version__, files
from birdclef_mind import model as networks
from birdclef_mind.config import Features
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.labels import Classes

FACTS = "bundle.json"
WEIGHTS = "model.weights.h5"
FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """A trained network and all that is needed to use it.

    Attributes
    ----------
    network : its name in `model`. priors : share of the training segments with each bird, (classes,).
    record : how it was trained, for people: settings, counts, versions.
    """

    model: keras.Model
    network: str
    features: Features
    classes: Classes
    common_names: Mapping[str, str]
    priors: Sequence[float]
    record: Mapping[str, Any]

    def require(self, fingerprint: str, where: str) -> None:
        """Refuse pictures that other features made."""
        own = self.features.fingerprint()
        if fingerprint != own:
            raise BundleError(
                f"{where}: expected pictures of the bundle's features (fingerprint {own}), got {fingerprint}; "
                "make a cache with the same preset or train on this one"
            )


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle; until it is whole the folder holds no `bundle.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    with files.whole(folder / WEIGHTS) as part:
        _bare(bundle).save_weights(part)
    facts = {
        "format": FORMAT,
        "network": bundle.network,
        "classes": list(bundle.classes.names),
        "common_names": dict(bundle.common_names),
        "priors": [float(value) for value in bundle.priors],
        "features": asdict(bundle.features),
        "fingerprint": bundle.features.fingerprint(),
        "values_sha256": values_digest(bundle.model),
        "weights_sha256": files.sha256(folder / WEIGHTS),
        "versions": {"birdclef_mind": __version__, "keras": keras.__version__, "numpy": np.__version__},
        "record": dict(bundle.record),
    }
    files.write_json(folder / FACTS, facts)


def _bare(bundle: Bundle) -> keras.Model:
    """The network without its optimizer, whose state would triple the file."""
    features = bundle.features
    bare = networks.build(bundle.network, features.rows, features.frames, len(bundle.classes))
    bare.set_weights(bundle.model.get_weights())
    return bare


def load(folder: Path) -> Bundle:
    """Load a bundle; BundleError when a part is missing, changed, or of another format. Nothing in it is run."""
    facts = files.read_facts(folder, FACTS, "a bundle", BundleError)
    if facts.get("format") != FORMAT:
        raise BundleError(f"{folder / FACTS}: expected a bundle of format {FORMAT}")
    try:
        features = Features.from_dict(facts["features"])
        classes = Classes(tuple(facts["classes"]))
        model = networks.build(facts["network"], features.rows, features.frames, len(classes))
        expected = {"fingerprint": features.fingerprint(), "weights_sha256": _digest(folder / WEIGHTS)}
        for name, value in expected.items():
            if facts[name] != value:
                raise BundleError(
                    f"{folder}: expected {name} {value}, got {facts[name]}: the bundle was changed; train again"
                )
        _load_weights(model, folder / WEIGHTS, facts["values_sha256"])
        return Bundle(
            model, facts["network"], features, classes, dict(facts["common_names"]),
            tuple(facts["priors"]), dict(facts["record"]),
        )  # fmt: skip
    except (ConfigError, KeyError, TypeError, ValueError, OSError) as error:
        raise BundleError(f"{folder / FACTS}: expected a bundle of this program, got {error}") from error


def load_like(folder: Path, fingerprint: str, names: Sequence[str]) -> Bundle:
    """Load a bundle to be set beside another; BundleError unless it names the same birds from the same pictures."""
    bundle = load(folder)
    bundle.require(fingerprint, str(folder))
    if bundle.classes.names != tuple(names):
        raise BundleError(f"{folder}: expected a network of the same {len(names)} birds in the same order")
    return bundle


def values_digest(model: keras.Model) -> str:
    """SHA-256 of all the values of a network's variables, in its own order."""
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def _load_weights(model: keras.Model, weights: Path, expected: str) -> None:
    # Keras leaves what it does not find as it was and only warns, so the values themselves are compared.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.load_weights(weights)
    if values_digest(model) != expected:
        raise BundleError(f"{weights}: expected the weights of this network, got others")


def _digest(weights: Path) -> str:
    if not weights.is_file():
        raise BundleError(f"{weights}: missing")
    if not h5py.is_hdf5(weights):
        raise BundleError(f"{weights}: expected Keras weights, got another kind of file")
    return files.sha256(weights)
