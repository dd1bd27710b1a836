"""A bundle's folder as it is written: by one process at a time, and a network in it gives way only to a whole one.

Besides the bundle it holds what training measured and drew, what explaining adds, and each fold in a folder of its own.
"""

import shutil
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from birdclef_mind.errors import BundleError
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.storage import checkpoint, files, folder_kinds, folders
from birdclef_mind.storage.ledger import OWN, Ledger

HISTORY = "history.csv"
VALIDATION = "validation.csv"
SCORES = folder_kinds.SCORES
SETTINGS = "settings.json"
OUT_OF_FOLD = "out_of_fold.csv"
# The state of a training that is under way has this before its key; curves are such as TensorBoard reads.
TRAINING = "training"
LOGS = "logs"
LOG_SUFFIX = ".birdclef_mind.v2"
HISTORY_FIGURE, CONFUSION_FIGURE, RELIABILITY_FIGURE = "history.png", "confusion.png", "reliability.png"
# What explaining adds to a bundle; it belongs to one network and goes with it.
ADDED = tuple(f"{name}.{end}" for name in ("decoders", "twin") for end in ("json", "weights.h5"))
SECOND = "second"
_MEMBERS = "member_*.weights.h5"
FOLD = "fold_"
# A round of learning from soundscapes, and what they were taken to hold in it.
ROUND, ROUNDS = "round_", "rounds.csv"
SOFT_LABELS, SOFT_PAGE = "soft_labels.csv", "soft_labels.html"
SOFT = (SOFT_LABELS, SOFT_PAGE)
# What a training writes before its network is there.
TOLD = (SETTINGS, *SOFT)
_OTHERS = (
    HISTORY, VALIDATION, SCORES, SETTINGS, OUT_OF_FOLD, HISTORY_FIGURE, CONFUSION_FIGURE, RELIABILITY_FIGURE,
    *SOFT, ROUNDS,
)  # fmt: skip


def claimed(out: Path, *, wait_s: float = 0.0) -> AbstractContextManager[Ledger]:
    """Hold a bundle's folder to write to; BundleError for a folder of something else, or at which somebody works."""
    return folders.claimed(out, "bundle", BundleError, adopt=own_files, wait_s=wait_s)


def refuse_others(*places: Path) -> None:
    """BundleError for the first folder that a bundle cannot be written to, before anything is done for any of them."""
    for place in places:
        folders.refuse_others(place, "bundle", BundleError, own_files)


def begin(ledger: Ledger) -> None:
    """Make room for what a training writes while it runs: its curves and settings."""
    logs = ledger.folder / LOGS
    logs.mkdir(exist_ok=True)
    Ledger(logs).add({}, LOGS)
    ledger.add({SETTINGS: OWN})


@contextmanager
def renewed(ledger: Ledger, *, told: Collection[str] = ()) -> Iterator[Path]:
    """Give an empty folder for a bundle and its measures; then what belonged to the network before gives way.

    What stands there of `TOLD` is this training's own where it is named, and with settings its curves are, see `begin`.
    """
    out = ledger.folder
    before = out / bundles.FACTS
    done = before.stat().st_mtime if before.is_file() else 0.0
    with folders.renewed(ledger, last=bundles.FACTS, keep=lambda name: _stays(name, told)) as stage:
        yield stage
    _remove_curves(out / SECOND)
    folders.cleared(out / SECOND / LOGS)
    folders.cleared(out / SECOND)
    own_curves = SETTINGS in told
    _remove_curves(out, done if own_curves else float("inf"))
    if not own_curves:
        folders.cleared(out / LOGS)


def copied(source: Path, stage: Path) -> None:
    """Copy a bundle and its measures into an empty folder; what explaining added, or a round was told, stays behind."""
    members = [path.name for path in source.glob(_MEMBERS)]
    for name in (bundles.FACTS, bundles.WEIGHTS, *members, *_OTHERS):
        if name not in TOLD and (source / name).is_file():
            shutil.copyfile(source / name, stage / name)


def _remove_curves(out: Path, until: float = float("inf")) -> None:
    """Take away curves that were last written by some time."""
    for path in (out / LOGS).glob(f"*{LOG_SUFFIX}"):
        if path.stat().st_mtime <= until:
            path.unlink()


def _stays(name: str, told: Collection[str]) -> bool:
    """Whether it is no part of the network before: own settings, folds, curves, and what stopped trainings left."""
    stopped = name.startswith(f"{TRAINING}.") and name.endswith(checkpoint.ENDING)
    return name in told or stopped or name.startswith((FOLD, ROUND, f"{LOGS}/"))


def own_files(out: Path) -> list[str]:
    """Files of a bundle without a ledger, such as one that was copied: `bundle.json` proves what it is."""
    if not files.is_sealed(out / bundles.FACTS):
        return []
    numbered = (_MEMBERS, f"*.*{checkpoint.ENDING}")
    weights = [path.name for pattern in numbered for path in out.glob(pattern)]
    names = [bundles.FACTS, bundles.WEIGHTS, *weights, *_OTHERS, *ADDED]
    folds = [path.name for path in (out / SECOND, *sorted(out.glob(f"{FOLD}*")), *sorted(out.glob(f"{ROUND}*")))]
    below = [f"{fold}/{name}" for fold in folds for name in own_files(out / fold)]
    logs = [path.relative_to(out).as_posix() for path in (out / LOGS).glob("events.out.tfevents.*")]
    return [name for name in (*names, *below, *logs) if (out / name).is_file()]
