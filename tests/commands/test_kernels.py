"""What each kernel does once it has the package, in a process that can be looked into; `test_rehearsal` confines them."""

import json
import shutil
import time

import pytest
from conftest import tree
from small_network import know_small

from birdclef_mind.commands import kernels
from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.errors import ConfigError, DivergedError, reason_of
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.kaggle.submission_check import find_fault
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks.bundle import load

FEW = """
[decoding]
epochs = 1
steps = 2
[showing]
examples = 1
seeds = 1
sheets = 3
"""
CONFIG = f"""[training]
model = "small"
epochs = 1
{FEW}[submitting]
shifts = 2
smoothing = [0.2, 0.6, 0.2]
file_power = 0.4
"""
BUILD = "b1"
ROWS = [f"soundscape_9000{number}_{end}" for number in (1, 2) for end in (5, 10)]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The project's dataset and the competition as they are mounted, with a recording that cannot be read."""
    root = tmp_path_factory.mktemp("input")
    dataset, competition = root / "datasets" / "me" / "birdclef-mind", root / "competitions" / "birdclef-2023"
    dataset.mkdir(parents=True)
    (dataset / "build.json").write_text(json.dumps({"build": BUILD}))
    (dataset / "config.toml").write_text(CONFIG)
    write_sample(competition, Sample(species=2, recordings=4, authors=4, soundscapes=2, soundscape_s=10))
    sorted((competition / "train_audio").glob("*/*.ogg"))[0].write_bytes(b"no sound")
    return root


def out(inputs, name):
    """Where a kernel writes, and the next find it."""
    return inputs / "notebooks" / "me" / name


@pytest.fixture(scope="module")
def trained_there(inputs):
    """The first two kernels have run; their outputs stand among the inputs."""
    know_small()
    kernels.cache_images(inputs, out(inputs, "cache-images"), BUILD)
    kernels.train(inputs, out(inputs, "train"), BUILD)


def test_what_is_cached_and_trained_is_handed_on(trained_there, inputs):
    failures = (out(inputs, "cache-images") / "cache" / "failures.csv").read_text()
    assert failures.count("\n") == 2
    bundle = {path.name for path in (out(inputs, "train") / "bundle").iterdir()}
    assert {"bundle.json", "model.weights.h5", "decoders.json", "twin.json"} <= bundle


def fault_in(folder, labels, rows):
    return find_fault(folder / "submission.csv", "scores", ("row_id", *labels), rows)


def test_the_submission_is_ended_as_the_settings_say(trained_there, inputs, tmp_path):
    kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    submitting = Submitting(shifts=2, smoothing=(0.2, 0.6, 0.2), file_power=0.4)
    root = inputs / "competitions" / "birdclef-2023"
    write_submission(load(out(inputs, "train") / "bundle"), root, tmp_path / "own.csv", submitting=submitting)
    assert (tmp_path / "submission.csv").read_bytes() == (tmp_path / "own.csv").read_bytes()


@pytest.mark.parametrize(("minutes", "computed"), [(None, 4), ("0", 0), ("-5", 0)])
def test_the_submission_is_whole_however_little_time_there_is(
    trained_there, inputs, tmp_path, minutes, computed, monkeypatch, capsys
):
    if minutes:
        monkeypatch.setenv("BIRDCLEF_MIND_DEADLINE", minutes)
    kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    labels = read_sample_submission(inputs / "competitions" / "birdclef-2023" / "sample_submission.csv").labels
    assert fault_in(tmp_path, labels, ROWS) is None
    said = capsys.readouterr().out
    assert f"2 soundscapes, 4 rows, {computed} of them computed" in said
    assert said.count("kept its priors: soundscape_9000") == (2 if minutes else 0)


@pytest.mark.parametrize(("year", "minutes"), [(2021, 530), (2023, 110), (2024, 110), (2025, 80), (2026, 80)])
def test_the_deadline_is_the_competitions(year_folder, monkeypatch, year, minutes):
    assert kernels._deadline_minutes(year_folder(year)) == minutes
    monkeypatch.setenv("BIRDCLEF_MIND_DEADLINE", "7")
    assert kernels._deadline_minutes(year_folder(year)) == 7


def test_a_hidden_run_may_lack_the_training_table(trained_there, inputs, tmp_path):
    table = inputs / "competitions" / "birdclef-2023" / "train_metadata.csv"
    content = table.read_bytes()
    table.unlink()
    try:
        kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    finally:
        table.write_bytes(content)
    assert (tmp_path / "submission.csv").is_file()


def test_the_report_is_one_page_and_the_inputs_are_left_alone(trained_there, inputs, tmp_path):
    before = tree(inputs)
    kernels.explain(inputs, tmp_path, BUILD)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".birdclef_mind", "report.html"]
    assert "data:audio/mpeg" in (tmp_path / "report.html").read_text()
    assert tree(inputs) == before


def test_a_dataset_of_another_build_is_refused(inputs, tmp_path):
    with pytest.raises(ConfigError, match="expected build b2 of the dataset, got b1"):
        kernels.submit(inputs, tmp_path, "b2", time.monotonic())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("minutes", ["soon", "nan", "inf", "1,5"])
def test_a_deadline_that_is_no_number_is_named(inputs, tmp_path, monkeypatch, minutes):
    monkeypatch.setenv("BIRDCLEF_MIND_DEADLINE", minutes)
    with pytest.raises(ConfigError, match=f"BIRDCLEF_MIND_DEADLINE: expected a number of minutes, got '{minutes}'"):
        kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    assert list(tmp_path.iterdir()) == []


