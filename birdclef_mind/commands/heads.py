"""Training a head on a listener's embeddings: what `train --listener` does."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from birdclef_mind.commands.terminal import Terminal, command
from birdclef_mind.commands.words import change_lines, counted, honesty_lines, score_lines
from birdclef_mind.errors import ConfigError

if TYPE_CHECKING:
    from birdclef_mind.listeners.embeddings import Embeddings
    from birdclef_mind.training.train_head import HeadTraining

# What concerns a network that reads pictures; a head chooses for itself.
_OF_PICTURES = (
    "recipe", "model", "weights", "epochs", "batch_size", "learning_rate", "patience", "loss", "without", "fold",
    "before", "decoders", "config", "teacher", "unlabelled", "soundscapes", "rounds",
    "heard",
)  # fmt: skip


def train_on_listener(args: argparse.Namespace, embeddings: "Embeddings", terminal: Terminal) -> int:
    """Train a head on embeddings, or one a fold, and write its bundle."""
    from birdclef_mind.data.overrides import read_overrides
    from birdclef_mind.networks.bundle_folder import OUT_OF_FOLD, SCORES, VALIDATION
    from birdclef_mind.training.train_head import train_head

    training = _training_asked_for(args)
    overrides = read_overrides(args.overrides) if args.overrides else ()
    terminal.say(f"{embeddings.heard_by.name}: {embeddings.heard_by.licence}")
    started = time.perf_counter()
    report = train_head(embeddings, args.out, training, overrides, say=terminal.say, track=terminal.track)
    scores = report.scores
    if scores:
        terminal.say("\n".join(["", *score_lines(scores), *change_lines(scores), *honesty_lines(scores), ""]))
    else:
        terminal.say("no recording was held out, so nothing is measured")
    places: list[tuple[str, str | Path]] = [("bundle", args.out)]
    if scores:
        places += [
            ("validation", args.out / (OUT_OF_FOLD if training.folds else VALIDATION)),
            ("scores", args.out / SCORES),
        ]
    places.append(("next", f"{command('infer', args.out)} COMPETITION submission.csv --listener MODEL"))
    heads = counted(len(report.bundle.members), "head")
    terminal.end(f"{heads} in {time.perf_counter() - started:.0f} s; it needs the listener to be used", places)
    return 0


def _training_asked_for(args: argparse.Namespace) -> "HeadTraining":
    from birdclef_mind.training.train_head import HeadTraining

    if args.cache is not None:
        raise ConfigError(f"--listener: expected OUT alone beside it, got {args.cache} and {args.out}")
    for name in _OF_PICTURES:
        if getattr(args, name):
            raise ConfigError(f"--{name.replace('_', '-')}: expected a cache of pictures, not --listener")
    given = {name: getattr(args, name) for name in ("validation_share", "folds", "seed", "split_seed")}
    return HeadTraining(**{name: value for name, value in given.items() if value is not None})
