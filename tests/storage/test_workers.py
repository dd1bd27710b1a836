"""The same pictures on a cluster: a real scheduler and real workers, processes on this machine, killed for real."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import make_cache, tree
from distributed import Client

from birdclef_mind.commands.cli import main
from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.errors import ConfigError, StoreError
from birdclef_mind.storage.workers import run_all


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


@pytest.mark.slow
def test_a_cluster_hears_the_same_wherever_its_workers_stand(cluster, embedded, little, tmp_path, monkeypatch, capfd):
    """The listener is named from the client's folder, which is not that of the workers."""
    address, worker = cluster
    worker()
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)
    monkeypatch.chdir(embedded.listener.parent)
    words = ["embed", embedded.listener.name, str(little.competition), str(tmp_path / "e"), "--scheduler", address]
    assert main(words) == 0
    assert capfd.readouterr().err == ""
    assert tree(tmp_path / "e") == tree(embedded.folder)


def test_no_scheduler_is_one_sentence(sample_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("birdclef_mind.storage.workers._TIMEOUT_S", 1)
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


def end_at(last_words, number, folder, signal_number):
    """A task's number; one of them ends its process, always or the first time only."""
    if number == 13 and (last_words == "always" or not (folder / "ended").exists()):
        (folder / "ended").touch()
        os.kill(os.getpid(), signal_number)
    return number


def said(_, number, *__):
    return f"{number} was lost"


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSEGV])
@pytest.mark.parametrize("when", ["once", "always"])
def test_a_task_that_ends_its_process_is_tried_alone_and_then_listed(tmp_path, when, signal_number):
    tasks = [(when, number, tmp_path, signal_number) for number in range(40)]
    found = list(run_all(end_at, tasks, 2, lost=said))
    wanted = [number if number != 13 or when == "once" else "13 was lost" for number in range(40)]
    assert sorted(found, key=str) == sorted(wanted, key=str)


def test_without_words_for_it_a_lost_task_is_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="was ended twice"):
        list(run_all(end_at, [("always", 13, tmp_path, signal.SIGKILL)], 2))


def test_processes_that_end_before_they_begin_are_one_sentence(tmp_path, monkeypatch):
    # No task is noted, as when a process is ended while it starts.
    monkeypatch.setattr("birdclef_mind.storage.workers._take_notes", lambda notes: set())
    with pytest.raises(StoreError, match="are ended as they begin; try `--jobs 1`"):
        list(run_all(end_at, [("always", 13, tmp_path, signal.SIGKILL)], 2, lost=said))


INTERRUPTING = """
import os, signal, sys
from joblib.externals.loky.backend import fork_exec
from birdclef_mind.commands.cli import main

def fork(*words, **options):
    pid = real(*words, **options)
    # As a terminal does: to the command and to all that it has started.
    os.killpg(0, signal.SIGINT)
    return pid

real, fork_exec.fork_exec = fork_exec.fork_exec, fork
sys.argv = ["birdclef-mind", "cache", *sys.argv[1:], "--jobs", "2", "--quiet"]
sys.exit(main())
"""


def test_an_interruption_while_processes_start_is_one_sentence_and_the_same_command_goes_on(
    sample_folder, cache_folder, tmp_path
):
    command = [sys.executable, "-c", INTERRUPTING, str(sample_folder), str(tmp_path / "c")]
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=60)
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr == "\nbirdclef-mind cache: interrupted; the same command goes on with what is kept\n"
    make_cache(sample_folder, tmp_path / "c")
    assert tree(tmp_path / "c") == tree(cache_folder)


def held_back(_):
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_processes_are_not_interrupted_and_this_one_is():
    assert all(signal.SIGINT in signals for signals in run_all(held_back, [(number,) for number in range(20)], 2))
    assert signal.SIGINT not in held_back(0)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.parametrize("warnings", ["", "error"])
def test_processes_that_grow_are_replaced_without_a_word(warnings):
    # In a process of its own, which ends in time: what is tested hangs where it fails.
    done = subprocess.run(
        [sys.executable, "-c", "import growing; growing.run()"], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONWARNINGS": warnings, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(list(range(10)))


def slow(number):
    time.sleep(60 * number)
    return os.getpid()


def test_nobody_waits_for_processes_of_a_run_that_was_interrupted():
    made = run_all(slow, [(0,)] * 8 + [(1,)] * 8, 2)
    pids = {next(made)}
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        made.throw(KeyboardInterrupt())
    assert time.monotonic() - started < 30
    wait_for(lambda: not any(is_alive(pid) for pid in pids))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


KILLING = """
import os, signal, sys
from birdclef_mind.data import write_store
from birdclef_mind.commands.cli import main

def make(task, name=sys.argv[1]):
    if task.path.name == name:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(task)

real, write_store._make = write_store._make, make
sys.exit(main(["cache", sys.argv[2], sys.argv[3], "--jobs", "2", "--quiet"]))
"""


def test_a_recording_that_ends_its_process_is_listed_and_the_rest_is_cached(sample_folder, cache_folder, tmp_path):
    name = sorted((sample_folder / "train_audio").glob("*/*.ogg"))[3].name
    command = [sys.executable, "-c", KILLING, name, str(sample_folder), str(tmp_path / "c")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    ours, whole = tree(tmp_path / "c"), tree(cache_folder)
    assert f"/{name},ended the process that read it twice" in ours["failures.csv"].decode()
    assert {path for path in whole if path not in ours} == {path for path in whole if path.endswith(f"{name}.png")}
    assert all(ours[path] == whole[path] for path in ours if path.endswith(".png"))
