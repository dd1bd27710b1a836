"""Pushing with the real `kaggle` program to a stand-in, and what Kaggle is known to get wrong."""

import json
import shutil
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from birdclef_mind.commands.pushing import main
from birdclef_mind.errors import KaggleError
from birdclef_mind.kaggle import pushed
from birdclef_mind.kaggle.program import Kaggle, Unanswered
from birdclef_mind.kaggle.pushing import Pushing, push_dataset, push_kernels
from birdclef_mind.kaggle.staging import (
    KERNELS,
    build_id,
    check_kernel,
    claimed,
    find_project,
    stage_dataset,
    stage_kernel,
)
from birdclef_mind.kaggle.stand_in import COMPLETE, Faults, KernelRun, StandIn

OWNER = "somebody"
PROJECT = find_project()


class Day:
    """A stand-in whose kernels end at once, and what is needed to push to it."""

    def __init__(self, stand_in, folder):
        self.stand_in, self.said = stand_in, []
        self.kaggle = Kaggle(OWNER, stand_in.environment(folder, OWNER))
        self.pushing = Pushing(project=PROJECT, work=folder / "work", every_s=0.05, most_s=1.5)

    def push_dataset(self):
        return push_dataset(self.kaggle, self.pushing, self.said.append)

    @property
    def pushes(self):
        return sum(method == "SaveKernel" for method, _ in self.stand_in.requests)

    def push_kernels(self, *names):
        push_kernels(self.kaggle, self.pushing, names, self.said.append)


@pytest.fixture
def day(tmp_path):
    def run(request):
        out = tmp_path / "ran" / request["slug"].replace("/", "-")
        out.mkdir(parents=True, exist_ok=True)
        (out / "result.txt").write_text("done")
        return "broken" not in request["text"], "first words\nlast words", out

    with StandIn(run) as stand_in:
        yield Day(stand_in, tmp_path)


def test_the_dataset_is_created_then_versioned(day):
    build = day.push_dataset()
    assert day.push_dataset() == build
    versions = day.stand_in.datasets[f"{OWNER}/birdclef-mind"]
    assert len(versions) == 2
    assert sorted(versions[1]) == ["birdclef_mind-0.1.0-py3-none-any.whl", "build.json", "config.toml"]
    assert json.loads(versions[1]["build.json"]) == {"build": build}
    asked = [method for method, _ in day.stand_in.requests]
    assert asked.count("CreateDataset") == asked.count("CreateDatasetVersion") == 1
    assert day.said[-1] == f"{OWNER}/birdclef-mind is ready"


def test_kernels_are_pushed_in_order_and_fetched(day):
    build = day.push_dataset()
    day.push_kernels("all")
    pushed = [body for method, body in day.stand_in.requests if method == "SaveKernel"]
    assert [body["slug"] for body in pushed] == [f"{OWNER}/birdclef-mind-{name}" for name in KERNELS]
    for body in pushed:
        assert body["enableInternet"] is False
        assert body["datasetDataSources"] == [f"{OWNER}/birdclef-mind"]
        assert body["competitionDataSources"] == ["birdclef-2023"]
        assert f'BUILD = "{build}"' in body["text"]
        assert body["enableGpu"] is (body["slug"].endswith("-train"))
        assert body["isPrivate"] is True
    assert pushed[1]["machineShape"] == "NvidiaTeslaT4"
    chain = [[name.rpartition("/")[2] for name in body.get("kernelDataSources", [])] for body in pushed]
    assert chain == [
        [], ["birdclef-mind-cache-images"], ["birdclef-mind-train"],
        ["birdclef-mind-cache-images", "birdclef-mind-train"],
    ]  # fmt: skip
    for name in KERNELS:
        assert (day.pushing.work / f"{name}-output" / "result.txt").read_text() == "done"
        assert (day.pushing.work / f"{name}-output" / f"birdclef-mind-{name}.log").is_file()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Faults(push_error="Maximum batch CPU session count reached"), "Kernel push error: Maximum batch.*; nothing runs"),
        (
            Faults(invalid_sources=(f"{OWNER}/birdclef-mind",)),
            f"submit: Version 1 runs without {OWNER}/birdclef-mind: cancel it on its page",
        ),
        (Faults(still_running=True), "expected it to end; look at its page"),
    ],
)  # fmt: skip
def test_a_refused_push_is_not_taken_for_success(day, fault, message):
    day.push_dataset()
    day.stand_in.faults = fault
    with pytest.raises(KaggleError, match=message):
        day.push_kernels("submit")
    assert not any("complete" in line for line in day.said)


