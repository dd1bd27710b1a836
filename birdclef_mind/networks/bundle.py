"""A trained network travels whole: code's name + weights + features + classes + versions, in one folder.

    bundle.json         what it is; written last, so a folder with it is complete
    model.weights.h5    Keras weights; their digest stands in bundle.json
    member_2.weights.h5, …   of further members, whose scores are averaged

Keras' own saved models do not load across versions; a network built by code plus its weights does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from birdclef_mind import __version__
from birdclef_mind.checks import some_of
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.overrides import CorrectedCache, corrected
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.networks import build as networks
from birdclef_mind.networks import weights
from birdclef_mind.networks.calibration import Calibration
from birdclef_mind.networks.habits import NO_HABITS, Habits
from birdclef_mind.networks.record import Record
from birdclef_mind.networks.settings import Network
from birdclef_mind.sound.settings import Features
from birdclef_mind.storage import files, folder_kinds, folders

FACTS = folder_kinds.BUNDLE
WEIGHTS = weights.FIRST
HEAD = folder_kinds.HEARD_BY
FORMAT = 3


@dataclass(frozen=True)
class Bundle:
    """A trained network and all that is needed to use it.

    Attributes
    ----------
    model : the network, or the first of its `members`. network : how it is built.
    priors : share of the training segments with each bird, (classes,).
    record : how it was trained.
    calibration : of the members' mean score. habits : where and when its birds were heard in labelled soundscapes.
    """

    model: keras.Model
    network: Network
    features: Features
    classes: Classes
    common_names: Mapping[str, str]
    priors: Sequence[float]
    record: Record
    calibration: Calibration
    others: Sequence[keras.Model] = ()
    habits: Habits = NO_HABITS

    @property
    def members(self) -> tuple[keras.Model, ...]:
        """All networks of the bundle; inference takes the mean of their scores."""
        return (self.model, *self.others)

    def require(self, fingerprint: str, where: str) -> None:
        """Raise BundleError for pictures that other features made."""
        own = self.features.fingerprint()
        if fingerprint != own:
            raise BundleError(
                f"{where}: expected pictures of the bundle's features (fingerprint {own}), got {fingerprint}; "
                "make a cache with the same preset or train on this one"
            )


def require_cache(bundle: Bundle, cache: Cache) -> None:
    """Raise BundleError for a cache of other features or labels, or another one than the network was trained on.

    A bundle need not say which one that was.
    """
    where = str(cache.root)
    bundle.require(cache.features.fingerprint(), where)
    if cache.classes.names != bundle.classes.names:
        raise BundleError(
            f"{where}: expected a cache of the bundle's {len(bundle.classes)} labels, "
            f"{some_of(bundle.classes.names)}; got {len(cache.classes)}: {some_of(cache.classes.names)}"
        )
    trained_on = bundle.record.made_from.get("index_sha256")
    if trained_on and cache.index_sha256 != trained_on:
        raise BundleError(
            f"{where}: expected the cache that the bundle's network was trained on, found other recordings or windows; "
            "give that one, or train on this one"
        )


def as_trained(bundle: Bundle, cache: Cache) -> CorrectedCache:
    """The cache with the corrections that the network was trained with; BundleError as in `require_cache`."""
    require_cache(bundle, cache)
    return corrected(cache, bundle.record.overrides)


def write(bundle: Bundle, folder: Path) -> None:
    """Write a bundle's files into a folder; BundleError, before any is, for weights that are not finite."""
    for model in bundle.members:
        weights.require_finite(model, f"{folder}: not written")
    bare = [_bare(bundle, model) for model in bundle.members]
    facts = {
        "network": asdict(bundle.network),
        "classes": list(bundle.classes.names),
        "common_names": dict(bundle.common_names),
        "priors": [float(value) for value in bundle.priors],
        "features": asdict(bundle.features),
        "fingerprint": bundle.features.fingerprint(),
        "weights": weights.save_all(bare, folder),
        "calibration": asdict(bundle.calibration),
        "versions": {"birdclef_mind": __version__, "keras": keras.__version__, "numpy": np.__version__},
        "record": bundle.record.to_dict(),
        "habits": asdict(bundle.habits),
    }
    files.write_facts(folder / FACTS, facts, FORMAT)


def _bare(bundle: Bundle, model: keras.Model) -> keras.Model:
    """A network without its optimizer, whose state would triple the file."""
    if getattr(model, "optimizer", None) is None:
        return model
    features = bundle.features
    bare = networks.build(bundle.network, features.rows, features.frames, len(bundle.classes))
    bare.set_weights(model.get_weights())
    return bare


def called(facts: Mapping[str, Any]) -> str:
    """What a bundle is that reads no pictures, in words for a message."""
    return f"a head on the listener {facts[HEAD]['name']}, which hears sounds"


def load(folder: Path) -> Bundle:
    """Load a bundle; BundleError when a part is missing, changed, or of another format. Nothing in it is run."""
    folders.settled(folder)
    facts = files.read_facts(folder, FACTS, "a bundle", BundleError, FORMAT)
    if HEAD in facts:
        raise BundleError(f"{folder}: expected a network that reads pictures, found {called(facts)}")
    try:
        features = Features.from_dict(facts["features"])
        if features.is_of_earlier_version(facts["fingerprint"]):
            raise BundleError(
                f"{folder}: was trained on pictures of an earlier version of this program; "
                "make the cache again and train again"
            )
        if facts["fingerprint"] != features.fingerprint():
            raise weights.changed(folder, "fingerprint", features.fingerprint(), facts["fingerprint"])
        classes, network = Classes(tuple(facts["classes"])), Network.from_dict(facts["network"])
        models = [networks.build(network, features.rows, features.frames, len(classes)) for _ in facts["weights"]]
        weights.load_all(models, folder, facts["weights"])
        calibration = read_calibration(facts["calibration"], len(classes), len(models))
        # A bundle from before habits has none.
        habits = Habits.from_dict(facts["habits"], len(classes)) if "habits" in facts else NO_HABITS
        return Bundle(
            models[0], network, features, classes, dict(facts["common_names"]),
            tuple(facts["priors"]), Record.from_dict(facts["record"]), calibration, models[1:], habits,
        )  # fmt: skip
    except (ConfigError, KeyError, TypeError, ValueError, OSError, IndexError) as error:
        raise BundleError(f"{folder / FACTS}: expected a bundle of this program, got {error}") from error


def read_calibration(values: Mapping[str, Any], classes: int, members: int) -> Calibration:
    """The calibration of a bundle of so many classes and members, from plain values; ValueError for another's."""
    found = Calibration(
        str(values["answer"]), float(values["temperature"]), tuple(map(float, values["thresholds"])),
        tuple(map(float, values.get("members", ()))),
    )  # fmt: skip
    if len(found.members) not in (0, members):
        raise ValueError(f"a calibration of {len(found.members)} members for {members}")
    if min([found.temperature, *found.members]) <= 0 or len(found.thresholds) not in (0, classes):
        raise ValueError(f"a calibration of {len(found.thresholds)} classes at temperature {found.temperature}")
    return found


def load_like(folder: Path, fingerprint: str, names: Sequence[str]) -> Bundle:
    """Load a bundle to be set beside another; BundleError unless it names the same birds from the same pictures."""
    bundle = load(folder)
    bundle.require(fingerprint, str(folder))
    if bundle.classes.names != tuple(names):
        raise BundleError(f"{folder}: expected a network of the same {len(names)} labels in the same order")
    return bundle
