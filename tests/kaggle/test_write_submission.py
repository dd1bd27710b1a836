import csv
import os
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.data.soundscapes import row_scores
from birdclef_mind.errors import TableError
from birdclef_mind.kaggle.settings import Submitting
from birdclef_mind.kaggle.smoothing import smoothed
from birdclef_mind.kaggle.submission_check import find_fault
from birdclef_mind.kaggle.submission_table import Table
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.predictor import Predictor, soundscape_pictures
from birdclef_mind.sound.settings import PRESETS, Windowing
from birdclef_mind.storage.ledger import write_own


@pytest.fixture(scope="module")
def bundle(trained):
    return bundles.load(trained[0])


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def assert_valid(path, columns):
    table = read_scores(path)
    assert b"\r" not in path.read_bytes()
    assert table.columns == columns
    assert np.isfinite(table.values).all()
    assert (table.values >= 0).all()
    assert (table.values < 1).all()
    return table


def test_every_window_gets_its_scores(bundle, sample_folder, tmp_path):
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv")
    assert (report.rows, report.computed, report.problems) == (6, 6, ())
    table = assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names)))
    assert table.row_ids == tuple(f"soundscape_{n}_{end}" for n in (90001, 90002) for end in (5, 10, 15))
    path = sample_folder / "test_soundscapes" / "soundscape_90002.ogg"
    starts_s, pictures = soundscape_pictures(path, bundle)
    assert starts_s == (0, 5, 10)
    by_name = dict(zip(bundle.classes.names, Predictor(bundle).scores(pictures.pixels)[1], strict=True))
    np.testing.assert_allclose(table.values[4], [by_name[name] for name in table.columns], rtol=1e-5)
    assert table.values[4].sum() == pytest.approx(1, abs=1e-4)


def test_windows_that_overlap_in_training_stand_side_by_side_here(bundle, sample_folder, tmp_path):
    features = bundle.features
    overlapping = replace(features, windowing=replace(features.windowing, step_s=1.25))
    reports = [
        write_submission(replace(bundle, features=one), sample_folder, tmp_path / name)
        for name, one in (("a.csv", features), ("b.csv", overlapping))
    ]
    assert reports[0].rows == reports[1].rows == 6
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_scores_do_not_depend_on_the_batch(bundle, rng):
    pixels = rng.integers(0, 256, (130, 32, 313), np.uint8)
    predictor = Predictor(bundle)
    together = predictor.scores(pixels)
    np.testing.assert_allclose(predictor.scores(pixels[7:8])[0], together[7], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(predictor.scores(pixels[::-1])[::-1], together, rtol=1e-4, atol=1e-7)
    assert predictor.scores(pixels[:0]).shape == (0, 3)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0)])
def test_columns_are_the_samples_by_name_and_unknown_birds_get_zero(bundle, competition_folder, tmp_path, order):
    first, missing, third = (bundle.classes.names[place] for place in order)
    listed = [
        ["row_id", "zzz", third, "aaa", first],
        ["elsewhere_5", *"0000"],
        ["soundscape_90001_10", *"0000"],
    ]
    with (competition_folder / "sample_submission.csv").open("w", newline="") as file:
        csv.writer(file).writerows(listed)
    (competition_folder / "test_soundscapes" / "elsewhere.ogg").write_bytes(b"no sound")
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    table = assert_valid(tmp_path / "s.csv", ("zzz", third, "aaa", first))
    # What cannot be read is as long as the others, since the sample lists an example alone.
    assert (report.rows, report.computed) == (9, 6)
    assert table.row_ids[:2] == ("elsewhere_5", "soundscape_90001_10")
    assert not table.values[:, [0, 2]].any()
    priors = dict(zip(bundle.classes.names, bundle.priors, strict=True))
    np.testing.assert_allclose(table.values[0], [0, priors[third], 0, priors[first]], rtol=1e-6)
    _, pictures = soundscape_pictures(competition_folder / "test_soundscapes" / "soundscape_90001.ogg", bundle)
    scores = dict(zip(bundle.classes.names, Predictor(bundle).scores(pictures.pixels)[1], strict=True))
    np.testing.assert_allclose(table.values[1], [0, scores[third], 0, scores[first]], rtol=1e-5)
    assert missing not in table.columns


def test_rows_and_scores_that_do_not_match_are_an_error(bundle):
    table = Table(bundle, None)
    table.expect(["a_5", "a_10"])
    for shape in ((1, 3), (2, 2)):
        with pytest.raises(ValueError, match="shorter"):
            table.fill(["a_5", "a_10"], np.zeros(shape))