def labels_of(inputs):
    return read_sample_submission(inputs / "competitions" / "birdclef-2023" / "sample_submission.csv").labels


def fails(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.mark.parametrize(
    "place",
    [
        "networks.bundle.load",
        "kaggle.write_submission.write_submission",
        "data.soundscapes.competition.list_soundscapes",
    ],
)
@pytest.mark.parametrize(
    "error", [RuntimeError("no kernel image"), MemoryError(), ImportError("libcudart.so"), OSError(5, "I/O")]
)
def test_without_a_network_every_row_has_the_same_score(
    trained_there, inputs, tmp_path, monkeypatch, capsys, place, error
):
    monkeypatch.setattr(f"birdclef_mind.{place}", fails(error))
    kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    rows = ROWS[:2] if "list_soundscapes" in place else ROWS
    assert fault_in(tmp_path, labels_of(inputs), rows) is None
    said = capsys.readouterr()
    line = f"NOTHING WAS COMPUTED: all {len(rows)} rows have the same score in every column, since {reason_of(error)}"
    assert line in said.out
    assert "Traceback" in said.err
    assert line in (tmp_path / "submission.log").read_text()


@pytest.mark.parametrize("name", ["bundle.json", "model.weights.h5"])
def test_a_spoilt_bundle_costs_no_submission(trained_there, inputs, tmp_path, name):
    spoilt = shutil.copytree(inputs, tmp_path / "input")
    (spoilt / "notebooks" / "me" / "train" / "bundle" / name).write_bytes(b"{}")
    kernels.submit(spoilt, tmp_path, BUILD, time.monotonic())
    assert fault_in(tmp_path, labels_of(inputs), ROWS) is None


def test_what_was_computed_stands_whatever_comes_after(trained_there, inputs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "birdclef_mind.kaggle.write_submission._write_log", fails(OSError(28, "No space left on device"))
    )
    kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    text = (tmp_path / "submission.csv").read_text()
    assert fault_in(tmp_path, labels_of(inputs), ROWS) is None
    assert len(set(text.replace("\n", ",").split(","))) > 10
    assert "the submission stands as it was when this came: OSError" in capsys.readouterr().out


def test_somebody_elses_submission_is_left_alone(trained_there, inputs, tmp_path):
    (tmp_path / "submission.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"submission\.csv"):
        kernels.submit(inputs, tmp_path, BUILD, time.monotonic())
    assert (tmp_path / "submission.csv").read_text() == "mine"


def test_a_training_that_diverges_late_hands_on_what_was_kept(trained_there, inputs, tmp_path, monkeypatch, capsys):
    shutil.copytree(out(inputs, "train") / "bundle", tmp_path / "bundle")
    monkeypatch.setattr(
        "birdclef_mind.training.train.train", fails(DivergedError("epoch 2: not finite; epoch 1 is kept"))
    )
    monkeypatch.setattr(
        "birdclef_mind.backwards.bundle_decoders.train_bundle_decoders", fails(ConfigError("no segment is left"))
    )
    kernels.train(inputs, tmp_path, BUILD)
    said = capsys.readouterr().out
    assert "went on with the bundle that is there: epoch 2: not finite" in said
    assert "without all its decoders: no segment is left" in said
    shutil.rmtree(tmp_path / "bundle")
    with pytest.raises(DivergedError):
        kernels.train(inputs, tmp_path, BUILD)


def test_settings_with_a_byte_order_mark_are_read(inputs, tmp_path):
    (tmp_path / "build.json").write_text(json.dumps({"build": BUILD}))
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())
    assert kernels.check_build(tmp_path, BUILD).training.epochs == 1


ROUNDS = f"""rounds = 1
[features]
preset = "logmel128"
[training]
model = "small"
epochs = 1
batch_size = 4
loss = "binary"
[training.augmentation]
roll = false
soundscapes = 1.0
{FEW}"""


def test_soundscapes_teach_in_the_form_of_2026(year_folder, inputs, tmp_path, capsys):
    know_small()
    root = tmp_path / "input"
    dataset = root / "datasets" / "me" / "birdclef-mind"
    shutil.copytree(inputs / "datasets" / "me" / "birdclef-mind", dataset)
    shutil.copytree(year_folder(2026), root / "competitions" / "birdclef-2026")
    (dataset / "config.toml").write_text(ROUNDS)
    for name, kernel in (("cache-images", kernels.cache_images), ("train", kernels.train)):
        kernel(root, out(root, name), BUILD)
    said = capsys.readouterr().out
    assert "round 1: mean average precision" in said and "of 1 is kept" in said
    assert (out(root, "cache-images") / "soundscapes" / "cache" / "cache.json").is_file()
    assert (out(root, "train") / "bundle" / "round_1" / "soft_labels.csv").is_file()
    assert (out(root, "train") / "bundle" / "decoders.json").is_file()
    kernels.submit(root, tmp_path / "submit", BUILD, time.monotonic())
    assert (tmp_path / "submit" / "submission.csv").is_file()
    kernels.explain(root, tmp_path / "explain", BUILD)
    assert (tmp_path / "explain" / "report.html").is_file()


def test_rounds_need_soundscapes_that_nobody_labelled(inputs, tmp_path):
    root = tmp_path / "input"
    shutil.copytree(inputs, root, ignore=shutil.ignore_patterns("notebooks"))
    (root / "datasets" / "me" / "birdclef-mind" / "config.toml").write_text(
        'rounds = 1\n[training]\nrecipe = "modern"\n'
    )
    with pytest.raises(ConfigError, match="rounds: expected a competition with soundscapes that nobody labelled"):
        kernels.cache_images(root, tmp_path / "out", BUILD)
