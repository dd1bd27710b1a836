"""Selections of Raven and labels of Audacity as corrections, and as labels of soundscapes."""

import shutil

import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.overrides import COLUMNS, corrected, from_record, read_overrides, summary, to_record
from birdclef_mind.errors import TableError
from birdclef_mind.storage.tables import csv_text


def longest(cache):
    """The recording with most windows, and its rows."""
    rows = {}
    for row in cache.rows:
        rows.setdefault(row.recording, []).append(row)
    return max(rows.items(), key=lambda one: len(one[1]))


def test_what_a_span_reaches_into_is_corrected(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    recording, rows = longest(cache)
    other = next(name for name in cache.classes.names if name != rows[0].label)
    stem = recording.rpartition("/")[2].removesuffix(".ogg")
    (tmp_path / f"{stem}.txt").write_text(f"4.0\t6.0\t{other}\n1.0\t2.0\t{rows[0].label}\n")
    overrides = read_overrides(tmp_path / f"{stem}.txt")
    assert from_record(to_record(overrides)) == overrides
    found = {row.segment: row for row in corrected(cache, overrides).rows if row.recording == recording}
    assert [found[segment].also for segment in (0, 1)] == [(other,), (other,)]
    assert all(not row.also for segment, row in found.items() if segment > 1)
    assert {row.label for row in found.values()} == {rows[0].label}
    (tmp_path / f"{stem}.txt").write_text("0.5\t3.0\tnone\n5.5\t6\tdrop\n")
    found = {row.segment: row for row in corrected(cache, read_overrides(tmp_path)).rows if row.recording == recording}
    assert found[0].birdless
    assert 1 not in found


def test_windows_are_counted_and_not_lines(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    recording, rows = longest(cache)
    own, other, third = [rows[0].label, *(name for name in cache.classes.names if name != rows[0].label)]
    table = tmp_path / f"{recording.rpartition('/')[2].removesuffix('.ogg')}.txt"
    # Both say what is in the second window; a species that is known to be there corrects nothing.
    table.write_text(f"4.0\t6.0\t{other}\n7.0\t8.0\t{other}\n7.0\t8.0\t{third}\n1.0\t2.0\t{own}\n")
    found = corrected(cache, read_overrides(table))
    assert summary(found.corrections) == "segments: 2 given one more"
    changed = [row for row in found.rows if row.also]
    assert {(row.recording, row.start_s) for row in changed} == {(recording, 0.0), (recording, 5.0)}
    # They are the lines of a table of windows that says the same.
    lines = [(one.recording, f"{one.start_s:g}", one.action, one.value) for one in found.corrections]
    (tmp_path / "overrides.csv").write_text(csv_text(COLUMNS, lines))
    assert corrected(cache, read_overrides(tmp_path / "overrides.csv")).rows == found.rows
    table.write_text(f"1.0\t2.0\t{own}\n")
    assert summary(corrected(cache, read_overrides(table)).corrections) == "segments: none"


@pytest.mark.parametrize("word", ["none", "nocall", "NoCall"])
def test_a_word_for_nothing_says_that_none_is_heard(cache_folder, tmp_path, word):
    cache = open_cache(cache_folder)
    recording, _ = longest(cache)
    table = tmp_path / f"{recording.rpartition('/')[2].removesuffix('.ogg')}.txt"
    table.write_text(f"0.5\t3.0\t{word}\n")
    found = corrected(cache, read_overrides(table))
    assert [row.birdless for row in found.rows if row.recording == recording][:2] == [True, False]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("nobody.txt", "0\t1\t{bird}\n", "expected one recording of the cache, got 'nobody'"),
        ("{stem}.txt", "900\t901\t{bird}\n", "expected a time inside the windows of"),
        ("{stem}.txt", "0\t1\tnobird1\n", "expected one of the cache's 3 birds, got 'nobird1'"),
        ("{stem}.txt", "", "expected at least one selection or label, got none"),
    ],
)
def test_spans_that_fit_nothing_are_named(cache_folder, tmp_path, name, text, message):
    cache = open_cache(cache_folder)
    recording, rows = longest(cache)
    bird = next(one for one in cache.classes.names if one != rows[0].label)
    path = tmp_path / name.format(stem=recording.rpartition("/")[2].removesuffix(".ogg"))
    path.write_text(text.format(bird=bird))
    with pytest.raises(TableError, match=message):
        corrected(cache, read_overrides(path))


def test_tables_beside_soundscapes_label_them(year_folder, tmp_path):
    root = shutil.copytree(year_folder(2025), tmp_path / "c")
    sound = sorted((root / "train_soundscapes").glob("*.ogg"))[0]
    known = open_competition(root).labels
    (root / "train_soundscapes" / f"{sound.stem}.Table.1.selections.txt").write_text(
        f"Selection\tBegin Time (s)\tEnd Time (s)\tSpecies\n1\t1.0\t2.0\t{known[0]}\n2\t4.5\t6\tnobody1\n"
    )
    (root / "train_soundscapes" / "readme.txt").write_text("not a table of any sound\n")
    competition = open_competition(root)
    (labelled,) = competition.labelled.soundscapes
    assert labelled.filename == f"train_soundscapes/{sound.name}"
    assert [part.labels for part in labelled.windows] == [(known[0],), (), (), ()]
    assert competition.labelled.outside == {"nobody1": 2}
    assert [one.filename for one in competition.unlabelled()] != []
    assert labelled.filename not in {one.filename for one in competition.unlabelled()}


def test_unlabelled_soundscapes_are_cached_alone_and_teach_nothing(year_folder, tmp_path, capsys):
    root = year_folder(2024)
    assert main(["cache", str(root), str(tmp_path / "c"), "--unlabelled", "--jobs", "1"]) == 0
    cache = open_cache(tmp_path / "c")
    assert {row.recording for row in cache.rows} == {one.filename for one in open_competition(root).unlabelled()}
    assert not any(row.told or row.label for row in cache.rows)
    assert not cache.targets(cache.rows).any()
    capsys.readouterr()
    assert main(["train", str(tmp_path / "c"), str(tmp_path / "b"), "--epochs", "1"]) == 2
    assert "expected segments to train on, found none" in capsys.readouterr().err
    assert main(["cache", str(year_folder(2023)), str(tmp_path / "d"), "--unlabelled"]) == 2
    assert "expected recordings to make pictures of, found none" in capsys.readouterr().err


def test_a_soundscape_is_corrected_window_by_window(year_folder, tmp_path):
    main(["cache", str(year_folder(2026)), str(tmp_path / "c"), "--jobs", "1", "--quiet"])
    cache = open_cache(tmp_path / "c")
    rows = [row for row in cache.rows if row.soundscape and row.label]
    first, other = rows[0], next(name for name in cache.classes.names if name not in (rows[0].label, *rows[0].also))
    stem = first.recording.rpartition("/")[2].removesuffix(".ogg")
    (tmp_path / f"{stem}.txt").write_text(f"{first.start_s + 1}\t{first.start_s + 2}\t{other}\n")
    found = {
        (row.recording, row.segment): row for row in corrected(cache, read_overrides(tmp_path / f"{stem}.txt")).rows
    }
    assert other in found[first.recording, first.segment].also
    (tmp_path / f"{stem}.txt").write_text(f"{first.start_s + 1}\t{first.start_s + 2}\t{first.label}\n")
    again = corrected(cache, read_overrides(tmp_path / f"{stem}.txt"))
    (row,) = (one for one in again.rows if (one.recording, one.segment) == (first.recording, first.segment))
    assert again.targets([row]).sum() == len({row.label, *row.also})
