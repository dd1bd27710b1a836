"""Nothing is removed or replaced that this program did not write: every command, its outputs and what stands beside them."""

import json
import os
import shutil
import zipfile

import pytest
from conftest import make_cache, tree

from birdclef_mind.commands.cli import main
from birdclef_mind.commands.terminal import ended_early
from birdclef_mind.errors import ConfigError, StoreError
from birdclef_mind.explanation import folder
from birdclef_mind.kaggle.outputs import refuse_outputs
from birdclef_mind.networks.events import _remove_earlier
from birdclef_mind.storage import files
from birdclef_mind.storage.folders import READY, STAGE, claimed, cleared, renewed, settled
from birdclef_mind.storage.ledger import NAME, Ledger, refuse_others, write_own
from birdclef_mind.storage.locks import PREFIX
from birdclef_mind.storage.trees import rebuilt, replaced

MINE = b"the only copy"


def mine(folder, *names):
    """Files of somebody's own, under names that this program uses too."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(MINE)
    return dict.fromkeys(names, MINE)


# What each command writes to, and files of somebody else that stand there under the names it would use.
FOLDERS = {
    "sample": ["train_metadata.csv", "test_soundscapes/soundscape_90001.ogg", "train_audio/sambuz1/SYN00031.ogg"],
    "cache": ["cache.json", "index.csv", "samwhi1/a.ogg.png", "samwhi1.zip"],
    "embed": ["embeddings.json", "index.csv", "samwhi1/a.ogg.npz"],
    "train": ["bundle.json", "model.weights.h5", "logs/notes.txt", "second/bundle.json", "fold_1/thesis.txt"],
    "explain": ["recordings/trip.ogg", "pictures/photo.png", "sounds/own.mp3"],
    "compare": ["recordings/trip.ogg", "pictures/photo.png", "comparison.json"],
}


def words(command, little, out):
    return {
        "sample": ["sample", out],
        "cache": ["cache", little.competition, out, "--jobs", "1", "--pack"],
        "embed": ["embed", little.bundle, little.competition, out],
        "train": ["train", little.cache, out, "--model", "small", "--epochs", "1"],
        "explain": ["explain", little.decoded, little.cache, out, "--examples", "1", "--seeds", "1"],
        "compare": ["compare", little.competition, out],
    }[command]


@pytest.mark.parametrize(("command", "name"), [(command, name) for command, names in FOLDERS.items() for name in names])
def test_a_folder_of_somebody_else_is_refused_and_stays(little, tmp_path, capsys, command, name):
    own = mine(tmp_path / "out", name)
    assert main([str(word) for word in (*words(command, little, tmp_path / "out"), "--quiet")]) == 2
    said = capsys.readouterr().err
    assert "expected a new" in said
    assert said.count("\n") == 1
    assert tree(tmp_path / "out") == own


@pytest.mark.parametrize("name", ["s.csv", "s.log", "e.csv"])
def test_files_of_somebody_else_are_refused_and_stay(trained, sample_folder, tmp_path, capsys, name):
    own = mine(tmp_path, name)
    words = ["infer", trained[0], sample_folder, tmp_path / "s.csv", "--events", tmp_path / "e.csv"]
    assert main([str(word) for word in words]) == 2
    assert f"{tmp_path / name}: expected nothing there, or what this program wrote" in capsys.readouterr().err
    assert tree(tmp_path) == own


@pytest.mark.parametrize("name", ["page.html", "page_files/pictures/photo.png"])
def test_a_page_and_its_files_of_somebody_else_stay(explained, tmp_path, capsys, name):
    own = mine(tmp_path, name)
    assert main(["report", str(explained[0]), str(tmp_path / "page.html")]) == 2
    assert "expected" in capsys.readouterr().err
    assert tree(tmp_path) == own


def test_pages_that_differ_in_their_ending_do_not_share_files(explained, tmp_path, capsys):
    assert main(["report", str(explained[0]), str(tmp_path / "page.html"), "--quiet"]) == 0
    before = tree(tmp_path)
    assert main(["report", str(explained[0]), str(tmp_path / "page.htm"), "--quiet"]) == 2
    assert "that of the files of page.htm, found the files of page.html" in capsys.readouterr().err
    assert tree(tmp_path) == before


def test_what_was_changed_since_is_somebodys(trained, sample_folder, tmp_path, capsys):
    words = [str(word) for word in ("infer", trained[0], sample_folder, tmp_path / "s.csv", "--quiet")]
    assert main(words) == 0
    assert main(words) == 0
    (tmp_path / "s.csv").write_text("mended by hand")
    assert main(words) == 2
    assert "or one that was changed since" in capsys.readouterr().err
    assert (tmp_path / "s.csv").read_text() == "mended by hand"


@pytest.mark.parametrize(
    "outputs", [("s.log", None), ("s", None), ("s.csv", "s.csv"), ("s.csv", "s.log"), ("s.csv", "./s.csv")]
)
def test_outputs_that_meet_are_refused_before_anything_is_computed(trained, sample_folder, tmp_path, capsys, outputs):
    out, events = outputs
    words = ["infer", trained[0], sample_folder, tmp_path / out]
    words += ["--events", f"{tmp_path}/{events}"] if events else []
    assert main([str(word) for word in words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("out", "events"), [("e/s.txt", "e"), ("e/soundscape_90001.TXT", "./e"), ("e", "e/f")])
def test_a_submission_does_not_meet_a_table_of_events(trained, sample_folder, tmp_path, capsys, out, events):
    words = ["infer", trained[0], sample_folder, tmp_path / out, "--events", f"{tmp_path}/{events}"]
    assert main([*map(str, words), "--format", "audacity"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("out", "events"), [("s.parquet", None), ("s.csv.gz", None), ("s.csv", "e.XLSX")])
def test_a_table_of_text_is_not_called_what_it_is_not(tmp_path, out, events):
    with pytest.raises(ConfigError, match=rf"expected a name that ends in .csv, .*{events or out}"):
        refuse_outputs(tmp_path / out, tmp_path / events if events else None)


def test_a_submission_is_no_table_of_events_of_an_earlier_run(tmp_path):
    write_own(tmp_path / "e" / "mine.txt", b"row_id,a\ns_5,0.5\n")
    write_own(tmp_path / "e" / "old.txt", b"1\t2\ta\n")
    write_own(tmp_path / "e" / "nothing.txt", b"")
    with pytest.raises(ConfigError, match=r"mine.txt: expected tables of events alone, found another text"):
        refuse_outputs(tmp_path / "s.csv", tmp_path / "e", folder=True)
    _remove_earlier(tmp_path / "e", [])
    assert [path.name for path in (tmp_path / "e").glob("*.txt")] == ["mine.txt"]


def test_logs_of_submissions_that_differ_in_their_ending_do_not_meet(trained, sample_folder, tmp_path):
    for name in ("s.csv", "s.txt", "s.CSV"):
        assert main(["infer", str(trained[0]), str(sample_folder), str(tmp_path / name), "--quiet"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        NAME,
        "s.csv",
        "s.log",
        "s.txt",
        "s.txt.log",
        "s.CSV",
        "s.CSV.log",
    }


def test_recordings_that_would_share_a_picture_are_named(competition_folder, tmp_path):
    table = competition_folder / "train_metadata.csv"
    lines = table.read_text().splitlines()
    name = lines[1].rsplit(",", 1)[1]
    label, _, file = name.partition("/")
    table.write_text("\n".join([*lines, f"{lines[1].rsplit(',', 1)[0]},{label}/{file.upper()}"]) + "\n")
    with pytest.raises(StoreError, match=rf"{name} and {label}/{file.upper()}: expected names that give two pictures"):
        make_cache(competition_folder, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_in_a_cache_others_files_and_empty_folders_stay(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c")
    label = next(path.name for path in (tmp_path / "c").iterdir() if path.is_dir())
    own = mine(tmp_path / "c", "notes.txt", f"{label}/photo.png", "thesis/a.zip", ".part-1-mine.ogg.png", "mine.zip")
    (tmp_path / "c" / "empty").mkdir()
    make_cache(sample_folder, tmp_path / "c", labels="1", pack=True)
    make_cache(sample_folder, tmp_path / "c")
    found = tree(tmp_path / "c")
    assert {name: found.get(name) for name in own} == own
    assert (tmp_path / "c" / "empty").is_dir()


def test_in_a_cache_without_its_list_a_file_that_is_no_picture_of_ours_stays(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c")
    (tmp_path / "c" / NAME).unlink()
    first, other = sorted((tmp_path / "c").glob("*/*.png"))[:2]
    first.write_bytes(MINE)
    other.unlink()
    report = make_cache(sample_folder, tmp_path / "c")
    assert first.read_bytes() == MINE
    assert other.is_file()
    assert "somebody else's file stands in the place of its picture" in report.failures[0].reason


def test_in_a_cache_copies_of_pictures_and_archives_of_ones_own_stay(sample_folder, tmp_path):
    """Pictures of ours that somebody keeps elsewhere, packed or not, and a table of the same name."""
    out = tmp_path / "c"
    make_cache(sample_folder, out)
    picture = next(out.glob("*/*.png"))
    (out / "favourites").mkdir()
    shutil.copy(picture, out / "favourites" / "best.png")
    shutil.copy(picture, picture.with_name("copy.png"))
    for name, members in {"backup.zip": [picture], "empty.zip": []}.items():
        with zipfile.ZipFile(out / name, "w") as archive:
            for path in members:
                archive.write(path, path.name)
    before = tree(out)
    make_cache(sample_folder, out)
    assert tree(out) == before
    own = mine(out, "failures.csv")
    with pytest.raises(StoreError, match="expected a list of failures, or nothing, found another file"):
        make_cache(sample_folder, out)
    assert tree(out) == before | own


def test_a_file_in_the_place_of_a_picture_is_not_written_over(competition_folder, tmp_path):
    make_cache(competition_folder, tmp_path / "c")
    source = next((competition_folder / "train_audio").glob("*/*.ogg"))
    shutil.copy(source, source.with_name("new.ogg"))
    table = competition_folder / "train_metadata.csv"
    name = f"{source.parent.name}/new.ogg"
    line = next(line for line in table.read_text().splitlines() if line.endswith(f"{source.parent.name}/{source.name}"))
    table.write_text(table.read_text() + line.replace(f"{source.parent.name}/{source.name}", name) + "\n")
    own = mine(tmp_path / "c", f"{name}.png")
    report = make_cache(competition_folder, tmp_path / "c")
    assert [failure.recording for failure in report.failures] == [name]
    assert "somebody else's file stands in the place of its picture" in report.failures[0].reason
    assert own.items() <= tree(tmp_path / "c").items()


@pytest.mark.parametrize("name", ["model.weights.h5", "history.csv", "bundle.json"])
def test_what_belongs_to_a_network_is_no_place_for_a_submission(little, tmp_path, capsys, name):
    bundle = shutil.copytree(little.bundle, tmp_path / "b")
    before = tree(bundle)
    assert main(["infer", str(bundle), str(little.competition), str(bundle / name), "--quiet"]) == 2
    assert "expected nothing there" in capsys.readouterr().err
    assert tree(bundle) == before


def test_single_files_in_a_folder_of_ours_outlive_what_replaces_it(little, tmp_path):
    bundle = shutil.copytree(little.bundle, tmp_path / "b")
    assert main(["infer", str(bundle), str(little.competition), str(bundle / "s.csv"), "--quiet"]) == 0
    before = (bundle / "s.csv").read_bytes()
    assert main(["train", str(little.cache), str(bundle), "--model", "small", "--epochs", "1", "--quiet"]) == 0
    assert (bundle / "s.csv").read_bytes() == before
    assert (bundle / "s.log").is_file()


@pytest.mark.parametrize("content", ["link", "a diary", "123"])
def test_a_lock_leads_to_nobodys_file(trained, sample_folder, tmp_path, capsys, content):
    lock, own = tmp_path / f"{PREFIX}-s.csv.lock", tmp_path / "thesis"
    own.write_bytes(MINE)
    lock.symlink_to(own) if content == "link" else lock.write_text(content)
    assert main(["infer", str(trained[0]), str(sample_folder), str(tmp_path / "s.csv"), "--quiet"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert own.read_bytes() == MINE
    assert lock.is_symlink() if content == "link" else lock.read_text() == content


def test_an_archive_of_somebody_else_is_not_packed_over(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c")
    label = next(path.name for path in (tmp_path / "c").iterdir() if path.is_dir())
    own = mine(tmp_path / "c", f"{label}.zip")
    before = tree(tmp_path / "c")
    with pytest.raises(StoreError, match="expected nothing there, or an archive of pictures"):
        make_cache(sample_folder, tmp_path / "c", pack=True)
    assert tree(tmp_path / "c") == before
    assert own


def test_only_names_with_their_digits_are_parts(tmp_path):
    for name in (files.part_name("a.png"), ".part-12-a.png", ".part-12-0123abcd-a.png", ".part-notes"):
        (tmp_path / name).write_bytes(b"")
    files.remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".part-12-0123abcd-a.png", ".part-12-a.png", ".part-notes",
    ]  # fmt: skip
    assert files.is_part(files.part_name("x" * 255))
    assert len(os.fsencode(files.part_name("ü" * 127))) < 255


@pytest.fixture
def kept(tmp_path):
    """A folder of the kind "thing" with two files of its own, and how to make it anew."""
    out = tmp_path / "out"

    def make(contents, break_with=None):
        with claimed(out, "thing", ConfigError) as ledger, renewed(ledger, last="facts.json") as stage:
            for name, text in contents.items():
                files.write_text(stage / name, text)
            if break_with:
                raise break_with

    make({"facts.json": "1", "parts/a.txt": "old"})
    return out, make


def visible(folder):
    found = {name: content.decode() for name, content in tree(folder).items()}
    return {name: text for name, text in found.items() if not name.startswith((".birdclef", STAGE))}


def test_what_stands_stays_until_the_new_is_whole(kept):
    out, make = kept
    before = visible(out)
    for error in (ValueError("fault"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            make({"facts.json": "2"}, error)
        assert visible(out) == before
    make({"facts.json": "2", "parts/b.txt": "new"})
    assert visible(out) == {"facts.json": "2", "parts/b.txt": "new"}


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_replacement_that_was_stopped_is_finished_by_who_comes_next(kept, moved):
    """Stopped after so many files were moved: the next writer, or a reader, ends it."""
    out, _ = kept
    with claimed(out, "thing", ConfigError) as ledger:
        ready = out / READY
        for name, text in {"facts.json": "2", "parts/b.txt": "new"}.items():
            files.write_text(ready / name, text)
        ledger.add({"facts.json": "-", "parts/b.txt": "-"})
        plan = {"going": ["parts/a.txt"], "new": ["parts/b.txt", "facts.json"]}
        (ready / ".going.json").write_text(json.dumps(plan))
        for name in plan["new"][:moved]:
            (ready / name).replace(out / name)
    settled(out)
    assert visible(out) == {"facts.json": "2", "parts/b.txt": "new"}


def test_a_stage_that_was_left_is_taken_away(kept):
    out, make = kept
    mine(out, f"{STAGE}/half.txt")
    make({"facts.json": "3"})
    assert visible(out) == {"facts.json": "3"}


@pytest.mark.parametrize("name", ["parts/mine.txt", "parts/deep/mine.txt", "parts/a.txt/mine.txt"])
def test_what_somebody_put_between_is_named_at_any_depth_and_stays(kept, name):
    out, make = kept
    (out / "parts" / "a.txt").unlink()
    own = mine(out, name)
    before = tree(out)
    with pytest.raises(ConfigError, match=r"expected what this program wrote alone, and this may be yours"):
        make({"facts.json": "2", "parts/b.txt": "new"})
    assert tree(out) == before
    cleared(out)
    assert tree(out) == own


def test_hidden_files_and_folders_with_a_list_of_their_own_are_left_alone(kept):
    out, make = kept
    own = mine(out, "parts/.mine", ".mine/a.txt")
    write_own(out / "parts" / "other" / "page.html", b"x")
    make({"facts.json": "2"})
    found = visible(out)
    assert {name: found[name].encode() for name in own} == own
    assert found["parts/other/page.html"] == "x"


@pytest.mark.parametrize("name", ["parts/b.txt", "more", "parts/a.txt/mine.txt"])
def test_what_somebody_put_there_while_work_went_on_is_not_replaced(kept, name):
    out, _ = kept
    refused = pytest.raises(StoreError, match="expected nothing there, found what may be yours; move it away")
    with refused, claimed(out, "thing", ConfigError) as ledger, renewed(ledger, last="facts.json") as stage:
        for new in ("parts/a.txt", "parts/b.txt", "more/c.txt", "facts.json"):
            files.write_text(stage / new, "new")
        (out / "parts" / "a.txt").unlink()
        own = mine(out, name)
        before = visible(out)
    assert visible(out) == before
    assert own.items() <= tree(out).items()


def test_a_link_above_a_new_file_leads_nothing_elsewhere(kept, tmp_path):
    out, _ = kept
    (tmp_path / "elsewhere").mkdir()
    refused = pytest.raises(StoreError, match="more: expected nothing there")
    with refused, claimed(out, "thing", ConfigError) as ledger, renewed(ledger, last="facts.json") as stage:
        files.write_text(stage / "more" / "c.txt", "new")
        (out / "more").symlink_to(tmp_path / "elsewhere")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_what_somebody_put_there_after_a_stop_is_not_replaced(kept):
    out, make = kept
    with claimed(out, "thing", ConfigError) as ledger:
        files.write_text(out / READY / "parts" / "b.txt", "new")
        ledger.add({"parts/b.txt": "-"})
        plan = {"going": [], "new": ["parts/b.txt"], "fresh": ["parts/b.txt"]}
        (out / READY / ".going.json").write_text(json.dumps(plan))
    own = mine(out, "parts/b.txt")
    for opens in (lambda: settled(out), lambda: make({"facts.json": "2"})):
        with pytest.raises(StoreError, match=r"parts/b.txt: expected nothing there, found what may be yours"):
            opens()
    assert own.items() <= tree(out).items()
    (out / "parts" / "b.txt").unlink()
    settled(out)
    assert visible(out)["parts/b.txt"] == "new"


def test_a_single_file_that_was_changed_does_not_give_way_to_a_part(kept):
    out, make = kept
    write_own(out / "more.csv", b"x")
    (out / "more.csv").write_bytes(MINE)
    with pytest.raises(StoreError, match=r"more.csv: expected nothing there"):
        make({"facts.json": "2", "more.csv": "new"})
    assert (out / "more.csv").read_bytes() == MINE


@pytest.mark.parametrize("place", ["pictures/example-09-01-decoder.png", "sounds/deep/own.mp3"])
@pytest.mark.parametrize("command", ["explain", "report", "compare"])
def test_a_file_below_pictures_or_sounds_is_named_before_anything_is_computed(
    little, explained, decoded, cache_folder, tmp_path, capsys, monkeypatch, command, place
):
    def computed(*_, **__):
        raise AssertionError("something was computed")

    for module in ("explanation.explain.write_examples", "explanation.comparison.compare_features"):
        monkeypatch.setattr(f"birdclef_mind.{module}", computed)
    out, asked = tmp_path / "out", words("explain", little, tmp_path / "out")
    if command == "explain":
        shutil.copytree(explained[0], out)
        asked = ["explain", decoded, cache_folder, out]
    elif command == "report":
        asked = ["report", explained[0], tmp_path / "out.html", "--quiet"]
        assert main([str(word) for word in asked]) == 0
        out = tmp_path / "out_files"
    else:
        with folder.claimed(out, "comparison", ConfigError) as ledger, renewed(ledger) as stage:
            for name in ("pictures/own.png", "sounds/own.mp3"):
                files.write_text(stage / name, "x")
        asked = words("compare", little, out)
    own = mine(out, place)
    before = tree(out)
    assert main([str(word) for word in asked]) == 2
    said = capsys.readouterr().err
    assert f"{out / place}: expected what this program wrote alone, and this may be yours; move it away" in said
    assert said.count("\n") == 1
    assert tree(out) == before
    assert own.items() <= before.items()


def test_a_folder_of_another_kind_is_refused(kept):
    out, _ = kept
    with (
        pytest.raises(ConfigError, match="expected a new, empty or other folder, found a thing"),
        claimed(out, "other", ConfigError),
    ):
        pass


def test_a_folder_of_curves_is_named_in_words(little, tmp_path, capsys):
    bundle = shutil.copytree(little.bundle, tmp_path / "b")
    assert main(["cache", str(little.competition), str(bundle / "logs"), "--quiet"]) == 2
    assert "expected a new, empty or cache folder, found the curves of a training" in capsys.readouterr().err


@pytest.mark.parametrize("below", ["", "/c"])
def test_a_link_that_leads_nowhere_is_named(little, tmp_path, capsys, below):
    (tmp_path / "dang").symlink_to("/nowhere")
    asked = ["cache", str(little.competition), f"{tmp_path}/dang{below}", "--quiet"]
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}/dang: expected a folder to write the cache to, or nothing, found a link that leads" in said
    assert "nowhere, to /nowhere" in said
    assert main(["cache", f"{tmp_path}/dang", str(tmp_path / "c"), "--quiet"]) == 2
    assert "found a link that leads nowhere, to /nowhere" in capsys.readouterr().err
    error = FileExistsError(17, "File exists", tmp_path / "dang")
    assert ended_early(error, "x") == 2
    assert f"File exists ({tmp_path}/dang, a link that leads nowhere)" in capsys.readouterr().err


def test_a_claim_that_fails_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="fault"), claimed(tmp_path / "new", "thing", ConfigError):
        raise ValueError("fault")
    assert not (tmp_path / "new").exists()


def test_a_ledger_of_somebody_else_is_refused(tmp_path):
    write_own(tmp_path / "own.csv", b"x")
    for text in ("a diary", (tmp_path / NAME).read_text()[:-3]):
        (tmp_path / NAME).write_text(text)
        with pytest.raises(StoreError, match="expected a list of this program"):
            Ledger(tmp_path)
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    with pytest.raises(StoreError, match="found what cannot be read .*; move it away"):
        Ledger(tmp_path)


def test_a_folder_that_is_cleared_still_knows_what_stays(tmp_path):
    with claimed(tmp_path / "w", "work", ConfigError) as ledger, renewed(ledger) as stage:
        (stage / "part").write_text("x")
    write_own(tmp_path / "w" / "submission.csv", b"x")
    cleared(tmp_path / "w")
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [NAME, "submission.csv"]
    refuse_others([tmp_path / "w" / "submission.csv"], ConfigError)
    (tmp_path / "w" / "submission.csv").unlink()
    cleared(tmp_path / "w")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", ["second", "fold_1"])
def test_places_in_a_bundle_that_are_kept_are_no_place_to_train_to(trained, cache_folder, tmp_path, name, capsys):
    shutil.copytree(trained[0], tmp_path / "b")
    assert main(["train", str(cache_folder), str(tmp_path / "b" / name)]) == 2
    assert f"b/{name}: expected another name" in capsys.readouterr().err
    assert not (tmp_path / "b" / name / "bundle.json").exists() or name == "second"


def test_names_of_lists_and_locks_are_no_outputs(tmp_path):
    for name in (NAME, f"{NAME}-lock-x.lock"):
        with pytest.raises(ConfigError, match=f"those that begin with {NAME} are this program's own"):
            refuse_others([tmp_path / name], ConfigError)


def test_names_in_a_ledger_may_hold_anything_and_lead_nowhere(tmp_path):
    write_own(tmp_path / "two\nlines.csv", b"x")
    refuse_others([tmp_path / "two\nlines.csv"], ConfigError)
    with (tmp_path / NAME).open("a") as file:
        file.write('- "../../outside"\n- "/etc/passwd"\n')
    assert Ledger(tmp_path).names == ["two\nlines.csv"]


@pytest.mark.parametrize("make", [rebuilt, replaced])
def test_trees_are_made_anew_and_what_is_not_their_own_is_named(tmp_path, make):
    with claimed(tmp_path / "w", "work", ConfigError, shared=True) as ledger:
        for text in ("1", "2"):
            with make(ledger, "tree", ConfigError) as folder:
                (folder / "own.txt").write_text(text)
                (folder / "link").symlink_to(tmp_path)
        mine(tmp_path / "w", "tree/deep/mine.txt")
        before = tree(tmp_path / "w" / "tree")
        refused = pytest.raises(ConfigError, match=r"mine.txt: expected what this program wrote alone")
        with refused, make(ledger, "tree", ConfigError):
            pass
        assert tree(tmp_path / "w" / "tree") == before
    assert tmp_path.is_dir()


def test_a_tree_that_was_left_half_filled_is_made_anew(tmp_path):
    with claimed(tmp_path / "w", "work", ConfigError, shared=True) as ledger:
        ledger.add({"tree/": "-"})
        mine(tmp_path / "w", "tree/half.txt")
        with rebuilt(ledger, "tree", ConfigError) as folder:
            (folder / "own.txt").write_text("2")
        assert set(tree(tmp_path / "w" / "tree")) == {"own.txt"}


def test_bundles_and_explanations_without_a_ledger_are_known_by_their_facts(little, explained, tmp_path):
    """As after `cp bundle/* elsewhere`: what proves to be ours may be replaced."""
    bundle = shutil.copytree(little.bundle, tmp_path / "b", ignore=shutil.ignore_patterns(".birdclef_mind"))
    assert not list(tmp_path.rglob(NAME))
    shutil.rmtree(bundle / "logs")
    assert main(["train", str(little.cache), str(bundle), "--model", "small", "--epochs", "1", "--quiet"]) == 0
    page = shutil.copytree(explained[0], tmp_path / "x", ignore=shutil.ignore_patterns(".birdclef_mind"))
    with claimed(page, "explanation", ConfigError, adopt=folder._own_files):
        pass
