"""Refusing bad settings: each names the setting, what was expected and what came."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from birdclef_mind.errors import ConfigError


def require(holds: bool, name: str, expected: str, value: object) -> None:
    """Raise ConfigError unless it holds."""
    if not holds:
        raise ConfigError(f"{name}: expected {expected}, got {value!r}")


def some_of(names: Sequence[str], most: int = 10) -> str:
    """The first names of a list, for a message.

    >>> some_of(["barswa", "comsan", "abythr1"], 2)
    'barswa, comsan, …'
    """
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def is_whole(value: object) -> bool:
    """Whether it is a whole number, which True is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a finite number, which True is not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def known(kind: type, values: object) -> dict[str, Any]:
    """The settings of a dataclass as a dict; ConfigError for one that it does not have."""
    values = table_of(kind, values)
    names = [item.name for item in fields(kind)]
    for name in values:
        if name not in names:
            raise ConfigError(f"{name}: expected one of {', '.join(names)}")
    return values


def table_of(kind: type, values: object) -> dict[str, Any]:
    """The settings of a dataclass as a dict; ConfigError for what is no table."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{kind.__name__.lower()}: expected a table of settings, got {values!r}")
    return dict(values)
