import csv
import shutil

import numpy as np
import pytest
from conftest import make_cache, tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.events import Event, Listener, find_events, read_events, write_events
from birdclef_mind.sound.ogg_pages import hole_s
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.train import train


def test_events_are_runs_above_the_threshold():
    chances = np.zeros((40, 2))
    chances[4:9, 0] = [0.5, 0.6, 0.9, 0.6, 0.7]
    chances[20:30, 1] = 0.4
    chances[34, 0] = 0.8
    found = find_events(chances, np.array([0.5, 0.3]), ["a", "b"], 0.25)
    assert found == [Event(1.0, 2.25, "a", 0.9), Event(5.0, 7.5, "b", 0.4)]


@pytest.mark.parametrize(("gap", "count"), [(1, 1), (2, 2), (3, 2)])
def test_short_gaps_are_closed(gap, count):
    chances = np.zeros((40, 1))
    chances[5:10] = 1
    chances[10 + gap : 20] = 1
    found = find_events(chances, np.array([0.5]), ["a"], 0.25)
    assert len(found) == count
    assert found[-1].offset_s == 5.0


def test_a_song_across_two_windows_is_one_event():
    windows = np.zeros((2, 20, 1))
    windows[0, 15:], windows[1, :5] = 1, 1
    assert find_events(windows.reshape(-1, 1), np.array([0.5]), ["a"], 0.25) == [Event(3.75, 6.25, "a", 1.0)]


def test_the_classic_network_cannot_say_when(trained, sample_folder, tmp_path, capsys):
    with pytest.raises(BundleError, match="expected a network that scores every moment, such as resnet, got classic"):
        Listener(bundles.load(trained[0]))
    arguments = ["infer", str(trained[0]), str(sample_folder), str(tmp_path / "s.csv"), "--events"]
    assert main([*arguments, str(tmp_path / "e.csv")]) == 2
    assert "scores every moment" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["csv", "raven"])
@pytest.mark.parametrize(
    "below", ["test_soundscapes", "test_soundscapes/events", "linked/e", "new/../test_soundscapes/e"]
)
def test_events_are_not_written_among_the_soundscapes(trained, competition_folder, tmp_path, capsys, form, below):
    (competition_folder / "linked").symlink_to(competition_folder / "test_soundscapes")
    before, place = tree(competition_folder), competition_folder / below
    # Before anything is computed, even before the bundle is opened.
    words = ["infer", str(tmp_path / "none"), str(competition_folder), str(tmp_path / "s.csv"), "--events", str(place)]
    assert main([*words, "--format", form]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected another place than among the soundscapes in" in line
    with pytest.raises(ConfigError, match="expected another place than among the soundscapes in"):
        write_events(bundles.load(trained[0]), competition_folder, place, form=form)
    assert tree(competition_folder) == before
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize("below", ["test_soundscapes/s.csv", "train_soundscapes/new/s.csv", "linked/s.csv"])
def test_a_submission_is_not_written_among_the_soundscapes(trained, competition_folder, capsys, below):
    (competition_folder / "linked").symlink_to(competition_folder / "test_soundscapes")
    before, place = tree(competition_folder), competition_folder / below
    assert main(["infer", str(trained[0]), str(competition_folder), str(place)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected another place than among the soundscapes in" in line
    with pytest.raises(ConfigError, match="expected another place than among the soundscapes in"):
        write_submission(bundles.load(trained[0]), competition_folder, place)
    assert tree(competition_folder) == before


@pytest.fixture(scope="module")
def listening(sample_folder, tmp_path_factory):
    """A bundle of the network resnet, trained for an epoch."""
    folder = tmp_path_factory.mktemp("listening")
    make_cache(sample_folder, folder / "c", preset="logmel128")
    train(open_cache(folder / "c"), folder / "b", Training(model="resnet", loss="binary", epochs=1, batch_size=8))
    return folder / "b"


def test_events_lie_inside_their_soundscapes(listening, sample_folder, tmp_path, capsys):
    arguments = ["infer", str(listening), str(sample_folder), str(tmp_path / "s.csv"), "--events"]
    assert main([*arguments, str(tmp_path / "e.csv")]) == 0
    assert "events" in capsys.readouterr().out
    with (tmp_path / "e.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = bundles.load(listening).classes.names
    assert {row["soundscape"] for row in rows} <= {"soundscape_90001", "soundscape_90002"}
    for row in rows:
        assert 0 <= float(row["onset_s"]) < float(row["offset_s"]) <= 15
        assert row["bird"] in names
        assert 0 <= float(row["score"]) <= 1


def test_a_soundscape_that_cannot_be_read_is_listed(listening, sample_folder, tmp_path):
    folder = shutil.copytree(sample_folder, tmp_path / "competition")
    (folder / "test_soundscapes" / "soundscape_1.ogg").write_bytes(b"no sound")
    _, problems = write_events(bundles.load(listening), folder, tmp_path / "e.csv")
    assert [line.split(":")[0] for line in problems] == ["soundscape_1.ogg"]


def test_there_are_no_events_behind_a_hole(listening, sample_folder, tmp_path):
    folder = shutil.copytree(sample_folder, tmp_path / "competition")
    path = folder / "test_soundscapes" / "soundscape_90001.ogg"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    _, (problem,) = write_events(bundles.load(listening), folder, tmp_path / "e.csv")
    assert problem == f"soundscape_90001.ogg: from {hole_s(path):.1f} s on, where sound is missing"
    events = read_events(tmp_path / "e.csv")
    assert (events[events.soundscape == "soundscape_90001"].offset_s <= hole_s(path) + 0.01).all()


@pytest.mark.parametrize("form", ["raven", "audacity"])
def test_events_are_written_for_other_programs(listening, sample_folder, tmp_path, form):
    words = ["infer", str(listening), str(sample_folder), str(tmp_path / "s.csv"), "--events", str(tmp_path / "e")]
    for _ in range(2):
        assert main([*words, "--format", form, "--quiet"]) == 0
    names = sorted(path.name for path in (tmp_path / "e").glob("*.txt"))
    ending = ".Table.1.selections.txt" if form == "raven" else ".txt"
    assert names == [f"soundscape_90001{ending}", f"soundscape_90002{ending}"]
    assert main(["infer", *words[1:4], "--events", str(tmp_path / "e.csv"), "--quiet"]) == 0
    table, other = read_events(tmp_path / "e.csv"), read_events(tmp_path / "e")
    assert len(table) == len(other) > 0
    np.testing.assert_allclose(table.onset_s, other.onset_s, atol=0.006)
    assert table.bird.tolist() == other.bird.tolist()
    assert main(["score", str(tmp_path / "e"), str(sample_folder / "truth.csv"), "--events", "--quiet"]) == 0
    other = "audacity" if form == "raven" else "raven"
    assert main([*words, "--format", other, "--quiet"]) == 0
    assert not (tmp_path / "e" / names[0]).exists(), "events of two runs are not mixed"
    assert main([*words, "--format", form, "--quiet"]) == 0
    (tmp_path / "e" / names[0]).write_text("mine")
    before = (tmp_path / "s.csv").stat().st_mtime_ns
    assert main([*words, "--format", form, "--quiet"]) == 2
    assert (tmp_path / "s.csv").stat().st_mtime_ns == before
    assert (tmp_path / "e" / names[0]).read_text() == "mine"