def test_a_running_kernel_is_not_pushed_over(day):
    day.push_kernels("submit")
    day.stand_in.faults = Faults(still_running=True)
    for change in ({"again": True}, {"work": day.pushing.work.with_name("elsewhere")}):
        day.pushing = replace(day.pushing, **change)
        with pytest.raises(
            KaggleError, match="is running there, of this build or of another; wait until it has ended, or cancel it"
        ):
            day.push_kernels("submit")
    assert day.pushes == 1


def test_the_same_command_only_fetches_what_is_complete_there(day):
    day.push_kernels("submit")
    shutil.rmtree(day.pushing.work / "submit-output")
    day.push_kernels("submit")
    assert day.pushes == 1
    assert (day.pushing.work / "submit-output" / "result.txt").read_text() == "done"
    assert "is complete there already; fetching its output (--again pushes it anew)" in day.said[-2]
    day.pushing = replace(day.pushing, again=True)
    day.push_kernels("submit")
    assert day.pushes == 2


@pytest.mark.parametrize("lost", ["SaveKernel", "ListKernelSessionOutput"])
def test_the_same_command_goes_on_where_an_answer_was_lost(day, lost, monkeypatch):
    """Whatever was lost on the way, the kernel runs once, and its output comes in the end."""
    day.pushing = replace(day.pushing, bears=0, most_s=30)
    day.stand_in.faults = Faults(lost={lost: 1}, still_running=lost == "SaveKernel")
    with pytest.raises(KaggleError, match="502 Server Error.*the same command"):
        day.push_kernels("submit")
    kernel = Kaggle.kernel

    def ends_once_it_is_seen(self, name):
        run = kernel(self, name)
        day.stand_in.faults.still_running = False
        return run

    monkeypatch.setattr(Kaggle, "kernel", ends_once_it_is_seen)
    day.push_kernels("submit")
    assert day.pushes == 1
    assert (day.pushing.work / "submit-output" / "result.txt").read_text() == "done"


def test_a_kernel_that_nobody_could_wait_for_is_fetched_by_the_same_command(day, monkeypatch):
    kernel = Kaggle.kernel

    def lost_after_the_push(self, name):
        if day.pushes:
            raise Unanswered("kaggle kernels status: got nothing; try again")
        return kernel(self, name)

    day.pushing = replace(day.pushing, bears=1)
    with (
        monkeypatch.context() as patch,
        pytest.raises(KaggleError, match="goes on there; the same command waits for it"),
    ):
        patch.setattr(Kaggle, "kernel", lost_after_the_push)
        day.push_kernels("submit")
    day.push_kernels("submit")
    assert day.pushes == 1
    assert (day.pushing.work / "submit-output" / "result.txt").read_text() == "done"


def test_lost_answers_are_borne_and_said(day):
    day.stand_in.faults = Faults(
        lost={"GetKernelSessionStatus": 3, "ListKernelSessionOutput": 1, "GetDatasetStatus": 1, "GetDataset": 2}
    )
    day.push_dataset()
    day.push_dataset()
    day.push_kernels("submit")
    assert day.pushes == 1
    assert day.said[-1].startswith(f"{OWNER}/birdclef-mind-submit is complete")
    lines = [line for line in day.said if "asking again, up to 10 times" in line]
    assert len(lines) >= 3
    assert all("502 Server Error" in line for line in lines)


def test_answers_that_never_come_end_in_a_sentence(day):
    day.pushing = replace(day.pushing, bears=1, most_s=30)
    day.stand_in.faults = Faults(lost={"GetKernelSessionStatus": 99})
    day.stand_in.kernels[f"{OWNER}/birdclef-mind-submit"] = KernelRun({"slug": "old"}, 1, COMPLETE)
    with pytest.raises(KaggleError, match="502 Server Error.*see that you are online"):
        day.push_kernels("submit")
    assert day.pushes == 0


def test_a_kernel_of_other_words_is_pushed_anew(day, tmp_path):
    """The same build of the package, but another script: what is complete there is not what is asked for."""
    day.push_kernels("submit")
    with claimed(day.pushing.work):
        pushed.note(day.pushing.work, f"{OWNER}/birdclef-mind-submit", "b" * 12, "of another script", 1)
    day.push_kernels("submit")
    assert day.pushes == 2


