"""Every year's competition is known by what its folder holds, and read in its own form."""

import csv
import shutil
from collections import Counter

import pytest
from conftest import SHARED

from birdclef_mind.data.competition import open_competition, recording_path
from birdclef_mind.data.form import FORMS, form_of_rows
from birdclef_mind.data.sample_submission import read_sample_submission
from birdclef_mind.data.taxonomy import word_for
from birdclef_mind.data.training_table import read_training_table
from birdclef_mind.errors import TableError

TABLES = SHARED / "tables"
YEARS = sorted(FORMS)


@pytest.fixture(params=YEARS)
def year(request):
    return request.param


def real(year, name):
    path = TABLES / str(year) / name
    if not path.is_file():
        pytest.skip(f"{path} is not at hand")
    return path


def test_a_sample_of_each_year_is_known(year, year_folder):
    competition = open_competition(year_folder(year))
    assert competition.form is form_of_rows(competition.root) is FORMS[year]
    assert all(competition.audio_path(one).is_file() for one in competition.recordings)
    assert all(recording_path(competition.root, one.filename) for one in competition.recordings)
    heard = [label for one in competition.labelled.soundscapes for part in one.windows for label in part.labels]
    known = {one.label for one in competition.recordings} | set(heard)
    assert len(known) == 4
    assert all(set(one.secondary_labels) <= known - {one.label} for one in competition.recordings)
    assert bool(heard) == (year in (2021, 2026))
    assert bool(competition.unlabelled()) == (year in (2024, 2025, 2026))
    words = word_for(competition.species[label] for label in known)
    assert words == ("species" if year >= 2025 else "birds")


def test_what_was_left_out_is_a_line(year_folder):
    notes = open_competition(year_folder(2024)).notes
    assert notes == ("secondary labels that are none of the classes are left out: samout1 (3 in all)",)
    (line,) = open_competition(year_folder(2026)).notes
    rows, distinct = (int(word) for word in line.split() if word.isdecimal())
    assert rows == 2 * distinct > 0


def test_an_unknown_author_is_nobody(year_folder):
    root = year_folder(2026)
    with (root / "train.csv").open() as file:
        unknown = sum(row["author"] == "Unknown" for row in csv.DictReader(file))
    assert unknown
    assert sum(not one.author for one in open_competition(root).recordings) == unknown


def test_place_and_day_group_what_no_author_does(tmp_path):
    (tmp_path / "t.csv").write_text(
        "primary_label,secondary_labels,filename,author,latitude,longitude,date\n"
        "a,[],XC1.ogg,unknown,1,2,2020-01-01\na,[],XC2.ogg,,1,2,2020-01-01\na,[],XC3.ogg,,,2,2020-01-01\n"
    )
    one, two, three = read_training_table(tmp_path / "t.csv", form=FORMS[2021]).recordings
    assert one.session == two.session == "1 2 2020-01-01"
    assert (three.session, one.author, one.filename) == ("", "", "a/XC1.ogg")


def test_a_class_without_clips_is_known_from_soundscapes(year_folder):
    competition = open_competition(year_folder(2026))
    silent = set(competition.sample.labels) - {one.label for one in competition.recordings}
    assert silent == {"90158son01"}
    assert "90158son01" in competition.labels
    sites = {one.session for one in competition.labelled.soundscapes}
    assert sites == {"S05", "S22"}


@pytest.mark.parametrize("name", ["train.csv", "taxonomy.csv", "train_audio"])
def test_what_is_missing_for_the_nearest_form_is_said(year_folder, tmp_path, name):
    root = tmp_path / "c"
    shutil.copytree(year_folder(2026), root)
    (root / name).rename(tmp_path / "elsewhere")
    with pytest.raises(TableError) as error:
        open_competition(root)
    assert "as in 2021, 2022, 2023, 2024, 2025, 2026; nearest is 2026, which needs " in str(error.value)
    assert name.replace("train.csv", "train.csv or train_metadata.csv") in str(error.value)


def test_either_name_of_the_table_is_good(year_folder, tmp_path):
    root = shutil.copytree(year_folder(2025), tmp_path / "c")
    (root / "train.csv").rename(root / "train_metadata.csv")
    assert open_competition(root).form.year == 2025


def test_a_primary_label_outside_stays_an_error(year_folder, tmp_path):
    root = shutil.copytree(year_folder(2025), tmp_path / "c")
    table = (root / "train.csv").read_text().splitlines()
    (root / "train.csv").write_text("\n".join([table[0], "nobody1" + table[1][table[1].index(",") :], *table[2:]]))
    with pytest.raises(TableError, match=r"train.csv, row 2, column primary_label: expected one of the 4 labels"):
        open_competition(root)


def test_a_table_leads_neither_out_nor_into_the_soundscapes(tmp_path):
    for name in ("train_soundscapes/x.ogg", "../x.ogg"):
        (tmp_path / "t.csv").write_text(f"primary_label,secondary_labels,filename\na,[],{name}\n")
        with pytest.raises(TableError, match="row 2, column filename: expected a path inside train_audio"):
            read_training_table(tmp_path / "t.csv", form=FORMS[2026])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("x.ogg,00:00:05,00:00:05,a", "row 2: expected a window of a soundscape, got x.ogg, 00:00:05, 00:00:05"),
        ("../x.ogg,00:00:00,00:00:05,a", "row 2: expected a window of a soundscape"),
        ("x.ogg,zero,00:00:05,a", "row 2, column start: expected a time in seconds, got 'zero'"),
        ("x.ogg,0,5,a''b", "row 2: expected labels, got"),
    ],
)
def test_a_bad_row_of_labels_is_named(year_folder, tmp_path, rows, message):
    root = shutil.copytree(year_folder(2026), tmp_path / "c")
    (root / "train_soundscapes_labels.csv").write_text(f"filename,start,end,primary_label\n{rows}\n")
    with pytest.raises(TableError, match=f"train_soundscapes_labels.csv, {message}"):
        open_competition(root)


