import json
import subprocess
import sys

import pytest
from conftest import SMALL
from small_network import know_small

from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.commands.cli import build_parser, main
from birdclef_mind.storage import files
from birdclef_mind.training.recipe import Training


def run(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "birdclef_mind", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def commands():
    return build_parser()._subparsers._group_actions[0].choices


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_explains_with_an_example_that_parses(name, capsys):
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    example = shown.split("Example:\n")[1].split("\n")[0].split()
    assert example[0] == "birdclef-mind"
    assert build_parser().parse_args(example[1:]).command == name


def test_the_whole_way_at_a_terminal(sample_folder, tmp_path):
    outputs = [
        run("cache", sample_folder, "c", "--labels", "all", cwd=tmp_path),
        run("train", "c", "b", "--epochs", "2", cwd=tmp_path),
        run("infer", "b", sample_folder, "s.csv", cwd=tmp_path),
        run("score", "s.csv", sample_folder / "truth.csv", cwd=tmp_path),
    ]
    assert [(output.returncode, output.stderr) for output in outputs] == [(0, "")] * 4
    cached, trained, inferred, scored = (output.stdout for output in outputs)
    assert "15 recordings, 30 segments" in cached or "15 recordings" in cached
    assert "next      birdclef-mind train c bundle" in cached
    assert "epoch 2/2" in trained
    assert "padded cmAP" in trained
    assert "2 soundscapes, 6 rows, 6 of them computed" in inferred
    assert "a constant" in scored
    again = run("score", "s.csv", sample_folder / "truth.csv", "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["segments"]["rows"] == 6


def test_quiet_says_nothing(sample_folder, tmp_path):
    output = run("cache", sample_folder, tmp_path / "c", "--quiet", "--jobs", "1")
    assert (output.returncode, output.stdout, output.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cache", "none", "out"], "birdclef-mind cache: none: expected a competition folder, found nothing"),
        (
            ["train", "none", "out"],
            "birdclef-mind train: none: expected a cache, a folder with cache.json, found nothing",
        ),
        (["infer", "none", "none", "s.csv"], "birdclef-mind infer: none: expected a bundle, a folder with"),
        (["score", "none.csv", "none.csv"], "birdclef-mind score: none.csv: expected a table of scores, found nothing"),
        (
            ["sample", "out", "--species", "99"],
            "birdclef-mind sample: species: expected a whole number from 2 to 40",
        ),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(message)
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert not list(tmp_path.iterdir())


def test_bad_settings_are_refused_before_any_work(sample_folder, tmp_path, capsys):
    assert main(["cache", str(sample_folder), str(tmp_path / "c"), "--preset", "mel33"]) == 2
    assert main(["cache", str(sample_folder), str(tmp_path / "c"), "--step", "7"]) == 2
    assert main(["cache", str(sample_folder), str(tmp_path / "c"), "--labels", "nobird"]) == 2
    assert "preset: expected one of" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_failed_recordings_give_status_one(competition_folder, tmp_path, capsys):
    next((competition_folder / "train_audio").glob("*/*.ogg")).write_bytes(b"")
    assert main(["cache", str(competition_folder), str(tmp_path / "c"), "--jobs", "1"]) == 1
    shown = capsys.readouterr().out
    assert "1 recording failed" in shown
    assert "failures.csv   (1: 1 empty file)" in shown


def test_a_soundscape_that_fails_gives_status_one(trained, competition_folder, tmp_path, capsys):
    (competition_folder / "test_soundscapes" / "soundscape_90001.ogg").write_bytes(b"")
    words = ["infer", trained[0], competition_folder, tmp_path / "s.csv"]
    assert main([str(word) for word in words]) == 1
    assert "kept its priors: soundscape_90001.ogg: empty file" in capsys.readouterr().out


def test_an_output_that_cannot_be_written_is_one_sentence(sample_folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["cache", str(sample_folder), str(tmp_path / "file" / "c"), "--jobs", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("birdclef-mind cache: Not a directory")
    assert f"where {tmp_path / 'file'} is a file" in said


def test_a_form_of_events_without_events_is_refused(sample_folder, tmp_path, capsys):
    assert main(["infer", str(tmp_path / "b"), str(sample_folder), str(tmp_path / "s.csv"), "--format", "raven"]) == 2
    assert "--format: expected --events beside it" in capsys.readouterr().err


def test_an_interruption_is_said_and_has_its_own_status(monkeypatch, capsys, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("birdclef_mind.data.sample.write_sample", interrupted)
    assert main(["sample", str(tmp_path / "s")]) == 130
    assert "interrupted; the same command begins again, and what stood there stands" in capsys.readouterr().err
    monkeypatch.setattr("birdclef_mind.data.cache.open_cache", interrupted)
    assert main(["train", str(tmp_path / "c"), str(tmp_path / "b")]) == 130
    assert "interrupted; the same command goes on with what is kept" in capsys.readouterr().err
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "bundle.json").write_text("{}")
    assert main(["audit", str(tmp_path / "b"), str(tmp_path / "c"), str(tmp_path / "a")]) == 130
    assert "the same command begins again with what is kept, and what stood there stands" in capsys.readouterr().err


def test_settings_come_from_a_file_and_flags_win(sample_folder, tmp_path, capsys):
    (tmp_path / "config.toml").write_text('labels = "1"\n[features]\npreset = "mel16"\n[training]\nepochs = 9\n')
    words = ["cache", sample_folder, tmp_path / "c", "--config", tmp_path / "config.toml", "--jobs", "1"]
    assert main([str(word) for word in words]) == 0
    facts = json.loads((tmp_path / "c" / "cache.json").read_text())
    assert (facts["features"]["n_mels"], len(facts["classes"])) == (16, 1)
    assert main([str(word) for word in [*words, "--labels", "2"]]) == 0
    words = ["train", tmp_path / "c", tmp_path / "b", "--config", tmp_path / "config.toml", "--epochs", "1"]
    assert main([str(word) for word in words]) == 0
    assert "1 epoch; epoch 1 is kept" in capsys.readouterr().out


@pytest.fixture(scope="module")
def went(tmp_path_factory):
    """A dry run where there was an explanation of an earlier network."""
    from birdclef_mind.commands.dry_run import dry_run

    out = tmp_path_factory.mktemp("dry")
    earlier = {"bundle": {"sha256": "of an earlier network"}, "files": {}}
    files.write_facts(out / "explanation" / "explanation.json", earlier, 4)
    decoding = Decoding(epochs=1, steps=2, batch_size=8)
    know_small()
    return dry_run(out, sample=SMALL, training=Training(model="small", epochs=1), decoding=decoding, examples=2)


def test_the_dry_run_goes_the_whole_way(went):
    assert went.scores["segments"]["rows"] == 6
    assert went.held_out["segments"]["rows"] > 0
    assert went.submission.is_file()


def test_the_page_of_a_dry_run_is_whole_and_plays(went, visit):
    opened = visit(went.explanation / "report.html")
    opened.page.locator("#layers button.play:visible").first.click()
    opened.wait_for("player.currentTime > 0.2")
    assert opened.complaints == []
    assert all(url.startswith(went.explanation.as_uri()) for url in opened.requests)


def test_sample_says_what_to_do_next(tmp_path, capsys):
    words = [
        "sample",
        tmp_path / "s",
        "--species",
        "2",
        "--recordings",
        "1",
        "--soundscapes",
        "1",
        "--seconds",
        "5",
    ]
    assert main([str(word) for word in words]) == 0
    assert "2 recordings of 2 species, 1 soundscape\n" in capsys.readouterr().out


def test_what_hdf5_says_of_a_full_disk_is_the_sentence_of_all_others(monkeypatch, tmp_path, capsys):
    def full(*_):
        said = (
            "Can't synchronously write data (file write failed: time = Fri Nov 27 19:00:00 2026\n, filename = 'w.h5', "
        )
        raise OSError(f"{said}file descriptor = 9, errno = 28, error message = 'No space left on device', buf = 0x1)")

    monkeypatch.setattr("birdclef_mind.data.sample.write_sample", full)
    assert main(["sample", str(tmp_path / "s")]) == 2
    assert capsys.readouterr().err == "birdclef-mind sample: No space left on device\n"
