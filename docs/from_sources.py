"""What the pages take from the sources, so that no fact is written twice: MkDocs calls `on_page_markdown`.

A line `<!-- tree -->` becomes the tree of the package, a line a file; `<!-- room NAME -->` the files of one room;
`<!-- commands -->` every command's own help; `<!-- settings CLASS -->` a table of all settings of a class;
`<!-- presets -->` a table of the pictures that have a name; `<!-- face -->` a table of the package's own names.
"""

import argparse
import ast
import inspect
import re
import sys
from dataclasses import MISSING, fields
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "birdclef_mind"
# The rooms from the top down, as their contract in setup.cfg has them.
ROOMS = (
    "commands",
    "studio",
    "explanation",
    "audit",
    "evidence",
    "training",
    "backwards",
    "kaggle",
    "listeners",
    "networks",
    "data",
    "sound",
    "storage",
)
SETTINGS = {
    "Features": "birdclef_mind.sound.settings",
    "Windowing": "birdclef_mind.sound.settings",
    "Training": "birdclef_mind.training.recipe",
    "Augmentation": "birdclef_mind.training.recipe",
    "Decoding": "birdclef_mind.backwards.settings",
    "Showing": "birdclef_mind.explanation.settings",
    "Submitting": "birdclef_mind.kaggle.settings",
    "Description": "birdclef_mind.listeners.description",
}
_FIELD = r"[A-Za-z_]\w*(?:, [A-Za-z_]\w*)*"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A page with its markers replaced; ValueError for a marker that there is none of."""
    return re.sub(r"^<!-- (\w+)(?: (\w+))? -->$", _replacement, markdown, flags=re.MULTILINE)


def _replacement(found: re.Match[str]) -> str:
    kind, name = found.groups()
    makers = {
        "tree": tree, "room": room, "commands": commands, "settings": settings, "presets": presets, "face": face,
    }  # fmt: skip
    if kind not in makers:
        raise ValueError(f"marker {found[0]}: expected one of {', '.join(makers)}")
    return makers[kind](name) if name else makers[kind]()


def room_lines(name: str) -> tuple[str, list[tuple[str, str]]]:
    """What a room is for, and its files with a line each, from the docstring of its `__init__`."""
    summary, _, rest = _docstring(PACKAGE / name / "__init__.py").partition("\n")
    lines = [line.split(maxsplit=1) for line in rest.splitlines() if line.strip()]
    return summary, [(file.rstrip("/"), words) for file, words in lines]


def top_lines() -> list[tuple[str, str]]:
    """The files beside the rooms, with the first line of their docstrings."""
    return [
        (path.stem, _docstring(path).partition("\n")[0])
        for path in sorted(PACKAGE.glob("*.py"))
        if path.stem != "__init__"
    ]


def tree() -> str:
    """The package as a tree, a line a file, the top room first."""
    lines = ["```text", "birdclef_mind/"]
    for name in ROOMS:
        summary, files = room_lines(name)
        lines += [f"  {name + '/':<26}{summary}"]
        lines += [f"    {_file(name, file):<24}{words}" for file, words in files]
    lines += [f"  {file + '.py':<26}{words}" for file, words in top_lines()]
    return "\n".join([*lines, "```"])


def room(name: str) -> str:
    """What a room is for, and a table of its files."""
    summary, files = room_lines(name)
    rows = [f"| `{_file(name, file)}` | {words} |" for file, words in files]
    return "\n".join([summary, "", "| file | what it is for |", "| --- | --- |", *rows])


def commands() -> str:
    """The help of every command, as the program prints it."""
    sys.path.insert(0, str(ROOT))
    parsers = import_module("birdclef_mind.commands.cli").build_parser()._subparsers._group_actions[0].choices
    texts = {}
    for name, parser in parsers.items():
        parser.formatter_class = partial(argparse.RawDescriptionHelpFormatter, width=100)
        # The number of cores is this machine's.
        texts[name] = re.sub(r"one a core,\s+\d+\)", "one a core)", parser.format_help())
    return "\n\n".join(f"### {name}\n\n```text\n{text.strip()}\n```" for name, text in texts.items())


def settings(name: str) -> str:
    """A table of a settings class: each field, its default, what `modern` has in its place, and what it means."""
    sys.path.insert(0, str(ROOT))
    kind = getattr(import_module(SETTINGS[name]), name)
    words = meanings(kind.__doc__ or "")
    modern = _modern(name)
    heads = ["setting", "default", *(["in `modern`"] if modern else []), "what it is"]
    rows = []
    for field in fields(kind):
        if field.default is not MISSING and hasattr(field.default, "__dataclass_fields__"):
            continue
        if field.default_factory is not MISSING:
            continue
        default = "–" if field.default is MISSING or field.default is None else f"`{_toml(field.default)}`"
        cells = [f"`{field.name}`", default]
        if modern:
            value = getattr(modern, field.name)
            cells.append(f"`{_toml(value)}`" if value != field.default else "")
        rows.append([*cells, words.get(field.name, "")])
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def face() -> str:
    """A table of the package's own names, with the first line of their docstrings, each linked to its home."""
    rows = []
    for node in ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8")).body:
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            words = _first_line(PACKAGE.joinpath(*str(node.module).split(".")).with_suffix(".py"), alias.name)
            name = f"`bm.{alias.name}`"
            rows.append(
                f"| [{name}][birdclef_mind.{node.module}.{alias.name}] | {words} |" if words else f"| {name} | |"
            )
    return "\n".join(["| name | what it is |", "| --- | --- |", *rows])


