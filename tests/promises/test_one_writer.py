"""One process at a time writes a folder or a file; who is refused is told by whom, and what is abandoned is free."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.errors import ConfigError
from birdclef_mind.storage import locks

HOLD = """
import sys, time
from pathlib import Path
from birdclef_mind.storage import locks
from birdclef_mind.errors import ConfigError
with locks.held(Path(sys.argv[1]), ConfigError):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def holding(request):
    """Let another process hold a lock."""
    started = []

    def hold(path, seconds=60):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def words(command, little, out):
    return {
        "sample": ["sample", out],
        "cache": ["cache", little.competition, out, "--jobs", "1"],
        "embed": ["embed", little.bundle, little.competition, out],
        "train": ["train", little.cache, out, "--epochs", "1"],
        "folds": ["train", little.cache, out, "--epochs", "1", "--folds", "2", "--fold", "1"],
        "train-decoders": ["train-decoders", out, little.cache, "--epochs", "1"],
        "explain": ["explain", little.decoded, little.cache, out, "--examples", "1", "--seeds", "1"],
        "compare": ["compare", little.competition, out],
        "infer": ["infer", little.bundle, little.competition, out],
    }[command]


@pytest.mark.parametrize("command", ["sample", "cache", "embed", "train", "train-decoders", "explain", "compare"])
def test_a_folder_at_which_another_process_works_is_refused(little, tmp_path, capsys, holding, command):
    import shutil

    out = tmp_path / "out"
    if command == "train-decoders":
        shutil.copytree(little.bundle, out)
    else:
        out.mkdir()
    process = holding(out)
    before = tree(out)
    assert main([*map(str, words(command, little, out)), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert f"{out}: is being written by another process, {process.pid} on " in said
    assert tree(out) == before


def test_a_file_that_another_process_writes_is_refused(little, tmp_path, capsys, holding):
    process = holding(tmp_path / "s.csv")
    assert main([*map(str, words("infer", little, tmp_path / "s.csv")), "--quiet"]) == 2
    assert f"is being written by another process, {process.pid} on " in capsys.readouterr().err
    assert not (tmp_path / "s.csv").exists()


def test_an_abandoned_lock_is_taken_over(tmp_path, holding):
    process = holding(tmp_path)
    with pytest.raises(ConfigError, match="is being written by another process"), locks.held(tmp_path, ConfigError):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / locks.PREFIX).is_file(), "nobody has taken it away"
    with locks.held(tmp_path, ConfigError):
        assert (tmp_path / locks.PREFIX).read_text().startswith(f"{os.getpid()} ")
    assert not list(tmp_path.iterdir())


def test_a_lock_is_waited_for_where_that_is_asked(tmp_path, holding):
    holding(tmp_path, 0.5)
    started = time.monotonic()
    with locks.held(tmp_path, ConfigError, wait_s=30):
        assert time.monotonic() - started < 30


def test_a_file_system_without_locks_goes_by_the_process_that_is_named(tmp_path, monkeypatch, holding):
    process = holding(tmp_path)

    def refused(*_):
        raise OSError(38, "no locks here")

    monkeypatch.setattr(locks.fcntl, "flock", refused)
    with pytest.raises(ConfigError, match=f"{process.pid} on"), locks.held(tmp_path, ConfigError):
        pass
    process.kill()
    process.wait()
    with locks.held(tmp_path, ConfigError):
        pass


def test_many_at_once_never_meet(tmp_path):
    """Ten processes take and give back one lock, and count in a file that has no other guard."""
    script = """
import sys
from pathlib import Path
from birdclef_mind.storage import locks
from birdclef_mind.errors import ConfigError
folder = Path(sys.argv[1])
for _ in range(20):
    with locks.held(folder, ConfigError, wait_s=60):
        count = int((folder / "count").read_text())
        (folder / "count").write_text(str(count + 1))
"""
    (tmp_path / "count").write_text("0")
    several = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(5)]
    assert [process.wait() for process in several] == [0] * 5
    assert (tmp_path / "count").read_text() == "100"


@pytest.mark.slow
def test_two_caches_at_once_are_one_cache(sample_folder, cache_folder, tmp_path):
    """The second is refused or comes after the first: never a mixture."""
    command = [sys.executable, "-m", "birdclef_mind", "cache", str(sample_folder), str(tmp_path / "c"), "--quiet"]
    both = [subprocess.Popen([*command, "--preset", name], stderr=subprocess.PIPE) for name in ("mel32", "mel16")]
    statuses = [(process.communicate()[1], process.returncode)[1] for process in both]
    assert sorted(statuses) in ([0, 2], [0, 0])
    last = "mel16" if statuses[1] == 0 else "mel32"
    assert main([*map(str, command[3:]), "--preset", last]) == 0
    if last == "mel32":
        assert tree(tmp_path / "c") == tree(cache_folder)


def test_two_ways_to_hear_at_once_are_one(embedded, little, tmp_path, capsys, monkeypatch):
    """Whoever comes while the first is at its third recording is refused, and changes nothing of what that makes."""
    from birdclef_mind.listeners import write_embeddings

    words = ["embed", str(embedded.listener), str(little.competition), str(tmp_path / "e"), "--quiet"]
    real, calls = write_embeddings.hear_windows, []

    def hear(*arguments):
        calls.append(1)
        if len(calls) == 3:
            before = tree(tmp_path / "e")
            assert main([*words, "--shifts", "2"]) == 2
            assert tree(tmp_path / "e") == before
        return real(*arguments)

    monkeypatch.setattr(write_embeddings, "hear_windows", hear)
    assert main(words) == 0
    said = capsys.readouterr().err
    assert f"{tmp_path / 'e'}: is being written by another process, {os.getpid()} on " in said
    assert said.count("\n") == 1
    assert tree(tmp_path / "e") == tree(embedded.folder)
