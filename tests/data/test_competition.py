import csv
import re

import pytest

from birdclef_mind.data.competition import list_soundscapes, open_competition
from birdclef_mind.data.labels import parse_labels
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.data.training_table import read_training_table
from birdclef_mind.errors import TableError


def edit(folder, change):
    """Let `change` spoil the rows of the training table, header included."""
    path = folder / "train_metadata.csv"
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    change(rows)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def cell(column, row, value):
    def change(rows):
        rows[row - 1][rows[0].index(column)] = value

    return change


def test_a_sound_folder_opens(sample_folder):
    competition = open_competition(sample_folder)
    assert len(competition.recordings) == 15
    assert competition.sample.labels == tuple(sorted({recording.label for recording in competition.recordings}))
    assert any(recording.secondary_labels for recording in competition.recordings)
    assert all(competition.audio_path(recording).is_file() for recording in competition.recordings)
    assert [path.name for path in competition.soundscapes()] == [
        "soundscape_90001.ogg",
        "soundscape_90002.ogg",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cell("filename", 4, "../../etc/passwd"), r"row 4, column filename: expected a path inside train_audio, got '../../etc/passwd'"),
        (cell("filename", 2, "/etc/passwd"), "row 2, column filename: expected a path inside"),
        (cell("filename", 2, "..\\x.ogg"), "row 2, column filename: expected a path inside"),
        (cell("filename", 2, "C:/x.ogg"), "row 2, column filename: expected a path inside"),
        (cell("filename", 2, ""), "row 2, column filename: expected a path inside"),
        (cell("filename", 2, "samwhi1/.."), "row 2, column filename: expected a path inside"),
        (cell("filename", 2, "samwhi1/" + "x" * 255), "column filename: expected a name of at most 200 bytes, got 263"),
        (cell("filename", 2, "samwhi1/" + "é" * 97), "column filename: expected a name of at most 200 bytes, got 202"),
        (cell("filename", 2, "samwhi1/NUL.ogg"), "row 2, column filename: expected a name that every system can give"),
        (cell("filename", 2, "com1/x.ogg"), "row 2, column filename: expected a name that every system can give"),
        (cell("primary_label", 3, "aux"), "row 3, column primary_label: expected a label, got 'aux'"),
        (lambda rows: rows.append(rows[2]), r"row 17, column filename: expected each file once, .* \(first in row 3\)"),
        (cell("primary_label", 3, "nobird1"), "row 3, column primary_label: expected one of the 3 labels .* got 'nobird1'"),
        (cell("primary_label", 3, "a/b"), "row 3, column primary_label: expected a label, got 'a/b'"),
        (cell("primary_label", 3, ""), "row 3, column primary_label: expected a label, got ''"),
        (cell("secondary_labels", 3, "__import__('os').system('x')"), "row 3, column secondary_labels: expected a list"),
        (cell("primary_label", 3, "nan"), "row 3, column primary_label: expected a label, got 'nan'"),
        (cell("secondary_labels", 3, "['a''b']"), "row 3, column secondary_labels: expected a list"),
        (cell("secondary_labels", 3, "[" * 5000), "row 3, column secondary_labels: expected a list"),
        (lambda rows: rows[0].__setitem__(0, "label"), "train_metadata.csv: expected the column primary_label once"),
        (lambda rows: rows[3].pop(), "row 4: expected 12 cells, got 11"),
        (lambda rows: rows.__delitem__(slice(1, None)), "expected at least one recording, got none"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_its_place(competition_folder, change, message):
    edit(competition_folder, change)
    with pytest.raises(TableError, match=message):
        open_competition(competition_folder)


def test_links_that_lead_out_are_left_out(competition_folder, tmp_path):
    recordings = open_competition(competition_folder).recordings
    for number, recording in enumerate(recordings):
        path = competition_folder / "train_audio" / recording.filename
        path.symlink_to(path.rename(tmp_path / f"outside{number}.ogg"))
        if number == 0:
            found = open_competition(competition_folder)
            assert found.recordings == recordings[1:]
            (line,) = found.problems
            assert re.search(r"row 2, column filename: .* a link that leads out of it; left out \(1 in all\)", line)
    with pytest.raises(TableError, match="row 2, column filename: .* a link that leads out of it, as all"):
        open_competition(competition_folder)


@pytest.mark.parametrize("missing", ["train_metadata.csv", "train_audio"])
def test_a_missing_part_is_named(competition_folder, missing):
    (competition_folder / missing).rename(competition_folder / "elsewhere")
    with pytest.raises(TableError, match=f"nearest is 2023, which needs {missing}/? too; found .*elsewhere"):
        open_competition(competition_folder)


@pytest.mark.parametrize(("make", "found"), [(False, "nothing"), (True, "a file")])
def test_no_folder_is_refused(tmp_path, make, found):
    if make:
        (tmp_path / "x").write_text("")
    with pytest.raises(TableError, match=f"expected a competition folder, found {found}"):
        open_competition(tmp_path / "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "expected UTF-8 text, got byte 0xff"),
        (b"", "expected the column primary_label once"),
        (
            b'primary_label,secondary_labels,filename\na,"[\n]",a/b.ogg\n"a,b\n,c\n',
            "row 3: expected comma-separated values, got a quote that nothing closes",
        ),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, message):
    (tmp_path / "train_metadata.csv").write_bytes(content)
    with pytest.raises(TableError, match=message):
        read_training_table(tmp_path / "train_metadata.csv")


def test_byte_order_mark_crlf_and_blank_lines_are_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("\ufefffilename,primary_label,secondary_labels\r\na/x.ogg,a,\"['b']\"\r\n\r\n".encode())
    (recording,) = read_training_table(path, ["a", "b"]).recordings
    assert (recording.filename, recording.label, recording.secondary_labels) == ("a/x.ogg", "a", ("b",))


def test_a_sample_submission_without_labels_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("id,row_id\n1,2\n")
    with pytest.raises(TableError, match="expected the columns row_id and then labels"):
        read_sample_submission(tmp_path / "s.csv")


def test_only_sound_files_are_soundscapes(tmp_path):
    assert list_soundscapes(tmp_path) == []
    (tmp_path / "test_soundscapes").mkdir()
    for name in ("b.ogg", "a.OGG", "readme.txt", ".hidden.ogg"):
        (tmp_path / "test_soundscapes" / name).write_text("")
    assert [path.name for path in list_soundscapes(tmp_path)] == ["a.OGG", "b.ogg"]


def test_the_whole_real_table_is_read(bird_corner):
    sample = read_sample_submission(bird_corner / "sample_submission.csv")
    recordings = read_training_table(bird_corner / "train_metadata_full.csv", sample.labels).recordings
    assert len(recordings) == 16_941
    assert len({recording.label for recording in recordings}) == len(sample.labels) == 264


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_id,a,b\nx_5,0,0\nx_5,0,0\n", r"row 3: expected each row_id once, got 'x_5' again \(first in row 2\)"),
        ("row_id,a,b,a\nx_5,0,0,0\n", "expected each label once, got the column 'a' twice"),
        ("", "expected the column row_id once"),
        ("a,row_id\n0,x_5\n", "expected the columns row_id and then labels"),
    ],
)
def test_a_sample_submission_whose_rows_or_columns_meet_is_refused(tmp_path, text, message):
    (tmp_path / "sample_submission.csv").write_text(text)
    with pytest.raises(TableError, match=message):
        read_sample_submission(tmp_path / "sample_submission.csv")


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("['barswa' 'comsan']", ["barswa", "comsan"]), ('["barswa"]', ["barswa"]), ("barswa;comsan", ["barswa", "comsan"]),
        ("barswa comsan", ["barswa", "comsan"]), ("('barswa',)", ["barswa"]), ("[41663]", ["41663"]), ("", []),
        ("nan", []), ("None", []), ("['']", []), ("[]", []), ("[None, 'barswa', nan]", ["barswa"]),
        ("['barswa''comsan']", None), ("{'barswa'}", None), ("['barswa'", None), ("__import__('os')", None),
        ("'" * 5000, None), ("[" * 5000, None), ("a" + " " * 20000 + "[", None),
    ],
)  # fmt: skip
def test_secondary_labels_as_other_programs_write_them(text, labels):
    assert parse_labels(text) == labels
