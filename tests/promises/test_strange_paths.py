"""Names as long as a file system allows, and links and devices where results should go: handled, or refused in a sentence."""

import os
import shutil
import stat

import pytest
from conftest import make_cache, tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache


def renamed(folder, name):
    """Give the first recording of a competition another name."""
    table = folder / "train_metadata.csv"
    own = next((folder / "train_audio" / "samwhi1").iterdir())
    own.rename(own.with_name(name))
    table.write_text(table.read_text().replace(f"samwhi1/{own.name}", f"samwhi1/{name}"))
    return f"samwhi1/{name}"


@pytest.mark.parametrize(
    "name", ["x" * 188 + ".ogg", "é" * 94 + ".ogg", "  a b.ogg", "-rf.ogg", "a%2Fb;c&d'.ogg", "名.ogg"]
)
def test_odd_names_go_the_whole_way(competition_folder, tmp_path, name):
    recording = renamed(competition_folder, name)
    assert make_cache(competition_folder, tmp_path / "c").failures == ()
    cache = open_cache(tmp_path / "c")
    assert any(row.recording == recording for row in cache.rows)
    assert len(cache.pictures(cache.rows)) == len(cache.rows)


def refused(arguments, said, capsys):
    assert main(list(map(str, arguments))) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_cache_is_not_written_through_a_link(sample_folder, tmp_path, capsys):
    make_cache(sample_folder, tmp_path / "c")
    outside = tmp_path / "outside"
    (tmp_path / "c" / "samwhi1").rename(outside)
    (tmp_path / "c" / "samwhi1").symlink_to(outside)
    before = tree(outside)
    refused(["cache", sample_folder, tmp_path / "c", "--preset", "mel16"], "found a link to", capsys)
    assert tree(outside) == before


@pytest.mark.parametrize("part", ["pictures", "sounds", "patches", "recordings"])
def test_an_explanation_is_not_written_through_a_link(explained, decoded, cache_folder, tmp_path, capsys, part):
    folder = shutil.copytree(explained[0], tmp_path / "x")
    outside = (folder / part).rename(tmp_path / "outside")
    (folder / part).symlink_to(outside)
    before = tree(outside)
    refused(["explain", decoded, cache_folder, folder], "found a link to", capsys)
    assert tree(outside) == before


def test_a_page_does_not_copy_its_files_through_a_link(explained, tmp_path, capsys):
    (tmp_path / "page_files").mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.png").write_bytes(b"mine")
    (tmp_path / "page_files" / "pictures").symlink_to(outside)
    refused(["report", explained[0], tmp_path / "page.html"], "found a link to", capsys)
    assert tree(outside) == {"mine.png": b"mine"}


def test_a_bundle_is_not_written_through_a_link(trained, cache_folder, tmp_path, capsys):
    bundle = shutil.copytree(trained[0], tmp_path / "b")
    outside = (bundle / "logs").rename(tmp_path / "outside")
    (bundle / "logs").symlink_to(outside)
    before = tree(outside)
    refused(["train", cache_folder, bundle, "--epochs", "1"], "found a link to", capsys)
    assert tree(outside) == before


def test_a_submission_that_is_a_link_is_refused(trained, sample_folder, tmp_path, capsys):
    (tmp_path / "outside.csv").write_text("mine")
    (tmp_path / "s.csv").symlink_to(tmp_path / "outside.csv")
    refused(["infer", trained[0], sample_folder, tmp_path / "s.csv"], "found a link to", capsys)
    assert (tmp_path / "outside.csv").read_text() == "mine"
    assert (tmp_path / "s.csv").is_symlink()


def test_a_device_or_a_pipe_is_not_replaced(trained, sample_folder, explained, tmp_path, capsys):
    os.mkfifo(tmp_path / "s.csv")
    refused(["infer", trained[0], sample_folder, tmp_path / "s.csv"], "found a folder or a device", capsys)
    os.mkfifo(tmp_path / "page.html")
    refused(["report", explained[0], tmp_path / "page.html"], "found a folder or a device", capsys)
    for name in ("s.csv", "page.html"):
        assert stat.S_ISFIFO((tmp_path / name).stat().st_mode)


def test_a_place_for_a_cache_that_is_a_device_is_refused(sample_folder, capsys):
    refused(["cache", sample_folder, os.devnull], "expected a folder to write the cache to, found a file", capsys)


@pytest.mark.parametrize(
    "words",
    [["score", "{}", "{s}/truth.csv"], ["runs", "{}"], ["report", "{}", "r.html"], ["sample", "{}"], ["train", "{}", "b"],
     ["infer", "{}", "{s}", "z.csv"], ["audit", "{}", "c"], ["plant", "{}", "p", "--cue", "hum", "--species", "x"]],
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_one_sentence(sample_folder, tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    refused([word.format("x" * 300, s=sample_folder) for word in words], "name too long", capsys)
    assert list(tmp_path.iterdir()) == []
