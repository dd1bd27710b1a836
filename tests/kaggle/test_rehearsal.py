"""The whole day on Kaggle, on this machine: the real `kaggle` program, the real kernels, no network."""

import importlib.util
import io
import json
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import tree

from birdclef_mind.commands import listening
from birdclef_mind.commands.cli import main
from birdclef_mind.commands.config import Config
from birdclef_mind.commands.terminal import Terminal
from birdclef_mind.data.form import FORMS
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.errors import ConfigError, KaggleError, TableError
from birdclef_mind.kaggle.answering import PictureAnswering
from birdclef_mind.kaggle.mounts import find_folder, take_wheel
from birdclef_mind.kaggle.rehearsal import OWNER, Rehearsing, rehearse
from birdclef_mind.kaggle.rehearsal_mounts import Mounts
from birdclef_mind.kaggle.staging import KERNELS, claimed, find_project, stage_dataset, stage_kernel
from birdclef_mind.kaggle.submission_check import find_fault
from birdclef_mind.networks.bundle import load

TINY = """labels = "all"
[training]
epochs = 1
batch_size = 8
[decoding]
epochs = 1
steps = 2
[showing]
examples = 1
seeds = 1
sheets = 20
metamers = 0
"""
PROJECT = find_project()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("settings") / "config.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def staged(tiny, tmp_path_factory):
    """(folder, build, dataset's content) of what would be pushed."""
    out = tmp_path_factory.mktemp("staged")
    with claimed(out) as work:
        build = stage_dataset(PROJECT, work, OWNER, tiny)
        for name in KERNELS:
            stage_kernel(PROJECT, name, work, OWNER, build)
    content = {path.name: path.read_bytes() for path in (out / "dataset").iterdir() if "metadata" not in path.name}
    return out, build, content


def request_of(folder, name):
    """A kernel as it arrives at Kaggle."""
    metadata = json.loads((folder / name / "kernel-metadata.json").read_text())
    return {
        "slug": metadata["id"],
        "text": (folder / name / metadata["code_file"]).read_text(),
        "competitionDataSources": metadata["competition_sources"],
        "datasetDataSources": metadata["dataset_sources"],
        "kernelDataSources": metadata["kernel_sources"],
    }


def mounts_with(content, competition, root, layout="2026"):
    mounts = Mounts(root, competition, layout)
    mounts.datasets = {f"{OWNER}/birdclef-mind": [content]}
    return mounts


@pytest.mark.slow
def test_the_whole_day_with_a_listener(sample_folder, embedded, tmp_path):
    settings, said = tmp_path / "config.toml", []
    settings.write_text(f'listener = "{MODEL}"\n{TINY}')
    rehearsing = Rehearsing(config=settings, hidden=2, model=MODEL, listener=embedded.listener.parent)
    result = rehearse(sample_folder, tmp_path / "r", rehearsing, say=said.append)
    staged = tmp_path / "r" / "staged"
    outputs = {name: staged / f"{name}-output" for name in KERNELS}
    packed = sorted(path.name for path in (outputs["cache-images"] / "cache").glob("[!.]*"))
    sample = read_sample_submission(sample_folder / "sample_submission.csv")
    assert packed == sorted([*(f"{label}.zip" for label in sample.labels), "cache.json", "index.csv"])
    assert (outputs["cache-images"] / "embeddings" / "embeddings.json").is_file()
    bundle = {path.name for path in (outputs["train"] / "bundle").iterdir()}
    assert {"bundle.json", "model.weights.h5", "decoders.json", "twin.json"} <= bundle
    record = json.loads((outputs["train"] / "bundle" / "bundle.json").read_text())["record"]
    assert record["made_from"]["teacher"].startswith("model (CC0 1.0)")
    rows = [f"soundscape_{number}_{end}" for number in (90001, 90002) for end in (5, 10, 15)]
    assert find_fault(outputs["submit"] / "submission.csv", "scores", ("row_id", *sample.labels), rows) is None
    assert json.loads((staged / "submit" / "kernel-metadata.json").read_text())["model_sources"] == [MODEL]
    assert [path.name for path in outputs["explain"].iterdir() if path.suffix == ".html"] == ["report.html"]
    assert "data:audio/mpeg" in (outputs["explain"] / "report.html").read_text()
    assert result.scores["segments"]["rows"] == 6
    hidden = [f"soundscape_{number}_{end}" for number in (1000, 1001) for end in range(5, 605, 5)]
    assert find_fault(result.submission, "scores", ("row_id", *sample.labels), hidden) is None
    log = (result.submission.with_suffix(".log")).read_text()
    assert "listener model " in log
    assert "rows 240, computed 240, soundscapes 2" in log
    assert f"hidden run of 2 soundscapes: {result.hidden_s} s" in said


