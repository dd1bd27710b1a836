"""The studio as a process of its own: opened at a terminal, killed in the midst of marking and of training, gone on with."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import make_cache
from some_studio import Client

from birdclef_mind.commands.cli import main
from birdclef_mind.data.overrides import read_overrides


@pytest.fixture
def begun(little, tmp_path):
    """`begun()` opens a studio in a process of its own: the process, and who asks it."""
    processes = []

    def begin(*more):
        words = [
            "studio",
            str(little.decoded),
            "--cache",
            str(little.cache),
            "--work",
            str(tmp_path / "work"),
            "--no-browser",
        ]
        # The little network is known to the tests alone.
        script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from small_network import know_small; know_small(); from birdclef_mind.commands.cli import main; sys.exit(main(sys.argv[1:]))"
        tests = str(Path(__file__).parents[1])
        process = subprocess.Popen(
            [sys.executable, "-c", script, tests, *words, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        said = ""
        while "http" not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        return process, Client(re.search(r"http\S+", said)[0])

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def test_ctrl_c_ends_it_and_nothing_is_said_of_libraries(begun):
    process, client = begun()
    assert client.told("state")["teaches"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def test_a_signal_to_end_leaves_nothing_behind(begun, tmp_path):
    import tempfile

    process, client = begun()
    client.told("recordings/live", {})
    (folder,) = Path(tempfile.gettempdir()).glob(f"birdclef-mind-studio-{process.pid}-*")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0 and not folder.exists()
    # Its folder is free again.
    begun()


def test_a_kill_in_the_midst_of_marking_loses_nothing(begun, tmp_path):
    process, client = begun()
    said = 0
    for place in range(6):
        if client.ask(f"segments/{place}/mark", {"drop": True})[0] == 200:
            said += 1
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(read_overrides(tmp_path / "work" / "overrides.csv")) == said == 6
    _, again = begun()
    assert again.told("marks")["said"] == 6
    assert again.told("undo", {})["said"] == 5


@pytest.mark.slow
def test_a_kill_in_the_midst_of_training_loses_nothing(trained, cache_folder, tmp_path):
    """Training goes on with the next studio, ends as it would have, and says what is better."""
    work = tmp_path / "work"

    def begin():
        process = subprocess.Popen(
            [sys.executable, "-m", "birdclef_mind", "studio", str(trained[0]), "--cache", str(cache_folder), "--work", str(work), "--no-browser"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        said = process.stdout.readline() + process.stdout.readline()
        return process, Client(re.search(r"http\S+", said)[0])

    process, client = begin()
    client.told("segments/0/mark", {"drop": True})
    client.told("training", {"do": "begin"})
    for _ in range(600):
        if any("epoch" in line for line in client.told("training")["lines"]):
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process, client = begin()
    try:
        for _ in range(1200):
            told = client.told("training")
            if told["state"] in ("done", "failed"):
                break
            time.sleep(0.1)
        assert told["state"] == "done", told
        assert told["improved"]["segments"] > 0 and len(told["improved"]["measures"]) == 4
        assert (work / "bundle" / "bundle.json").is_file()
        client.told("training", {"do": "begin"})
        client.told("training", {"do": "stop"})
        assert client.told("training")["state"] == "stopped"
    finally:
        process.kill()
        process.wait()


def test_a_cache_of_other_birds_is_refused_when_it_begins(little, sample_folder, tmp_path, capsys):
    make_cache(sample_folder, tmp_path / "c")
    words = ["studio", little.bundle, "--cache", tmp_path / "c", "--work", tmp_path / "w", "--no-browser"]
    assert main(list(map(str, words))) == 2
    assert "expected a cache of the bundle's 2 labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--overrides", "setup.cfg"], "expected --cache"),
        (["--competition", "nowhere"], "competition"),
        (["--port", "1"], "port: expected one that is free"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(little, tmp_path, capsys, words, said):
    if words[0] == "--port" and os.geteuid() == 0:
        import socket

        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["--port", str(taken.getsockname()[1])]
    assert main(["studio", str(little.bundle), "--work", str(tmp_path / "w"), "--no-browser", *words]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
