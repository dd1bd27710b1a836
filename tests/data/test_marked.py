"""Tables of Raven and Audacity beside soundscapes: whose selections they hold, and what is said of those of nobody."""

import shutil
import unicodedata

import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data.competition import open_competition

HEADER = "Begin Time (s)\tEnd Time (s)\tSpecies"


@pytest.fixture
def folder(year_folder, tmp_path):
    """The soundscapes of 2025, two of them, to put tables beside."""
    return shutil.copytree(year_folder(2025), tmp_path / "c") / "train_soundscapes"


def sounds_in(folder):
    return sorted(folder.glob("*.ogg"))


def put(folder, name, *files):
    """A table of Raven with a selection of the first bird from 1 to 2 s of each file; None for no column."""
    bird = open_competition(folder.parent).labels[0]
    named = files or [None]
    lines = [HEADER + ("\tBegin File" if files else "")]
    lines += [f"1\t2\t{bird}" + (f"\t{file}" if files else "") for file in named]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return bird


def labelled(folder):
    """The labels of the first five seconds of each labelled soundscape, by its name, and the problems."""
    found = open_competition(folder.parent)
    own = {one.filename.rpartition("/")[2]: one.windows[0].labels for one in found.labelled.soundscapes}
    assert all(not part.labels for one in found.labelled.soundscapes for part in one.windows[1:])
    return own, found.problems


@pytest.mark.parametrize(
    "file",
    ["{stem}.ogg", "{stem}.OGG", "{STEM}.wav", "{stem}.wav.ogg", "C:\\x\\{stem}.flac", "before_renaming.wav", ""],
)
def test_a_table_named_after_a_sound_is_its_own(folder, file):
    sound = sounds_in(folder)[0]
    bird = put(folder, f"{sound.stem}.Table.1.selections.txt", file.format(stem=sound.stem, STEM=sound.stem.upper()))
    assert labelled(folder) == ({sound.name: (bird,)}, ())


@pytest.mark.parametrize(
    "name",
    ["{stem}.TXT", "{stem}.tsv", "{STEM}.txt", "{stem}.ogg.txt", "{stem}.selections.txt",
     "{stem}.BirdNET.selection.table.txt", "{stem}.BirdNET.results.txt", "{stem}.table.02.SELECTIONS.txt"],
)  # fmt: skip
def test_endings_and_letters_of_a_table_are_many(folder, name):
    sound = sounds_in(folder)[0]
    bird = put(folder, name.format(stem=sound.stem, STEM=sound.stem.upper()))
    assert labelled(folder) == ({sound.name: (bird,)}, ())


def test_names_are_the_same_however_they_are_composed(folder):
    sound = sounds_in(folder)[0].rename(folder / unicodedata.normalize("NFC", "Zürich_20240101.ogg"))
    bird = put(folder, unicodedata.normalize("NFD", "Zürich_20240101.txt"))
    assert labelled(folder) == ({sound.name: (bird,)}, ())


def test_a_table_of_several_sounds_labels_those_that_are_there(folder):
    one, other = sounds_in(folder)
    bird = put(folder, "all.Table.1.selections.txt", one.name, f"{other.stem.lower()}.WAV")
    assert labelled(folder) == ({one.name: (bird,), other.name: (bird,)}, ())


def test_selections_of_other_sounds_go_there_and_leave_none_behind(folder):
    one, other = sounds_in(folder)
    bird = put(folder, f"{one.stem}.txt", other.name)
    problem = f"{one.name}: all selections of {one.stem}.txt name other files, so nobody labelled it"
    assert labelled(folder) == ({other.name: (bird,)}, (problem,))
    assert f"train_soundscapes/{one.name}" in {found.filename for found in open_competition(folder.parent).unlabelled()}


def test_what_is_of_no_sound_is_listed(folder):
    one, _ = sounds_in(folder)
    bird = put(folder, f"{one.stem}.txt", one.name, "gone_1.wav", "gone_2.wav", "gone_2.wav")
    table = f"{one.stem}.txt"
    assert labelled(folder) == (
        {one.name: (bird,)},
        (
            f"{table}: 1 of its selections name gone_1.wav, are of no sound here, or of several, and are not used",
            f"{table}: 2 of its selections name gone_2.wav, are of no sound here, or of several, and are not used",
        ),
    )


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("mispelt.txt", f"{HEADER}\n1\t2\tx1\n", "1 of its selections name no file, are of no sound here"),
        ("mispelt.txt", "1\t2\tx1\n", "1 of its selections name no file, are of no sound here"),
        ("mispelt.txt", f"{HEADER}\n", "is named after no sound here, and names none: not used"),
        ("mispelt.txt", "Begin Time (s)\tEnd Time (s)\n1\t2\n", "is named after no sound here, and not used .*Species"),
    ],
)
def test_a_table_that_helps_nobody_is_a_line_and_status_1(folder, tmp_path, capsys, name, text, problem):
    (folder / name).write_text(text)
    (folder / "readme.txt").write_text("not a table of any sound\n")
    (folder / "places.tsv").write_text("site\tlatitude\nH02\t1.5\n")
    (folder / "._hidden.txt").write_bytes(b"\0\5\x16\7")
    own, problems = labelled(folder)
    assert own == {}
    assert [line.startswith(f"{name}: ") for line in problems] == [True]
    assert main(["cache", str(folder.parent), str(tmp_path / "cache"), "--jobs", "1"]) == 1
    assert problems[0] in capsys.readouterr().out.replace("\n", " ")
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(problems[0])


def test_somebody_who_heard_nothing_says_so(folder):
    one, other = sounds_in(folder)
    (folder / f"{one.stem}.txt").write_text("0\t20\tnocall\n")
    (folder / f"{other.stem}.txt").write_text("")
    assert labelled(folder) == ({one.name: (), other.name: ()}, ())


def test_what_lies_beyond_a_sound_is_said(folder):
    one, _ = sounds_in(folder)
    (folder / f"{one.stem}.txt").write_text("900\t901\twren1\n")
    _, problems = labelled(folder)
    assert problems == (f"{one.name}: 1 selections begin after its end, such as of wren1",)


def test_labels_that_are_left_out_are_those_of_a_table(folder):
    one, _ = sounds_in(folder)
    (folder / f"{one.stem}.txt").write_text("1\t2\tnobody1\n")
    (note,) = open_competition(folder.parent).notes
    assert note == f"labels of {one.stem}.txt that are none of the classes are left out: nobody1 (1 in all)"


@pytest.mark.parametrize(
    "change", [str.upper, lambda name: name.replace(".ogg", ".OGG"), lambda name: name[:-4] + ".wav"]
)
def test_a_row_of_the_table_means_the_sound_that_is_there(year_folder, tmp_path, change):
    root = shutil.copytree(year_folder(2026), tmp_path / "c")
    before = open_competition(root).labelled.soundscapes
    table = root / "train_soundscapes_labels.csv"
    header, first, *rows = table.read_text().splitlines()
    name, _, rest = first.partition(",")
    table.write_text("\n".join([header, f"{change(name)},{rest}", *rows]) + "\n")
    assert open_competition(root).labelled.soundscapes == before
