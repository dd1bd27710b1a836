"""Weights of a bundle's networks on disk: whole, finite, and known by the digests that stand beside them.

model.weights.h5           of the first network
member_2.weights.h5, …     of further ones
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from birdclef_mind.errors import BundleError
from birdclef_mind.storage import files

FIRST = "model.weights.h5"


def save_all(models: Sequence[keras.Model], folder: Path) -> list[dict[str, str]]:
    """Write the weights of all members; their digests, in the same order."""
    digests = []
    for name, model in zip(_names(len(models)), models, strict=True):
        with files.whole(folder / name) as part:
            model.save_weights(part)
        digests.append({"sha256": files.sha256(folder / name), "values_sha256": values_digest(model)})
    return digests


def load_all(models: Sequence[keras.Model], folder: Path, digests: Sequence[Mapping[str, str]]) -> None:
    """Load the weights of all members; BundleError for files that are missing, changed, or not finite."""
    for name, model, own in zip(_names(len(models)), models, digests, strict=True):
        _load(model, folder / name, own)


def require_finite(model: keras.Model, where: str) -> None:
    """Raise BundleError for weights that are not finite."""
    for variable in model.variables:
        if not np.isfinite(np.asarray(variable)).all():
            raise BundleError(f"{where}: expected weights that are finite, got others in {variable.path}; train again")


def changed(where: Path, name: str, expected: str, got: object) -> BundleError:
    """An error that says what of a bundle was changed."""
    return BundleError(f"{where}: expected {name} {expected}, got {got}: the bundle was changed; train again")


def _names(count: int) -> list[str]:
    return [FIRST, *(f"member_{number}.weights.h5" for number in range(2, count + 1))]


def values_digest(model: keras.Model) -> str:
    """SHA-256 of all the values of a network's variables, in its own order."""
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def _load(model: keras.Model, weights: Path, expected: Mapping[str, str]) -> None:
    digest = _digest(weights)
    if expected["sha256"] != digest:
        raise changed(weights, "digest", expected["sha256"], digest)
    # Keras leaves what it does not find as it was and only warns, so the values themselves are compared.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.load_weights(weights)
    if values_digest(model) != expected["values_sha256"]:
        raise BundleError(f"{weights}: expected the weights of this network, got others")
    require_finite(model, str(weights))


def _digest(weights: Path) -> str:
    if not weights.is_file():
        raise BundleError(f"{weights}: missing")
    if not h5py.is_hdf5(weights):
        raise BundleError(f"{weights}: expected Keras weights, got another kind of file")
    return files.sha256(weights)
