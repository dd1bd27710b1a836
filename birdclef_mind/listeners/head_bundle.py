"""A trained head with all that is needed to use it, but the listener, which it names by digest.

bundle.json         what it is; `heard_by` tells it from a network that reads pictures
model.weights.h5    weights of the head; member_2.weights.h5, … of further ones, whose scores are averaged
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from birdclef_mind import __version__
from birdclef_mind.arrays import Array
from birdclef_mind.data.labels import Classes
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.listeners.embeddings import Arrays, HeardBy
from birdclef_mind.listeners.head import Head, HeadShape, Joining, build_head
from birdclef_mind.networks import weights
from birdclef_mind.networks.bundle import FACTS, FORMAT, HEAD, read_calibration
from birdclef_mind.networks.calibration import Calibration
from birdclef_mind.networks.record import Record
from birdclef_mind.storage import files, folders

ANSWER = "sigmoid"


@dataclass(frozen=True, kw_only=True)
class HeadBundle:
    """A trained head, or several whose scores are averaged.

    Attributes
    ----------
    heard_by : the listener it needs, and how that heard. priors : share of the training segments with each class.
    record : how it was trained. calibration : of the members' mean score.
    """

    members: tuple[Head, ...]
    heard_by: HeardBy
    classes: Classes
    common_names: Mapping[str, str]
    priors: Sequence[float]
    record: Record
    calibration: Calibration

    def scores(self, heard: Arrays) -> Array:
        """Chances (segments, classes), float32, of segments that the listener heard; the mean of the members'."""
        known = self.heard_by.match.known
        each = np.stack([member.scores(heard, known) for member in self.members])
        return np.asarray(each.mean(axis=0), np.float32)


def is_head(folder: Path) -> bool:
    """Whether a folder holds a head on a listener, and no network that reads pictures."""
    try:
        return HEAD in files.read_facts(folder, FACTS, "a bundle", BundleError, FORMAT)
    except BundleError:
        return False


def write_head(bundle: HeadBundle, folder: Path) -> None:
    """Write a head's files into a folder; BundleError, before any is, for weights that are not finite."""
    models = [member.model for member in bundle.members]
    for model in models:
        weights.require_finite(model, f"{folder}: not written")
    facts = {
        "members": [{"shape": asdict(one.shape), "joining": asdict(one.joining)} for one in bundle.members],
        HEAD: asdict(bundle.heard_by),
        "classes": list(bundle.classes.names),
        "common_names": dict(bundle.common_names),
        "priors": [float(value) for value in bundle.priors],
        "weights": weights.save_all(models, folder),
        "calibration": asdict(bundle.calibration),
        "versions": {"birdclef_mind": __version__, "keras": keras.__version__, "numpy": np.__version__},
        "record": bundle.record.to_dict(),
    }
    files.write_facts(folder / FACTS, facts, FORMAT)


def load_head(folder: Path) -> HeadBundle:
    """Load a head; BundleError when a part is missing, changed, or is a network that reads pictures."""
    folders.settled(folder)
    facts = files.read_facts(folder, FACTS, "a bundle", BundleError, FORMAT)
    if HEAD not in facts:
        raise BundleError(f"{folder}: expected a head on a listener, found a network that reads pictures")
    try:
        classes, heard_by = Classes(tuple(facts["classes"])), HeardBy.from_dict(facts[HEAD])
        shapes = [HeadShape(**member["shape"]) for member in facts["members"]]
        models = [build_head(shape, len(classes)) for shape in shapes]
        weights.load_all(models, folder, facts["weights"])
        members = tuple(
            Head(model, shape, Joining.from_dict(member["joining"]))
            for model, shape, member in zip(models, shapes, facts["members"], strict=True)
        )
        return HeadBundle(
            members=members, heard_by=heard_by, classes=classes, common_names=dict(facts["common_names"]),
            priors=tuple(facts["priors"]), record=Record.from_dict(facts["record"]),
            calibration=read_calibration(facts["calibration"], len(classes), len(members)),
        )  # fmt: skip
    except (ConfigError, KeyError, TypeError, ValueError, OSError, IndexError) as error:
        raise BundleError(f"{folder / FACTS}: expected a bundle of this program, got {error}") from error
