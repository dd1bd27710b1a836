"""A disk that is full, here a limit on how large a file may grow: one sentence, status 2, earlier results intact."""

import os
import resource
import shutil
import subprocess
import sys

import pytest
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.storage.ledger import write_own


def limited(arguments, largest_bytes):
    """Run a command whose files may not grow beyond a size."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))

    command = [sys.executable, "-m", "birdclef_mind", *map(str, arguments)]
    # Measuring coverage writes a file of its own, which is not what is limited here.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, env=plain)


def assert_one_sentence(result):
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if "it/s" not in line and "|" not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("birdclef-mind ")
    assert "Traceback" not in result.stderr


def test_a_sample_is_refused_whole(tmp_path):
    arguments = ["sample", tmp_path / "s", "--species", "2", "--recordings", "1"]
    assert_one_sentence(limited(arguments, 4_000))
    assert not [name for name in tree(tmp_path) if ".part-" in name]


@pytest.mark.parametrize("jobs", [1, 2])
def test_pictures_that_were_made_stay_and_the_rest_follows(sample_folder, cache_folder, tmp_path, jobs):
    sizes = sorted(path.stat().st_size for path in cache_folder.glob("*/*.png"))
    arguments = ["cache", sample_folder, tmp_path / "c", "--jobs", jobs]
    assert_one_sentence(limited(arguments, sizes[len(sizes) // 2]))
    made = {name: content for name, content in tree(tmp_path / "c").items() if name.endswith(".png")}
    whole = tree(cache_folder)
    assert made.items() <= whole.items()
    assert (
        subprocess.run([sys.executable, "-m", "birdclef_mind", *map(str, arguments)], capture_output=True).returncode
        == 0
    )
    assert tree(tmp_path / "c") == whole


def test_a_report_that_is_there_stays(explained, tmp_path):
    page = tmp_path / "page.html"
    write_own(page, b"an earlier page")
    assert_one_sentence(limited(["report", explained[0], page, "--single-file"], 2_000))
    assert page.read_text() == "an earlier page"


@pytest.fixture
def full_disk():
    """Set how large files may grow in this process; afterwards they may again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda largest_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_network_that_is_there_stays(trained, cache_folder, tmp_path, full_disk, capsys):
    bundle = shutil.copytree(trained[0], tmp_path / "b")
    before = tree(bundle)
    full_disk(100_000)
    assert main(["train", str(cache_folder), str(bundle), "--epochs", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    after = tree(bundle)
    # The list names the state that found no room.
    assert {name: after.get(name) for name in before if name != ".birdclef_mind"} == {
        name: content for name, content in before.items() if name != ".birdclef_mind"
    }


def test_a_submission_that_is_there_stays(trained, sample_folder, tmp_path, full_disk, capsys):
    submission = tmp_path / "s.csv"
    write_own(submission, b"an earlier submission")
    full_disk(100)
    assert main(["infer", str(trained[0]), str(sample_folder), str(submission)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert submission.read_text() == "an earlier submission"
