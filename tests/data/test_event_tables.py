"""Who sings when, written and read as CSV, as Raven's selections and as Audacity's labels."""

import csv

import pytest

from birdclef_mind.data.event_tables import AUDACITY, CSV, FORMATS, RAVEN, Event, event_tables, heard_between
from birdclef_mind.data.event_tables import read_event_tables as read
from birdclef_mind.errors import TableError

EVENTS = {
    "soundscape_1": [Event(0.25, 1.5, "barswa", 0.875), Event(7.5, 12.25, "41663", 0.5)],
    "soundscape_2": [],
    "H02_20230420_074000": [Event(3.0, 3.5, "comsan", 0.25)],
}


def write(folder, form, events=EVENTS):
    folder.mkdir(parents=True)
    for name, text in event_tables(events, form, 500, 12_000).items():
        (folder / (name or "events.csv")).write_text(text)
    return folder / "events.csv" if form == CSV else folder


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_read(tmp_path, form):
    found = read(write(tmp_path / "t", form))
    wanted = {name: own for name, own in EVENTS.items() if own}
    if form == AUDACITY:
        # A label holds no score.
        wanted = {name: [Event(one.onset_s, one.offset_s, one.bird) for one in own] for name, own in wanted.items()}
    assert found == wanted


def test_names_with_dots_are_kept_apart(tmp_path):
    """Whatever stands behind a dot is no ending unless sounds have it; Raven's own tables name files with theirs."""
    names = ("H02", "H02.5", "H02.6", "site.A_20230101", "XC1.WAV", "XC1")
    events = {name: [Event(number, number + 1.5, "rook1")] for number, name in enumerate(names)}
    for form in FORMATS:
        (tmp_path / form).mkdir()
        for name, text in event_tables(events, form, 500, 12_000).items():
            (tmp_path / form / (name or "events.csv")).write_text(text)
        found = read(tmp_path / form / "events.csv" if form == CSV else tmp_path / form)
        assert {name: own[0].onset_s for name, own in found.items()} == {name: at for at, name in enumerate(names)}
    table = tmp_path / "all.txt"
    rows = ("Begin Time (s)", "End Time (s)", "Begin File", "Species"), ("0", "1", "H02.5.ogg", "rook1")
    table.write_text("".join("\t".join(row) + "\n" for row in rows))
    assert list(read(table)) == ["H02.5"]


def test_ravens_columns_are_those_it_publishes(tmp_path):
    folder = write(tmp_path / "t", RAVEN)
    with (folder / "soundscape_1.Table.1.selections.txt").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["Selection"] for row in rows] == ["1", "2"]
    assert {row["View"] for row in rows} == {"Spectrogram 1"}
    assert [float(row["Begin Time (s)"]) for row in rows] == [0.25, 7.5]
    assert [float(row["End Time (s)"]) for row in rows] == [1.5, 12.25]
    assert {(float(row["Low Freq (Hz)"]), float(row["High Freq (Hz)"])) for row in rows} == {(500, 12_000)}
    assert [row["Species"] for row in rows] == ["barswa", "41663"]


def test_audacity_needs_no_header(tmp_path):
    folder = write(tmp_path / "t", AUDACITY)
    assert (folder / "soundscape_1.txt").read_text() == "0.250000\t1.500000\tbarswa\n7.500000\t12.250000\t41663\n"
    assert (folder / "soundscape_2.txt").read_text() == ""


def test_tables_of_others_are_read(tmp_path):
    """Bands in Audacity's labels; Raven's columns in another order, several sounds in one table, and a Windows path."""
    (tmp_path / "XC1.txt").write_text("1.0\t2.0\tbarswa\n\\\t500.0\t9000.0\n")
    assert read(tmp_path / "XC1.txt") == {"XC1": [Event(1.0, 2.0, "barswa")]}
    (tmp_path / "all.txt").write_text(
        "End Time (s)\tBegin Time (s)\tConfidence\tCommon Name\tSpecies Code\tBegin File\tFile Offset (s)\n"
        "2\t1\t0.5\tBarn Swallow\tbarswa\tC:\\sounds\\one.wav\t1\n63\t61.5\t0.75\tX\tcomsan\ttwo.ogg\t1.5\n"
    )
    assert read(tmp_path / "all.txt") == {"one": [Event(1, 2, "barswa", 0.5)], "two": [Event(1.5, 3.0, "comsan", 0.75)]}


@pytest.mark.parametrize("comment", ['"', '"tseep" call', 'a " b', '""'])
def test_a_quote_in_a_comment_is_part_of_it(tmp_path, comment):
    """Raven and Audacity quote nothing; what another program quotes as a whole is read, too."""
    (tmp_path / "XC1.txt").write_text(
        f"Begin Time (s)\tEnd Time (s)\tComments\tSpecies\n1\t2\t{comment}\tbarswa\n3\t4\t\tcomsan\n5\t6\t{comment}\twren\n"
    )
    assert read(tmp_path / "XC1.txt") == {"XC1": [Event(1, 2, "barswa"), Event(3, 4, "comsan"), Event(5, 6, "wren")]}
    (tmp_path / "XC2.txt").write_text('"Begin Time (s)"\t"End Time (s)"\t"Species"\n1\t2\t"barswa"\n')
    assert read(tmp_path / "XC2.txt") == {"XC2": [Event(1, 2, "barswa")]}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "e.csv",
            "soundscape,onset_s,offset_s,bird,score\ns,1,1,a,1\n",
            "row 2: expected an end after the start, got 1",
        ),
        ("e.csv", "soundscape,onset_s,offset_s,bird,score\ns,x,1,a,1\n", "row 2, column onset_s: expected seconds"),
        (
            "e.csv",
            "soundscape,onset_s,offset_s,bird,score\ns,0,1,a,2\n",
            "row 2, column score: expected a number from 0",
        ),
        ("e.csv", "soundscape,onset_s,offset_s\n", "expected the column bird once"),
        ("e.txt", "0\t1\t<script>\n", "row 1: expected a label of letters and digits, got '<script>'"),
        ("e.txt", "0\t1\n", "row 1: expected a start, an end and a label, got 2 cells"),
        ("e.txt", "Begin Time (s)\tx\n1\t2\n", "expected the columns Begin Time"),
        ("e.txt", "nan\t1\ta\n", "row 1, column start: expected seconds from 0 to 10000000, got 'nan'"),
    ],
)
def test_what_is_no_event_is_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(TableError, match=message):
        read(tmp_path / name)


def test_what_sings_in_a_part():
    own = EVENTS["soundscape_1"]
    assert heard_between(own, 0, 5) == {"barswa": 0.875}
    assert heard_between(own, 5, 10) == {"41663": 0.5}
    assert heard_between(own, 1.45, 5) == {}
    assert heard_between([Event(4.9, 5.1, "a")], 0, 5) == heard_between([Event(4.9, 5.1, "a")], 5, 10) == {"a": 1.0}
    assert heard_between([Event(1, 1.05, "a")], 0, 5) == {"a": 1.0}
    assert heard_between([Event(1, 2, "a", 0.2), Event(3, 4, "a", 0.6)], 0, 5) == {"a": 0.6}