@pytest.mark.slow
def test_the_day_of_another_year_in_the_older_layout_with_little_time(year_folder, tiny, tmp_path, capsys, monkeypatch):
    root = year_folder(2026)
    kernels = ("cache-images", "train", "submit")
    rehearsing = Rehearsing(layout="2025", config=tiny, kernels=kernels, hidden=2, deadline_minutes=0.0001)
    monkeypatch.chdir(tmp_path)
    result = rehearse(root, Path("r"), rehearsing)
    assert_hidden(result, root, 2026, hidden=2, computed=0)
    index = (tmp_path / "r" / "staged" / "cache-images-output" / "cache" / "index.csv").read_text()
    assert "train_soundscapes/" in index
    assert result.scores["metric"] == "roc_auc"
    assert main(["rehearse", str(root), str(root / "r")]) == 2
    assert "expected another place than the competition's" in capsys.readouterr().err
    assert main(["rehearse", str(root), str(tmp_path / "r"), "--deadline", "5"]) == 2
    assert "give --hidden N" in capsys.readouterr().err
    assert main(["rehearse", str(root), str(tmp_path / "r"), "--layout", "1999"]) == 2
    assert "layout: expected one of 2026, 2025, both, got 1999" in capsys.readouterr().err


def assert_hidden(result, root, year, *, hidden, computed):
    """The hidden run's submission is what the year's sample asks for, and the kernels were of that year."""
    form = FORMS[year]
    ends = range(5, int(form.soundscape_s) + 1, 5)
    rows = [f"{form.test_name(1000 + number)}_{end}" for number in range(hidden) for end in ends]
    sample = read_sample_submission(root / "sample_submission.csv")
    assert find_fault(result.submission, "scores", ("row_id", *sample.labels), rows) is None
    assert f"computed {computed}" in result.submission.with_suffix(".log").read_text()
    staged = result.submission.parents[3] / "staged"
    metadata = json.loads((staged / "submit" / "kernel-metadata.json").read_text())
    assert metadata["competition_sources"] == [form.slug]


def test_both_layouts_at_once(staged, sample_folder, tmp_path):
    folder, _, content = staged
    mounts = mounts_with(content, sample_folder, tmp_path, "both")
    success, log, out = mounts.run(request_of(folder, "cache-images"))
    assert success, log
    assert (out / "cache" / "cache.json").is_file()


def test_a_dataset_of_another_build_stops_the_kernel_at_once(staged, sample_folder, tmp_path):
    folder, build, content = staged
    old = {**content, "build.json": json.dumps({"build": "0ld"}).encode()}
    success, log, out = mounts_with(old, sample_folder, tmp_path).run(request_of(folder, "cache-images"))
    assert not success
    assert f"expected build {build} of the dataset, got 0ld" in log
    assert "push the dataset, wait until it is ready, then push this kernel again" in log
    assert "Traceback" not in log
    assert list(out.iterdir()) == []


def test_without_the_package_it_lists_what_is_there(staged, sample_folder, tmp_path):
    folder, _, content = staged
    rest = {name: data for name, data in content.items() if not name.endswith(".whl")}
    success, log, _ = mounts_with(rest, sample_folder, tmp_path).run(request_of(folder, "submit"))
    assert not success
    assert "expected the package birdclef_mind in a dataset below" in log
    assert f"datasets/{OWNER}" in log
    assert "Traceback" not in log


