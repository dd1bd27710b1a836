"""Pushing with the real `kaggle` program to a stand-in, and what Kaggle is known to get wrong."""

import json
import shutil
import threading
import zipfile
from pathlib import Path

import pytest

from birdclef_mind.errors import ConfigError, KaggleError
from birdclef_mind.kaggle_cli import main
from birdclef_mind.kaggle_program import Kaggle
from birdclef_mind.pushing import Pushing, push_dataset, push_kernels
from birdclef_mind.staging import KERNELS, build_id, check_kernel, claimed, find_project, stage_dataset, stage_kernel
from birdclef_mind.stand_in import Faults, StandIn

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
        (Faults(invalid_sources=(f"{OWNER}/birdclef-mind",)), "not valid dataset sources.*; nothing runs"),
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
    day.push_dataset()
    day.push_kernels("submit")
    day.stand_in.faults = Faults(still_running=True)
    with pytest.raises(KaggleError, match="is running; wait until it has ended, or cancel it"):
        day.push_kernels("submit")
    assert sum(method == "SaveKernel" for method, _ in day.stand_in.requests) == 1


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


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    with claimed(tmp_path) as work:
        stage_dataset(PROJECT, work, OWNER)
    (wheel,) = (tmp_path / "dataset").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "birdclef_mind").rglob("*")
        if path.suffix in (".py", ".html", ".css", ".js", ".toml")
    }
    assert {name for name in names if "dist-info" not in name} == package


def test_the_build_differs_with_package_and_settings(tmp_path):
    one, other = tmp_path / "1.toml", tmp_path / "2.toml"
    one.write_text("[training]\nepochs = 1\n")
    other.write_text("[training]\nepochs = 2\n")
    builds = {build_id(PROJECT, None), build_id(PROJECT, one), build_id(PROJECT, other)}
    assert len(builds) == 3
    assert build_id(PROJECT, one) in builds
    other.write_text("[training]\nepochs = 'many'\n")
    with claimed(tmp_path / "w") as work, pytest.raises(ConfigError, match="epochs"):
        stage_dataset(PROJECT, work, OWNER, other)
    assert not (tmp_path / "w" / "dataset").exists()


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