def test_bad_soundscapes_keep_priors_and_are_listed(bundle, competition_folder, tmp_path):
    folder = competition_folder / "test_soundscapes"
    (folder / "soundscape_90001.ogg").write_bytes(b"")
    (folder / "unlisted.ogg").write_bytes(b"nothing")
    soundfile.write(folder / "short.wav", np.zeros(100), 48_000)
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    table = assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names)))
    assert [problem.split(":")[0] for problem in report.problems] == ["soundscape_90001.ogg", "unlisted.ogg"]
    # As long as the others are: half of those that can be read last longer than 7.5 s, half less.
    assert sum(row.startswith("unlisted_") for row in table.row_ids) == 2
    assert sum(row.startswith("soundscape_90001_") for row in table.row_ids) == 3
    assert "short_5" in table.row_ids
    assert report.computed == 4
    log = (tmp_path / "s.log").read_text()
    assert f"features {bundle.features.fingerprint()}" in log
    assert "unlisted.ogg: cannot be decoded" in log


def test_an_unreadable_soundscape_of_which_an_example_is_listed_has_all_its_rows(bundle, competition_folder, tmp_path):
    """The sample of 2023 lists three rows of one soundscape; one that lists every soundscape means what it says."""
    folder, sample = competition_folder / "test_soundscapes", competition_folder / "sample_submission.csv"
    listed = read_scores(sample).row_ids
    first = next(path for path in sorted(folder.iterdir()) if listed[0].startswith(path.stem))
    for path in folder.iterdir():
        soundfile.write(path, np.zeros(60 * 32_000), 32_000)
    first.write_bytes(b"")
    write_submission(bundle, competition_folder, tmp_path / "s.csv")
    own = [row for row in read_scores(tmp_path / "s.csv").row_ids if row.startswith(first.stem)]
    assert len(listed) < len(own) == 12
    header, *rows = sample.read_text().splitlines()
    zeros = ",0" * header.count(",")
    more = [f"{path.stem}_{5 * row}{zeros}" for path in folder.iterdir() if path != first for row in range(1, 13)]
    sample.write_text("\n".join([header, *rows, *more]) + "\n")
    write_submission(bundle, competition_folder, tmp_path / "t.csv")
    assert len([row for row in read_scores(tmp_path / "t.csv").row_ids if row.startswith(first.stem)]) == len(listed)


def test_where_no_row_is_asked_for_an_earlier_submission_stays(bundle, competition_folder, tmp_path):
    (competition_folder / "sample_submission.csv").unlink()
    write_submission(bundle, competition_folder, tmp_path / "s.csv")
    before = (tmp_path / "s.csv").read_bytes()
    for path in (competition_folder / "test_soundscapes").iterdir():
        path.unlink()
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert report.stayed and (tmp_path / "s.csv").read_bytes() == before
    assert any(line.startswith("no row is asked for") for line in report.warnings)


@pytest.fixture
def eight(competition_folder):
    """A competition of eight soundscapes of three windows, alike."""
    folder = competition_folder / "test_soundscapes"
    for number in range(2, 9):
        shutil.copy(folder / "soundscape_90001.ogg", folder / f"soundscape_9000{number}.ogg")
    return competition_folder


class Time:
    """A clock that goes on only when told, and when scores are computed."""

    def __init__(self, monkeypatch, scores_s=0.0, writing_s=0.0, begin_s=0.0):
        self.now_s, self.writes = begin_s, 0
        scores, write = Predictor.scores, Table.write

        def slow_scores(predictor, pixels):
            self.now_s += scores_s
            return scores(predictor, pixels)

        def slow_write(table, path):
            self.now_s += writing_s
            self.writes += 1
            write(table, path)

        monkeypatch.setattr(Predictor, "scores", slow_scores)
        monkeypatch.setattr(Table, "write", slow_write)

    def __call__(self):
        return self.now_s


def test_a_deadline_leaves_a_valid_file(bundle, eight, tmp_path, monkeypatch):
    clock = Time(monkeypatch, scores_s=25)
    report = write_submission(bundle, eight, tmp_path / "s.csv", deadline_minutes=3, clock=clock)
    assert (report.rows, report.computed, report.seconds) == (24, 18, 150)
    assert report.problems == tuple(
        f"soundscape_9000{number}.ogg: no time left before the deadline" for number in (7, 8)
    )
    assert len(assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names))).row_ids) == 24


