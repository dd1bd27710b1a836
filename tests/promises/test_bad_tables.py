"""Tables that strangers wrote: the right result or one clear sentence, whatever stands in them."""

import csv
import io
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from birdclef_mind.data.overrides import from_record, read_overrides, to_record
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.data.training_table import read_training_table
from birdclef_mind.errors import TableError
from birdclef_mind.kaggle.submission_check import find_fault

FUZZ = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
METADATA = [
    ["primary_label", "secondary_labels", "author", "filename"],
    ["barswa", "['comsan']", "A, B", "barswa/XC1.ogg"],
    ["comsan", "[]", 'says "hello"', "comsan/XC2.ogg"],
]
OVERRIDES = [["recording", "start_s", "action", "value"], ["barswa/XC1.ogg", "5", "relabel", "comsan"]]
SCORES = [["row_id", "barswa", "comsan"], ["s_1_5", "0.5", "0.25"], ["s_1_10", "0", "1"]]
READERS = {
    "train_metadata.csv": (METADATA, read_training_table),
    "overrides.csv": (OVERRIDES, read_overrides),
    "sample_submission.csv": (SCORES, read_sample_submission),
    "submission.csv": (SCORES, read_scores),
}
NASTY = st.one_of(
    st.sampled_from(
        ["", " ", "=1+1", "@SUM(A1)", "../../etc/passwd", "/etc/passwd", "C:\\x", "con", "a\0b", "nan", "inf", "1e999", "-5",
         "[", "['a'", "__import__('os')", "[" * 200, "9" * 400, "\ufeff", "a\nb", "<script>", "drop", "x" * 300]
    ),
    st.text(max_size=40),
)  # fmt: skip


def written(rows, **options):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", **options).writerows(rows)
    return buffer.getvalue().encode()


@st.composite
def spoilt(draw, rows):
    """A table with cells, columns, rows or bytes that should not be so."""
    rows = [list(row) for row in rows]
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.integers(0, 6))
        row = draw(st.integers(0, len(rows) - 1))
        column = draw(st.integers(0, max(0, len(rows[row]) - 1)))
        if way <= 1 and rows[row]:
            rows[row][column] = draw(NASTY)
        elif way == 2 and rows[row]:
            del rows[row][column]
        elif way == 3:
            rows[row].insert(column, draw(NASTY))
        elif way == 4:
            rows.insert(row, list(rows[row]))
        elif way == 5:
            rows = [list(line) for line in zip(*rows, strict=False)] or rows
        else:
            rows[row] = draw(st.permutations(rows[row]))
    content = bytearray(written(rows))
    for _ in range(draw(st.integers(0, 2))):
        if content:
            content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.mark.parametrize("name", READERS)
def test_a_spoilt_table_is_read_or_refused_in_a_sentence(folder, name):
    rows, read = READERS[name]
    counts = {"read": 0, "refused": 0}

    @FUZZ
    @given(spoilt(rows))
    def look(content):
        (folder / name).write_bytes(content)
        try:
            read(folder / name)
        except TableError as error:
            assert name in str(error)
            assert len(str(error)) < 2000
            counts["refused"] += 1
        else:
            counts["read"] += 1

    look()
    assert counts["read"] >= 3
    assert counts["refused"] > 50


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text + b"\n\n",
        lambda text: text.rstrip(b"\n"),
    ],
    ids=["byte-order-mark", "crlf", "blank-lines", "no-last-newline"],
)
def test_the_same_table_written_otherwise_is_the_same(folder, name, change):
    rows, read = READERS[name]
    (folder / name).write_bytes(written(rows))
    plain = read(folder / name)
    (folder / name).write_bytes(change(written(rows)))
    again = read(folder / name)
    assert repr(again) == repr(plain)


@pytest.mark.parametrize("name", ["train_metadata.csv", "overrides.csv"])
def test_columns_in_another_order_with_more_beside_them_are_the_same(folder, name):
    rows, read = READERS[name]
    (folder / name).write_bytes(written(rows))
    plain = read(folder / name)
    (folder / name).write_bytes(written([[*reversed(row), "more"] for row in rows], quoting=csv.QUOTE_ALL))
    assert read(folder / name) == plain


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("cell", ["x" * 10_000_000, "a\0b"], ids=["ten-megabytes", "nul"])
def test_a_monstrous_cell_is_refused_and_not_repeated(folder, name, cell):
    rows, read = READERS[name]
    (folder / name).write_bytes(written([*rows, [cell, *rows[1][1:]]]))
    if name != "train_metadata.csv" and len(cell) < 10:
        # A row's name or a recording's is only compared, and fits nothing.
        read(folder / name)
        return
    with pytest.raises(TableError) as refused:
        read(folder / name)
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize("read", [read_scores, read_sample_submission])
def test_a_device_that_ends_no_line_is_refused(read):
    with pytest.raises(TableError, match="zero: expected a table, got a line of over 50,000,000 characters"):
        read(Path("/dev/zero"))


@FUZZ
@given(st.lists(st.tuples(st.text(string.printable, min_size=1, max_size=9), st.floats(0, 1)), max_size=4))
def test_the_check_of_a_submission_never_fails(folder, cells):
    """Whatever was written, it says what Kaggle would say, or nothing."""
    (folder / "s.csv").write_bytes(written([["row_id", "a"], *cells]))
    fault = find_fault(folder / "s.csv", "scores", ("row_id", "a"), [row_id for row_id, _ in cells])
    assert fault is None or isinstance(fault, str)


def test_corrections_survive_being_kept(folder):
    (folder / "overrides.csv").write_bytes(written(OVERRIDES))
    found = read_overrides(folder / "overrides.csv")
    assert from_record(to_record(found)) == found
