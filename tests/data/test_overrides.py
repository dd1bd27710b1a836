import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import make_cache

from birdclef_mind.commands.cli import main
from birdclef_mind.data import overrides
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.overrides import read_overrides
from birdclef_mind.errors import BundleError, TableError
from birdclef_mind.networks.bundle import as_trained, load
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.training import held_out
from birdclef_mind.training.origin import Extras
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.train import train

MEL32 = PRESETS["mel32"]
QUICK = Training(epochs=1, batch_size=8)


def write(path, *lines):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([overrides.COLUMNS, *lines])
    return path


def corrected(cache_folder, tmp_path, *lines):
    return overrides.corrected(open_cache(cache_folder), read_overrides(write(tmp_path / "overrides.csv", *lines)))


def row_at(cache, recording, segment=0):
    return next(row for row in cache.rows if (row.recording, row.segment) == (recording, segment))


@pytest.fixture
def first(cache_folder):
    return open_cache(cache_folder).rows[0]


@pytest.fixture
def other_bird(cache_folder, first):
    return next(name for name in open_cache(cache_folder).classes.names if name != first.label)


def test_each_action_does_what_it_says(cache_folder, tmp_path, first, other_bird):
    before = open_cache(cache_folder)
    second = next(row for row in before.rows if row.recording != first.recording)
    third = next(row for row in before.rows if row.recording not in (first.recording, second.recording))
    after = corrected(
        cache_folder, tmp_path,
        [first.recording, 0, "drop", ""], [second.recording, 0.0, "relabel", other_bird],
        [third.recording, "0", "also", other_bird], [third.recording, "0", "also", other_bird],
    )  # fmt: skip
    assert len(after.rows) == len(before.rows) - 1
    assert (first.recording, 0) not in {(row.recording, row.segment) for row in after.rows}
    assert row_at(after, second.recording) == replace(second, label=other_bird)
    assert row_at(after, third.recording) == replace(third, also=(other_bird,))
    untouched = [
        row for row in before.rows if row.recording not in (first.recording, second.recording, third.recording)
    ]
    assert [row for row in after.rows if row in untouched] == untouched
    pictures = after.pictures([row_at(after, second.recording)])
    assert np.array_equal(pictures.pixels, before.pictures([second]).pixels)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["nowhere/x.ogg", 0, "drop", ""], r"overrides.csv, row 2, column recording: expected a recording of the cache, got 'nowhere/x.ogg'"),
        (["{first}", 3, "drop", ""], r"row 2, column start_s: expected the start of a window of .*, one of 0, .* got 3"),
        (["{first}", 0, "relabel", "dodo"], r"row 2: expected one of the cache's 3 birds, got 'dodo'"),
        (["{first}", 0, "also", "{label}"], r"row 2: expected another bird than the segment's own"),
        (["{first}", 0, "relabel", ""], r"row 2, column value: expected a bird for relabel, got nothing"),
        (["{first}", 0, "drop", "x"], r"row 2, column value: expected nothing for drop, got 'x'"),
        (["{first}", 0, "eat", ""], r"row 2, column action: expected one of drop, none, relabel, also, start, got 'eat'"),
        (["{first}", "soon", "drop", ""], r"row 2, column start_s: expected seconds from 0 to 7200, got 'soon'"),
        (["{first}", 0, "start", "nan"], r"row 2, column value: expected seconds from 0 to 7200, got 'nan'"),
        (["{first}", 0, "start", 1.5], r"row 2: moves a window that the cache still has at 0 s; run `birdclef-mind cache .* --overrides"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_row(cache_folder, tmp_path, first, line, message):
    line = [str(cell).format(first=first.recording, label=first.label) for cell in line]
    with pytest.raises(TableError, match=message):
        corrected(cache_folder, tmp_path, line)


@pytest.mark.parametrize(
    ("one", "other", "verb"),
    [
        (["drop", ""], ["also", "b"], "contradicts"),
        (["relabel", "a"], ["relabel", "b"], "contradicts"),
        (["relabel", "a"], ["also", "a"], "repeats"),
        (["start", "1"], ["start", "2"], "contradicts"),
        (["none", ""], ["relabel", "a"], "contradicts"),
        (["none", ""], ["drop", ""], "contradicts"),
        (["start", "1"], ["drop", ""], "contradicts"),
    ],
)
def test_contradictions_are_refused(tmp_path, one, other, verb):
    for lines in ([one, other], [other, one]):
        path = write(tmp_path / "overrides.csv", *[["r.ogg", 5, *line] for line in lines])
        with pytest.raises(TableError, match=rf"overrides.csv, row 3: .* {verb} .* row 2 for r.ogg at 5 s"):
            read_overrides(path)
    apart = [["r.ogg", 5, *one], ["r.ogg", 10, *other]]
    assert len(read_overrides(write(tmp_path / "overrides.csv", *apart))) == 2


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(TableError, match="expected at least one correction, got none"):
        read_overrides(write(tmp_path / "overrides.csv"))


def test_a_moved_window_shows_the_sound_from_there(sample_folder, tmp_path):
    competition = open_competition(sample_folder)
    recording = competition.recordings[0]
    samples = audio.read_audio(competition.audio_path(recording), MEL32.sample_rate_hz)
    make_cache(sample_folder, tmp_path / "c")
    untouched = {path: path.read_bytes() for path in (tmp_path / "c").glob("*/*.png")}
    file = write(tmp_path / "overrides.csv", [recording.filename, 0, "start", 1.25])
    moved = read_overrides(file)
    report = make_cache(sample_folder, tmp_path / "c", overrides=moved)
    assert (report.made, report.kept) == (1, len(competition.recordings) - 1)
    cache = open_cache(tmp_path / "c")
    row = row_at(cache, recording.filename)
    assert row.start_s == 1.25
    wanted = samples[40_000 : 40_000 + MEL32.segment_samples]
    wanted = np.pad(wanted - wanted.mean(dtype=float).astype(np.float32), (0, MEL32.segment_samples - wanted.size))[
        None
    ]
    assert np.array_equal(cache.pictures([row]).pixels, samples_to_pictures(wanted, MEL32).pixels)
    assert overrides.corrected(cache, moved).rows == cache.rows
    assert make_cache(sample_folder, tmp_path / "c", overrides=moved).made == 0
    assert make_cache(sample_folder, tmp_path / "c").made == 1
    assert {path: path.read_bytes() for path in (tmp_path / "c").glob("*/*.png")} == untouched


def test_a_window_is_not_moved_out_of_its_recording(sample_folder, tmp_path):
    recording = open_competition(sample_folder).recordings[0].filename
    for line, message in [
        ([recording, 0, "start", 600], r"row 2: expected a start inside the recording's [\d.]+ s, got 600"),
        ([recording, 1, "start", 2], r"row 2, column start_s: expected the start of a window"),
        (["x.ogg", 0, "drop", ""], r"expected a recording of the competition, got 'x.ogg'"),
    ]:
        with pytest.raises(TableError, match=message):
            make_cache(sample_folder, tmp_path / "c", overrides=read_overrides(write(tmp_path / "o.csv", line)))
    assert not (tmp_path / "c").exists()


def test_training_learns_what_was_corrected(cache_folder, tmp_path, first, other_bird):
    cache = open_cache(cache_folder)
    plain = train(cache, tmp_path / "plain", QUICK)
    learned = [row for row in cache.rows if row.recording in plain.split.training]
    dropped, named, both = learned[:3]
    others = [next(name for name in cache.classes.names if name != row.label) for row in (named, both)]
    file = write(
        tmp_path / "overrides.csv", [dropped.recording, dropped.start_s, "drop", ""],
        [named.recording, named.start_s, "relabel", others[0]], [both.recording, both.start_s, "also", others[1]],
    )  # fmt: skip
    lines = []
    report = train(
        cache, tmp_path / "b", QUICK, Extras(read_overrides(file), before=tmp_path / "plain"), say=lines.append
    )
    assert lines[0] == "corrected segments: 1 dropped, 1 named otherwise, 1 given one more"
    assert report.split == plain.split
    record = report.bundle.record
    assert record.segments["training"] == plain.bundle.record.segments["training"] - 1
    expected = np.array(plain.bundle.priors) * len(learned)
    for label, change in [(dropped.label, -1), (named.label, -1), (others[0], 1), (others[1], 1)]:
        expected[cache.classes.indices([label])] += change
    np.testing.assert_allclose(np.array(report.bundle.priors) * (len(learned) - 1), expected, atol=1e-4)
    kept = as_trained(report.bundle, cache)
    assert kept.as_cached == cache
    assert kept.rows == as_trained(load(tmp_path / "b"), cache).rows
    with pytest.raises(BundleError, match="expected the cache that the bundle's network was trained on"):
        as_trained(report.bundle, replace(cache, rows=cache.rows[:1], index_sha256="0" * 64))
    assert row_at(kept, both.recording, both.segment).also == (others[1],)
    changed = json.loads((tmp_path / "b" / "scores.json").read_text())["corrected"]
    assert changed["before"] == {name: plain.scores[name] for name in ("segments", "recordings")}
    assert changed["after"]["segments"] == report.scores["segments"]


def test_a_recording_nobody_listened_to_is_on_no_side_whatever_corrections_tell(cache_folder, tmp_path, first):
    cache = open_cache(cache_folder)
    unheard = replace(first, label="", soundscape=True)
    cache = replace(cache, rows=(unheard, *(row for row in cache.rows if row.recording != first.recording)))
    line = [first.recording, 0, "relabel", first.label]
    told = overrides.corrected(cache, read_overrides(write(tmp_path / "o.csv", line)))
    assert told.rows[0].told
    pictures = held_out.heard_pictures(cache)
    split = held_out.one_split(cache, pictures, QUICK, say=lambda line: None)
    both = held_out.parts(told, pictures, split, QUICK)
    assert {row.recording for row in both.learn.rows} == split.training
    assert {row.recording for row in both.check.rows} == split.validation
    assert first.recording not in split.training | split.validation
    for part in (both.learn, both.check):
        assert np.array_equal(part.pixels, cache.pictures(part.rows).pixels)


def test_a_segment_with_two_birds_is_right_with_either(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    kept_back = train(cache, tmp_path / "p", QUICK).split.validation
    check = [row for row in cache.rows if row.recording in kept_back]
    lines = [
        [row.recording, row.start_s, "also", name]
        for row in check for name in cache.classes.names if name != row.label
    ]  # fmt: skip
    report = train(cache, tmp_path / "b", QUICK, Extras(read_overrides(write(tmp_path / "o.csv", *lines))))
    assert report.scores["segments"]["top1"] == 1
    assert report.history[0]["val_accuracy"] == 1


def test_a_segment_without_a_bird_wants_none(cache_folder, tmp_path, first):
    cache = corrected(cache_folder, tmp_path, [first.recording, 0, "none", ""], [first.recording, 0, "start", 0])
    row = row_at(cache, first.recording)
    assert row.birdless
    assert cache.targets([row]).sum() == 0
    assert cache.targets([replace(row, birdless=False)]).sum() == 1


def test_the_commands_take_corrections(sample_folder, cache_folder, tmp_path, capsys, first):
    file = write(
        tmp_path / "overrides.csv",
        [first.recording, 0, "start", 1.5],
        [open_cache(cache_folder).rows[-1].recording, 0, "drop", ""],
    )
    assert main(["train", str(cache_folder), str(tmp_path / "b"), "--overrides", str(file)]) == 2
    assert "moves a window" in capsys.readouterr().err
    assert main(["cache", str(sample_folder), str(tmp_path / "c"), "--jobs", "1", "--overrides", str(file)]) == 0
    assert "1 window moved, 1 other correction left to `train`" in capsys.readouterr().out
    arguments = ["train", str(tmp_path / "c"), str(tmp_path / "b"), "--epochs", "1"]
    assert main(arguments) == 0
    assert main([*arguments, "--overrides", str(file)]) == 0
    out = capsys.readouterr().out
    assert "corrected segments: 1 dropped, 1 moved" in out
    assert "before → after" in out


@pytest.mark.parametrize(("one", "other"), [("drop,", "none,"), ("drop,", "relabel,{}"), ("relabel,{}", "drop,")])
def test_corrections_of_one_window_that_is_named_in_two_ways_contradict(cache_folder, tmp_path, one, other):
    cache = open_cache(cache_folder)
    recording, label = cache.rows[0].recording, cache.classes.names[-1]
    lines = [f"{recording},0,{one.format(label)}", f"{recording},0.0004,{other.format(label)}"]
    (tmp_path / "o.csv").write_text("\n".join(["recording,start_s,action,value", *lines]) + "\n")
    with pytest.raises(TableError, match="contradicts"):
        overrides.corrected(cache, read_overrides(tmp_path / "o.csv"))
