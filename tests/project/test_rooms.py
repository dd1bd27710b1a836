"""The house: every room says what each of its files is for, and every test stands in the room that it tests."""

import ast
import importlib
from pathlib import Path

import pytest

import birdclef_mind

PACKAGE = Path(birdclef_mind.__file__).parent
TESTS = Path(__file__).parents[1]
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_its_files(room):
    folder = PACKAGE / room
    lines = importlib.import_module(f"birdclef_mind.{room}").__doc__.splitlines()[2:]
    listed = [line.split()[0].rstrip("/") for line in lines if line.strip()]
    files = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(listed) == sorted(files - {"__init__"})


def test_tests_stand_in_the_room_of_their_file():
    for path in TESTS.glob("*/test_*.py"):
        if path.parent.name in ROOMS:
            name = path.stem.removeprefix("test_")
            imports = {
                node.module or ""
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.ImportFrom)
            }
            own = any(module.startswith(f"birdclef_mind.{path.parent.name}") for module in imports)
            assert own or list((PACKAGE / path.parent.name).rglob(f"{name}.py")), path


def test_no_two_files_of_tests_have_one_name():
    """Python would take one for the other, and pytest runs neither's tests."""
    names = [path.name for path in TESTS.rglob("*.py") if path.name != "__init__.py"]
    assert sorted(names) == sorted(set(names))


def test_modules_are_short_and_no_room_is_a_drawer():
    names = sorted(PACKAGE.rglob("*.py"))
    assert [path for path in names if len(path.read_text(encoding="utf-8").splitlines()) > 300] == []
    assert [path for path in names if path.stem in {"utils", "helpers", "common", "misc"}] == []
