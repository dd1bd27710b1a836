"""A model with its description, as a listener."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from birdclef_mind.checks import is_number
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet import open_birdnet
from birdclef_mind.listeners.description import Description
from birdclef_mind.listeners.keras_model import KerasModel
from birdclef_mind.listeners.listener import Listener, Terms
from birdclef_mind.listeners.onnx_model import OnnxModel
from birdclef_mind.listeners.outputs import NamedEars, Running
from birdclef_mind.listeners.own_bundle import open_bundle
from birdclef_mind.listeners.saved_model import SavedModel
from birdclef_mind.listeners.species_lists import read_species_list, require_count
from birdclef_mind.listeners.terms import BIRDNET
from birdclef_mind.listeners.tflite_file import read_graph
from birdclef_mind.listeners.tflite_model import TFLiteModel, is_birdnet
from birdclef_mind.storage import files

# Settings that change scores or embedding.
_HOW = ("kind", "rate_hz", "window_s", "hop_s", "embedding", "scores", "are", "answer", "peak", "signature")


def open_described(description: Description) -> Listener:
    """Open a model as its description says; ListenerError for a model, or a list of labels, that does not fit it."""
    if not description.model.exists():
        raise ListenerError(f"{description.model}: expected a model, found nothing")
    if description.kind == "birdnet":
        return open_birdnet(description.model, description.labels)
    if description.kind == "bundle":
        return open_bundle(description.model)
    if description.labels is None:  # pragma: no cover - a description of such a kind has them
        raise ListenerError(f"{description.model}: expected a list of labels, found none")
    species = read_species_list(description.labels, description.column)
    ears = NamedEars(_STARTED[description.kind](description), description, len(species))
    require_count(species, ears.count, description.labels)
    return Listener(
        name=description.name or description.model.stem, kind=description.kind, rate_hz=description.rate_hz,
        window_s=description.window_s, hop_s=description.hop_s, species=species,
        digest=_digest(description), ears=ears, answer=description.answer, peak=description.peak,
        terms=_terms(description),
    )  # fmt: skip


def _terms(description: Description) -> Terms:
    """What is said, or else what is known: BirdNET's file stays BirdNET's, however it is opened."""
    known = description.kind == "tflite" and is_birdnet(read_graph(description.model))
    usual = BIRDNET if known else Terms()
    return Terms(description.licence or usual.licence, description.prize or usual.prize)


def _saved_model(description: Description) -> Running:
    return SavedModel(description.model, description.signature, description.window_samples)


def _tflite(description: Description) -> Running:
    return TFLiteModel(description.model, description.named, description.window_samples)


def _keras(description: Description) -> Running:
    return KerasModel(description.model, description.named, description.window_samples)


def _onnx(description: Description) -> Running:
    return OnnxModel(description.model, description.window_samples)


_STARTED: Mapping[str, Callable[[Description], Running]] = {
    "savedmodel": _saved_model,
    "tflite": _tflite,
    "keras": _keras,
    "onnx": _onnx,
}


def _digest(description: Description) -> str:
    """Of a model's files, and of what is said of how it hears: with other words the same files hear something else."""
    said = {name: getattr(description, name) for name in _HOW}
    text = json.dumps({name: float(value) if is_number(value) else value for name, value in said.items()})
    return hashlib.sha256(f"{_digest_of(description.model)} {text}".encode()).hexdigest()


def _digest_of(model: Path) -> str:
    """Of a file, or of all files of a folder and their names."""
    if not model.is_dir():
        return files.sha256(model)
    digest = hashlib.sha256()
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(model).as_posix()} {files.sha256(path)}\n".encode())
    return digest.hexdigest()
