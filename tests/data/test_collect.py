"""A folder a species becomes a competition of links, with whole authors held out."""

import csv
import os
import re
import shlex
import shutil
import unicodedata

import numpy as np
import pytest
import soundfile
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data.collect import collect
from birdclef_mind.data.competition import list_soundscapes, open_competition, recording_path
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.errors import TableError
from birdclef_mind.sound import audio


@pytest.fixture
def collection(tmp_path, rng):
    """Three species, one deep, one with odd names, in several formats, with authors in tags and files that are no sound."""
    root = tmp_path / "my recordings"
    for number, (name, author) in enumerate(
        [
            ("Barn Swallow/a.wav", "Ann"), ("Barn Swallow/2020/b.flac", "Bob"), ("Barn Swallow/2021/b.flac", "Ann"),
            ("comsan/x.ogg", "Bob"), ("comsan/y.ogg", "Cy"), ("comsan/con.wav", ""), ("Größe <1>/ü.wav", "Cy"),
            ("Größe <1>/z.wav", "Dee"),
        ]
    ):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(path, "w", 32_000, 1) as file:
            if author:
                file.artist = author
            file.write(rng.normal(0, 0.1, 32_000 * (6 + number)).astype(np.float32))
    (root / "comsan" / "notes.txt").write_text("mine")
    (root / "comsan" / "broken.ogg").write_bytes(b"no sound")
    (root / "empty").mkdir()
    return root


def labels_of(root):
    with (root / "train_metadata.csv").open(encoding="utf-8") as file:
        return [(row["primary_label"], row["author"], row["filename"]) for row in csv.DictReader(file)]


def test_a_collection_is_a_competition(collection, tmp_path):
    before = tree(collection)
    found = collect(collection, tmp_path / "c")
    assert tree(collection) == before
    assert (found.trained, found.held_out, found.species) == (8, 0, 3)
    assert sorted(found.problems) == ["comsan/broken.ogg: cannot be read", "empty: no recordings in it"]
    (collection / "comsan" / "phone.m4a").write_bytes(b"x")
    again = collect(collection, tmp_path / "again")
    assert "comsan/phone.m4a: is of an ending that is not read" in again.problems
    competition = open_competition(tmp_path / "c")
    assert all(competition.audio_path(one).is_symlink() for one in competition.recordings)
    assert all(recording_path(competition.root, one.filename) for one in competition.recordings)
    assert {one.label for one in competition.recordings} == {"Barn_Swallow", "comsan", "Größe_1"}
    assert {one.common_name for one in competition.recordings} == {"Barn Swallow", "comsan", "Größe <1>"}
    assert {author for _, author, _ in labels_of(tmp_path / "c")} >= {"Ann", "Bob", "Cy"}
    names = [name for _, _, name in labels_of(tmp_path / "c")]
    assert "Barn_Swallow/2020__b.flac" in names
    assert "comsan/_con.wav" in names


@pytest.mark.parametrize("name", ["none", "None", "nan", "NA", "null", "nocall"])
def test_a_folder_that_is_called_as_no_bird_is_a_species(tmp_path, name):
    for label in (name, "robin"):
        (tmp_path / "x" / label).mkdir(parents=True)
        samples = np.random.default_rng(len(label)).normal(0, 0.1, 8000)
        soundfile.write(tmp_path / "x" / label / "x.wav", samples, 8000)
    collect(tmp_path / "x", tmp_path / "c")
    assert set(open_competition(tmp_path / "c").labels) == {f"species_{name}", "robin"}


