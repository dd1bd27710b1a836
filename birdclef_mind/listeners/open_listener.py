"""A path to a listener: which kind it is, by what stands there."""

from pathlib import Path

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet import open_birdnet
from birdclef_mind.listeners.birdnet import untrained as untrained_birdnet
from birdclef_mind.listeners.birdnet_twin import require_birdnet
from birdclef_mind.listeners.described import open_described
from birdclef_mind.listeners.description import lines_for, read_description
from birdclef_mind.listeners.known_models import describe_saved_model
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.listeners.own_bundle import open_bundle
from birdclef_mind.listeners.tflite_file import read_graph
from birdclef_mind.storage.folder_kinds import BUNDLE, DESCRIPTION, SAVED_MODEL, kind_of
from birdclef_mind.storage.progress import Say

# Files of kinds that say too little of themselves.
_DESCRIBED = {".onnx": "onnx", ".keras": "keras", ".h5": "keras", ".hdf5": "keras"}


def open_listener(path: Path, *, say: Say = lambda line: None) -> Listener:
    """Open a model that was trained elsewhere, and say its licence.

    A TOML file that describes one, or a folder with `listener.toml`; a folder of Perch or of another SavedModel that is
    known by name; BirdNET's TFLite file; a bundle. ListenerError where nothing that is known stands there.
    """
    listener = _opened(path)
    say(f"{listener.name}: {listener.terms.licence}; {listener.terms.prize}")
    return listener


def untrained(listener: Listener, path: Path, seed: int) -> Listener | None:
    """The listener at a path with nothing learned behind its ears, as a control; None for kinds that have no such twin.

    Its numbers stand in another order for every seed.
    """
    if listener.kind != "birdnet":
        return None
    described = path / DESCRIPTION if path.is_dir() else path
    model = read_description(described).model if described.suffix.lower() == ".toml" else path
    return untrained_birdnet(listener, model, seed)


def _opened(path: Path) -> Listener:
    kind = path.suffix.lower()
    if path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise ListenerError(
            f"{path}: expected a model, a bundle, or a TOML file that describes one, found {kind_of(path)}"
        )
    if kind == ".toml":
        return open_described(read_description(path))
    if kind == ".tflite":
        return _of_tflite(path)
    if kind in _DESCRIBED:
        raise ListenerError(
            f"{path}: expected a TOML file that describes it, got the model alone; such a file is of these lines:\n"
            f"{lines_for(_DESCRIBED[kind], path.name)}"
        )
    raise ListenerError(
        f"{path}: expected a TOML file, a TFLite file of BirdNET, or a folder with {BUNDLE}, {SAVED_MODEL} or "
        f"{DESCRIPTION}, found {kind_of(path)}"
    )


def _of_folder(path: Path) -> Listener:
    if (path / DESCRIPTION).is_file():
        return open_described(read_description(path / DESCRIPTION))
    if (path / BUNDLE).is_file():
        return open_bundle(path)
    if (path / SAVED_MODEL).is_file():
        return open_described(describe_saved_model(path))
    raise ListenerError(
        f"{path}: expected a folder with {BUNDLE}, {SAVED_MODEL} or {DESCRIPTION}, found {kind_of(path)}"
    )


def _of_tflite(path: Path) -> Listener:
    graph = read_graph(path)
    try:
        require_birdnet(graph)
    except ListenerError as error:
        raise ListenerError(
            f"{path}: expected BirdNET v2.4, or a TOML file that describes it, got a model that differs from BirdNET "
            f"({error}); such a file is of these lines:\n{lines_for('tflite', path.name)}"
        ) from error
    return open_birdnet(path)