def test_what_is_computed_is_written_about_once_a_minute(bundle, eight, tmp_path, monkeypatch):
    clock, on_disk = Time(monkeypatch, scores_s=25, begin_s=1000), []

    def track(items, total, what):
        assert (total, what) == (8, "soundscapes")
        for item in items:
            on_disk.append((clock.writes, len(np.unique(read_scores(tmp_path / "s.csv").values, axis=0))))
            yield item

    report = write_submission(bundle, eight, tmp_path / "s.csv", clock=clock, track=track)
    assert (report.computed, report.seconds) == (24, 200)
    # After 75 and 150 s, and at the end; before, only the priors are there.
    assert [writes for writes, _ in on_disk] == [1, 1, 1, 2, 2, 2, 3, 3]
    assert clock.writes == 4
    assert [rows > 1 for _, rows in on_disk] == [False] * 3 + [True] * 5


def test_time_is_left_to_write_what_was_computed(bundle, eight, tmp_path, monkeypatch):
    clock = Time(monkeypatch, scores_s=30, writing_s=100)
    report = write_submission(bundle, eight, tmp_path / "s.csv", deadline_minutes=8, clock=clock)
    # Begun at 100, 130 and not at 160 s: it would take up to 45 s, and writing up to 300.
    assert (report.computed, report.seconds) == (6, 260)


def test_what_failed_is_listed_beside_what_is_late(bundle, eight, tmp_path, monkeypatch):
    def failing(path, bundle, shifts):
        if "90001" in path.name:
            raise MemoryError
        return soundscape_pictures(path, bundle)

    monkeypatch.setattr("birdclef_mind.kaggle.answering.windows_for_rows", failing)
    clock = Time(monkeypatch, scores_s=100)
    report = write_submission(bundle, eight, tmp_path / "s.csv", deadline_minutes=5, clock=clock)
    assert report.problems[0] == "soundscape_90001.ogg: not enough memory"
    assert [line.partition(": ")[2] for line in report.problems[1:]] == ["no time left before the deadline"] * 5
    assert report.computed == 6


def test_soundscapes_that_hang_do_not_pass_the_deadline(bundle, eight, tmp_path, monkeypatch):
    free, begun, ended = threading.Event(), [], []

    def hanging(path, bundle, shifts):
        begun.append(path.name)
        if "90001" not in path.name:
            free.wait(60)
        found = soundscape_pictures(path, bundle)
        ended.append(path.name)
        return found

    monkeypatch.setattr("birdclef_mind.kaggle.answering.windows_for_rows", hanging)
    monkeypatch.setattr("birdclef_mind.kaggle.write_submission._workers", lambda: 2)
    report = write_submission(bundle, eight, tmp_path / "s.csv", deadline_minutes=0.1)
    assert ended == ["soundscape_90001.ogg"], "what hangs is not waited for"
    assert report.computed == 3
    assert report.problems == tuple(
        f"soundscape_9000{number}.ogg: no time left before the deadline" for number in range(2, 9)
    )
    free.set()
    while len(ended) < len(begun):
        time.sleep(0.01)
    assert sorted(begun) == [f"soundscape_9000{number}.ogg" for number in (1, 2, 3)], "the rest is not begun any more"


def test_pipes_devices_and_folders_keep_priors(bundle, competition_folder, tmp_path):
    """What never ends must not be waited for."""
    folder = competition_folder / "test_soundscapes"
    os.mkfifo(folder / "soundscape_1.ogg")
    (folder / "soundscape_2.ogg").symlink_to("/dev/zero")
    (folder / "soundscape_3.ogg").mkdir()
    (folder / "soundscape_4.ogg").symlink_to("nowhere.ogg")
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert report.computed == 6
    assert [line.split(": ") for line in report.problems] == [
        ["soundscape_1.ogg", "is no file"], ["soundscape_2.ogg", "is no file"], ["soundscape_3.ogg", "is no file"],
        ["soundscape_4.ogg", "missing"],
    ]  # fmt: skip


def test_a_soundscape_longer_than_its_rows_gives_no_more(bundle, competition_folder, tmp_path):
    listed = [["row_id", *sorted(bundle.classes.names)], *[[f"soundscape_90001_{end}", 0, 0, 0] for end in (5, 10)]]
    with (competition_folder / "sample_submission.csv").open("w", newline="") as file:
        csv.writer(file).writerows(listed)
    (competition_folder / "test_soundscapes" / "soundscape_90002.ogg").unlink()
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert (report.rows, report.computed) == (2, 2)


