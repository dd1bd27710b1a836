"""The ordered list of birds, labels as targets, and lists of labels as tables spell them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.errors import ConfigError

# No separator of a path, a list or a table, no space and nothing that does not print.
_LABEL = re.compile(r"[\w.'-]{1,60}")
_NO_LABEL = ("", "nan", "none", "null", "<na>", "na")
_IN_LIST = r"""(?:'[^'"]*'|"[^"]*"|[^\s,;'"\[\](){}]+)"""
_LIST = re.compile(rf"{_IN_LIST}(?:(?:\s+|\s*[,;]\s*){_IN_LIST})*\s*,?")
# What tables of 2021 write where nothing is heard, and a cache's index where somebody heard none of its classes.
NOTHING = "nocall"
# Devices on Windows, whatever their ending.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# Columns that tables have beside those of labels, and what stands there for no label at all.
_TAKEN = frozenset({
    "row_id", "birds", "target", "label", "recording", "segment", "start_s", "also", "secondary_labels", NOTHING,
})  # fmt: skip


def is_label(text: str) -> bool:
    """Whether it can name a bird: a folder of the cache, a column of the submission, a word of a list.

    >>> is_label("barswa"), is_label("../barswa"), is_label("barswa,comsan"), is_label("aux"), is_label("row_id")
    (True, False, False, False, False)
    """
    shaped = bool(_LABEL.fullmatch(text)) and not text.startswith(".")
    return shaped and not is_reserved(text) and not is_taken(text)


def is_taken(text: str) -> bool:
    """Whether tables have a word for something else than a bird, in whatever letters."""
    return text.casefold() in _TAKEN


def no_label(text: str) -> str:
    """What a message says of a text that is no label.

    >>> no_label("a b"), no_label("row_id")
    ("expected a label, got 'a b'", "expected a label, got 'row_id', which tables have for something else than a bird")
    """
    return f"expected a label, got {text!r}" + (
        ", which tables have for something else than a bird" if is_taken(text) else ""
    )


def is_reserved(name: str) -> bool:
    """Whether some system takes a file of this name for a device."""
    return bool(_RESERVED.fullmatch(name))


def is_empty(text: str) -> bool:
    """Whether a cell says that there is no label, as tables of different programs do."""
    return text.strip().lower() in _NO_LABEL


def parse_labels(text: str) -> list[str] | None:
    """Labels as tables spell lists of them; None for what is no list.

    Python's and JSON's lists and tuples, NumPy's without commas, and labels parted by semicolons, commas or spaces. No
    text, NaN, None and quotes around nothing mean that there is none. Nothing is evaluated, and two never become one.

    >>> parse_labels("['barswa', 'comsan']"), parse_labels("['barswa' 'comsan']"), parse_labels("barswa;41663")
    (['barswa', 'comsan'], ['barswa', 'comsan'], ['barswa', '41663'])
    >>> parse_labels("['']"), parse_labels("nan"), parse_labels("['barswa''comsan']")
    ([], [], None)
    """
    inner = text.strip()
    for opening, closing in ("[]", "()"):
        if inner[:1] == opening and inner[-1:] == closing:
            inner = inner[1:-1].strip()
            break
    if is_empty(inner):
        return []
    if not _LIST.fullmatch(inner):
        return None
    found = [label for label in re.findall(_IN_LIST, inner) if not is_empty(label)]
    bare = [label[1:-1] if label[0] in "'\"" else label for label in found]
    return [label for label in bare if label]


@dataclass(frozen=True)
class Classes:
    """The birds a network can name, in the order of its outputs."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ConfigError(f"classes: expected at least one name, each once, got {list(self.names)!r}")
        for name in self.names:
            if not is_label(name):
                raise ConfigError(f"classes: {no_label(name)}")

    def __len__(self) -> int:
        return len(self.names)

    def indices(self, labels: Iterable[str]) -> Array:
        """Place of each label in the list, (labels,), int64; ConfigError for an unknown one."""
        places = {name: index for index, name in enumerate(self.names)}
        try:
            return np.array([places[label] for label in labels], np.int64)
        except KeyError as error:
            raise ConfigError(f"label: expected one of the {len(self)} classes, got {error.args[0]!r}") from error

    def targets(
        self,
        primary: Sequence[str],
        secondary: Sequence[Sequence[str]],
        secondary_weight: float = 0.0,
        also: Sequence[Sequence[str]] = (),
    ) -> Array:
        """Labels as (rows, classes), float32: 1 for the primary one and those of `also`, which are surely there too.

        A primary label of "" is none. Secondary labels that are known here get `secondary_weight`: they may be in
        another segment. ConfigError for a primary label, or one of `also`, that is not known.
        """
        places = {name: index for index, name in enumerate(self.names)}
        targets = np.zeros((len(primary), len(self)), np.float32)
        for row, others in enumerate(secondary):
            known = [places[label] for label in others if label in places]
            targets[row, known] = secondary_weight
        named = [row for row, label in enumerate(primary) if label]
        targets[named, self.indices([primary[row] for row in named])] = 1
        for row, others in enumerate(also):
            targets[row, self.indices(others)] = 1
        return targets


def choose_labels(in_order: Sequence[str], wanted: str | Sequence[str]) -> Classes:
    """Choose from the labels of a table: "all", the first N by order of appearance, or a list.

    Parameters
    ----------
    in_order : a label for each row of the table, repeats included.
    wanted : as text "all", "N" or "a,b,c", and a label "N" of the table is that label; else a list of labels.

    Raises
    ------
    ConfigError : a number of labels that the table does not have, a label that is not in it, or one twice.

    >>> choose_labels(["comsan", "barswa", "comsan", "abythr1"], "2").names
    ('comsan', 'barswa')
    >>> choose_labels(["41663", "3", "22956"], "3").names, choose_labels(["41663", "3", "22956"], ["22956"]).names
    (('3',), ('22956',))
    """
    appearing = list(dict.fromkeys(in_order))
    if wanted == "all":
        return Classes(tuple(appearing))
    if isinstance(wanted, str) and wanted.isdecimal() and wanted not in appearing:
        if not 1 <= int(wanted) <= len(appearing):
            raise ConfigError(
                f"labels: expected a number from 1 to {len(appearing)}, or a label of the table, got {wanted}"
            )
        return Classes(tuple(appearing[: int(wanted)]))
    chosen = [name.strip() for name in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
    known = set(appearing)
    for name in chosen:
        if name not in known:
            raise ConfigError(f"labels: expected 'all', a number, or labels of the table, got {name!r}")
    return Classes(tuple(chosen))
