"""All settings of a run, as one file of TOML gives them."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.checks import is_whole, known, require, table_of
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation.settings import Showing
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.sound.settings import PRESETS, Features
from birdclef_mind.training.recipe import Training

# A model's address on Kaggle, without its host.
_MODEL = re.compile(r"[\w-]+/[\w.-]+/[\w.-]+/[\w.-]+/\d+")


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of a run: which competition and birds, which pictures, how networks are trained, how much is shown.

    `competition` is its name in addresses on Kaggle, such as "birdclef-2026"; "" for the one that the kernels name.
    `rounds` is how often soundscapes that nobody labelled teach, at most; 0 for never.
    `listener` is a model on Kaggle that the kernels listen with, as OWNER/MODEL/FRAMEWORK/VARIATION/VERSION; "" for
    none.
    """

    competition: str = ""
    listener: str = ""
    rounds: int = 0
    labels: str | tuple[str, ...] = "all"
    features: Features = PRESETS["mel32"]
    training: Training = field(default_factory=Training)
    decoding: Decoding = field(default_factory=Decoding)
    showing: Showing = field(default_factory=Showing)
    submitting: Submitting = field(default_factory=Submitting)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values with `labels` and a table each for the other settings.

        Labels are "all", a number of them (3 or "3"), "a,b,c", or a list of labels, whatever these look like.
        """
        values = known(cls, values)
        labels = values.get("labels", "all")
        is_list = isinstance(labels, list) and labels and all(map(_is_word, labels))
        require(bool(is_list or _is_word(labels)), "labels", "'all', a number, or a list of labels", labels)
        features = table_of(Features, values.get("features", {}))
        competition = values.get("competition", "")
        require(isinstance(competition, str), "competition", "a name such as 'birdclef-2026'", competition)
        listener = values.get("listener", "")
        good = isinstance(listener, str) and (not listener or _MODEL.fullmatch(listener))
        require(bool(good), "listener", "a model on Kaggle as OWNER/MODEL/FRAMEWORK/VARIATION/VERSION", listener)
        rounds = values.get("rounds", 0)
        require(is_whole(rounds) and rounds >= 0, "rounds", "a whole number from 0", rounds)
        return cls(
            competition=str(competition),
            listener=str(listener),
            rounds=rounds,
            labels=tuple(map(str, labels)) if is_list else str(labels),
            features=Features.from_dict({"preset": "mel32", **features}),
            training=Training.from_dict(values.get("training", {})),
            decoding=Decoding.from_dict(values.get("decoding", {})),
            showing=Showing.from_dict(values.get("showing", {})),
            submitting=Submitting.from_dict(values.get("submitting", {})),
        )

    @classmethod
    def of_kernels(cls, path: Path | None) -> Self:
        """Those of a file, or the usual; ConfigError, too, where a later kernel could not go on with what they make."""
        config = cls.read(path) if path else cls()
        if config.rounds:
            try:
                config.training.refuse_rounds()
            except ConfigError as error:
                raise ConfigError(f"{path}: rounds = {config.rounds}: {error}") from error
        return config

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file; ConfigError names the file and its unknown key or bad value, or why it cannot be read."""
        try:
            return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8-sig")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: expected TOML, got {error}") from error
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def _is_word(value: object) -> bool:
    return is_whole(value) or (isinstance(value, str) and value != "")
