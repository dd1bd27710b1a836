"""What an explanation says of the network itself: its stages, its filters, how well it does."""

import json
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Pixels
from birdclef_mind.backwards import filters
from birdclef_mind.backwards.reconstruction import Backwards, rounded
from birdclef_mind.backwards.stamps import filter_patches
from birdclef_mind.errors import TableError
from birdclef_mind.explanation.facts import Filters, Performance, StageFacts
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.networks.bundle_folder import SCORES
from birdclef_mind.networks.bundle_tables import read_history


def filter_facts(backwards: Backwards, folder: Folder, pixels: Pixels) -> list[Filters]:
    """Patches of the convolutions that the plain chain reaches, drawn, with those that repeat or never answer.

    Parameters
    ----------
    pixels : pictures that they may answer to, (n, rows, frames).
    """
    anatomy = backwards.anatomy
    found, previous = filter_patches(anatomy, backwards.chain), None
    layers: list[Filters] = []
    for stage in anatomy.of_kind("convolution"):
        if stage.name not in found:
            continue
        patches = found[stage.name]
        (activation,) = anatomy.activations([stage], pixels)
        facts = filters.measure_filters(patches, activation, previous)
        sheet, array = folder.sheet(f"layer-{stage.place:02d}", filters.contact_sheet(patches), patches)
        previous = patches
        layers.append(
            {
                "tap": stage.name,
                "place": stage.place,
                "side": list(patches.shape[:2]),
                "sheet": sheet,
                "array": array,
                "filters": patches.shape[-1],
                "dead": np.flatnonzero(facts.dead).tolist(),
                "most_like": facts.most_like.tolist(),
                "similarity": rounded(facts.similarity),
                "repeats": np.flatnonzero(facts.similarity >= filters.REPEATS).tolist(),
                "adds": None if facts.adds is None else rounded(facts.adds),
                "adds_mean": None if facts.adds is None else round(float(facts.adds.mean()), 4),
            }
        )
    return layers


def anatomy_facts(backwards: Backwards) -> list[StageFacts]:
    """Every stage of the network, and whether it is read."""
    tapped = {tap.name for tap in backwards.taps}
    return [
        {
            "place": stage.place,
            "name": stage.name,
            "kind": stage.kind,
            "scale": stage.scale,
            "shape": list(stage.shape),
            "stride": stage.stride and list(stage.stride),
            "receptive_field": stage.receptive_field and list(stage.receptive_field),
            "tapped": stage.name in tapped,
        }
        for stage in backwards.anatomy.stages
    ]


def performance_facts(folder: Path) -> Performance | None:
    """How the network did in training: its measures and history; None when the bundle does not have both."""
    try:
        scores = json.loads((folder / SCORES).read_text(encoding="utf-8"))
        history = read_history(folder).astype(float).to_dict("records")
    except (OSError, ValueError, TableError):
        return None
    return {"scores": scores, "history": history}
