"""What the kernels do with a listener, where the settings name one: embeddings, a head, its share of the answer.

A model that is missing ends the first kernel before it works. Whatever fails in the submission is said in a line, and
the network that reads pictures answers alone.
"""

from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.commands.config import Config
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.labels import Classes
from birdclef_mind.errors import BirdclefMindError
from birdclef_mind.kaggle.answering import Answering, Averaged, HeadAnswering, PictureAnswering
from birdclef_mind.kaggle.mounts import find_folder
from birdclef_mind.listeners.embeddings import FACTS, Embeddings, HeardBy, open_embeddings
from birdclef_mind.listeners.find_model import find_model
from birdclef_mind.listeners.head_bundle import load_head
from birdclef_mind.listeners.hearing import Hearing
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.species_match import match_species, require_any
from birdclef_mind.listeners.write_embeddings import write_embeddings
from birdclef_mind.networks.bundle import FACTS as BUNDLE
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.training.train_head import HeadTraining
from birdclef_mind.training.train_head import train_head as train

_EMBEDDINGS = "the embeddings of the kernel cache-images"
# What a head's folder has among a kernel's outputs, beside that of the network.
HEAD_FOLDER = "head"


def model_of(inputs: Path, listener: str) -> Path:
    """Where the model of an address OWNER/MODEL/FRAMEWORK/VARIATION/VERSION is mounted.

    By its variation, else by its name; ListenerError where it is not.
    """
    _, name, _, variation, _ = listener.split("/")
    try:
        return find_model(inputs, variation)
    except BirdclefMindError:
        return find_model(inputs, name)


@dataclass(frozen=True)
class Ears:
    """A model that is mounted, and how it hears."""

    model: Path
    heard_by: HeardBy


def ears(inputs: Path, config: Config, competition: Competition, classes: Classes, terminal: Terminal) -> Ears:
    """The listener that the settings name, as it hears the segments of the pictures.

    ListenerError where it is not mounted, TableError where it knows none of the classes.
    """
    model = model_of(inputs, config.listener)
    listener = open_listener(model, say=terminal.say)
    match = match_species([competition.species[name] for name in classes.names], listener.species)
    if match.note(listener.name):
        terminal.say(match.note(listener.name))
    require_any(match, listener.name)
    return Ears(model, HeardBy.of(listener, Hearing(windowing=config.features.windowing), match))


def embed(
    own: Ears, out: Path, competition: Competition, classes: Classes, terminal: Terminal, *, unlabelled: bool = False
) -> None:
    """Keep what the listener makes of every segment of the pictures, or of soundscapes that nobody labelled."""
    report = write_embeddings(
        own.model, own.heard_by, competition, classes, out, unlabelled=unlabelled, track=terminal.track
    )
    terminal.failures({failure.recording: failure.reason for failure in report.failures})


def teacher(inputs: Path) -> Embeddings:
    """What the kernel before has kept."""
    return open_embeddings(find_folder(inputs, FACTS, _EMBEDDINGS))


def train_head(inputs: Path, out: Path, config: Config, terminal: Terminal) -> Path:
    """Train a head on the embeddings, with the same recordings held out as the network had; where."""
    training = config.training
    head = HeadTraining(validation_share=training.validation_share, split_seed=training.split_seed, seed=training.seed)
    train(teacher(inputs), out, head, say=terminal.say, track=terminal.track)
    return out


def answering(inputs: Path, network: Bundle, config: Config, terminal: Terminal) -> Answering:
    """The network and the head together; the network alone where anything is amiss with the listener."""
    own = PictureAnswering(network, config.submitting.shifts)
    try:
        found = find_head(inputs)
        head = HeadAnswering(load_head(found), open_listener(model_of(inputs, config.listener), say=terminal.say))
        return Averaged([own, head])
    except Exception as error:  # A submission without the listener is worth more than none.
        terminal.say(f"the listener does not answer, the network does so alone: {error}")
        return own


def find_head(inputs: Path) -> Path:
    """The folder of the head among the kernels' outputs; TableError where there is none."""
    return find_folder(inputs, f"{HEAD_FOLDER}/{BUNDLE}", "the head of the kernel train") / HEAD_FOLDER
