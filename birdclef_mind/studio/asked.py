"""What a browser asks, taken apart: every value is one that can be, or one sentence says what was expected."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from birdclef_mind.errors import ConfigError

_LONGEST_TEXT = 300


def number(values: Mapping[str, Any], name: str, low: float, high: float, usual: float | None = None) -> float:
    """A number from `low` to `high`; `usual` where none is given. ConfigError for another."""
    given = values.get(name, usual)
    try:
        found = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not low <= found <= high:
        raise ConfigError(f"{name}: expected a number from {low:g} to {high:g}, got {_shown(given)}")
    return found


def whole(values: Mapping[str, Any], name: str, low: int, high: int, usual: int | None = None) -> int:
    """A whole number from `low` to `high`, as `number`; ConfigError for another."""
    found = number(values, name, low, high, usual)
    if found != int(found):
        raise ConfigError(f"{name}: expected a whole number, got {found:g}")
    return int(found)


def text(values: Mapping[str, Any], name: str, usual: str | None = None, *, longest: int = _LONGEST_TEXT) -> str:
    """A text that is not too long to be one; ConfigError for anything else."""
    given = values.get(name, usual)
    if not isinstance(given, str) or len(given) > longest:
        raise ConfigError(f"{name}: expected a text of at most {longest} signs, got {_shown(given)}")
    return given


def one_of(values: Mapping[str, Any], name: str, known: Sequence[str], usual: str | None = None) -> str:
    """One of some words; ConfigError for another."""
    given = text(values, name, usual)
    if given not in known:
        raise ConfigError(f"{name}: expected one of {', '.join(known)}, got {_shown(given)}")
    return given


def inside(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table of further values; an empty one where none is given, ConfigError for something else."""
    given = values.get(name, {})
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name}: expected a table of values, got {_shown(given)}")
    return given


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
