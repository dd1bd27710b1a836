"""Decoders in a folder, as facts and weights: written when they are trained to the end, and gone on with after a kill.

NAME.json           which network they belong to, how and on what they were trained
NAME.weights.h5     their weights
NAME.*.progress.npz while they are trained: all that is needed to go on
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from birdclef_mind.backwards.decoder_networks import Decoders, Tap, build_decoders
from birdclef_mind.backwards.redrawing import Redrawing
from birdclef_mind.errors import BundleError, reason_of
from birdclef_mind.storage import files
from birdclef_mind.storage.checkpoint import Checkpoint
from birdclef_mind.storage.progress import Say

FORMAT = 2


def read_decoders(
    folder: Path, name: str, taps: Sequence[Tap], rows_frames: tuple[int, int], wanted: Mapping[str, Any],
    *, build: Callable[..., Decoders] = build_decoders,
) -> Decoders:  # fmt: skip
    """Decoders of some taps, whose facts say what is `wanted`; BundleError for others, and for what was changed.

    `build` makes them anew, untrained, of taps, the pictures' size and whether they convolve whole pictures, as older
    ones do, whose facts say nothing of places.
    """
    path = folder / f"{name}.json"
    try:
        facts = files.read_facts(folder, path.name, "decoders", BundleError, FORMAT)
        if any(facts[key] != value for key, value in wanted.items()):
            raise BundleError(f"{path}: expected decoders of this network, got those of an older or another one")
        decoders = build(taps, rows_frames, whole=not facts.get("places", False))
        weights = folder / f"{name}.weights.h5"
        if facts["weights_sha256"] != files.sha256(weights):
            raise BundleError(f"{weights}: was changed since the decoders were trained")
        for tap, network in decoders.networks.items():
            if facts["shapes"][tap] != list(network.input_shape[1:]):
                raise BundleError(f"{path}: expected a decoder for {tap} of shape {network.input_shape[1:]}")
        _together(decoders).load_weights(weights)
        return replace(decoders, best_losses=dict(facts["validation_losses"]), epochs=int(facts["epochs"]))
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise BundleError(f"{path}: expected decoders of this program, got {reason_of(error)}") from error


def write_decoders(folder: Path, name: str, decoders: Decoders, facts: Mapping[str, Any]) -> None:
    """Put decoders in the place of older ones, which stand until both files are whole."""
    with files.whole(folder / f"{name}.json") as facts_part, files.whole(folder / f"{name}.weights.h5") as weights_part:
        _together(decoders).save_weights(weights_part)
        own = {
            "weights_sha256": files.sha256(weights_part),
            "shapes": {tap: list(network.input_shape[1:]) for tap, network in decoders.networks.items()},
            "validation_losses": decoders.best_losses,
            "epochs": decoders.epochs,
            "places": True,
        }
        files.write_facts(facts_part, {**facts, **own}, FORMAT)


def key_of(path: Path) -> str:
    """What the decoders of a file follow from; "" for those that do not say, and where there are none."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8")).get("key", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def resume(training: Redrawing[Any], state: Checkpoint, say: Say) -> None:
    """Go on from what a training that was stopped has left, where it left something that can be used."""
    arrays = state.read(say)
    if arrays is None:
        return
    try:
        training.restore(arrays)
    except (KeyError, ValueError, TypeError):
        state.unusable(say)
        return
    say(f"going on after epoch {training.current.epochs}")


def _together(decoders: Decoders) -> keras.Model:
    """All decoders as one model, so that they are kept in one file."""
    networks = decoders.networks.values()
    return keras.Model([n.inputs[0] for n in networks], [n.outputs[0] for n in networks], name="decoders")
