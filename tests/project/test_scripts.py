"""The scripts, called as people call them: from elsewhere, through links, with spaces, with settings of a shell."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# An environment that is there already: it installs nothing, and shows with what it was called, and where.
PYTHON = f"""#!/bin/sh
case "$*" in
*"-m pip "*) printf '%s\\n' "$@" > "$HOME/installed" ;;
*"-m pytest "*) pwd ;;
*"-m birdclef_mind dry-run"*) echo "$*"; pwd ;;
*) PYTHONPATH={PROJECT} exec {sys.executable} "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """The project's scripts at a path with spaces, and an environment beside the folder where the user stands."""
    project = tmp_path / "my projects" / "birds [1]"
    shutil.copytree(PROJECT / "scripts", project / "scripts", ignore=shutil.ignore_patterns("benchmark*"))
    python = tmp_path / "here" / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    (tmp_path / "here" / "my.toml").write_text('labels = "all"\n')
    (tmp_path / "here" / "scripts").mkdir()
    # What stands where the user stands is not taken for a library.
    (tmp_path / "here" / "json.py").write_text("raise SystemExit('a module of the folder was imported')")
    return project


def call(checkout, script, *words, **environment):
    here = checkout.parents[1] / "here"
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(here.parent), "BIRDCLEF_MIND_VENV": "venv", **environment}
    return subprocess.run([str(script), *words], cwd=here, env=settings, capture_output=True, text=True)


@pytest.mark.parametrize("way", ["absolute", "relative", "link", "linked folder", "CDPATH", "venv"])
@pytest.mark.parametrize("words", [["push-dataset"], ["push-kernel", "submit"]])
def test_paths_mean_what_they_mean_in_the_callers_shell(checkout, tmp_path, way, words):
    script, environment = checkout / "scripts" / words[0], {}
    if way == "relative":
        script = Path("../my projects/birds [1]/scripts") / words[0]
    if way == "link":
        script = tmp_path / "link"
        script.symlink_to(checkout / "scripts" / words[0])
    if way == "linked folder":
        (tmp_path / "linked").symlink_to(checkout, target_is_directory=True)
        script = tmp_path / "linked" / "scripts" / words[0]
    if way == "CDPATH":
        script, environment = Path("../my projects/birds [1]/scripts") / words[0], {"CDPATH": f".:{tmp_path}"}
    if way == "venv":
        environment = {"BIRDCLEF_MIND_VENV": str(tmp_path / "here" / "venv")}
    options = ["--dry-run", "--owner", "janedoe", "--config", "my.toml", "--work", "staged"]
    done = call(checkout, script, *words[1:], *options, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "would run: kaggle" in done.stdout
    name = "dataset" if words == ["push-dataset"] else "submit"
    assert (tmp_path / "here" / "staged" / name).is_dir()
    assert [path.name for path in checkout.iterdir()] == ["scripts"]
    assert (tmp_path / "installed").read_text().splitlines()[-1] == f"{checkout}[kaggle]"


def test_a_dry_run_goes_where_the_caller_stands(checkout):
    here = str(checkout.parents[1] / "here")
    for words, out in (([], "runs/dry-run"), (["my run"], "my run")):
        done = call(checkout, checkout / "scripts" / "dry-run", *words)
        assert done.returncode == 0
        said, command, folder = done.stdout.splitlines()
        assert (command, folder) == (f"-P -m birdclef_mind dry-run {out}", here)
        assert out in said and here in said


def test_the_tests_run_in_the_checkout_whoever_calls(checkout):
    done = call(checkout, Path("../my projects/birds [1]/scripts/test"))
    assert done.stdout.strip() == str(checkout)
