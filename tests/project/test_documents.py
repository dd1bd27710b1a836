"""What is written for people, held against the program: commands parse, examples run, names exist."""

import ast
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest

import birdclef_mind
from birdclef_mind.commands.cli import build_parser
from birdclef_mind.commands.config import Config
from birdclef_mind.data.overrides import read_overrides

PACKAGE = Path(birdclef_mind.__file__).parent
ROOT = PACKAGE.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCE = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.glob("**/*.py"))}


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


@pytest.mark.parametrize("line", command_lines(README + CONTRIBUTING))
def test_every_command_can_be_given(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("overrides.csv", "settings.toml", "weights.h5"):
        (tmp_path / name).touch()
    words = [word for word in shlex.split(line)[1:] if word != "…"]
    if any(not word.startswith("-") for word in words[1:]) and "…" not in line:
        build_parser().parse_args(words)
    else:
        parser = subparsers()[words[0]]
        assert {word for word in words if word.startswith("--")} <= options_of(parser)


def test_every_option_exists():
    known = set().union(*(options_of(parser) for parser in subparsers().values()))
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "scripts").glob("*") if path.is_file()]
    for text in (
        *scripts,
        SOURCE[PACKAGE / "commands" / "pushing.py"],
        (ROOT / ".ci" / "run").read_text(encoding="utf-8"),
    ):
        known |= set(re.findall(r"--[a-z][a-z-]+", text))
    text = "\n".join(line for line in (README + CONTRIBUTING).splitlines() if not line.startswith("dask "))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known


def test_every_command_is_in_the_readme():
    assert {name for name in subparsers() if f"birdclef-mind {name}" not in README} == set()


def test_the_settings_are_read(tmp_path):
    (block,) = blocks(README, "toml")
    (tmp_path / "settings.toml").write_text(block)
    found = Config.read(tmp_path / "settings.toml")
    assert found.training.augmentation.mixup == 0.7
    assert found.features.windowing.step_s == 2.5


def test_the_corrections_are_read(tmp_path):
    (block,) = [block for block in blocks(README, "") if block.startswith("recording,")]
    (tmp_path / "overrides.csv").write_text(block)
    assert len(read_overrides(tmp_path / "overrides.csv")) == block.count("\n") - 1


@pytest.mark.slow
def test_the_python_goes_the_whole_way(sample_folder, tmp_path, monkeypatch):
    code = blocks(README, "python")[0].replace('"9"', '"3"').replace("epochs=20", "epochs=1")
    (tmp_path / "birdclef-2023").symlink_to(sample_folder)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert (tmp_path / "submission.csv").read_text().count("\n") == 7


@pytest.mark.slow
def test_the_python_reads_any_network(rng):
    code = blocks(README, "python")[1].replace("epochs=5", "epochs=1, steps=1")
    picture = keras.Input((8, 12, 1))
    value = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="first")(picture)
    value = keras.layers.Dense(4, activation="relu", name="hidden")(keras.layers.Flatten()(value))
    model = keras.Model(picture, keras.layers.Dense(2, activation="softmax")(value))
    given = {
        "model": model, "pixels": rng.integers(0, 256, (8, 8, 12), np.uint8),
        "validation_pixels": rng.integers(0, 256, (2, 8, 12), np.uint8),
    }  # fmt: skip
    exec(compile(code, "README.md", "exec"), given)  # noqa: S102
    assert set(given["pictures"]["first"]) == {"weights", "transposed", "decoder"}


def test_the_files_of_the_table_are_those_that_are_written(sample_folder, cache_folder, explained, trained):
    rows = re.findall(r"^\| (`[^|]+`) \|", README, re.MULTILINE)
    there = {"cache": cache_folder, "bundle": trained[0], "explanation": explained[0]}
    certain = 0
    for name in re.findall(r"`([\w./<>*-]+)`", " ".join(rows)):
        folder, _, rest = name.partition("/")
        if folder in there and "." in rest and "*" not in rest and "<" not in rest:
            known = any(f'"{Path(rest).name}"' in text for text in SOURCE.values())
            assert known or (there[folder] / rest).exists(), name
            certain += (there[folder] / rest).exists()
    assert certain >= 6


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_files_that_are_named_exist(text):
    names = re.findall(r"`((?:[\w.]+/)*[\w-]+\.(?:py|toml|cfg|md|html))`", text)
    places = (ROOT, ROOT / "tests", PACKAGE, *(folder for folder in PACKAGE.rglob("*") if folder.is_dir()))
    made = {"report.html", "settings.toml", "compare.html"}
    missing = [name for name in names if name not in made and not any((place / name).exists() for place in places)]
    assert [name for name in missing if not name.startswith(("comparison/", "explanation/"))] == []
    for path in re.findall(r"\]\(([^)]+\.png)\)", text):
        assert (ROOT / path).is_file()


# Of other programs, or examples.
NOT_OURS = {
    "average_precision_score",
    "librosa.filters.mel",
    "dataclasses.asdict",
    "ListKernelSessionOutput",
    "a.wav",
    "a.ogg",
}


def test_names_in_docstrings_exist():
    """What stands in backticks in a docstring is a name somewhere in the program, an option, a command or a word of one."""
    known = NOT_OURS | set(subparsers()) | {path.stem for path in SOURCE} | {path.parent.name for path in SOURCE}
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
