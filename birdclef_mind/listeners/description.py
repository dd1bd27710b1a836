"""A model that is not known by name, described in a TOML file of six lines."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from birdclef_mind.checks import is_number, is_whole, known, require
from birdclef_mind.errors import ConfigError, ListenerError

KINDS = ("tflite", "savedmodel", "keras", "onnx", "birdnet", "bundle")
# What may be said of kinds that know the rest by themselves.
_SAID = {"birdnet": {"kind", "model", "labels"}, "bundle": {"kind", "model"}}
_LONGEST_WINDOW_S, _HIGHEST_RATE_HZ = 600, 1_000_000
_TEXTS = ("embedding", "scores", "column", "licence", "prize", "name", "signature")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What has to be said of a model, so that it can be heard with.

    Attributes
    ----------
    kind : tflite, savedmodel, keras, onnx, birdnet or bundle; the last two need nothing but the model, and birdnet may
        have its labels.
    model : the file or folder.
    labels : a name a line, or a table. column : of a table, the one with the model's own names.
    rate_hz : samples in a second of what it hears. window_s : seconds that it hears at once.
    hop_s : seconds from frame to frame of its own pictures.
    scores : the output that names species, found by its size where it is not named.
    are : what scores are, logits or chances.
    answer : sigmoid where each species has a chance of its own, softmax where they share one.
    embedding : the output, tensor or layer that is its embedding; "" for one called so, or none.
    taps : further ones to listen in at; all other outputs where none is named.
    peak : each window is scaled to this peak before it is heard; 0 leaves it as it is.
    signature : of a SavedModel, which of its functions hear; several are separated by commas.
    name : what people call it; "" for its file's name.
    licence : the licence's name. prize : a few words on whether it may be used in a run for a prize.
    """

    kind: str
    model: Path
    labels: Path | None = None
    rate_hz: int = 0
    window_s: float = 0.0
    embedding: str = ""
    scores: str = ""
    are: str = "logits"
    answer: str = "sigmoid"
    peak: float = 0.0
    hop_s: float = 0.01
    column: str = ""
    licence: str = ""
    prize: str = ""
    name: str = ""
    taps: tuple[str, ...] = ()
    signature: str = ""

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "kind", f"one of {', '.join(KINDS)}", self.kind)
        require(isinstance(self.model, Path), "model", "a path", self.model)
        for name in _TEXTS:
            require(isinstance(getattr(self, name), str), name, "a text", getattr(self, name))
        if self.kind in _SAID:
            self._require_no_more(_SAID[self.kind])
            return
        require(isinstance(self.labels, Path), "labels", "a path", self.labels)
        require(
            is_whole(self.rate_hz) and 0 < self.rate_hz <= _HIGHEST_RATE_HZ,
            "rate_hz",
            f"a whole number above 0 and at most {_HIGHEST_RATE_HZ}",
            self.rate_hz,
        )
        require(
            is_number(self.window_s) and 1 / self.rate_hz <= self.window_s <= _LONGEST_WINDOW_S,
            "window_s",
            f"seconds above 0 and at most {_LONGEST_WINDOW_S}",
            self.window_s,
        )
        require(
            is_number(self.hop_s) and 0 < self.hop_s <= self.window_s,
            "hop_s",
            f"seconds above 0 and at most {self.window_s}",
            self.hop_s,
        )
        require(is_number(self.peak) and 0 <= self.peak <= 1, "peak", "a number from 0 to 1", self.peak)
        require(self.are in ("logits", "chances"), "are", "logits or chances", self.are)
        require(self.answer in ("sigmoid", "softmax"), "answer", "sigmoid or softmax", self.answer)
        words = isinstance(self.taps, tuple) and all(isinstance(tap, str) and tap for tap in self.taps)
        require(words and len(set(self.taps)) == len(self.taps), "taps", "a list of names, each once", self.taps)

    @property
    def window_samples(self) -> int:
        """Samples in a window."""
        return round(self.window_s * self.rate_hz)

    @property
    def named(self) -> tuple[str, ...]:
        """Every output, tensor or layer that it names, each once."""
        return tuple(dict.fromkeys(name for name in (*self.taps, self.embedding, self.scores) if name))

    def _require_no_more(self, said: set[str]) -> None:
        labels = self.labels
        require(labels is None or isinstance(labels, Path), "labels", "a path", labels)
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in said:
                require(value == item.default, item.name, f"nothing for kind {self.kind}, which says it itself", value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], folder: Path) -> Self:
        """Build from plain values; paths are read from `folder`, and lead out of it only where they are absolute.

        ConfigError for a setting that there is none of, and for a value that cannot be.
        """
        values = known(cls, values)
        for name in ("kind", "model"):
            require(name in values, name, "to be given", None)
        for name in {"model", "labels"} & values.keys():
            values[name] = _path(name, values[name], folder)
        if isinstance(values.get("taps"), list):
            values["taps"] = tuple(values["taps"])
        return cls(**values)


def read_description(path: Path) -> Description:
    """Read a description; ListenerError names the file and the line of what cannot be."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ListenerError(f"{path}: expected TOML, got what cannot be read ({error})") from error
    try:
        return Description.from_dict(tomllib.loads(text), path.parent)
    except tomllib.TOMLDecodeError as error:
        raise ListenerError(f"{path}: expected TOML, got {error}") from error
    except ConfigError as error:
        raise ListenerError(f"{path}{_line_of(text, str(error))}: {error}") from error


def lines_for(kind: str, model: str) -> str:
    """The lines that describe a model, to be filled in, for messages."""
    return "\n".join(
        [
            f'kind = "{kind}"',
            f'model = "{model}"',
            'labels = "labels.csv"',
            "rate_hz = 32000",
            "window_s = 5.0",
            'embedding = "embedding"',
        ]
    )


def _path(name: str, value: object, folder: Path) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ConfigError(f"{name}: expected a path, got {value!r}")
    path = Path(value)
    require(
        path.is_absolute() or ".." not in path.parts, name, "an absolute path, or one inside the file's folder", value
    )
    return folder / path


def _line_of(text: str, message: str) -> str:
    """Where a message's setting stands in a text, as ", line 3"; "" where it is missing."""
    name = message.partition(":")[0]
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*{re.escape(name)}\s*=", line):
            return f", line {number}"
    return ""