def test_a_failed_kernel_is_pushed_anew_and_says_why(day):
    day.stand_in.faults = Faults(ends_with="ERROR", failure="Your notebook ran out of memory")
    for pushes in (1, 2):
        with pytest.raises(KaggleError, match="ended with error: Your notebook ran out of memory; the whole log is in"):
            day.push_kernels("submit")
        assert day.pushes == pushes
    day.stand_in.faults = Faults(ends_with="CANCEL_ACKNOWLEDGED")
    with pytest.raises(KaggleError, match="ended with a cancellation on its page: last words"):
        day.push_kernels("submit")


def test_the_log_of_a_failure_that_nobody_saw_is_fetched_by_the_same_command(day):
    day.pushing = replace(day.pushing, bears=0)
    day.stand_in.faults = Faults(ends_with="ERROR", lost={"ListKernelSessionOutput": 1})
    with pytest.raises(KaggleError, match="502 Server Error.*has ended there; the same command fetches its output"):
        day.push_kernels("submit")
    for pushes in (1, 2):
        with pytest.raises(KaggleError, match="ended with error: last words; the whole log is in"):
            day.push_kernels("submit")
        assert day.pushes == pushes


@pytest.mark.parametrize("content", ["no json", "[]", '{"somebody/birdclef-mind-submit": {"nix": 1}}'])
def test_a_strangers_note_is_left_alone(day, content):
    day.pushing.work.mkdir()
    with claimed(day.pushing.work):
        pass
    day.pushing.work.mkdir(exist_ok=True)
    (day.pushing.work / "pushed.json").write_text(content)
    with pytest.raises(KaggleError, match=r"pushed\.json"):
        day.push_kernels("submit")
    assert (day.pushing.work / "pushed.json").read_text() == content
    assert day.pushes == 0


def test_a_dataset_that_kaggle_cannot_read_is_told(day):
    day.stand_in.faults = Faults(dataset_status="FAILED")
    with pytest.raises(KaggleError, match="expected a version after 0, and Kaggle could not read version 1; look"):
        day.push_dataset()


def test_an_older_version_that_gets_ready_is_not_taken_for_the_new_one(day):
    day.push_dataset()
    day.stand_in.faults = Faults(dataset_status="BLOBS_RECEIVED", version_stays=True)
    threading.Timer(1.0, lambda: setattr(day.stand_in.faults, "dataset_status", "READY")).start()
    with pytest.raises(KaggleError, match="expected a version after 1, and none came"):
        day.push_dataset()


@pytest.mark.parametrize(("owner", "padding"), [("bird401", 410_624), ("error-404", 0), ("Unauthorized", 0)])
def test_names_and_sizes_are_no_verdict(tmp_path, owner, padding):
    config = tmp_path / "settings.toml"
    config.write_text('labels = "all"\n# ' + "x" * max(0, padding - 18) + "\n")
    with StandIn(lambda request: (True, "", tmp_path)) as stand_in:
        stand_in.faults.warning = True
        kaggle = Kaggle(owner, stand_in.environment(tmp_path / "home-401", owner))
        pushing = Pushing(project=PROJECT, work=tmp_path / "error: 404", config=config, every_s=0.05, most_s=9)
        push_dataset(kaggle, pushing, lambda line: None)
        assert len(stand_in.datasets[f"{owner}/birdclef-mind"]) == 1


@pytest.mark.parametrize("arrived", [False, True])
def test_who_interrupts_is_told_what_is_true(day, monkeypatch, capsys, arrived):
    run = Kaggle.run

    def interrupted(self, *words, **options):
        if words[1] == ("status" if arrived else "push") and (day.pushes == 1 or not arrived):
            raise KeyboardInterrupt
        return run(self, *words, **options)

    monkeypatch.setattr(Kaggle, "run", interrupted)
    for name, value in day.kaggle.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["push-kernel", "submit", "--work", str(day.pushing.work)]) == 130
    said = capsys.readouterr().err
    assert ("goes on there; the same command waits for it" if arrived else "is not known; the same command") in said


def test_an_interruption_before_anything_was_sent_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Kaggle, "dataset", lambda self, name: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["push-dataset", "--work", str(tmp_path / "w"), "--owner", OWNER]) == 130
    assert "interrupted; nothing was sent to Kaggle" in capsys.readouterr().err


def test_two_pushes_in_one_work_folder_are_refused(day):
    with claimed(day.pushing.work), pytest.raises(KaggleError, match="is being written by another process"):
        day.push_kernels("submit")
    day.push_kernels("submit")


