"""The same pictures on a cluster: a real scheduler and real workers, processes on this machine, killed for real."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import make_cache, tree

from birdclef_mind.cli import main
from birdclef_mind.errors import ConfigError
from birdclef_mind.sample import Sample, write_sample
from birdclef_mind.workers import run_all


def start(*words, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, words)], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def end(process):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(holds, seconds=60):
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < seconds
        time.sleep(0.02)


@pytest.fixture
def cluster(tmp_path):
    """(address, start one more worker) of a scheduler with two workers."""
    processes = []
    address_file = tmp_path / "scheduler.json"
    quiet = ("--no-dashboard", "--host", "127.0.0.1")
    processes.append(
        start("distributed.cli.dask_scheduler", *quiet, "--port", "0", "--scheduler-file", address_file, cwd=tmp_path)
    )
    wait_for(lambda: address_file.is_file() and address_file.stat().st_size)

    def worker():
        words = ("--no-dashboard", "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny")
        processes.append(start("distributed.cli.dask_worker", *words, "--scheduler-file", address_file, cwd=tmp_path))
        return processes[-1]

    import json

    yield json.loads(address_file.read_text())["address"], worker
    for process in processes:
        end(process)


@pytest.mark.slow
def test_a_worker_and_the_client_are_killed_and_the_bytes_are_the_same(cluster, tmp_path):
    address, worker = cluster
    write_sample(tmp_path / "competition", Sample(species=4, recordings=40, soundscapes=0))
    make_cache(tmp_path / "competition", tmp_path / "whole")
    out = tmp_path / "cache"

    def pictures():
        return len(list(out.glob("*/*.png")))

    command = ["birdclef_mind", "cache", "competition", "cache", "--scheduler", address]
    first, _ = worker(), worker()
    client = start(*command, cwd=tmp_path)
    wait_for(lambda: pictures() >= 10)
    end(first)
    wait_for(lambda: pictures() >= 40)
    end(client)
    assert pictures() < 160, "killed in the middle"
    assert not (out / "index.csv").exists()
    done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "were there already" in done.stdout
    ours, whole = tree(out), tree(tmp_path / "whole")
    assert ours == whole


def test_no_scheduler_is_one_sentence(sample_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("birdclef_mind.workers._TIMEOUT_S", 1)
    arguments = ["cache", str(sample_folder), str(tmp_path / "c"), "--scheduler", "tcp://127.0.0.1:1"]
    assert main(arguments) == 2
    assert "--scheduler: expected a Dask scheduler at tcp://127.0.0.1:1, found none" in capsys.readouterr().err


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install birdclef_mind\[cluster\]"):
        list(run_all(abs, [(1,)], 1, "tcp://127.0.0.1:1"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_is_done_once(jobs):
    assert sorted(run_all(divmod, [(number, 7) for number in range(50)], jobs)) == sorted(
        divmod(number, 7) for number in range(50)
    )


def test_what_goes_wrong_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(run_all(divmod, [(1, 0)], 2))
