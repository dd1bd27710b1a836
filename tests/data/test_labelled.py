"""Labels of soundscapes: which segments they end in, and what is said of those that end in none."""

import shutil

import pytest
from conftest import make_cache

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.labelled import heard_in, lost_rows
from birdclef_mind.data.training_table import Recording, Window

SEGMENTS = ((0.0, 5.0), (5.0, 10.0), (10.0, 15.0))


def soundscape(*windows):
    return Recording("train_soundscapes/x.ogg", "", windows=tuple(Window(*one) for one in windows))


def lost(recording, segments):
    """The definition: a labelled row is lost where some label of it is heard in no segment that it reaches into."""
    heard = [(start_s, end_s, heard_in(recording, start_s, end_s) or ()) for start_s, end_s in segments]
    return [
        row for row in recording.windows
        if any(not any(label in names for start_s, end_s, names in heard if start_s < row.end_s and end_s > row.start_s)
               for label in row.labels)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("windows", "places"),
    [
        ([(0, 5, ("a",)), (5, 10, ("b", "a")), (10, 15, ())], []),
        ([(3, 8, ("a",))], [0]),
        ([(3, 8, ())], []),
        ([(0, 5, ("a",)), (15, 20, ("a",))], [1]),
        # Of two rows that fill a segment together, what both hold is heard in it, and what one holds perhaps.
        ([(0, 2, ("a",)), (2, 7, ("a",)), (7, 12, ("a",))], []),
        ([(0, 2, ("a",)), (2, 7, ("a", "b")), (7, 12, ("a",))], [0, 1, 2]),
        ([(0, 5, ("a",)), (5, 10, ("a",)), (3, 8, ("b",))], [0, 1, 2]),
        ([(0, 15, ("a",))], []),
    ],
)
@pytest.mark.parametrize("segments", [SEGMENTS, ((0.0, 5.0), (2.5, 7.5), (5.0, 10.0)), ()])
def test_a_row_that_ends_in_no_segment_is_lost(windows, places, segments):
    recording = soundscape(*windows)
    found = lost_rows(recording, segments)
    assert found == sorted(lost(recording, segments), key=lambda row: row.start_s)
    if segments is SEGMENTS:
        by_start = sorted(recording.windows, key=lambda row: row.start_s)
        assert found == [by_start[place] for place in places]


@pytest.mark.parametrize(
    ("rows", "part", "expected"),
    [
        ([(0, 5, ("a",)), (5, 10, ())], (2.5, 7.5), None),
        ([(0, 5, ("a",)), (5, 10, ("b",))], (2.5, 7.5), None),
        ([(0, 5, ("a",)), (5, 10, ("b", "a"))], (2.5, 7.5), None),
        ([(0, 5, ("a",)), (5, 10, ("a",))], (2.5, 7.5), ("a",)),
        ([(0, 5, ()), (5, 10, ())], (2.5, 7.5), ()),
        ([(0, 5, ("a",)), (5, 10, ())], (0, 5), ("a",)),
        ([(0, 5, ("a",)), (5, 10, ())], (5, 10), ()),
        ([(0, 5, ("a",))], (2.5, 7.5), None),
    ],
)
def test_half_of_a_row_tells_only_what_both_halves_say(rows, part, expected):
    assert heard_in(soundscape(*rows), *part) == expected


def test_where_others_alone_are_heard_none_of_the_classes_is(year_folder, tmp_path):
    """It is 0 for every class in training and in measures, though not nothing is heard."""
    root = shutil.copytree(year_folder(2021), tmp_path / "c")
    table = root / "train_soundscape_labels.csv"
    header, *rows = table.read_text().splitlines()
    place = next(place for place, row in enumerate(rows) if not row.endswith("nocall"))
    changed = f"{rows[place].rpartition(',')[0]},nobody1"
    table.write_text("\n".join([header, *rows[:place], changed, *rows[place + 1 :]]) + "\n")
    assert "nobody1 (1 in all)" in open_competition(root).notes[0]
    make_cache(root, tmp_path / "cache")
    cache = open_cache(tmp_path / "cache")
    name, end_s = changed.split(",")[0].rpartition("_")[::2]
    (row,) = (one for one in cache.rows if name in one.recording and one.start_s == int(end_s) - 5)
    assert (row.birdless, row.told, row.label) == (True, True, "")
    assert not cache.targets([row]).any()


def test_a_recording_has_no_rows_to_lose():
    assert lost_rows(Recording("a/x.ogg", "a"), SEGMENTS) == []


def test_the_command_says_how_many_rows_end_in_no_segment(year_folder, tmp_path, capsys):
    root = shutil.copytree(year_folder(2026), tmp_path / "c")
    words = ["cache", str(root), str(tmp_path / "cache"), "--jobs", "1"]
    assert main(words) == 0
    assert "end in no segment" not in capsys.readouterr().out
    before = open_cache(tmp_path / "cache").rows
    competition = open_competition(root)
    name = competition.labelled.soundscapes[0].filename.rpartition("/")[2]
    label = competition.labels[0]
    with (root / "train_soundscapes_labels.csv").open("a") as table:
        table.write(f"{name},00:01:40,00:01:45,{label}\n{name},100,105,{label}\n{name},00:01:43,00:01:48,{label}\n")
    assert main(words) == 0
    rows = 2 + sum(len(one.windows) for one in competition.labelled.soundscapes)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "end in no segment" in line)
    assert line == (
        f"labels of soundscapes: 2 of {rows} rows end in no segment, such as that of train_soundscapes/{name} "
        "from 100 to 105 s"
    )
    assert open_cache(tmp_path / "cache").rows == before
