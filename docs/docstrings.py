"""Docstrings as Markdown: fields as lists, examples and tables as blocks. The sources stay as they are.

`name : words` has its words where NumPy's style has a type, and several a line; `>>>` stands without a title.
"""

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))

from from_sources import entries, sections


class Fields(griffe.Extension):
    """Rewrite docstrings as they are read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """A docstring whose sections are bold words and lists."""
    parts = []
    for title, body in sections(docstring):
        first, *more = re.split(r"\n\s*\n", body.strip("\n"))
        found = entries(first) if title else []
        lines = [f"- {', '.join(f'`{name}`' for name in names)}: {_plain(words)}" for names, words in found]
        parts += [f"**{title}**"] if title else []
        parts += ["\n".join(lines) or _paragraph(first), *map(_paragraph, more)]
    return "\n\n".join(parts)


def _paragraph(text: str) -> str:
    """A paragraph; what is set out by hand, and what Python answers, as a block."""
    lines = text.splitlines()
    if text.startswith(">>>"):
        return f"```python\n{text}\n```"
    if lines and text.startswith("    "):
        return text
    if len(lines) > 1 and all(re.search(r"\S {2,}\S", line) for line in lines):
        return f"```text\n{text}\n```"
    return _plain(text)


def _plain(text: str) -> str:
    """Words whose `<` and `[` are no markup, but in backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;").replace("[", r"\[") for part in parts)