def test_a_sample_that_lists_no_more_than_half_of_a_soundscape_is_completed(bundle, competition_folder, tmp_path):
    soundfile.write(competition_folder / "test_soundscapes" / "half.flac", np.zeros(320_000), 32_000)
    with (competition_folder / "sample_submission.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["row_id", *sorted(bundle.classes.names)], ["half_5", 0, 0, 0]])
    write_submission(bundle, competition_folder, tmp_path / "s.csv")
    rows = assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names))).row_ids
    assert [row for row in rows if row.startswith("half")] == ["half_5", "half_10"]


def test_time_may_have_begun_to_count_before(bundle, sample_folder, tmp_path):
    report = write_submission(
        bundle, sample_folder, tmp_path / "s.csv", deadline_minutes=1, started=0.0, clock=lambda: 60.5
    )
    assert (report.computed, len(report.problems)) == (0, 2)
    assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names)))


def test_any_kind_of_sound_gives_a_valid_file(bundle, competition_folder, tmp_path, rng):
    folder = competition_folder / "test_soundscapes"
    soundfile.write(folder / "stereo, 48 kHz.wav", rng.normal(0, 0.1, (48_000 * 7, 2)), 48_000)
    soundfile.write(folder / "long.flac", np.zeros(8_000 * 600 + 2_400), 8_000)
    soundfile.write(folder / "longer.flac", np.zeros(8_000 * 601 + 4_000), 8_000)
    soundfile.write(folder / "usual.flac", np.zeros(32_000 * 601), 32_000)
    (folder / "torn.ogg").write_bytes((folder / "soundscape_90001.ogg").read_bytes()[:2000])
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    table = assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names)))
    assert "stereo, 48 kHz_5" in table.row_ids
    assert sum(row.startswith("long_") for row in table.row_ids) == 120
    assert sum(row.startswith("torn_") for row in table.row_ids) >= 1
    assert report.rows == len(table.row_ids)
    log = (tmp_path / "s.log").read_text()
    assert "stereo, 48 kHz.wav: 2 channels, their mean or one where they cancel, at 48000 Hz, taken at 32000 Hz" in log
    assert "stereo, 48 kHz.wav: 7.0 s long instead of 600" in log
    assert "long.flac: one channel at 8000 Hz, taken at 32000 Hz" in log
    assert "longer.flac: 601.5 s long instead of 600" in log
    assert "long.flac: 600" not in log
    assert "usual" not in log


def test_names_with_commas_and_quotes_are_cells_of_their_own(bundle, competition_folder, tmp_path):
    folder = competition_folder / "test_soundscapes"
    for name in ('a "b".ogg', "c, d.ogg", "X.ogg"):
        shutil.copy(folder / "soundscape_90001.ogg", folder / name)
    write_submission(bundle, competition_folder, tmp_path / "s.csv")
    cells = [line.rpartition("_")[0] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    assert {cell for cell in cells if "9000" not in cell} == {'"a ""b""', '"c, d', "X"}
    assert {cell for cell in cells if "9000" in cell} == {"soundscape_90001", "soundscape_90002"}
    rows = assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names))).row_ids
    assert 'a "b"_5' in rows
    assert "c, d_15" in rows


def test_the_log_says_what_was_written_and_what_is_unusual(bundle, sample_folder, tmp_path):
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv")
    assert report.soundscapes == 2
    assert (tmp_path / "s.log").read_text().splitlines() == [
        f"features {bundle.features.fingerprint()}",
        "rows 6, computed 6, soundscapes 2",
        "soundscape_90001.ogg: 15.0 s long instead of 600",
        "soundscape_90002.ogg: 15.0 s long instead of 600",
        "computed by TensorFlow",
    ]


