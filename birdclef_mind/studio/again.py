"""Training anew with what an expert said, and the report to show others: which commands do it, and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from birdclef_mind.data.override import START
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation.folder import REPORT
from birdclef_mind.networks.bundle_folder import SCORES
from birdclef_mind.storage.ledger import write_own
from birdclef_mind.studio.lessons import Lessons

CACHE, BUNDLE, EXPLANATION, SETTINGS = "cache", "bundle", "explanation", "settings.toml"
_EXAMPLES = "6"
# What is shown of the measures before and after, and of the answers that are others now.
_MEASURES = ("top1", "mean_average_precision", "roc_auc", "padded_cmap")
_ANSWERS = 50


def training_anew(lessons: Lessons, work: Path) -> list[list[str]]:
    """Commands that train a network as the one looked into was, with all corrections; ConfigError without any.

    Their paths are whole: they may be gone on with from another folder.
    """
    work = work.resolve()
    corrections = lessons.marks.corrections()
    if not corrections:
        raise ConfigError("expected at least one correction to train with, but nothing was said to be wrong yet")
    record = lessons.mind.bundle.record
    settings = {"features": asdict(lessons.cache.features), "training": dict(record.training)}
    write_own(work / SETTINGS, toml_text(settings).encode())
    cache, commands = str(lessons.cache.root.resolve()), []
    if any(action == START for _, _, action, _ in corrections):
        if lessons.competition is None:
            raise ConfigError("expected the recordings, to move windows in them; begin the studio with --competition")
        cache = str(work / CACHE)
        labels = ",".join(lessons.cache.classes.names)
        commands.append(
            ["cache", str(lessons.competition.resolve()), cache, "--labels", labels, "--config", str(work / SETTINGS),
             "--overrides", str(lessons.marks.table.resolve())]
        )  # fmt: skip
    commands.append(
        ["train", cache, str(work / BUNDLE), "--config", str(work / SETTINGS),
         "--overrides", str(lessons.marks.table.resolve()), "--before", str(lessons.mind.folder.resolve())]
    )  # fmt: skip
    return commands


def report_anew(lessons: Lessons, work: Path) -> list[list[str]]:
    """The command that writes the report of the network looked into."""
    work = work.resolve()
    words = ["explain", str(lessons.mind.folder.resolve()), str(lessons.cache.root.resolve()), str(work / EXPLANATION)]
    words += ["--examples", _EXAMPLES, "--metamers", "0"]
    return [[*words, *(["--competition", str(lessons.competition.resolve())] if lessons.competition else [])]]


def report_of(work: Path) -> Path | None:
    """The report, where one was written."""
    path = work / EXPLANATION / REPORT
    return path if path.is_file() else None


def improved(work: Path) -> dict[str, Any] | None:
    """Measures before and after on the same held-out segments; None where there are none."""
    try:
        changed = json.loads((work / BUNDLE / SCORES).read_text(encoding="utf-8")).get("corrected")
    except (OSError, ValueError):
        return None
    if not isinstance(changed, Mapping):
        return None
    both = changed["before"]["segments"], changed["after"]["segments"]
    return {
        "segments": changed["segments"], "recordings": changed["recordings"], "answers": changed["answers"][:_ANSWERS],
        "measures": [(name, *(one[name] for one in both)) for name in _MEASURES],
    }  # fmt: skip


def toml_text(tables: Mapping[str, Any], name: str = "") -> str:
    """Plain values as TOML: numbers, texts, truths, lists of these, and tables in tables; None is left out.

    >>> print(toml_text({"a": 1, "t": {"b": True, "c": ["x", 0.5]}}))
    a = 1
    <BLANKLINE>
    [t]
    b = true
    c = ["x", 0.5]
    <BLANKLINE>
    """
    plain = {key: value for key, value in tables.items() if not isinstance(value, Mapping) and value is not None}
    lines = [f"{key} = {_toml(value)}" for key, value in plain.items()]
    for key, value in tables.items():
        if isinstance(value, Mapping):
            inner = f"{name}.{key}" if name else key
            lines += ["", f"[{inner}]", toml_text(value, inner).rstrip("\n")]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON writes numbers, truths and texts as TOML does.
    return json.dumps(value)
