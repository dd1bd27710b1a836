"""What an expert says is on disk at once, can be taken back, and two tabs do not lose each other's."""

import csv

import pytest

from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.overrides import corrected, read_overrides
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.studio.marks import Mark, Marks, SaidMeanwhileError, read_mark


@pytest.fixture
def cache(little):
    return open_cache(little.cache)


@pytest.fixture
def keys(cache):
    return [(row.recording, cache.features.windowing.start_s(row.segment)) for row in cache.rows]


def other(cache, key):
    label = next(row.label for row in cache.rows if row.recording == key[0])
    return next(name for name in cache.classes.names if name != label)


def lines(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_what_is_said_stands_in_overrides_as_training_reads_it(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    assert not marks.table.exists()
    marks.say(keys[0], Mark(right=True))
    assert not marks.table.exists()
    marks.say(keys[0], Mark(drop=True))
    marks.say(keys[1], Mark(relabel=other(cache, keys[1])))
    marks.say(keys[2], Mark(also=(other(cache, keys[2]),)))
    assert len(corrected(cache, read_overrides(marks.table)).rows) == len(cache.rows) - 1
    assert [line[2] for line in lines(marks.table)] == ["drop", "relabel", "also"]


def test_all_of_it_is_taken_back_in_turn_even_after_a_kill(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    marks.say(keys[0], Mark(none=True))
    marks.say(keys[0], Mark(none=True, start_s=0.5))
    again = Marks(tmp_path, cache)
    assert again.of(keys[0]).start_s == 0.5
    assert again.take_back() == keys[0]
    assert (again.of(keys[0]).none, again.of(keys[0]).start_s) == (True, None)
    assert again.take_back() == keys[0]
    assert again.take_back() is None
    later = again.say(keys[1], Mark(none=True))
    with pytest.raises(SaidMeanwhileError):
        again.take_back(seen=later.number - 1)
    assert again.take_back(seen=later.number) == keys[1]
    assert lines(again.table) == []


def test_a_kill_between_two_files_leaves_the_table_behind_and_it_catches_up(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    marks.say(keys[0], Mark(drop=True))
    marks.table.unlink()
    assert len(lines(Marks(tmp_path, cache).table)) == 1


def test_of_two_tabs_the_later_one_is_told(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    first = marks.say(keys[0], Mark(drop=True), seen=0)
    with pytest.raises(SaidMeanwhileError) as told:
        marks.say(keys[0], Mark(right=True), seen=0)
    assert told.value.args[0] == first
    marks.say(keys[1], Mark(right=True), seen=0)
    marks.say(keys[0], Mark(right=True), seen=first.number)
    assert marks.of(keys[0]).right and not marks.of(keys[0]).drop


def test_corrections_that_are_given_are_gone_on_with(cache, keys, tmp_path):
    table = tmp_path / "given.csv"
    table.write_text(f"recording,start_s,action,value\n{keys[0][0]},{keys[0][1]:g},drop,\n")
    marks = Marks(tmp_path / "work", cache, table)
    assert marks.of(keys[0]).drop
    table.write_text("recording,start_s,action,value\nnobody/X.ogg,0,drop,\n")
    with pytest.raises(TableError, match=r"given.csv, row 2: segment: expected one of the cache"):
        Marks(tmp_path / "other", cache, table)


def test_what_cannot_be_said_is_refused_and_changes_nothing(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    for key, mark in (
        (("x.ogg", 0.0), Mark(drop=True)),
        ((keys[0][0], 0.3), Mark(drop=True)),
        (keys[0], Mark(relabel="nobody")),
        (keys[0], Mark(start_s=4000)),
    ):
        with pytest.raises(ConfigError, match="expected"):
            marks.say(key, mark)
    assert not list(tmp_path.iterdir())
    for values in (
        {"also": "x"},
        {"also": [3]},
        {"relabel": 3},
        {"start_s": -1},
        {"start_s": "now"},
        {"also": ["a"] * 99},
    ):
        with pytest.raises(ConfigError):
            read_mark(values, 60)


def test_somebody_elses_table_is_not_replaced(cache, keys, tmp_path):
    (tmp_path / "overrides.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"overrides.csv"):
        Marks(tmp_path, cache)
    assert (tmp_path / "overrides.csv").read_text() == "mine"


def test_the_segments_own_bird_is_no_other(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    own = next(row.label for row in cache.rows if row.recording == keys[0][0])
    assert marks.say(keys[0], Mark(relabel=own, also=(own,))).says_nothing
    another = other(cache, keys[0])
    assert marks.say(keys[0], Mark(relabel=another, also=(own, another))).also == (own,)


def test_a_mark_that_was_taken_back_does_not_come_back_from_another_tab(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    seen = marks.say(keys[0], Mark(drop=True)).number
    marks.take_back()
    with pytest.raises(SaidMeanwhileError):
        marks.say(keys[0], Mark(drop=True), seen=seen)
    assert marks.all() == {}


def test_a_start_lies_inside_the_recording(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache, length_s=lambda recording: 6.8)
    with pytest.raises(ConfigError, match=r"start: expected one inside the recording's 6.80 s, got 6.9 s"):
        marks.say(keys[0], Mark(start_s=6.9))
    assert marks.say(keys[0], Mark(start_s=6.5)).start_s == 6.5


def test_what_the_disk_does_not_take_was_not_said(cache, keys, tmp_path, monkeypatch):
    from birdclef_mind.studio import marks as module

    marks = Marks(tmp_path, cache)
    marks.say(keys[0], Mark(drop=True))

    def full(path, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_own", full)
        with pytest.raises(OSError, match="No space"):
            marks.say(keys[1], Mark(drop=True))
        with pytest.raises(OSError, match="No space"):
            marks.take_back()
    assert list(marks.all()) == [keys[0]]
    assert marks.say(keys[1], Mark(drop=True), seen=0).drop


def test_corrections_are_not_given_twice_and_a_table_alone_is_gone_on_with(cache, keys, tmp_path):
    marks = Marks(tmp_path, cache)
    marks.say(keys[0], Mark(drop=True))
    with pytest.raises(ConfigError, match="overrides: expected none beside those of"):
        Marks(tmp_path, cache, marks.table)
    (tmp_path / "marks.json").unlink()
    assert Marks(tmp_path, cache).of(keys[0]).drop