def test_whole_authors_are_held_out_and_every_species_keeps_some(collection, tmp_path):
    found = collect(collection, tmp_path / "c", hold_out=1)
    rows = labels_of(tmp_path / "c")
    assert {label for label, _, _ in rows} == {"Barn_Swallow", "comsan", "Größe_1"}
    truth = read_scores(tmp_path / "c" / "truth.csv")
    assert found.held_out == len(list_soundscapes(tmp_path / "c")) == 8 - len(rows)
    assert (truth.values.sum(axis=1) == 1).all()
    assert (truth.values.sum(axis=0) > 0).all()
    tested = {path.resolve() for path in list_soundscapes(tmp_path / "c")}
    trained = {(tmp_path / "c" / "train_audio" / name).resolve() for _, _, name in rows}
    assert not tested & trained
    artists = [{soundfile.SoundFile(path).artist for path in side} - {""} for side in (tested, trained)]
    assert not artists[0] & artists[1]


def test_a_table_tells_authors(collection, tmp_path):
    (tmp_path / "authors.csv").write_text("filename,author\nx.ogg,Zoe\nBarn Swallow/a.wav,Zoe\n")
    found = collect(collection, tmp_path / "c", authors=tmp_path / "authors.csv")
    assert found.authors == 1
    assert sorted(label for label, author, _ in labels_of(tmp_path / "c") if author == "Zoe") == [
        "Barn_Swallow",
        "comsan",
    ]
    (tmp_path / "authors.csv").write_text("filename,author\nnobody.ogg,Zoe\n")
    with pytest.raises(TableError, match="expected a table of authors with files of this folder"):
        collect(collection, tmp_path / "c2", authors=tmp_path / "authors.csv")
    assert not (tmp_path / "c2").exists()


def test_files_that_a_table_of_authors_names_in_vain_are_a_line(collection, tmp_path, capsys):
    table = tmp_path / "authors.csv"
    names = ["x.ogg", "Barn Swallow/a.wav", "my recordings/Barn Swallow/2020/b.flac", "broken.ogg"]
    table.write_text("filename,author\n" + "".join(f"{name},Zoe\n" for name in names))
    assert collect(collection, tmp_path / "c", authors=table).remarks == ()
    with table.open("a") as file:
        file.write("2020/b.flac,Zoe\nX.OGG,Zoe\nX.OGG,Zoe\n")
    line = "authors.csv: 2 of 6 files that it names are not in the collection, such as 2020/b.flac"
    assert collect(collection, tmp_path / "c", authors=table).remarks == (line,)
    (collection / "comsan" / "broken.ogg").unlink()
    (collection / "empty").rmdir()
    assert main(["collect", str(collection), str(tmp_path / "c"), "--authors", str(table)]) == 0
    assert "3 of 6 files that it names" in capsys.readouterr().out


def test_again_gives_the_same_and_leaves_nothing_of_before(collection, tmp_path):
    collect(collection, tmp_path / "c", hold_out=1)
    first = sorted(str(path) for path in (tmp_path / "c").rglob("*"))
    collect(collection, tmp_path / "c", hold_out=1)
    assert sorted(str(path) for path in (tmp_path / "c").rglob("*")) == first
    collect(collection, tmp_path / "c")
    assert not (tmp_path / "c" / "truth.csv").exists()
    assert not list_soundscapes(tmp_path / "c")
    (tmp_path / "c" / "mine.txt").write_text("mine")
    with pytest.raises(TableError, match=r"expected a new, empty or collection folder, found mine\.txt"):
        collect(collection, tmp_path / "c")


