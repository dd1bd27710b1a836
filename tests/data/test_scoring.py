import numpy as np
import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data import metrics
from birdclef_mind.data.event_tables import AUDACITY, CSV, FORMATS, Event, event_tables
from birdclef_mind.data.scoring import read_scores, score
from birdclef_mind.errors import TableError

TRUTH = "row_id,a,b\ns_5,1,0\ns_10,0,1\nt_5,0,0\n"


@pytest.fixture
def files(tmp_path):
    def write(submission, truth=TRUTH):
        (tmp_path / "submission.csv").write_text(submission)
        (tmp_path / "truth.csv").write_text(truth)
        return tmp_path / "submission.csv", tmp_path / "truth.csv"

    return write


def test_rows_and_columns_are_matched_by_name(files):
    found = score(*files("row_id,c,b,a\nx_5,0,0,0\nt_5,0,.3,.2\ns_10,0,.4,.6\ns_5,0,.2,.9\n"))
    scores = np.array([[0.9, 0.2], [0.6, 0.4], [0.2, 0.3]])
    truth = np.array([[1, 0], [0, 1], [0, 0]])
    assert found["segments"] == metrics.measures(truth, scores, ["a", "b"])
    assert found["recordings"]["rows"] == 2


@pytest.mark.parametrize(
    ("submission", "message"),
    [
        ("row_id,a,b\ns_5,1,0\ns_10,0,1\n", "submission.csv: expected the row t_5 of truth.csv"),
        ("row_id,a\ns_5,1\ns_10,0\nt_5,0\n", "expected the column b"),
        ("row_id,a,b\ns_5,1,\ns_10,0,1\nt_5,0,0\n", "row 2, column b: expected a finite number, got ''"),
        (
            "row_id,a,b\ns_5,1,nan\ns_10,0,1\nt_5,0,0\n",
            "row 2, column b: expected a finite number, got 'nan'",
        ),
        ("row_id,a,b\ns_5,1,0\ns_10,0,1.5\nt_5,0,0\n", "row 3, column b: expected a score from 0 to 1, got 1.5"),
        ("row_id,a,b\ns_5,1,0\ns_5,0,1\n", r"row 3: expected each row_id once, got 's_5' again \(first in row 2\)"),
        ("row_id,a,b\ns_5,1\n", "row 2: expected 3 cells, got 2"),
        ("id,a,b\ns_5,1,0\n", "expected the columns row_id"),
        ("", "expected a table of scores"),
    ],
)
def test_what_cannot_be_scored_is_refused(files, submission, message):
    with pytest.raises(TableError, match=message):
        score(*files(submission))


def test_truth_must_be_zeros_and_ones(files):
    with pytest.raises(TableError, match=r"truth.csv, row 2, column a: expected 0 or 1, got 0\.5"):
        score(*files(TRUTH, TRUTH.replace("1,0", "0.5,0")))


def test_truth_in_which_nothing_is_heard_is_refused(files):
    with pytest.raises(TableError, match="truth.csv: expected a 1 for every label that is heard, found none"):
        score(*files(TRUTH, TRUTH.replace("1", "0").replace("s_00", "s_10")))


def test_what_is_no_text_is_refused_in_our_own_words(files, tmp_path):
    submission, truth = files(TRUTH)
    with pytest.raises(TableError, match="expected a table of scores, found a folder with submission.csv, truth.csv"):
        score(tmp_path, truth)
    submission.write_bytes(TRUTH.encode("utf-16"))
    with pytest.raises(TableError, match="expected UTF-8 text, got byte 0xff"):
        score(submission, truth)
    submission.write_text("")
    with pytest.raises(TableError, match="found an empty file"):
        score(submission, truth)


def test_a_missing_file_is_refused(files, tmp_path):
    with pytest.raises(TableError, match="none.csv: expected a table of scores, found nothing"):
        score(tmp_path / "none.csv", files(TRUTH)[1])


NAMES = "row_id,birds\ns_5,a b\ns_10,nocall\nt_5,c\n"
ANSWERS = "row_id,target\ns_a_5,True\ns_b_5,False\ns_a_10,False\ns_b_10,True\n"


def test_names_are_measured_row_by_row(files):
    found = score(*files("row_id,birds\nt_5,c\ns_5,a d\ns_10,nocall\n", NAMES))
    assert found["metric"] == "micro_f1"
    assert found["segments"]["micro_f1"] == pytest.approx((0.5 + 1 + 1) / 3)
    # What the submission alone names is a column too, and wrong.
    assert [one["label"] for one in found["segments"]["per_class"]] == ["a", "b", "c", "d"]