def test_a_package_that_arrives_unpacked_is_used(staged, sample_folder, tmp_path):
    folder, _, content = staged
    rest = {name: data for name, data in content.items() if not name.endswith(".whl")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        wheel = zipfile.ZipFile(io.BytesIO(next(data for name, data in content.items() if name.endswith(".whl"))))
        for name in wheel.namelist():
            archive.writestr(name, wheel.read(name))
    rest["package.zip"] = buffer.getvalue()
    success, log, _ = mounts_with(rest, sample_folder, tmp_path).run(request_of(folder, "cache-images"))
    assert success, log


def test_a_missing_input_is_named(staged, sample_folder, tmp_path):
    folder, _, content = staged
    success, log, _ = mounts_with(content, sample_folder, tmp_path).run(request_of(folder, "train"))
    assert not success
    assert "expected the pictures of the kernel cache-images with cache.json in it, found" in log
    assert "Traceback" not in log


def test_a_rehearsed_kernel_is_as_confined_as_on_kaggle(sample_folder, tmp_path):
    mounts = Mounts(tmp_path, sample_folder, "2026")
    asks = "import socket\nsocket.create_connection(('127.0.0.1', 9))"
    success, log, _ = mounts.run({"slug": "me/asks-around", "text": asks})
    assert not success and "there is no network in a rehearsal" in log
    imports = "import numpy, importlib.util\nprint(importlib.util.find_spec('birdclef_mind'))"
    success, log, _ = mounts.run({"slug": "me/imports", "text": imports})
    assert success and log.strip() == "None"
    writes = "import os, pathlib\np = pathlib.Path(os.environ['BIRDCLEF_MIND_INPUTS'])\np.chmod(0o777)\n(p / 'x').write_text('')"
    success, log, _ = mounts.run({"slug": "me/writes", "text": writes, "competitionDataSources": ["birdclef-2023"]})
    assert not success


def test_kernels_are_short_and_differ_only_where_they_must():
    beginnings = set()
    for name in KERNELS:
        (script,) = (PROJECT / "kernels" / name).glob("*.py")
        lines = script.read_text().splitlines()
        assert len(lines) <= 60
        assert sum(line.startswith("from birdclef_mind.commands.kernels import") for line in lines) == 1
        text = script.read_text()
        beginnings.add(text[text.index("BUILD = ") : text.index("from birdclef_mind.commands")].replace("STARTED", ""))
    # Only this one file of a kernel is uploaded, so how it gets the package cannot be shared; it can be the same.
    assert len(beginnings) == 1


@pytest.mark.parametrize("place", ["", "slug", "datasets/me/slug", "notebooks/me/slug/bundle"])
def test_inputs_are_found_by_what_they_hold(tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").write_text("{}")
    assert find_folder(tmp_path, "bundle.json", "a bundle") == folder


def test_a_library_that_travels_along_is_taken_and_one_that_cannot_be_leaves_all_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "travelling-1-py3-none-any.whl").write_bytes(b"no wheel")
    take_wheel(tmp_path / "a", "travelling")
    take_wheel(tmp_path / "nowhere", "travelling")
    assert importlib.util.find_spec("travelling") is None
    (tmp_path / "b" / "me" / "travelling").mkdir(parents=True)
    (tmp_path / "b" / "me" / "travelling" / "__init__.py").write_text("")
    take_wheel(tmp_path / "b", "travelling")
    assert importlib.util.find_spec("travelling") is not None


def test_sounds_and_depths_are_not_searched(tmp_path):
    for place in ("competitions/birdclef-2023/train_audio/abc", "a/b/c/d/e"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "bundle.json").write_text("{}")
    with pytest.raises(TableError, match="expected a bundle with bundle.json in it, found a, competitions, a/b"):
        find_folder(tmp_path, "bundle.json", "a bundle")
    with pytest.raises(TableError, match="found nothing"):
        find_folder(tmp_path / "none", "bundle.json", "a bundle")


def test_a_strangers_folder_is_not_used(sample_folder, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(ConfigError, match=r"found mine\.txt"):
        rehearse(sample_folder, tmp_path)
    shutil.rmtree(tmp_path)


@pytest.fixture
def quick(monkeypatch):
    """Kernels that are pushed and fetched, but only write a submission of the sample's rows, or fail."""
    state = SimpleNamespace(fails=False, rows=None)
    monkeypatch.setattr("birdclef_mind.kaggle.rehearsal_mounts._bare_python", lambda folder: folder)

    def run(self, request):
        place = self.root / f"run-{len(list(self.root.iterdir()))}"
        out = place / "working"
        out.mkdir(parents=True)
        (place / "log.txt").write_text("words")
        sample = read_sample_submission(self.competition / "sample_submission.csv")
        rows = [f"{row_id},{','.join(['0.1'] * len(sample.labels))}" for row_id in state.rows or sample.row_ids]
        (out / "submission.csv").write_text("\n".join([f"row_id,{','.join(sample.labels)}", *rows]) + "\n")
        return not state.fails, "first\nlast words", out

    monkeypatch.setattr(Mounts, "run", run)
    return state


ONLY_SUBMIT = Rehearsing(kernels=("submit",), hidden=2)


def test_rows_that_do_not_fit_are_said_and_it_goes_on(quick, competition_folder, tmp_path, monkeypatch):
    said = []
    monkeypatch.chdir(tmp_path)
    result = rehearse(Path("competition"), Path("r"), ONLY_SUBMIT, say=said.append)
    assert result.scores is None
    assert "nothing to score: submission.csv: expected the row soundscape_90002_10 of truth.csv, found none" in said
    assert len(read_sample_submission(result.submission).row_ids) == 240
    assert said[-1].startswith("hidden run of 2 soundscapes")
    quick.rows = read_scores(competition_folder / "truth.csv").row_ids
    assert rehearse(Path("competition"), Path("r"), replace(ONLY_SUBMIT, hidden=0)).scores["segments"]["rows"] == 6


def test_a_kernel_that_fails_says_where_its_log_is(quick, sample_folder, tmp_path):
    quick.fails = True
    with pytest.raises(KaggleError, match="ended with error: last words; the whole log is in .*staged/submit-output"):
        rehearse(sample_folder, tmp_path / "r", ONLY_SUBMIT)
    assert (tmp_path / "r" / "staged" / "submit-output" / "birdclef-mind-submit.log").read_text() == "first\nlast words"


def test_a_hidden_run_that_fails_says_where_its_log_is(quick, sample_folder, tmp_path):
    def say(line):
        quick.fails = quick.fails or line.startswith("submit: ")

    with pytest.raises(
        KaggleError, match=r"the hidden run failed: last words; the whole log is in .*log\.txt"
    ) as caught:
        rehearse(sample_folder, tmp_path / "r", ONLY_SUBMIT, say=say)
    assert Path(str(caught.value).rpartition(" ")[2]).read_text() == "words"


@pytest.mark.parametrize("when", ["staged build", "pushed"])
def test_interrupted_it_can_be_started_again(quick, sample_folder, tmp_path, when):
    def interrupted(line):
        if line.startswith(when):
            raise KeyboardInterrupt

    before, rehearsing = tree(sample_folder), replace(ONLY_SUBMIT, hidden=0)
    with pytest.raises(KeyboardInterrupt):
        rehearse(sample_folder, tmp_path / "r", rehearsing, say=interrupted)
    assert rehearse(sample_folder, tmp_path / "r", rehearsing).submission.is_file()
    assert tree(sample_folder) == before


@pytest.mark.parametrize("ending", ["wav", "flac", "OGG"])
def test_hidden_soundscapes_are_made_of_whatever_can_be_heard(quick, competition_folder, tmp_path, ending):
    folder = competition_folder / "test_soundscapes"
    for path in folder.iterdir():
        path.unlink()
    (folder / "soundscape_1.ogg").write_bytes(b"no sound")
    kind = {"wav": "WAV", "flac": "FLAC", "OGG": "OGG"}[ending]
    soundfile.write(folder / f"soundscape_2.{ending}", np.sin(np.arange(64_000) / 9), 32_000, format=kind)
    rehearse(competition_folder, tmp_path / "r", ONLY_SUBMIT)
    made = sorted((tmp_path / "r" / "hidden" / "test_soundscapes").iterdir())
    assert [path.name for path in made] == ["soundscape_1000.ogg", "soundscape_1001.ogg"]
    assert soundfile.info(made[1]).duration == 600


@pytest.mark.parametrize(
    ("rehearsing", "spoils", "message"),
    [
        ({"hidden": -1}, None, "hidden: expected a whole number from 0, got -1"),
        ({"deadline_minutes": 0.0}, None, "deadline: expected minutes above 0, got 0.0"),
        ({"kernels": ("nix",)}, None, "kernels: expected names among cache-images, train, submit, explain, got 'nix'"),
        ({"kernels": ("train",), "hidden": 1}, None, "kernels: expected submit among them for a hidden run"),
        ({"labels": "nobody"}, None, "labels: expected 'all', a number, or labels of the table, got 'nobody'"),
        ({"hidden": 1}, "test_soundscapes/*", "expected soundscapes to make hidden ones of, found none"),
        ({}, "train_metadata.csv", "nearest is 2023, which needs train_metadata.csv"),
        ({}, "*", "nearest is 2023, which needs train_metadata.csv"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    competition_folder, tmp_path, rehearsing, spoils, message
):
    for path in competition_folder.glob(spoils) if spoils else []:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises((ConfigError, TableError), match=message):
        rehearse(competition_folder, tmp_path / "r", Rehearsing(**rehearsing))
    assert not (tmp_path / "r").exists()


def test_settings_are_read_before_anything_is_written(competition_folder, tmp_path, capsys):
    assert main(["rehearse", str(competition_folder), str(tmp_path / "r"), "--config", __file__]) == 2
    assert "test_rehearsal.py: expected TOML" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_sounds_that_nobody_can_hear_are_told_before_a_kernel_runs(competition_folder, tmp_path):
    for path in (competition_folder / "test_soundscapes").iterdir():
        path.write_bytes(b"no sound")
    with pytest.raises(
        ConfigError, match="expected a soundscape that can be heard, to make hidden ones of, found none"
    ):
        rehearse(competition_folder, tmp_path / "r", Rehearsing(hidden=1))


def test_what_was_sealed_can_be_removed_and_any_log_is_kept(sample_folder, tmp_path):
    mounts = Mounts(tmp_path, sample_folder, "2026")
    script = "import os, sys\nos.write(1, b'na\\xefve\\n')\nsys.exit('failed')"
    success, log, out = mounts.run({"slug": "me/writes", "text": script, "competitionDataSources": ["birdclef-2023"]})
    assert (success, log) == (False, "na\ufffdve\nfailed\n")
    assert (out.parent / "log.txt").read_text() == log
    folders = [path for path in (out.parent / "input").rglob("*") if path.is_dir() and not path.is_symlink()]
    assert folders and all(path.stat().st_mode & 0o200 for path in folders)


MODEL = "somebody/ears/keras/little/3"


@pytest.mark.parametrize(
    ("layout", "place"), [("2025", "ears/keras/little/3"), ("2026", "models/somebody/ears/keras/little/3")]
)
def test_models_are_mounted_and_found_in_both_layouts(sample_folder, embedded, tmp_path, layout, place):
    mounts = Mounts(tmp_path / "r", sample_folder, layout)
    mounts.models[MODEL] = embedded.listener.parent
    code = "import os; print(sorted(os.listdir(os.environ['BIRDCLEF_MIND_INPUTS'])))"
    success, _, out = mounts.run({"slug": "me/x", "text": code, "modelDataSources": [MODEL]})
    assert success
    assert listening.model_of(out.parent / "input", MODEL) == out.parent / "input" / place / "listener.toml"


def test_a_listener_that_is_not_mounted_leaves_the_network_alone(trained, headed, tmp_path, capsys):
    inputs = tmp_path / "input"
    shutil.copytree(headed[0], inputs / "notebooks" / "me" / "train" / "head")
    network = load(trained[0])
    found = listening.answering(inputs, network, Config(listener=MODEL), Terminal(quiet=False))
    assert isinstance(found, PictureAnswering)
    said = capsys.readouterr().out
    assert "the listener does not answer, the network does so alone" in said
    assert "expected a model called ears" in said


@pytest.mark.parametrize(
    ("model", "folder", "message"),
    [(MODEL, None, "listener: expected a model of the settings"), ("", "ears", "got no model and"),
     (MODEL, "nix", "listener: expected the folder of a model, found nothing")],
)  # fmt: skip
def test_a_listener_and_its_folder_go_together(tmp_path, model, folder, message):
    (tmp_path / "ears").mkdir()
    with pytest.raises(ConfigError, match=message):
        Rehearsing(model=model, listener=tmp_path / folder if folder else None)


@pytest.mark.parametrize("address", ["ears", "a/b/c/d", "a/b/c/d/x", "https://a/b/c/d/1", "../b/c/d/1"])
def test_addresses_of_models_that_are_none_are_refused(address):
    with pytest.raises(
        ConfigError, match="listener: expected a model on Kaggle as OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
    ):
        Config.from_dict({"listener": address})