def folder_of(year, tmp_path, **tables):
    """A competition folder of a year with real tables under their own names, and nothing to hear."""
    for need in FORMS[year].needs:
        if need.endswith("/"):
            (tmp_path / need).mkdir()
    for name, path in tables.items():
        shutil.copy(path, tmp_path / name.replace("__", "."))
    return tmp_path


def test_the_real_table_of_2022_opens_whole(tmp_path):
    root = folder_of(
        2022, tmp_path, train_metadata__csv=real(2022, "train_metadata.csv"),
        scored_birds__json=real(2022, "scored_birds.json"), sample_submission__csv=real(2022, "sample_submission.csv"),
    )  # fmt: skip
    competition = open_competition(root)
    assert competition.form.year == 2022
    assert len(competition.recordings) == 14_852
    assert len({one.label for one in competition.recordings}) == 152
    assert len(competition.sample.labels) == 21
    with (root / "train_metadata.csv").open() as file:
        repeated = sum(row["primary_label"] in row["secondary_labels"] for row in csv.DictReader(file))
    assert repeated == 133
    assert not any(one.label in one.secondary_labels for one in competition.recordings)


def test_the_real_table_of_2025_opens_whole(tmp_path):
    root = folder_of(
        2025, tmp_path, train__csv=real(2025, "cv_split_wsecondary.csv"), taxonomy__csv=real(2025, "taxonomy.csv"),
        sample_submission__csv=real(2025, "sample_submission.csv"),
    )  # fmt: skip
    competition = open_competition(root)
    assert competition.form.year == 2025
    assert len(competition.recordings) == 28_542
    with (root / "train.csv").open() as file:
        empty = Counter(row["secondary_labels"] for row in csv.DictReader(file))
    assert empty["['']"] == 25_863
    assert sum(not one.secondary_labels for one in competition.recordings) == 25_863 + empty["[]"]
    assert not competition.notes
    animals = Counter(one.animal for one in competition.species.values())
    assert animals == {"Aves": 146, "Amphibia": 34, "Insecta": 17, "Mammalia": 9}
    assert competition.species["1139490"].scientific_name == "Ragoniella pulchella"


def test_the_real_labels_of_2026_open_whole(tmp_path):
    root = folder_of(
        2026, tmp_path, train__csv=real(2026, "train_head.csv"), taxonomy__csv=real(2026, "taxonomy.csv"),
        sample_submission__csv=real(2026, "sample_submission.csv"),
        train_soundscapes_labels__csv=real(2026, "train_soundscapes_labels.csv"),
    )  # fmt: skip
    competition = open_competition(root)
    labelled = competition.labelled
    assert competition.form.year == 2026
    assert len(competition.sample.labels) == len(competition.species) == 234
    assert (labelled.rows, labelled.distinct, len(labelled.soundscapes)) == (1_478, 739, 66)
    heard = Counter(label for one in labelled.soundscapes for part in one.windows for label in part.labels)
    assert len(heard) == 75
    assert not labelled.outside
    assert sum(len(one.windows) for one in labelled.soundscapes if one.session == "S22") == 477


def test_the_real_labels_of_2021_open_whole(tmp_path):
    root = folder_of(
        2021, tmp_path, train_metadata__csv=real(2021, "train_metadata_head.csv"),
        train_soundscape_labels__csv=real(2021, "train_soundscape_labels.csv"),
    )  # fmt: skip
    labelled = open_competition(root).labelled
    assert (labelled.rows, len(labelled.soundscapes)) == (2_400, 20)
    silent = sum(not part.labels for one in labelled.soundscapes for part in one.windows)
    # The five rows that are at hand of the other table know one species, so that others are left out here.
    assert silent >= 1_529
    assert {one.session for one in labelled.soundscapes} == {"COR", "SSW"}


def test_the_real_samples_are_read():
    assert len(read_sample_submission(real(2024, "sample_submission.csv")).labels) == 182
    found = read_sample_submission(real(2022, "sample_submission.csv"))
    assert (found.rows, found.row_ids[0]) == ("answers", "soundscape_1000170626_5")


def test_labels_outside_the_columns_of_2024_are_left_out(tmp_path):
    """Labels as they stand in the real table, 24,459 rows of them, with file names that are invented."""
    with real(2024, "labels_reconstructed.csv").open() as file:
        rows = [(row["primary_label"], row["secondary_labels"]) for row in csv.DictReader(file)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("primary_label", "secondary_labels", "filename"),
                *((*row, f"{row[0]}/{n}.ogg") for n, row in enumerate(rows)),
            ]
        )
    known = read_sample_submission(real(2024, "sample_submission.csv")).labels
    table = read_training_table(tmp_path / "t.csv", known, FORMS[2024])
    assert len(table.recordings) == 24_459
    assert table.outside == {"magrob": 15, "indwhe1": 9, "lotshr1": 2, "asfblu1": 1, "orhthr1": 1, "bltmun1": 1}
