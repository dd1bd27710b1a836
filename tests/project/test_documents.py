"""What is written for people, held against the program: commands parse, examples run, names exist."""

import ast
import importlib
import re
import shlex
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import keras
import numpy as np
import pytest

import birdclef_mind
from birdclef_mind.commands import pushing
from birdclef_mind.commands.cli import build_parser
from birdclef_mind.commands.config import Config
from birdclef_mind.data.overrides import ACTIONS, read_overrides
from birdclef_mind.sound.settings import PRESETS

PACKAGE = Path(birdclef_mind.__file__).parent
ROOT = PACKAGE.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
README, ALL = PAGES["README.md"], "\n".join(PAGES.values())
SOURCE = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("**/*.py"))}

sys.path.insert(0, str(ROOT / "docs"))

import from_sources  # noqa: E402


def blocks(text, language):
    """Code blocks of a document; "" for those without a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def command_lines(text):
    """Every command of ours: lines of blocks, and words in backticks."""
    lines = [line for block in blocks(text, "") for line in block.splitlines()]
    lines += re.findall(r"`(birdclef-mind [^`]+)`", text)
    return [line.partition("#")[0].strip() for line in lines if line.startswith("birdclef-mind ")]


def options_of(parser):
    return {option for action in parser._actions for option in action.option_strings}


def subparsers():
    return build_parser()._subparsers._group_actions[0].choices


@pytest.mark.parametrize("line", dict.fromkeys(command_lines(ALL)))
def test_every_command_can_be_given(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("overrides.csv", "settings.toml", "weights.h5", "eBird_Taxonomy_v2021.csv"):
        (tmp_path / name).touch()
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    if words in (["--help"], ["--version"]):
        assert words[0] in options_of(build_parser())
    elif (words[1:] or words[0] == "dry-run") and "…" not in line:
        build_parser().parse_args(words)
    else:
        parser = subparsers()[words[0]]
        assert {word for word in words if word.startswith("--")} <= options_of(parser)


def test_every_push_can_be_given():
    lines = [
        line.partition("#")[0] for text in PAGES.values() for block in blocks(text, "") for line in block.splitlines()
    ]
    pushes = {line.strip().removeprefix("./scripts/") for line in lines if line.startswith("./scripts/push-")}
    for line in pushes:
        pushing._parser().parse_args(shlex.split(line))
    assert {line.split()[0] for line in pushes} == {"push-dataset", "push-kernel"}


def test_scripts_that_are_named_are_there():
    for name in set(re.findall(r"(?<![\w/])(?:\./)?(scripts/[\w./-]+)", ALL)):
        assert (ROOT / name.rstrip(".")).exists(), name


def test_every_option_exists():
    known = set().union(*(options_of(parser) for parser in subparsers().values()))
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "scripts").glob("*") if path.is_file()]
    for text in (
        *scripts,
        SOURCE[PACKAGE / "commands" / "pushing.py"],
        (ROOT / ".ci" / "run").read_text(encoding="utf-8"),
    ):
        known |= set(re.findall(r"--[a-z][a-z-]+", text))
    text = "\n".join(line for line in ALL.splitlines() if not line.startswith(("dask ", "pip ")))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known


def test_every_command_is_listed():
    assert {name for name in subparsers() if f"birdclef-mind {name}" not in PAGES["docs/commands.md"]} == set()


def test_the_readme_is_short_and_has_three_pictures():
    assert README.count("\n") <= 130
    assert len(re.findall(r"!\[", README)) == 3


def test_the_settings_are_read(tmp_path):
    (block,) = blocks(PAGES["docs/settings.md"], "toml")
    (tmp_path / "settings.toml").write_text(block)
    found = Config.read(tmp_path / "settings.toml")
    assert found.training.augmentation.mixup == 0.7
    assert found.features.windowing.step_s == 2.5
    # The block shows every table.
    alone = ("labels", "competition", "listener", "rounds")
    assert set(re.findall(r"^\[(\w+)\]|^(labels|competition|listener|rounds)", block, re.MULTILINE)) == {
        *(("", name) for name in alone),
        *((field.name, "") for field in fields(Config) if field.name not in alone),
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name, text in PAGES.items() if blocks(text, "toml")])
def test_all_settings_are_read(name, tmp_path):
    for block in blocks(PAGES[name], "toml"):
        (tmp_path / "settings.toml").write_text(block)
        assert Config.read(tmp_path / "settings.toml") != Config()


def test_what_reads_which_settings_is_what_the_commands_say():
    page = PAGES["docs/settings.md"].split("## Which settings work where")[1].split("\n## ")[0]
    said = {
        name: (set(re.findall(r"labels|\[\w+\]", reads)), set(re.findall(r"`(--[\w-]+)`", flags)))
        for names, reads, flags in re.findall(r"^\| (`[^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
        for name in re.findall(r"`([a-z-]+)`", names)
    }
    for name, parser in subparsers().items():
        helped = [action.help for action in parser._actions if "--config" in action.option_strings]
        assert (name in said) == bool(helped), name
        if helped and name != "rehearse":
            tables, flags = said[name]
            assert tables == set(re.findall(r"labels|\[\w+\]", helped[0])), name
            assert flags <= options_of(parser)


def test_the_corrections_are_read(tmp_path):
    (block,) = [block for block in blocks(ALL, "") if block.startswith("recording,")]
    (tmp_path / "overrides.csv").write_text(block)
    found = read_overrides(tmp_path / "overrides.csv")
    assert len(found) == block.count("\n") - 1
    said = re.findall(r"^\| `(\w+)` \|", PAGES["docs/corrections.md"], re.MULTILINE)
    assert {override.action for override in found} == set(said) == set(ACTIONS)


def test_every_example_of_python_is_tried():
    found = {name: len(blocks(text, "python")) for name, text in PAGES.items() if blocks(text, "python")}
    # The last one is the import alone.
    assert found == {"README.md": 1, "docs/backwards.md": 1, "docs/listeners.md": 1, "docs/api/index.md": 1}
    assert blocks(PAGES["docs/api/index.md"], "python") == ["import birdclef_mind as bm\n"]


@pytest.mark.slow
def test_the_python_goes_the_whole_way(sample_folder, tmp_path, monkeypatch):
    code = blocks(README, "python")[0].replace('"9"', '"3"').replace("epochs=20", "epochs=1")
    (tmp_path / "birdclef-2023").symlink_to(sample_folder)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert (tmp_path / "submission.csv").read_text().count("\n") == 7


@pytest.mark.slow
def test_the_python_reads_any_network(rng):
    code = blocks(PAGES["docs/backwards.md"], "python")[0].replace("epochs=5", "epochs=1, steps=1")
    picture = keras.Input((8, 12, 1))
    value = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="first")(picture)
    value = keras.layers.Dense(4, activation="relu", name="hidden")(keras.layers.Flatten()(value))
    model = keras.Model(picture, keras.layers.Dense(2, activation="softmax")(value))
    given = {
        "model": model, "pixels": rng.integers(0, 256, (8, 8, 12), np.uint8),
        "validation_pixels": rng.integers(0, 256, (2, 8, 12), np.uint8),
    }  # fmt: skip
    exec(compile(code, "docs/backwards.md", "exec"), given)  # noqa: S102
    assert set(given["pictures"]["first"]) == {"weights", "transposed", "decoder"}


def test_the_python_hears_with_a_model(fake_birdnet, capsys, tmp_path):
    shutil.copytree(fake_birdnet, tmp_path / "fake_birdnet")
    code = blocks(PAGES["docs/listeners.md"], "python")[0].replace("/kaggle/input", str(tmp_path))
    exec(compile(code.replace('"birdnet"', '"fake_birdnet"'), "docs/listeners.md", "exec"), {})  # noqa: S102
    said, shapes = capsys.readouterr().out.splitlines()
    assert said.startswith("BirdNET v2.4: CC BY-NC-SA 4.0; ")
    assert shapes.startswith("(4, 40) (4, 1024) ['pictures', 'stem', ")


def test_the_files_of_the_table_are_those_that_are_written(sample_folder, cache_folder, explained, trained, embedded):
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGES["docs/files.md"], re.MULTILINE)
    there = {"cache": cache_folder, "bundle": trained[0], "explanation": explained[0]}
    there["embeddings"] = embedded.folder
    certain = 0
    for name in re.findall(r"`([\w./<>*-]+)`", " ".join(rows)):
        folder, _, rest = name.partition("/")
        if folder in there and "." in rest and "*" not in rest and "<" not in rest:
            known = any(f'"{Path(rest).name}"' in text for text in SOURCE.values())
            assert known or (there[folder] / rest).exists(), name
            certain += (there[folder] / rest).exists()
    assert certain >= 6


@pytest.mark.parametrize("name", PAGES)
def test_files_that_are_named_exist(name):
    text = PAGES[name]
    names = re.findall(r"`((?:[\w.]+/)*[\w-]+\.(?:py|toml|cfg|md|html|yml))`", text)
    places = (ROOT, ROOT / "tests", PACKAGE, *(folder for folder in PACKAGE.rglob("*") if folder.is_dir()))
    made = {"report.html", "settings.toml", "compare.html", "listener.toml", "soft_labels.html"}
    missing = [name for name in names if name not in made and not any((place / name).exists() for place in places)]
    assert [name for name in missing if not name.startswith(("comparison/", "explanation/"))] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    for link in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        place, _, anchor = link.partition("#")
        path = (ROOT / name).parent / place if place else ROOT / name
        assert path.is_file(), link
        if anchor:
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads]
            assert anchor in slugs, link


def test_every_page_is_in_the_contents():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    listed = re.findall(r": ([\w/-]+\.md)$", nav, re.MULTILINE)
    assert sorted(f"docs/{name}" for name in listed) == sorted(name for name in PAGES if name.startswith("docs/"))


@pytest.mark.parametrize("room", from_sources.ROOMS)
def test_every_module_has_its_docstrings_in_a_page(room):
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if path.stem != "__init__"
    ]
    page = PAGES[f"docs/api/{room}.md"]
    assert sorted(re.findall(r"^::: (\S+)$", page, re.MULTILINE)) == sorted(modules)
    assert f"<!-- room {room} -->" in page


def test_the_rest_of_the_house_has_its_page():
    beside = {f"birdclef_mind.{path.stem}" for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    assert set(re.findall(r"^::: (\S+)$", PAGES["docs/api/house.md"], re.MULTILINE)) == beside


def test_what_people_call_is_listed_with_what_it_is():
    rows = re.findall(r"^\| (?:\[)?`bm\.(\w+)`(?:\]\[\S+\])? \| (.*) ?\|$", from_sources.face(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(birdclef_mind.__all__)
    assert [name for name, words in rows if not words.strip()] == ["PRESETS"]
    assert "<!-- face -->" in PAGES["docs/api/index.md"]
    for name in re.findall(r"\bbm\.(\w+)", ALL):
        assert name in birdclef_mind.__all__


def test_the_rooms_stand_in_the_order_of_their_contract():
    contract = (ROOT / "setup.cfg").read_text(encoding="utf-8").split("[importlinter:contract:rooms]")[1]
    listed = re.findall(r"\w+", contract.split("layers =\n")[1].split("exhaustive")[0])
    assert [name for name in listed if (PACKAGE / name).is_dir()] == list(from_sources.ROOMS)


def test_pages_take_from_the_sources_what_they_ask_for():
    for name, text in PAGES.items():
        if name.startswith("docs/"):
            assert "<!--" not in from_sources.on_page_markdown(text), name
    with pytest.raises(ValueError, match="marker <!-- trees -->: expected one of tree"):
        from_sources.on_page_markdown("<!-- trees -->")


def test_the_tree_has_a_line_for_every_file():
    lines = from_sources.tree().splitlines()
    files = {line.split()[0] for line in lines}
    assert files >= {
        path.name for path in PACKAGE.rglob("*.py") if path.stem != "__init__" and "report" not in path.parts
    }
    assert all(len(line.split()) > 2 for line in lines[2:-1])


@pytest.mark.parametrize("kind", from_sources.SETTINGS)
def test_every_setting_is_in_its_table(kind):
    table = from_sources.settings(kind)
    own = getattr(importlib.import_module(from_sources.SETTINGS[kind]), kind)
    plain = {field.name for field in fields(own)} - {"windowing", "augmentation"}
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == plain


def test_every_preset_is_in_its_table():
    assert set(re.findall(r"^\| `(\w+)` \| \d+ × \d+ \|", from_sources.presets(), re.MULTILINE)) == set(PRESETS)


def test_several_fields_of_a_line_are_told_apart():
    found = from_sources.meanings(
        "X.\n\n    Attributes\n    ----------\n    a, b : two. c : one, d : of it.\n    e : last.\n    "
    )
    both = "`a`, `b`, in this order: two."
    assert found == {"a": both, "b": both, "c": "one, d : of it.", "e": "last."}


# Of other programs, or examples.
NOT_OURS = {
    "average_precision_score",
    "roc_auc_score",
    "librosa.filters.mel",
    "dataclasses.asdict",
    "ListKernelSessionOutput",
    "a.wav",
    "a.ogg",
}


def test_names_in_docstrings_exist():
    """What stands in backticks in a docstring is a name somewhere in the program, an option, a command or a word of one."""
    known = NOT_OURS | set(subparsers()) | {path.stem for path in SOURCE} | {path.parent.name for path in SOURCE}
    known |= {path.name for path in PACKAGE.glob("*.pyi")}
    for text in SOURCE.values():
        for node in ast.walk(ast.parse(text)):
            known |= {
                getattr(node, field)
                for field in ("id", "attr", "arg", "name")
                if isinstance(getattr(node, field, None), str)
            }
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                known.add(node.value)
    unknown = {}
    for path, text in SOURCE.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                for name in re.findall(r"`([A-Za-z_][\w.]*)`", ast.get_docstring(node) or ""):
                    parts = name.split(".")
                    if name not in known and not all(part in known for part in parts):
                        unknown[name] = path.name
    assert unknown == {}
