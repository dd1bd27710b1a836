import json
import os
import shutil
import subprocess
import sys

import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.commands.runs import find_runs
from birdclef_mind.errors import BundleError


@pytest.fixture
def two(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "one")
    other = shutil.copytree(trained[0], tmp_path / "deep" / "other")
    (other / "scores.json").write_text("null")
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "bundle.json").write_text('{"name": "a web application"}')
    return tmp_path


def test_runs_stand_side_by_side(two, trained, capsys):
    runs = {run.folder: run for run in find_runs(two)}
    assert set(runs) == {"one", "deep/other"}
    assert runs["one"].top1 == trained[1].scores["segments"]["top1"]
    assert runs["deep/other"].top1 is None
    assert main(["runs", str(two)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["bundle", "written", "network"]
    assert len(lines) == 3
    assert main(["runs", str(two), "--json"]) == 0
    assert {run["folder"] for run in json.loads(capsys.readouterr().out)} == {"one", "deep/other"}


@pytest.mark.parametrize("share", [0, 0.01, 0.5])
def test_a_bundle_that_is_broken_is_named(two, capsys, share):
    facts = (two / "one" / "bundle.json").read_text()
    (two / "one" / "bundle.json").write_text(facts[: int(len(facts) * share)])
    assert main(["runs", str(two)]) == 1
    shown = capsys.readouterr()
    assert "deep/other" in shown.out
    assert f"failed: {two / 'one' / 'bundle.json'}: cannot be read as a bundle" in shown.err


@pytest.mark.parametrize(
    "torn", ['{"segments"', '{"segments": {"top1": "0.33"}}', '{"segments": {"top1": NaN}}', '{"segments": 3}', "[1]"]
)
def test_scores_that_are_torn_are_named(two, capsys, torn):
    (two / "one" / "scores.json").write_text(torn)
    assert main(["runs", str(two)]) == 1
    shown = capsys.readouterr()
    assert {"one", "deep/other"} <= set(shown.out.split())
    assert f"failed: {two / 'one' / 'scores.json'}: cannot be read as a bundle's scores" in shown.err


def test_bundles_below_a_competition_or_a_cache_are_found(trained, cache_folder, competition_folder, tmp_path, capsys):
    for place in ("competition/runs/a", "competition/b", "cache/runs/c", "d", "explanation/e"):
        shutil.copytree(trained[0], tmp_path / place)
    shutil.copy(cache_folder / "cache.json", tmp_path / "cache")
    (tmp_path / "explanation" / "explanation.json").write_text("{}")
    label = json.loads((cache_folder / "cache.json").read_text())["classes"][0]
    for passed in (f"cache/{label}", "competition/train_audio", "competition/test_soundscapes"):
        (tmp_path / passed / "deep").mkdir(parents=True, exist_ok=True)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.scandir", lambda path, scandir=os.scandir: [seen.append(str(path)), scandir(path)][1])
        found = {run.folder for run in find_runs(tmp_path)}
    assert found == {"competition/runs/a", "competition/b", "cache/runs/c", "d", "explanation/e"}
    assert not [
        path for path in seen if "train_audio" in path or "test_soundscapes" in path or f"cache/{label}" in path
    ]
    (tmp_path / "cache" / "cache.json").write_text("torn")
    assert "cache/runs/c" in {run.folder for run in find_runs(tmp_path)}


@pytest.mark.parametrize(
    ("make", "message"), [(True, "expected bundles below it"), (False, "expected a folder .*, found nothing")]
)
def test_a_folder_without_runs_says_so(tmp_path, make, message):
    folder = tmp_path / "x"
    if make:
        folder.mkdir()
    with pytest.raises(BundleError, match=message):
        find_runs(folder)


def test_looking_takes_no_tensorflow(two):
    code = "import sys; from birdclef_mind.commands.cli import main; main(sys.argv[1:]); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, "runs", str(two)], check=True, capture_output=True)