WRONG_OWNERS = ["Jane Doe", "https://www.kaggle.com/janedoe", "a/b", "", "@janedoe", "kaggle.com/janedoe", "jané", " j"]


@pytest.mark.parametrize("owner", WRONG_OWNERS)
@pytest.mark.parametrize("words", [["push-dataset"], ["push-kernel", "submit"]])
def test_a_name_that_is_none_is_refused_before_anything_is_staged(tmp_path, capsys, owner, words):
    assert main([*words, "--dry-run", f"--owner={owner}", "--work", str(tmp_path / "w")]) == 2
    said = capsys.readouterr().err
    assert "owner: expected your name on Kaggle, which is the last part of your page's address" in said
    assert repr(owner) in said and said.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_a_name_from_the_environment_is_checked_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "Jane Doe")
    assert main(["push-dataset", "--dry-run", "--work", str(tmp_path / "w")]) == 2
    assert "KAGGLE_USERNAME: expected your name on Kaggle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["push-kernel", "submit", "--config", "nope.toml"], "config: expected a file, found nothing at 'nope.toml'"),
        (["push-dataset", "--config", "nope.toml"], "config: expected a file, found nothing at 'nope.toml'"),
        (["push-dataset", "--work", "/proc/nope"], "No such file or directory (/proc/nope)"),
        (["push-kernel", "submit", "--work", "/proc/nope"], "No such file or directory (/proc/nope)"),
        (["push-kernel", "submit", "--work", ""], "work: expected a path, got ''"),
        (["push-kernel", "submit", "nix"], "expected one of cache-images, train, submit, explain, got 'nix'"),
        (["push-kernel"], "required: NAME"),
        (["push-kernel", "submit", "--config", __file__], "test_pushing.py: expected TOML"),
        (["nix"], "invalid choice: 'nix'"),
    ],
)
def test_wrong_words_are_one_sentence_before_anything_is_touched(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    options = ["--dry-run", "--owner", OWNER] if words != ["nix"] else []
    assert main([*words, *options]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_upload_that_breaks_off_is_told(day):
    day.stand_in.faults = Faults(failing_upload="config.toml")
    with pytest.raises(KaggleError, match="Upload unsuccessful: config.toml.*run the same command again"):
        day.push_dataset()


def test_a_version_that_never_comes_is_told(day):
    day.push_dataset()
    day.stand_in.faults = Faults(version_stays=True)
    with pytest.raises(KaggleError, match="expected a version after 1, and none came"):
        day.push_dataset()


def test_a_run_that_cannot_even_begin_has_ended(tmp_path):
    def broken(request):
        raise FileNotFoundError("python")

    with StandIn(broken) as stand_in:
        day = Day(stand_in, tmp_path)
        with pytest.raises(KaggleError, match="ended with error: the stand-in could not run it"):
            day.push_kernels("submit")


def test_a_kernel_that_fails_shows_its_last_words(day, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".*", "runs", "tests", "docs", "*.egg-info"))
    script = project / "kernels" / "submit" / "submit.py"
    script.write_text(script.read_text() + "\n# broken\n")
    pushing = Pushing(project=project, work=tmp_path / "w", every_s=0.05, most_s=5)
    with pytest.raises(KaggleError, match="ended with error: last words; the whole log is in"):
        push_kernels(day.kaggle, pushing, ["submit"], day.said.append)


def test_other_libraries_travel_along_and_are_taken_where_they_can_be(tmp_path):
    wheel = tmp_path / "openvino-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("openvino/__init__.py", "")
    with claimed(tmp_path / "w") as work:
        build = stage_dataset(PROJECT, work, OWNER, wheels=[wheel])
        assert build == stage_dataset(PROJECT, work, OWNER, wheels=[wheel])
    assert (tmp_path / "w" / "dataset" / wheel.name).read_bytes() == wheel.read_bytes()
    for name in ("openvino.zip", "birdclef_mind-9-py3-none-any.whl"):
        (tmp_path / name).write_bytes(b"x")
        with claimed(tmp_path / "w") as work, pytest.raises(KaggleError, match="expected another library's wheel"):
            stage_dataset(PROJECT, work, OWNER, wheels=[tmp_path / name])


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    with claimed(tmp_path) as work:
        stage_dataset(PROJECT, work, OWNER)
    (wheel,) = (tmp_path / "dataset").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "birdclef_mind").rglob("*")
        if path.suffix in (".py", ".pyi", ".typed", ".html", ".css", ".js", ".toml")
    }
    assert {name for name in names if "dist-info" not in name} == package


