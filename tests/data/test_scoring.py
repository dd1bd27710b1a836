import numpy as np
import pytest

from birdclef_mind.data import metrics
from birdclef_mind.data.scoring import score
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
