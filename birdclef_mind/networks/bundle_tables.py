"""Tables of a bundle as DataFrames: its history, its scores for what was held out, its measures a species."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from birdclef_mind.errors import BundleError, reason_of
from birdclef_mind.networks.bundle_folder import HISTORY, OUT_OF_FOLD, SCORES, VALIDATION
from birdclef_mind.storage.tables import read_frame

if TYPE_CHECKING:
    import pandas as pd

_WORDS = ("recording", "label", "also", "secondary_labels")
_LEVELS = ("segments", "recordings")


def read_history(bundle: Path) -> "pd.DataFrame":
    """The training of a bundle, an epoch a row: "epoch", "loss", "accuracy", and "val_…" where some were held out.

    TableError where there is none.
    """
    return read_frame(bundle / HISTORY)


def read_validation(bundle: Path) -> "pd.DataFrame":
    """Scores for the segments that were held out; where there are folds, for those that any fold holds out.

    Columns "recording", "segment", "start_s", "label" ("" without a bird), "also" and "secondary_labels" (parted by
    spaces), then a class each, 0 to 1. TableError where nothing was held out.
    """
    folds = bundle / OUT_OF_FOLD
    return read_frame(folds if folds.is_file() else bundle / VALIDATION, _WORDS)


def read_species(bundle: Path, level: str = "segments") -> "pd.DataFrame":
    """Measures a species on what was held out: of "segments", or of whole "recordings".

    Columns "label", "positives", "precision", "recall", "f1" and "average_precision", which is NaN where there is no
    positive. BundleError for another level, and where nothing was held out.
    """
    import pandas as pd

    if level not in _LEVELS:
        raise BundleError(f"level: expected one of {', '.join(_LEVELS)}, got {level!r}")
    path = bundle / SCORES
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        return pd.DataFrame(scores[level]["per_class"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path}: expected measures of what was held out, found none ({reason_of(error)})") from error
