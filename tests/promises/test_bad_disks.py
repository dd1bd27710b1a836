"""Disks that are full, that cannot be written to, and inputs that vanish: a sentence, and earlier results intact.

A full disk is a small one of its own (tmpfs), mounted where no other process sees it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_cache, tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labels import choose_labels
from birdclef_mind.data.write_cache import write_cache
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.sound.recordings import picture
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.storage.ledger import write_own

# What stands in the folder is copied to the disk, and what the command leaves there is copied back.
ON_A_DISK = """
set -e
home=$1 size=$2 options=$3; shift 3
mkdir "$home.disk"
mount -t tmpfs -o "size=$size" tmpfs "$home.disk"
cp -a "$home/." "$home.disk/"
[ -z "$options" ] || mount -o "remount,$options" "$home.disk"
cd "$home.disk"
status=0; "$@" || status=$?
rm -rf "$home"; cp -a "$home.disk" "$home"
exit $status
"""


def on_a_disk(home, size, arguments, options=""):
    """Run a command in a folder that is a disk of its own."""
    home.mkdir(exist_ok=True)
    apart = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    probe = subprocess.run([*apart, "mount", "-t", "tmpfs", "tmpfs", home], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no disk can be mounted here: {probe.stderr.strip()}")
    command = [sys.executable, "-m", "birdclef_mind", *map(str, arguments)]
    # Measuring coverage writes a file of its own, which is not what is short of room here.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    shell = [*apart, "bash", "-c", ON_A_DISK, "bash", str(home), size, options, *command]
    return subprocess.run(shell, capture_output=True, text=True, env={**plain, "TMPDIR": "/tmp"})


def assert_one_sentence(result, words):
    lines = [line for line in result.stderr.splitlines() if "it/s" not in line and "|" not in line]
    assert result.returncode == 2, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("birdclef-mind ")
    assert words in lines[0]


FULL, READ_ONLY = "No space left on device", "Read-only file system"


def commands(sample_folder, cache_folder, decoded, explained, embedded, home):
    """Each command with what stood in its folder before."""
    for name, source in (("bundle", decoded), ("x", explained[0])):
        shutil.copytree(source, home / name)
    write_own(home / "s.csv", b"an earlier submission")
    write_own(home / "page.html", b"an earlier page")
    return {
        "sample": ["sample", "sample", "--species", "3", "--recordings", "9"],
        "cache": ["cache", sample_folder, "cache", "--jobs", "1", "--preset", "logmel128"],
        "embed": ["embed", embedded.listener, sample_folder, "e"],
        "train": ["train", cache_folder, "bundle", "--epochs", "1"],
        "train-decoders": ["train-decoders", "bundle", cache_folder, "--epochs", "1", "--seed", "5"],
        "infer": ["infer", decoded, sample_folder, "s.csv"],
        "report": ["report", explained[0], "page.html", "--single-file"],
        "explain": [
            "explain",
            decoded,
            cache_folder,
            "new",
            "--examples",
            "1",
            "--seeds",
            "1",
            "--second",
            decoded / "second",
        ],
    }


def room(home, more):
    """The size of a disk that holds a folder and so many bytes more."""
    return str(sum(-(-path.stat().st_size // 4096) * 4096 for path in home.rglob("*") if path.is_file()) + more)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sample", "cache", "embed", "train", "train-decoders", "infer", "report", "explain"])
def test_a_full_disk(sample_folder, cache_folder, decoded, explained, embedded, tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    words = commands(sample_folder, cache_folder, decoded, explained, embedded, home)[name]
    before = tree(home)
    result = on_a_disk(home, room(home, {"infer": 0, "embed": 30_000}.get(name, 150_000)), words)
    assert_one_sentence(result, FULL)
    after = tree(home)
    assert [path for path in before if after.get(path) != before[path]] == []
    assert not [path for path in after if ".part-" in path], "what is half written is taken away"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cache", "embed", "infer", "report"])
def test_a_disk_that_cannot_be_written_to(sample_folder, cache_folder, decoded, explained, embedded, tmp_path, name):
    home = tmp_path / "home"
    home.mkdir()
    words = commands(sample_folder, cache_folder, decoded, explained, embedded, home)[name]
    before = tree(home)
    assert_one_sentence(on_a_disk(home, "200M", words, "ro"), READ_ONLY)
    assert tree(home) == before


def test_a_folder_without_permission(sample_folder, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o500)
    command = [sys.executable, "-m", "birdclef_mind", "cache", str(sample_folder), str(home / "c"), "--jobs", "1"]
    if os.getuid() == 0:
        # Root may do anything; without these capabilities it may not.
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    result = subprocess.run(command, capture_output=True, text=True)
    home.chmod(0o700)
    assert_one_sentence(result, "Permission denied")
    assert tree(home) == {}


def test_recordings_without_permission_are_listed(competition_folder, tmp_path):
    closed = sorted((competition_folder / "train_audio").glob("*/*.ogg"))[:2]
    for path in closed:
        path.chmod(0)
    command = [sys.executable, "-m", "birdclef_mind", "cache", str(competition_folder), str(tmp_path / "c")]
    if os.getuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1, result.stderr
    listed = (tmp_path / "c" / "failures.csv").read_text()
    assert all(f"{path.parent.name}/{path.name},cannot be read (Permission denied)" in listed for path in closed)


def test_recordings_that_vanish_are_listed(competition_folder, tmp_path):
    competition = open_competition(competition_folder)
    gone = [recording.filename for recording in competition.recordings[4:9]]

    def track(results, total, what):
        for number, result in enumerate(results):
            if number == 2:
                for name in gone:
                    (competition_folder / "train_audio" / name).unlink()
            yield result

    classes = choose_labels([recording.label for recording in competition.recordings], "all")
    report = write_cache(competition, classes, PRESETS["mel32"], tmp_path / "c", track=track)
    assert {failure.recording: failure.reason for failure in report.failures} == dict.fromkeys(gone, "missing")
    assert len({row.recording for row in open_cache(tmp_path / "c").rows}) == 10


def test_a_recording_cut_while_it_is_read_is_listed(competition_folder, tmp_path, monkeypatch):
    """The digest is of the whole file, what is decoded afterwards is not."""
    path = next((competition_folder / "train_audio").glob("*/*.ogg"))

    def cut_first(own, *settings):
        if own == path:
            os.truncate(own, 200)
        return picture(own, *settings)

    monkeypatch.setattr("birdclef_mind.data.write_cache.picture", cut_first)
    report = make_cache(competition_folder, tmp_path / "c")
    assert [Path(failure.recording).name for failure in report.failures] == [path.name]


def test_a_soundscape_that_vanishes_keeps_its_priors(decoded, competition_folder, tmp_path):
    from birdclef_mind.networks.bundle import load

    last = sorted((competition_folder / "test_soundscapes").iterdir())[-1]

    def track(items, total, what):
        for item in items:
            last.unlink(missing_ok=True)
            yield item

    # Both are on their way when the first is tracked, so the second may just have been read.
    report = write_submission(load(decoded), competition_folder, tmp_path / "s.csv", track=track)
    assert report.rows == 6
    assert report.problems in ((), (f"{last.name}: missing",))
    assert (tmp_path / "s.csv").read_text().count("\n") == 7


def test_pictures_that_vanish_are_one_sentence(sample_folder, tmp_path, capsys):
    make_cache(sample_folder, tmp_path / "c")
    next((tmp_path / "c").glob("*/*.png")).unlink()
    assert main(["train", str(tmp_path / "c"), str(tmp_path / "b"), "--epochs", "1"]) == 2
    said = capsys.readouterr().err
    assert ".png: missing" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "b" / "bundle.json").exists()
