"""Where Kaggle mounts models: two layouts are in use, and their case varies, so a model is known by what it holds.

Until 2025 one stood at `input/<model>/<framework>/<variation>/<version>`; since 2026 it stands at
`input/models/<owner>/<model>/<framework>/<variation>/<version>`.
"""

from collections.abc import Iterator
from pathlib import Path

from birdclef_mind.checks import some_of
from birdclef_mind.data.form import LARGE_FOLDERS
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.known_models import CODES, SCIENTIFIC
from birdclef_mind.listeners.species_lists import birdnet_lists
from birdclef_mind.listeners.tflite_file import read_graph
from birdclef_mind.listeners.tflite_model import is_birdnet
from birdclef_mind.storage.folder_kinds import DESCRIPTION, SAVED_MODEL
from birdclef_mind.storage.levels import folders_by_level, holds, listing

_DEEPEST = 7
# A folder with more of them holds sounds, not models.
_WIDEST = 200


def find_model(inputs: Path, wanted: str) -> Path:
    """The model that is mounted below `inputs` and called `wanted`, to be opened with `open_listener`.

    A name is a folder of its path, such as "perch_v2_cpu", or a part of the path, such as "birdnet"; "" for the only
    model. ListenerError where there is none of that name, or several.
    """
    found = {path: _plain(str(path.relative_to(inputs))) for path in _models(inputs)}
    name = _plain(wanted)
    exact = [path for path, own in found.items() if name in own.split("/")]
    fitting = exact or [path for path, own in found.items() if name in own]
    if len(fitting) == 1:
        return fitting[0]
    called = f"a model called {wanted}" if wanted else "a model"
    if fitting or found:
        names = [str(path.relative_to(inputs)) for path in fitting or found]
        raise ListenerError(f"{inputs}: expected {called}, and one only, found {some_of(names)}")
    lonely = [str(path.relative_to(inputs)) for folder in _folders(inputs) for path in _tflite(folder)]
    more = f"; no list of species stands beside {some_of(lonely)}" if lonely else ""
    raise ListenerError(f"{inputs}: expected {called}, found {listing(inputs)}{more}")


def _models(inputs: Path) -> Iterator[Path]:
    for folder in _folders(inputs):
        if holds(folder, DESCRIPTION):
            yield folder / DESCRIPTION
        elif holds(folder, SAVED_MODEL) and (
            holds(folder, CODES) or holds(folder, SCIENTIFIC) or birdnet_lists(folder)
        ):
            yield folder
        else:
            yield from (path for path in _tflite(folder) if birdnet_lists(path) and _is_birdnet(path))


def _folders(inputs: Path) -> Iterator[Path]:
    return folders_by_level(inputs, _DEEPEST, LARGE_FOLDERS, _WIDEST)


def _tflite(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".tflite")
    except OSError:
        return []


def _is_birdnet(path: Path) -> bool:
    try:
        return is_birdnet(read_graph(path))
    except ListenerError:
        return False


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