def test_what_kaggle_would_reject_is_replaced_by_priors(bundle, sample_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("birdclef_mind.kaggle.submission_table._HIGHEST", 1.5)
    monkeypatch.setattr(Predictor, "scores", lambda self, pixels: np.full((len(pixels), 3), 1.2))
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv")
    assert report.computed == 0
    assert "all rows keep their priors" in report.problems[0]
    assert "expected a score in [0, 1), got '1.2'" in (tmp_path / "s.log").read_text()
    assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names)))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_earlier_submission_stays_until_the_new_one_is_done(bundle, sample_folder, tmp_path, monkeypatch, error):
    write_submission(bundle, sample_folder, tmp_path / "s.csv")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def stopped(items, total, what):
        for place, item in enumerate(items):
            if place:
                raise error
            yield item

    monkeypatch.setattr("birdclef_mind.kaggle.write_submission._WRITE_EVERY_S", 0.0)
    with pytest.raises(error):
        write_submission(bundle, sample_folder, tmp_path / "s.csv", track=stopped)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_earlier_submission_stays_where_no_row_is_computed(bundle, sample_folder, tmp_path):
    write_submission(bundle, sample_folder, tmp_path / "s.csv")
    before = (tmp_path / "s.csv").read_bytes()
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv", deadline_minutes=1e-9)
    assert report.stayed
    assert report.warnings[-1] == (
        f"no row was computed: the submission that stood at {tmp_path / 's.csv'} before stays as it was"
    )
    assert (tmp_path / "s.csv").read_bytes() == before
    assert "stays as it was" in (tmp_path / "s.log").read_text()


def test_an_earlier_submission_of_other_rows_gives_way(bundle, sample_folder, tmp_path):
    write_own(tmp_path / "s.csv", b"row_id,a\nx_5,0.5\n")
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv", deadline_minutes=1e-9)
    assert report.computed == 0
    assert len(assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names))).row_ids) == 6


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("row_id,a,b\nx,0,0.5\ny,0.25,0\n", None),
        ("row_id,b,a\nx,0,0\ny,0,0\n", "expected the columns row_id"),
        ("row_id,a,b\nx,0,0.5\n", "1 rows are missing, such as y"),
        ("row_id,a,b\nx,0,0\nx,0,0\n", "row 3: 'x' is not asked for, or there twice"),
        ("row_id,a,b\nx,0,0\ny,0\n", "row 3, expected 2 cells, got 1"),
        ("row_id,a,b\nx,0,\ny,0,0\n", "row 2, column b: expected a score in [0, 1), got ''"),
        ("row_id,a,b\nx,0,nan\ny,0,0\n", "got 'nan'"),
        ("row_id,a,b\nx,0,1\ny,0,0\n", "got '1'"),
        ('row_id,a,b\n"x,0', "cannot be read"),
    ],
)
def test_the_check_finds_what_kaggle_finds(tmp_path, text, fault):
    (tmp_path / "s.csv").write_text(text)
    found = find_fault(tmp_path / "s.csv", "scores", ("row_id", "a", "b"), ("x", "y"))
    assert found is None if fault is None else fault in found


def test_priors_are_there_before_the_first_soundscape(bundle, sample_folder, tmp_path):
    seen = []

    def track(items, total, what):
        seen.append(assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names))))
        return items

    write_submission(bundle, sample_folder, tmp_path / "s.csv", track=track)
    assert len(seen[0].row_ids) == 6
    assert np.unique(seen[0].values, axis=0).shape[0] == 1


def test_without_soundscapes_the_sample_rows_get_priors(bundle, competition_folder, tmp_path):
    shutil.rmtree(competition_folder / "test_soundscapes")
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert (report.rows, report.computed) == (3, 0)
    remark = "there are no soundscapes: every row the sample lists has its priors"
    assert (tmp_path / "s.log").read_text().splitlines()[2:] == [remark]


def test_without_a_sample_the_columns_are_the_networks_birds(bundle, competition_folder, tmp_path):
    (competition_folder / "sample_submission.csv").unlink()
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert_valid(tmp_path / "s.csv", tuple(sorted(bundle.classes.names)))
    assert (report.rows, report.computed) == (6, 6)
    assert "sample_submission.csv is missing" in (tmp_path / "s.log").read_text()


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere.csv"), lambda path: path.mkdir()])
def test_a_sample_that_cannot_be_read_is_not_a_missing_one(bundle, competition_folder, tmp_path, make):
    (competition_folder / "sample_submission.csv").unlink()
    make(competition_folder / "sample_submission.csv")
    with pytest.raises(TableError, match="sample_submission.csv: cannot be read"):
        write_submission(bundle, competition_folder, tmp_path / "submission.csv")
    with pytest.raises(TableError, match="sample_submission.csv: cannot be read"):
        open_competition(competition_folder)