def presets() -> str:
    """A table of the presets: the size of a picture, and what sets one apart from another."""
    sys.path.insert(0, str(ROOT))
    found = import_module("birdclef_mind.sound.settings").PRESETS
    names = ("kind", "n_mels", "n_coeffs", "power", "fmin_hz", "fmax_hz")
    lines = [["preset", "rows × frames", *(f"`{name}`" for name in names)], ["---"] * (len(names) + 2)]
    for preset, features in found.items():
        values = [_toml(getattr(features, name)) for name in names]
        lines.append([f"`{preset}`", f"{features.rows} × {features.frames}", *values])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def meanings(docstring: str) -> dict[str, str]:
    """What a docstring says of each field: `name : words`, several names with one meaning, several fields a line."""
    found = {}
    for title, body in sections(docstring):
        for names, words in entries(body.split("\n\n")[0]) if title == "Attributes" else ():
            together = f"{', '.join(f'`{name}`' for name in names)}, in this order: " if len(names) > 1 else ""
            found |= dict.fromkeys(names, together + words)
    return found


def sections(docstring: str) -> list[tuple[str, str]]:
    """Titles and bodies of a NumPy docstring; the text before the first title has the title ""."""
    parts = re.split(r"^(\w+)\n-{3,}[ \t]*\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return [("", parts[0]), *zip(parts[1::2], parts[2::2], strict=True)]


def entries(text: str) -> list[tuple[list[str], str]]:
    """The entries of a section's first paragraph: names, and their meaning on one line; none where it has no names.

    An entry begins a line, or follows a sentence.
    """
    joined = re.sub(r"\n +", " ", text.strip("\n"))
    parts = re.split(rf"(?:^|(?<=[.…)] ))({_FIELD}) : ", joined, flags=re.MULTILINE)
    if parts[0].strip():
        return []
    return [(names.split(", "), " ".join(words.split())) for names, words in zip(parts[1::2], parts[2::2], strict=True)]


def _modern(name: str) -> Any:
    if name not in ("Training", "Augmentation"):
        return None
    modern = import_module("birdclef_mind.training.recipe").recipe("modern")
    return modern if name == "Training" else modern.augmentation


def _toml(value: Any) -> str:
    value = list(value) if isinstance(value, tuple) else value
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else f"{value}"


def _file(name: str, file: str) -> str:
    return f"{file}/" if (PACKAGE / name / file).is_dir() else f"{file}.py"


def _first_line(path: Path, name: str) -> str:
    """Of the docstring of a class or function; "" for what has none, such as a constant."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
