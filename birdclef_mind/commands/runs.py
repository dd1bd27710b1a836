"""Trainings side by side: every bundle below a folder, what it was trained with and how well it does."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from birdclef_mind.checks import is_number, require
from birdclef_mind.data.form import LARGE_FOLDERS, METADATA, TRAIN
from birdclef_mind.errors import BundleError, ConfigError, reason_of
from birdclef_mind.storage.folder_kinds import (
    BUNDLE,
    CACHE,
    EMBEDDINGS,
    HEARD_BY,
    SCORES,
    kind_of,
)
from birdclef_mind.storage.tables import frame_of

if TYPE_CHECKING:
    import pandas as pd

_STORES = (CACHE, EMBEDDINGS)
_MEASURES = ("top1", "padded_cmap", "mean_average_precision")
# One of them stands in every bundle of ours.
_OWN_WORDS = ("noise_floor", HEARD_BY)


@dataclass(frozen=True)
class Run:
    """One bundle: its folder below the one asked for, when it was written, its settings and its measures."""

    folder: str
    written: str
    network: str
    members: int
    loss: str
    epochs: str
    seed: int
    features: str
    birds: int
    segments: int
    top1: float | None
    padded_cmap: float | None
    mean_average_precision: float | None


def find_runs(root: Path, failed: list[str] | None = None) -> list[Run]:
    """All bundles below a folder, the latest last; `failed` gets a line for each of ours that cannot be read.

    BundleError when there is none, readable or not. Another program's bundle.json is none of ours.
    """
    if not root.is_dir():
        raise BundleError(f"{root}: expected a folder with bundles below it, found {kind_of(root)}")
    found: list[Run] = []
    broken: list[str] = []
    for path in _bundles_below(root, broken):
        facts: Any = None
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            found.append(_run(path, root, facts, broken))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # What is no JSON may be ours, cut short.
            if facts is None or any(word in str(facts) for word in _OWN_WORDS):
                broken.append(f"{path}: cannot be read as a bundle ({reason_of(error)})")
    if not found and not broken:
        raise BundleError(f"{root}: expected bundles below it, found no {BUNDLE}")
    if failed is not None:
        failed += broken
    return sorted(found, key=lambda run: (run.written, run.folder))


def _bundles_below(root: Path, broken: list[str]) -> list[Path]:
    """Bundles below a folder, sorted; folders of sounds and of pictures of one label are passed by.

    `broken` gets a line for a folder that may not be looked into.
    """

    def closed(error: OSError) -> None:
        broken.append(f"{error.filename}: cannot be looked into ({error.strerror})")

    found = []
    for folder, below, names in os.walk(root, onerror=closed):
        if BUNDLE in names:
            found.append(Path(folder, BUNDLE))
        full = _full_folders(Path(folder), names)
        below[:] = [name for name in below if name not in full]
    return sorted(found)


def _full_folders(folder: Path, names: Sequence[str]) -> set[str]:
    """Names of folders in one that hold thousands of files and no bundle, by what stands beside them."""
    full = set(LARGE_FOLDERS) if not {METADATA, TRAIN}.isdisjoint(names) else set()
    for store in (name for name in _STORES if name in names):
        try:
            labels = json.loads((folder / store).read_text(encoding="utf-8"))["classes"]
            full |= {*LARGE_FOLDERS, *map(str, labels)}
        except (OSError, ValueError, KeyError, TypeError):
            # What cannot be known to hold no bundle is looked through.
            continue
    return full


def list_runs(root: Path) -> "pd.DataFrame":
    """All bundles below a folder as a DataFrame, the latest last, with the columns of `Run`; BundleError for none."""
    return frame_of(Run, find_runs(root))


def _run(path: Path, root: Path, facts: dict[str, Any], broken: list[str]) -> Run:
    training, scores = facts["record"]["training"], _scores(path.parent / SCORES, broken)
    if HEARD_BY in facts:
        # A head on a listener has neither a network of ours nor pictures.
        facts = {**facts, "network": {"name": f"head, {facts['members'][0]['shape']['kind']}"}}
        training = {"loss": "", **training}
        features = {"kind": facts[HEARD_BY]["name"], "n_mels": ""}
    else:
        features = facts["features"]
    return Run(
        folder=str(path.parent.relative_to(root)),
        written=datetime.fromtimestamp(path.stat().st_mtime).strftime("%Y-%m-%d %H:%M"),
        network=str(facts["network"]["name"]),
        members=len(facts["weights"]),
        loss=str(training["loss"]),
        epochs=f"{facts['record']['best_epoch']}/{training['epochs']}" if "epochs" in training else "",
        seed=int(training["seed"]),
        features=f"{features['kind']}{features['n_mels']}",
        birds=len(facts["classes"]),
        segments=int(facts["record"]["segments"]["training"]),
        **{name: scores.get(name) for name in _MEASURES},
    )


def _scores(path: Path, broken: list[str]) -> dict[str, Any]:
    # A training that holds nothing out writes empty scores; a bundle that was copied by itself has none.
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        found = {name: scores["segments"].get(name) for name in _MEASURES} if scores else {}
        for name, value in found.items():
            require(value is None or is_number(value), name, "a number", value)
        return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        broken.append(f"{path}: cannot be read as a bundle's scores ({reason_of(error)})")
        return {}