def test_a_copy_of_a_collection_leads_nowhere(collection, tmp_path):
    """Links are followed only in the folder that was made here: a stranger's archive cannot say that it is one."""
    collect(collection, tmp_path / "c")
    copy = shutil.copytree(tmp_path / "c", tmp_path / "copy", symlinks=True)
    with pytest.raises(TableError, match="a link that leads out of it"):
        open_competition(copy)
    (tmp_path / "c" / "train_audio" / "comsan" / "x.ogg").unlink()
    (tmp_path / "c" / "train_audio" / "comsan" / "x.ogg").symlink_to("/etc/hostname")
    found = open_competition(tmp_path / "c")
    assert "a link that leads out of it" in found.problems[0]
    assert "comsan/x.ogg" not in {recording.filename for recording in found.recordings}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: (root / "Barn_Swallow").mkdir() or shutil.copy(root / "comsan" / "x.ogg", root / "Barn_Swallow"),
         "expected a folder a species, found 'Barn Swallow' and 'Barn_Swallow'"),
        (lambda root: (root / "COMSAN").mkdir() or shutil.copy(root / "comsan" / "x.ogg", root / "COMSAN"),
         "expected a folder a species, found 'COMSAN' and 'comsan'"),
        (shutil.rmtree, "expected a folder with a folder of recordings a species, found nothing"),
        (lambda root: [shutil.rmtree(path) for path in root.iterdir()], "found an empty folder"),
    ],
)  # fmt: skip
def test_what_is_no_collection_is_refused(collection, tmp_path, make, message):
    make(collection)
    with pytest.raises(TableError, match=message):
        collect(collection, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_the_author_of_a_sound_is_told_by_any_of_its_files(collection, tmp_path):
    own = collection / "comsan"
    shutil.copy(own / "x.ogg", own / "a_copy.ogg")
    (own / "b_link.ogg").symlink_to("y.ogg")
    table = tmp_path / "authors.csv"
    table.write_text("filename,author\ncomsan/x.ogg,Anna\ncomsan/y.ogg,Bert\n")
    found = collect(collection, tmp_path / "c", authors=table)
    rows = {one.filename: one.author for one in open_competition(tmp_path / "c").recordings}
    assert (rows["comsan/a_copy.ogg"], rows["comsan/y.ogg"], found.authors) == ("Anna", "Bert", 2)
    table.write_text("filename,author\ncomsan/x.ogg,Anna\ncomsan/a_copy.ogg,Cora\n")
    found = collect(collection, tmp_path / "d", authors=table)
    assert "comsan/a_copy.ogg: is of Cora, but of Anna where it stands once more" in found.problems


def test_one_name_written_in_two_ways_is_one_species(collection, tmp_path):
    for form in ("NFC", "NFD"):
        shutil.copytree(collection / "comsan", collection / unicodedata.normalize(form, "Grünfink"))
    with pytest.raises(TableError, match="expected a folder a species, found"):
        collect(collection, tmp_path / "c")


def test_a_link_out_of_the_collection_is_left_out(collection, tmp_path):
    outside = shutil.copy(collection / "comsan" / "x.ogg", tmp_path / "outside.ogg")
    (collection / "comsan" / "linked.ogg").symlink_to(outside)
    (collection / "comsan" / "z.ogg").symlink_to(collection / "comsan" / "x.ogg")
    shutil.copy(collection / "comsan" / "y.ogg", collection / "Barn Swallow" / "z.ogg")
    shutil.copy(collection / "comsan" / "y.ogg", collection / "loose.ogg")
    found = collect(collection, tmp_path / "c")
    assert {
        "comsan/linked.ogg: is a link that leads out of the collection", "comsan/z.ogg: is the same sound as comsan/x.ogg",
        "comsan/y.ogg: is the same sound as Barn Swallow/z.ogg", "loose.ogg: lies in no species' folder",
    } <= set(found.problems)  # fmt: skip
    assert len(open_competition(tmp_path / "c").recordings) == found.trained == 8


def test_copies_and_links_that_lead_out_are_not_read(collection, tmp_path, monkeypatch):
    (collection / "comsan" / "linked.ogg").symlink_to(shutil.copy(collection / "comsan" / "x.ogg", tmp_path / "o.ogg"))
    shutil.copy(collection / "comsan" / "y.ogg", collection / "comsan" / "z.ogg")
    read, header = [], audio.read_header
    monkeypatch.setattr(audio, "read_header", lambda path: read.append(path.name) or header(path))
    found = collect(collection, tmp_path / "c")
    assert len(found.problems) == 4
    assert sorted(read) == sorted([
        "a.wav", "b.flac", "b.flac", "x.ogg", "y.ogg", "con.wav", "broken.ogg", "ü.wav", "z.wav",
    ])  # fmt: skip


def test_a_sound_in_the_place_of_a_link_stays(collection, tmp_path):
    collect(collection, tmp_path / "c")
    copy = shutil.copytree(tmp_path / "c", tmp_path / "copy")
    before = tree(copy)
    with pytest.raises(TableError, match="expected the link that was written there, found a file"):
        collect(collection, copy)
    assert tree(copy) == before


def test_it_is_not_made_inside_itself(collection):
    with pytest.raises(TableError, match="expected another place than in the collection"):
        collect(collection, collection / "competition")


def test_the_command_names_what_it_left_out(collection, tmp_path, capsys):
    assert main(["collect", str(collection), str(tmp_path / "c"), "--hold-out", "1"]) == 1
    said = capsys.readouterr().out
    assert "comsan/broken.ogg: cannot be read" in said
    assert "of 3 species to train on" in said
    assert main(["cache", str(tmp_path / "c"), str(tmp_path / "cache"), "--jobs", "1", "--quiet"]) == 0


def test_sounds_that_were_moved_away_are_one_sentence(collection, tmp_path, capsys):
    words = ["cache", str(tmp_path / "c"), str(tmp_path / "cache"), "--jobs", "1", "--quiet"]
    collect(collection, tmp_path / "c")
    assert main(words) == 0
    before = tree(tmp_path / "cache")
    moved = collection.rename(tmp_path / "moved")
    for out in ("cache", "cache2"):
        assert main([*words[:2], str(tmp_path / out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"expected the sounds that it links to in {collection}, found none of 8; move them back there" in line
    assert tree(tmp_path / "cache") == before
    assert not (tmp_path / "cache2").exists()
    (mending,) = re.findall("run `birdclef-mind (.*?)`", line)
    collect_again = [str(moved) if word == "FOLDER" else word for word in shlex.split(mending)]
    assert main([*collect_again, "--quiet"]) == 1, "one file of it cannot be read"
    assert main(words) == 0
    (moved / "comsan" / "x.ogg").unlink()
    assert main(words) == 1, "one that is missing is a failure of its own"


def test_pipes_and_empty_files_hold_nobody_up(collection, tmp_path):
    (collection / "comsan" / "nothing.ogg").write_bytes(b"")
    os.mkfifo(collection / "comsan" / "pipe.wav")
    found = collect(collection, tmp_path / "c")
    assert {"comsan/pipe.wav: cannot be read", "comsan/nothing.ogg: cannot be read"} < set(found.problems)
    assert found.trained == 8


def test_fewer_held_out_than_asked_for_are_named(collection, tmp_path, capsys):
    found = collect(collection, tmp_path / "c", hold_out=2)
    (line,) = [one for one in found.problems if "held out" in one]
    assert line.startswith("fewer than 2 recordings are held out of ")
    assert main(["collect", str(collection), str(tmp_path / "d"), "--hold-out", "7"]) == 1
    assert (
        "fewer than 7 recordings are held out of Barn_Swallow, Größe_1, comsan (3 species)" in capsys.readouterr().out
    )


def test_a_name_stays_in_its_line(collection, tmp_path):
    (collection / "comsan" / "two\nlines\x1b[31m.wav").write_bytes(b"no sound either")
    found = collect(collection, tmp_path / "c")
    assert "comsan/two\\x0alines\\x1b[31m.wav: cannot be read" in found.problems


def test_links_in_a_circle_are_named_and_the_rest_is_collected(collection, tmp_path):
    one, other = collection / "comsan" / "p.ogg", collection / "comsan" / "q.ogg"
    one.symlink_to(other.name)
    other.symlink_to(one.name)
    before = collect(
        shutil.copytree(collection, tmp_path / "whole", ignore=shutil.ignore_patterns("[pq].ogg")), tmp_path / "b"
    )
    found = collect(collection, tmp_path / "c")
    assert {f"comsan/{name}.ogg: is a link that leads nowhere" for name in "pq"} <= set(found.problems)
    assert found.trained == before.trained