def test_answers_are_measured_label_by_label(files):
    found = score(*files(ANSWERS.replace("s_a_5,True", "s_a_5,False"), ANSWERS))
    assert found["metric"] == "balanced_accuracy"
    assert found["segments"]["rows"] == 2
    assert found["segments"]["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)


@pytest.mark.parametrize(
    ("submission", "truth", "message"),
    [
        (NAMES, TRUTH, "expected rows in the form of truth.csv, found another year's"),
        ("row_id,birds\ns_5,\n", NAMES, "row 2, column birds: expected names or nocall, got ''"),
        ("row_id,target\ns_a_5,maybe\n", ANSWERS, "row 2, column target: expected True or False, got 'maybe'"),
        ("row_id,target\na_5,True\n", ANSWERS, "row 2: expected a soundscape, a label and a second, got the row_id 'a_5'"),
        ("row_id,target\ns_a_5,True\ns_b_10,True\n", ANSWERS, "expected a row of every label for s_5, found none for b"),
    ],
)  # fmt: skip
def test_rows_of_another_form_are_named(files, submission, truth, message):
    with pytest.raises(TableError, match=message):
        score(*files(submission, truth))


def test_rows_are_numbered_as_they_stand_in_the_file(files):
    with pytest.raises(TableError, match="row 5, column b: expected a score from 0 to 1, got 2"):
        score(*files("row_id,a,b\n\n\ns_5,1,0\ns_10,0,2\nt_5,0,0\n"))


def test_the_folder_of_the_truth_tells_the_measure(files, tmp_path):
    found = files("row_id,a,b\ns_5,1,0\ns_10,0,1\nt_5,0,0\nx_5,0,0\n")
    assert score(*found)["metric"] == "padded_cmap"
    assert score(*found)["passed_over"] == 1
    (tmp_path / "taxonomy.csv").write_text("primary_label\n")
    assert score(*found)["metric"] == "roc_auc"
    assert score(*found, "micro_f1")["metric"] == "micro_f1"


def test_rows_that_the_truth_lacks_are_said_and_are_no_success(files, capsys):
    found = files("row_id,a,b\ns_5,1,0\ns_10,0,1\nt_5,0,0\nx_10,0,0\nx_5,0,0\n")
    line = "not in the truth, so that they count for nothing: 2 of the rows, x_10, x_5"
    assert score(*found)["problems"] == [line]
    assert main(["score", *map(str, found)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == line
    assert main(["score", *map(str, files("row_id,a,b\ns_5,1,0\ns_10,0,1\nt_5,0,0\n"))]) == 0


@pytest.mark.parametrize("form", FORMATS)
def test_events_are_measured_as_rows(files, tmp_path, form):
    _, truth = files("", TRUTH)
    folder = tmp_path / "events"
    folder.mkdir()
    events = {"s": [Event(1, 3, "a", 0.75), Event(4.95, 9, "b", 0.5), Event(6, 7, "other", 1.0)], "elsewhere": []}
    for name, text in event_tables(events, form, 0, 16_000).items():
        (folder / (name or "events.csv")).write_text(text)
    found = score(folder / "events.csv" if form == CSV else folder, truth, events=True)
    assert found["segments"] == metrics.measures(
        np.array([[1, 0], [0, 1], [0, 0]]),
        np.array([[1.0, 0], [0, 1.0], [0, 0]]) * (1 if form == AUDACITY else [[0.75], [0.5], [0]]),
        ["a", "b"],
    )
    assert found["problems"] == [
        "1 events are of labels that the truth does not have, and count for nothing: other",
    ]


def test_events_that_count_for_nothing_are_named(files, tmp_path, capsys):
    _, truth = files("", TRUTH)
    header = "soundscape,onset_s,offset_s,bird,score\n"
    (tmp_path / "e.csv").write_text(f"{header}s,1,3,a,1\nx,1,3,a,1\nx,1,3,c,1\ny,1,2,b,1\ns,2,3,c,1\nt,0,5,nocall,1\n")
    assert main(["score", str(tmp_path / "e.csv"), str(truth), "--events"]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "3 events are of soundscapes that the truth does not have, and count for nothing: x, y",
        "1 events are of labels that the truth does not have, and count for nothing: c",
    ]
    (tmp_path / "e.csv").write_text(f"{header}s,1,3,a,1\n")
    assert main(["score", str(tmp_path / "e.csv"), str(truth), "--events"]) == 0


def test_where_rows_name_birds_a_wrong_event_is_a_wrong_name(files, tmp_path):
    _, truth = files("", NAMES)
    (tmp_path / "s.txt").write_text("1\t3\ta\n1\t3\twrong\n")
    found = score(tmp_path / "s.txt", truth, events=True)
    assert "wrong" in [one["label"] for one in found["segments"]["per_class"]]
    assert found["problems"] == []


def test_events_of_other_soundscapes_are_refused(files, tmp_path):
    _, truth = files("", TRUTH)
    (tmp_path / "x.txt").write_text("0\t1\ta\n")
    with pytest.raises(TableError, match="expected events of the soundscapes of the truth, such as s, found x"):
        score(tmp_path / "x.txt", truth, events=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row_id;a;b\nx_5;0,5;0,1;1\n", "expected the columns row_id and then labels, got .'row_id;a;b'."),
        ("row_id,a,b,c,b\nx_5,0,0,0,0\n", "expected each column once, got 'b' 2 times"),
        ("\n\n", "expected a table of scores, found an empty file"),
    ],
)
def test_a_table_of_another_kind_is_told_by_its_header(tmp_path, text, message):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(TableError, match=message):
        read_scores(tmp_path / "s.csv")