def test_the_build_differs_with_package_and_settings(tmp_path):
    one, other = tmp_path / "1.toml", tmp_path / "2.toml"
    one.write_text("[training]\nepochs = 1\n")
    other.write_text("[training]\nepochs = 2\n")
    builds = {build_id(PROJECT, None), build_id(PROJECT, one), build_id(PROJECT, other)}
    assert len(builds) == 3
    assert build_id(PROJECT, one) in builds


def test_settings_are_read_before_anything_is_staged(tmp_path, capsys):
    (tmp_path / "x.toml").write_text("[training]\nepochs = 'many'\n")
    words = ["push-dataset", "--dry-run", "--owner", OWNER, "--work", str(tmp_path / "w")]
    assert main([*words, "--config", str(tmp_path / "x.toml")]) == 2
    assert "epochs: expected a whole number from 1 to 2147483647, got 'many'" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"enable_internet": True}, "enable_internet: expected false"),
        ({"enable_internet": None}, "enable_internet: expected false"),
        ({"title": "Another title"}, "title: expected words that give the slug birdclef-mind-train"),
        ({"id": "me/abc"}, "id: expected 5 to 50"),
        ({"id": "me/under_score"}, "id: expected 5 to 50"),
        ({"id": "me/birdclef-mind", "title": "birdclef mind"}, "id: expected another name than the dataset's"),
        ({"dataset_sources": []}, "dataset_sources: expected me/birdclef-mind among them"),
        ({"competition_sources": []}, "competition_sources"),
        ({"competition_sources": ["BirdCLEF+ 2026"]}, "competition_sources: expected the competition's name"),
        ({"kernel_sources": ["me/birdclef-mind-train"]}, "kernel_sources: expected other kernels than itself"),
        ({"kernel_sources": ["you/birdclef-mind-submit"]}, "kernel_sources: expected kernels of this project"),
    ],
)
def test_metadata_is_checked_before_any_request(tmp_path, changes, message):
    with claimed(tmp_path) as work:
        stage_kernel(PROJECT, "train", work, "me", "b" * 12)
    metadata = json.loads((tmp_path / "train" / "kernel-metadata.json").read_text())
    check_kernel(metadata, "me/birdclef-mind")
    with pytest.raises(KaggleError, match=message):
        check_kernel({**metadata, **changes}, "me/birdclef-mind")


@pytest.mark.parametrize("by", ["flag", "settings", "neither"])
def test_the_kernels_are_of_the_competition_that_is_asked_for(tmp_path, by):
    (tmp_path / "settings.toml").write_text('competition = "birdclef-2026"\n' if by == "settings" else "labels = 3\n")
    words = ["push-kernel", "all", "--work", str(tmp_path / "w"), "--owner", OWNER, "--dry-run"]
    words += [
        "--config",
        str(tmp_path / "settings.toml"),
        *(["--competition", "birdclef-2026"] if by == "flag" else []),
    ]
    assert main(words) == 0
    wanted = "birdclef-2023" if by == "neither" else "birdclef-2026"
    for name in KERNELS:
        metadata = json.loads((tmp_path / "w" / name / "kernel-metadata.json").read_text())
        assert metadata["competition_sources"] == [wanted]


def test_a_dry_run_stages_everything_and_asks_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Kaggle, "run", lambda *words: pytest.fail("asked Kaggle"))
    work = ["--work", str(tmp_path / "w"), "--owner", OWNER, "--dry-run"]
    assert main(["push-dataset", *work]) == 0
    assert main(["push-kernel", "all", *work]) == 0
    said = capsys.readouterr().out
    assert said.count("would run: kaggle") == 5
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == sorted([".birdclef_mind", "dataset", *KERNELS])
    assert main(["push-kernel", "nix", *work]) == 2
    assert "expected one of cache-images, train, submit, explain, got 'nix'" in capsys.readouterr().err


def test_without_credentials_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    assert main(["push-dataset", "--work", str(tmp_path / "w"), "--dry-run"]) == 2
    assert "set KAGGLE_USERNAME or give --owner NAME" in capsys.readouterr().err


def test_nobody_is_asked_beside_the_stand_in(day):
    connects = []
    handler = day.stand_in._server.RequestHandlerClass
    handler.do_CONNECT = lambda self: (connects.append(self.path), self.send_error(403))
    day.push_dataset()
    day.push_kernels("submit")
    assert connects == []
    assert threading.active_count() < 50
    assert Path(day.kaggle.environment["HOME"]).is_dir()