def test_a_folder_that_is_no_competition_is_refused(bundle, tmp_path):
    with pytest.raises(
        TableError, match="expected a competition folder with test_soundscapes or sample_submission.csv"
    ):
        write_submission(bundle, tmp_path, tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def several(competition_folder):
    """Sounds of one name, deeper ones, one without an ending and one of a kind that cannot be read; all are listed."""
    folder = competition_folder / "test_soundscapes"
    sound = next(folder.glob("*.ogg")).read_bytes()
    for path in folder.iterdir():
        path.unlink()
    for name in ("a.ogg", "a.wav", "one/deep.ogg", "two/deep.ogg", "noending", "tape.m4a", "one/unlisted.ogg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(sound)
    header = (competition_folder / "sample_submission.csv").read_text().splitlines()[0]
    rows = [
        f"{name}_{end}" + ",0" * header.count(",")
        for name in ("a", "deep", "noending", "tape", "gone")
        for end in (5, 10, 15)
    ]
    (competition_folder / "sample_submission.csv").write_text("\n".join([header, *rows]) + "\n")
    return competition_folder


def test_a_row_of_no_soundscape_is_named_as_it_stands(bundle, several, tmp_path):
    table = several / "sample_submission.csv"
    commas = ",0" * table.read_text().splitlines()[0].count(",")
    table.write_text(table.read_text() + f"foo{commas}\n{commas}\n")
    report = write_submission(bundle, several, tmp_path / "s.csv")
    named = [line.split(": ")[0] for line in report.problems if "no sound is meant" in line]
    assert named == ["row_id 'foo'", "row_id ''"]
    assert not [line for line in report.problems if line.startswith(": ")]


def test_rows_and_sounds_are_matched_and_what_is_odd_is_a_line(bundle, several, tmp_path):
    report = write_submission(bundle, several, tmp_path / "s.csv")
    assert (report.rows, report.computed, report.soundscapes) == (12, 9, 3)
    assert set(report.problems) == {
        "tape: expected a sound that can be read, found tape.m4a", "gone: its rows are asked for, and there is no sound of that name",
    }  # fmt: skip
    assert set(report.warnings) == {
        "a.wav: would have the rows of a.ogg, and is not heard",
        "two/deep.ogg: would have the rows of one/deep.ogg, and is not heard",
        "sounds in test_soundscapes that lie deeper, and are not listed, 1 in all, such as one/unlisted.ogg, are not heard",
    }
    log = (tmp_path / "s.log").read_text().splitlines()
    assert set(log) >= {*report.problems, *report.warnings}


def test_sounds_that_are_passed_over_in_a_folder_of_ones_own_are_lines(bundle, competition_folder, tmp_path):
    folder = competition_folder / "test_soundscapes"
    (competition_folder / "sample_submission.csv").unlink()
    (folder / "day 2").mkdir()
    sound = next(folder.glob("*.ogg"))
    for name in ("phone.m4a", "day 2/x.ogg", "day 2/y.ogg", ".hidden.m4a", "notes.txt"):
        shutil.copy(sound, folder / name)
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert report.soundscapes == 2
    assert set(report.warnings) == {
        "sounds in test_soundscapes that lie deeper, and are not listed, 2 in all, such as day 2/x.ogg, are not heard",
        "sounds in test_soundscapes that are of an ending that is not read, 1 in all, such as phone.m4a, are not heard",
    }


def test_a_column_that_differs_by_capitals_alone_is_told(bundle, competition_folder, tmp_path):
    table = competition_folder / "sample_submission.csv"
    first, *rest = bundle.classes.names
    table.write_text(table.read_text().replace(first, first.title()))
    report = write_submission(bundle, competition_folder, tmp_path / "s.csv")
    assert report.warnings == (f"{first} of the network is not the column {first.title()!r}: its scores are nowhere",)
    assert rest


@pytest.mark.parametrize("length_s", [2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 1.7])
@pytest.mark.parametrize("duration_s", [4.0, 15.0, 31.2])
def test_rows_are_means_of_the_windows_that_overlap_them(rng, length_s, duration_s):
    """Second by second in thousandths: how much of a row each window covers is its weight."""
    features = replace(PRESETS["mel32"], windowing=Windowing(length_s=length_s, step_s=length_s)).for_rows
    starts_s = features.windowing.starts_s(duration_s)
    scores = rng.random((len(starts_s), 3))
    found = row_scores(starts_s, scores, length_s)
    for row, values in enumerate(found):
        moments = row * 5 + (np.arange(5000) + 0.5) / 1000
        covered = np.array([((moments >= start) & (moments < start + length_s)).sum() for start in starts_s])
        np.testing.assert_allclose(values, covered @ scores / covered.sum(), atol=2e-3)
    assert len(found) >= len(Windowing().starts_s(duration_s))
    if length_s == 5:
        np.testing.assert_array_equal(found[: len(scores)], scores)


def test_rows_of_what_is_not_there_are_written_only_where_nothing_is(bundle, several, tmp_path):
    report = write_submission(bundle, several, tmp_path / "some.csv")
    rows = read_scores(tmp_path / "some.csv").row_ids
    assert not any(row.startswith("gone_") for row in rows)
    assert sum(row.startswith("tape_") for row in rows) == 3
    assert any(line.startswith("gone: its rows are asked for") for line in report.problems)
    shutil.rmtree(several / "test_soundscapes")
    report = write_submission(bundle, several, tmp_path / "none.csv")
    assert report.rows == 15
    assert report.problems == ()


def test_rows_are_smoothed_as_the_settings_say(bundle, sample_folder, tmp_path):
    write_submission(bundle, sample_folder, tmp_path / "plain.csv")
    submitting = Submitting(smoothing=(0.2, 0.6, 0.2), file_power=0.5)
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv", submitting=submitting)
    assert report.computed == report.rows
    plain, found = (read_scores(tmp_path / name).values for name in ("plain.csv", "s.csv"))
    for first in (0, 3):
        np.testing.assert_allclose(found[first : first + 3], smoothed(plain[first : first + 3], submitting), rtol=1e-4)


def test_what_cannot_be_done_with_scores_is_said(bundle, sample_folder, tmp_path):
    report = write_submission(bundle, sample_folder, tmp_path / "s.csv", submitting=Submitting(blend="ranks"))
    assert report.warnings == (
        "blend: ranks are of several bundles, and here is one, so that its scores stay as they are",
    )
    assert report.warnings[0] in (tmp_path / "s.log").read_text()


def test_where_answers_are_asked_for_nothing_is_smoothed_and_lines_are_counted(tmp_path):
    from birdclef_mind.commands.cli import main

    assert (
        main(
            [
                "sample",
                str(tmp_path / "s"),
                "--year",
                "2022",
                "--species",
                "3",
                "--recordings",
                "4",
                "--soundscapes",
                "1",
                "--seconds",
                "10",
                "--quiet",
            ]
        )
        == 0
    )
    assert main(["cache", str(tmp_path / "s"), str(tmp_path / "c"), "--quiet"]) == 0
    assert main(["train", str(tmp_path / "c"), str(tmp_path / "b"), "--epochs", "1", "--quiet"]) == 0
    own = bundles.load(tmp_path / "b")
    plain, smooth = (
        write_submission(own, tmp_path / "s", tmp_path / name, submitting=submitting)
        for name, submitting in (("a.csv", Submitting()), ("b.csv", Submitting(file_power=1.0)))
    )
    assert plain.computed == plain.rows and plain.warnings == ()
    assert smooth.warnings[0].startswith("smoothing, file_power, habits and blend are for competitions that")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_site_and_hour_count_where_names_tell_them(year_folder, trained, tmp_path):
    from birdclef_mind.networks.habits import Habits

    root = year_folder(2026)
    bundle = bundles.load(trained[0])
    (path,) = sorted((root / "test_soundscapes").glob("*.ogg"))[:1]
    counts = [40.0, 30.0, *[1.0] * (len(bundle.classes) - 1)]
    other = [60.0, 0.0, *[1.0] * (len(bundle.classes) - 1)]
    there = replace(bundle, habits=Habits({"S05": counts, "S22": other}, {}))
    plain = write_submission(bundle, root, tmp_path / "a.csv", submitting=Submitting(habits=0.4))
    assert any(line.startswith("habits: the network learned from no labelled soundscapes") for line in plain.warnings)
    found = write_submission(there, root, tmp_path / "b.csv", submitting=Submitting(habits=0.4))
    assert not any(line.startswith("habits") for line in found.warnings)
    before, after = (read_scores(tmp_path / name) for name in ("a.csv", "b.csv"))
    place = list(before.columns).index(bundle.classes.names[0])
    assert "_S05_" in path.stem
    assert (np.asarray(after.values)[:, place] > np.asarray(before.values)[:, place]).all()
