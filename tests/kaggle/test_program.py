"""The `kaggle` program as it may be found: not to be started, killed, hanging, of another encoding, behind a proxy."""

import subprocess
import sys

import pytest

from birdclef_mind.commands.pushing import main
from birdclef_mind.errors import KaggleError
from birdclef_mind.kaggle import program as kaggle_program
from birdclef_mind.kaggle.kernel_logs import last_words
from birdclef_mind.kaggle.program import Dataset, Kaggle, KernelRun, Unanswered
from birdclef_mind.kaggle.program_words import Answer

HINT = "\n\nThe resource was not found. Check the spelling of the reference you passed.\n"
HELP = "Authentication required to call the Kaggle API.\n\nFirst, you will need a Kaggle account.\n"
BAR = "  0%|          | 0.00/401k [00:00<?, ?B/s]\r100%|##########| 401k/401k [00:00<00:00, 404kB/s]\n"
OLD = "Warning: Looks like you're using an outdated `kaggle` version (installed: 2.2.5), please upgrade (404.1)\n"
KEY = "Warning: Your Kaggle API key is readable by other users on this system! To fix this, you can run 'chmod 600'\n"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program in the place of `kaggle`."""

    def put(text, *, start="#!/bin/sh\n", mode=0o755):
        path = tmp_path / "kaggle"
        path.write_text(start + text)
        path.chmod(mode)
        monkeypatch.setattr(kaggle_program, "_find_program", lambda: str(path))
        return Kaggle("somebody", {"PATH": "/usr/bin:/bin"})

    return put


@pytest.mark.parametrize("start", ["#!/nowhere/python\n", "\x00\x01 no program"])
def test_a_program_that_cannot_be_started_is_named(program, tmp_path, start):
    with pytest.raises(
        KaggleError, match=f"expected a program that can be started, got .*{tmp_path}/kaggle.*reinstall"
    ):
        program("", start=start).dataset("somebody/data")


def test_one_that_hangs_is_stopped(program, monkeypatch):
    monkeypatch.setattr(kaggle_program, "QUESTION_S", 0.2)
    with pytest.raises(Unanswered, match="kaggle datasets status: expected an end within 0.2 s, and it hung"):
        program("exec sleep 60").dataset("somebody/data")


@pytest.mark.parametrize(
    ("text", "got"),
    [
        (r"printf '\377\376 na\357ve\n' >&2; exit 1", "got '\ufffd\ufffd na\ufffdve'"),
        ("kill -9 $$", "stopped by SIGKILL"),
        ("exit 3", "got 'nothing'"),
        ("true", "got 'nothing'"),
        ("echo '{\"status\": \"ready\"}'", "got '{"),
        ("echo '{\"status\": 3, \"current_version_number\": null}'", "got '{"),
        ("echo '<html><title>404 Log in to Hotel Wifi</title>'", "got '<html>"),
        ("echo 'Expecting value: line 1 column 1 (char 0)' >&2; exit 1", "a page that is not Kaggle's, as a proxy sends it"),
        ("echo 'ProxyError: Tunnel connection failed: 403 Forbidden' >&2; exit 1", "got 'ProxyError: Tunnel"),
        ("echo '429 Client Error: Too Many Requests for url' >&2; exit 1", "got '429 Client Error"),
        ("echo '500 Server Error: for url' >&2; echo; echo 'This is a problem'; exit 1", "got '500 Server Error"),
        ("printf 'Traceback (most recent call last):\\n  File x\\nImportError: no six\\n' >&2; exit 1", "'ImportError: no six'"),
    ],
)  # fmt: skip
def test_whatever_it_prints_is_one_sentence_that_bears_asking_again(program, text, got):
    kaggle = program(text)
    for ask in (kaggle.dataset, kaggle.kernel):
        with pytest.raises(Unanswered) as caught:
            ask("somebody/data")
        assert got in str(caught.value) or "has status" in text
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith("see that you are online, and try again")


def answered(monkeypatch, answer):
    monkeypatch.setattr(Kaggle, "run", lambda self, *words, **options: answer)
    return Kaggle("somebody", {"KAGGLE_API_TOKEN": "KGAT_0"})


@pytest.mark.parametrize("noise", ["", OLD, KEY, BAR])
@pytest.mark.parametrize(
    ("said", "complained", "dataset"),
    [
        ('{"status": "ready", "current_version_number": 401}\n', "", Dataset(401, "ready")),
        ("", "404 Client Error: Not Found for url: http://localhost\n", None),
        ("", "Not found" + HINT, None),
        ("", "Permission 'datasets.get' was denied\n\nYou don't have access to this resource.\n", None),
    ],
)
def test_how_a_dataset_stands_is_read_among_whatever_else(monkeypatch, noise, said, complained, dataset):
    kaggle = answered(monkeypatch, Answer(int(dataset is None), noise + said, complained))
    assert kaggle.dataset("somebody/data") == dataset


@pytest.mark.parametrize(
    ("said", "run"),
    [
        ('has status "KernelWorkerStatus.COMPLETE"', KernelRun("complete")),
        ('has status "complete"', KernelRun("complete")),
        ('has status "cancelAcknowledged"', KernelRun("cancelacknowledged")),
        ('has status "KernelWorkerStatus.CANCEL_ACKNOWLEDGED"', KernelRun("cancelacknowledged")),
        (
            'has status "KernelWorkerStatus.ERROR"\nFailure message: "out of\nmemory"',
            KernelRun("error", "out of memory"),
        ),
    ],
)
def test_how_a_kernel_stands_is_read_in_older_words_too(monkeypatch, said, run):
    assert answered(monkeypatch, Answer(0, f"{OLD}somebody/kernel {said}\n")).kernel("somebody/kernel") == run


def test_without_a_key_it_says_so_at_once(monkeypatch):
    kaggle = answered(monkeypatch, Answer(1, HELP))
    for ask in (kaggle.dataset, kaggle.kernel):
        with pytest.raises(
            KaggleError, match="Authentication required.*the token in KAGGLE_API_TOKEN may have expired"
        ) as caught:
            ask("somebody/data")
        assert not isinstance(caught.value, Unanswered)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("- username: janedoe\n- auth_method: x\n", "janedoe"),
        (f"{KEY}{OLD}Configuration values from /home\n- username: janedoe\n", "janedoe"),
        ("- username: None\n", None),
        ("- username: Jane Doe\n", None),
        (HELP, None),
        ("", None),
    ],
)
def test_the_name_is_what_it_is_set_to(monkeypatch, said, name):
    monkeypatch.setattr(Kaggle, "run", lambda self, *words: Answer(int(said == HELP), said))
    if name:
        assert Kaggle(None, {}).owner == name
    else:
        with pytest.raises(KaggleError, match="expected your name on Kaggle"):
            Kaggle(None, {})


@pytest.mark.parametrize(
    "line",
    [
        "Kernel push error: Maximum batch CPU session count of 5 reached.", "Skipping folder: x; use '--dir-mode'",
        'Dataset creation error: The requested title "x" is already in use by a dataset.',
        "Dataset version creation error: x", "Upload unsuccessful: config.toml", "401 Client Error: Unauthorized for url",
        "Unauthorized", "kaggle datasets: error: unrecognized arguments: --format", "403 Client Error: Forbidden",
        "The following are not valid dataset sources and could not be added to the kernel: ['x/y']",
    ],
)  # fmt: skip
def test_its_own_errors_are_refusals_whatever_its_status(line):
    assert Answer(0, f"{OLD}{line}\nKernel version 2 successfully pushed.\n").refusal == line
    assert Answer(0, f"Kernel version 2 pushed. {line}\n{BAR}Upload successful: {line}\n").refusal == ""


def test_keys_are_not_printed_where_another_program_wants_words(tmp_path):
    assert Kaggle("somebody", {"VERBOSE": "true", "PATH": "/bin"}).environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("odd"),
            "push-dataset: a fault of this program, RuntimeError: odd; BIRDCLEF_MIND_TRACEBACK=1 shows where",
        ),
        (MemoryError(), "push-dataset: not enough memory"),
        (PermissionError(13, "Permission denied", "/root/w"), "push-dataset: Permission denied (/root/w)"),
    ],
)
def test_whatever_is_raised_is_one_sentence(monkeypatch, capsys, error, said):
    def fail(*_):
        raise error

    monkeypatch.delenv("BIRDCLEF_MIND_TRACEBACK", raising=False)
    monkeypatch.setattr("birdclef_mind.commands.pushing.push_dataset", fail)
    assert main(["push-dataset", "--owner", "somebody"]) == 2
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            '[{"stream_name":"stderr","time":1,"data":"train: expected two birds"},\n{"data":"\\n"}]',
            "train: expected two birds",
        ),
        ('[{"stream_name":"stderr"', '[{"stream_name":"stderr"'),
        ("one\ntwo\n", "two"),
        ("", "it left no log"),
        (None, "it left no log"),
    ],
)
def test_the_last_words_of_a_log_are_read_as_kaggle_writes_it(tmp_path, log, words):
    if log is not None:
        (tmp_path / "kernel.log").write_text(log)
    assert last_words(tmp_path) == words


def test_the_command_line_lives_without_a_terminal_or_readers(tmp_path):
    command = [sys.executable, "-m", "birdclef_mind.commands.pushing", "push-kernel", "submit", "--dry-run", "--owner"]
    words = [*command, "jané", "--work", str(tmp_path / "w")]
    done = subprocess.run(f"exec 0<&- 1>&-; exec {subprocess.list2cmdline(words)}", shell=True, capture_output=True)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1 and b"owner: expected your name" in done.stderr
