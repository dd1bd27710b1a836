"""What the kernels do with soundscapes that nobody labelled, where the settings ask for rounds: pictures, and rounds.

The first kernel leaves OUT/soundscapes/cache and, with a listener, OUT/soundscapes/heard; the second trains on them.
"""

import os
from dataclasses import replace
from pathlib import Path

from birdclef_mind.commands.config import Config
from birdclef_mind.commands.listening import Ears, embed
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.commands.words import score_lines
from birdclef_mind.data.cache import FACTS, Cache, open_cache
from birdclef_mind.data.competition import Competition
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.write_cache import write_cache
from birdclef_mind.errors import ConfigError
from birdclef_mind.kaggle.mounts import find_folder
from birdclef_mind.listeners.embeddings import open_embeddings
from birdclef_mind.networks.bundle import Bundle, load
from birdclef_mind.training.origin import Extras
from birdclef_mind.training.soft_labels import UnlabelledSoundscapes
from birdclef_mind.training.train_rounds import train_rounds

_FOLDER, _CACHE, _HEARD = "soundscapes", "cache", "heard"


def cache_soundscapes(
    out: Path, config: Config, competition: Competition, classes: Classes, *, ears: Ears | None, terminal: Terminal
) -> Path:
    """Cache a competition's soundscapes without labels, and what the listener makes of them; the folder of both.

    ConfigError for a competition without any.
    """
    if not competition.unlabelled():
        raise ConfigError(
            f"rounds: expected a competition with soundscapes that nobody labelled, found none in {competition.root}"
        )
    folder, features = out / _FOLDER, config.features.side_by_side
    jobs = os.cpu_count() or 1
    report = write_cache(
        competition, classes, features, folder / _CACHE,
        pack=True, unlabelled=True, jobs=jobs, track=terminal.track,
    )  # fmt: skip
    terminal.failures({failure.recording: failure.reason for failure in report.failures})
    if ears:
        heard_by = replace(ears.heard_by, hearing=replace(ears.heard_by.hearing, windowing=features.windowing))
        embed(Ears(ears.model, heard_by), folder / _HEARD, competition, classes, terminal, unlabelled=True)
    return folder


def train_in_rounds(
    inputs: Path, out: Path, config: Config, cache: Cache, *, extras: Extras, terminal: Terminal
) -> tuple[Bundle, str]:
    """Train so many rounds as the settings ask for; the best bundle, and a line on it."""
    own = find_folder(inputs, f"{_FOLDER}/{_CACHE}/{FACTS}", "the soundscapes of the kernel cache-images") / _FOLDER
    heard = open_embeddings(own / _HEARD) if config.listener else None
    soundscapes = UnlabelledSoundscapes(open_cache(own / _CACHE), heard)
    report = train_rounds(
        cache, out, config.training, soundscapes, config.rounds, extras=extras, say=terminal.say, track=terminal.track
    )
    if report.scores:
        terminal.say("\n".join(score_lines(report.scores)))
    return load(out), f"round {report.best} of {len(report.rounds) - 1} is kept"
