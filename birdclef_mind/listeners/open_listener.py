"""A path to a listener: which kind it is, by what stands there."""

from pathlib import Path

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.birdnet import open_birdnet
from birdclef_mind.listeners.listener import Listener
from birdclef_mind.storage.progress import Say


def open_listener(path: Path, *, say: Say = lambda line: None) -> Listener:
    """Open a model that was trained elsewhere, and say its licence.

    A TFLite file of BirdNET v2.4. ListenerError where nothing that is known stands there.
    """
    if path.suffix.lower() != ".tflite":
        raise ListenerError(f"{path}: expected a TFLite file of BirdNET v2.4")
    listener = open_birdnet(path)
    say(f"{listener.name}: {listener.terms.licence}; {listener.terms.prize}")
    return listener
