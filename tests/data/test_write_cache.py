import csv
import json
import shutil
import zipfile

import numpy as np
import pytest
from conftest import make_cache, tree

from birdclef_mind.data import strips
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import StoreError
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.settings import PRESETS
from birdclef_mind.storage.files import sealed


def index(folder):
    with (folder / "index.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_cache_holds_every_segment_of_every_recording(sample_folder, cache_folder):
    cache = open_cache(cache_folder)
    assert len({row.recording for row in cache.rows}) == 15
    row = cache.rows[1]
    strip = cache.strip(row.label, row.recording)
    segments = audio.cut(audio.read_audio(sample_folder / "train_audio" / row.recording, 32_000), PRESETS["mel32"])
    np.testing.assert_array_equal(strip.pixels, samples_to_pictures(segments.samples, PRESETS["mel32"]).pixels)
    cells = index(cache_folder)[1]
    assert np.float32(cells["fmin"]) == np.float32(strip.facts.low[row.segment])
    assert np.float32(cells["frange"]) == np.float32(strip.facts.width[row.segment])
    assert float(cells["loudness_dbfs"]) == pytest.approx(audio.loudness_dbfs(segments.samples)[row.segment], abs=0.01)
    facts = json.loads((cache_folder / "cache.json").read_text())
    assert facts["counts"] == {"recordings": 15, "segments": len(cache.rows), "failed": 0}
    assert facts["fingerprint"] == PRESETS["mel32"].fingerprint()


def test_pictures_come_in_the_order_asked_for(cache_folder, rng):
    cache = open_cache(cache_folder)
    rows = [cache.rows[place] for place in rng.permutation(len(cache.rows))]
    pictures = cache.pictures(rows)
    for place in (0, 7, -1):
        strip = cache.strip(rows[place].label, rows[place].recording)
        np.testing.assert_array_equal(pictures.pixels[place], strip.pixels[rows[place].segment])
        assert pictures.scale.low[place] == np.float32(strip.facts.low[rows[place].segment])


def test_two_processes_write_the_same_bytes_as_one(sample_folder, cache_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "two", jobs=2)
    assert tree(tmp_path / "two") == tree(cache_folder)


def test_a_second_run_keeps_what_is_right(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c")
    before = tree(tmp_path / "c")
    report = make_cache(sample_folder, tmp_path / "c")
    assert (report.made, report.kept) == (0, 15)
    assert tree(tmp_path / "c") == before


def test_a_changed_source_or_configuration_is_redone(competition_folder, tmp_path):
    make_cache(competition_folder, tmp_path / "c")
    first, second = [row["recording"] for row in index(tmp_path / "c") if row["segment"] == "0"][:2]
    source = competition_folder / "train_audio"
    (source / first).write_bytes((source / second).read_bytes())
    report = make_cache(competition_folder, tmp_path / "c")
    assert (report.made, report.kept, report.renewed) == (1, 14, 1)
    report = make_cache(competition_folder, tmp_path / "c", preset="mel16")
    assert (report.made, report.kept, report.renewed) == (15, 0, 15)
    assert {strips.read_facts(path).fingerprint for path in (tmp_path / "c").glob("*/*.png")} == {
        PRESETS["mel16"].fingerprint()
    }


def test_pictures_that_no_longer_belong_are_removed_and_strangers_kept(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "c")
    (tmp_path / "c" / "samwhi1" / "holiday.png").write_bytes(b"mine")
    report = make_cache(sample_folder, tmp_path / "c", labels="1")
    assert report.removed == 10
    assert sorted(path.name for path in (tmp_path / "c").iterdir() if path.is_dir()) == ["samwhi1"]
    assert (tmp_path / "c" / "samwhi1" / "holiday.png").read_bytes() == b"mine"


def test_bad_recordings_are_listed_and_do_not_stop_the_rest(competition_folder, tmp_path):
    paths = sorted((competition_folder / "train_audio").glob("*/*.ogg"))
    paths[0].unlink()
    paths[1].write_bytes(b"")
    paths[2].write_bytes(b"no sound")
    paths[3].write_bytes(paths[4].read_bytes()[:3000])
    for jobs in (1, 2):
        report = make_cache(competition_folder, tmp_path / "c", jobs=jobs)
        with (tmp_path / "c" / "failures.csv").open() as file:
            failures = {row["recording"].split("/")[1]: row["reason"] for row in csv.DictReader(file)}
        assert failures[paths[0].name] == "missing"
        assert failures[paths[1].name] == "empty file"
        assert failures[paths[2].name].startswith("cannot be decoded")
        assert len(failures) == len(report.failures) in (3, 4)
        assert len({row["recording"] for row in index(tmp_path / "c")}) == 15 - len(failures)


def test_failures_go_when_they_are_mended(competition_folder, tmp_path):
    path = next((competition_folder / "train_audio").glob("*/*.ogg"))
    content = path.read_bytes()
    path.write_bytes(b"")
    make_cache(competition_folder, tmp_path / "c")
    path.write_bytes(content)
    make_cache(competition_folder, tmp_path / "c")
    assert not (tmp_path / "c" / "failures.csv").exists()


def test_a_folder_of_something_else_is_refused(sample_folder, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-mother.txt").write_text("dear")
    with pytest.raises(StoreError, match="expected a new, empty or cache folder, found to-mother.txt"):
        make_cache(sample_folder, tmp_path / "letters")
    with pytest.raises(StoreError, match="found a file"):
        make_cache(sample_folder, tmp_path / "letters" / "to-mother.txt")


def test_what_is_no_complete_cache_is_refused(sample_folder, tmp_path):
    with pytest.raises(StoreError, match="expected a cache, a folder with cache.json, found"):
        open_cache(sample_folder)
    with pytest.raises(StoreError, match="found nothing"):
        open_cache(tmp_path / "none")
    make_cache(sample_folder, tmp_path / "c", labels="1")
    facts = json.loads((tmp_path / "c" / "cache.json").read_text())
    for content, message in [
        ("{", "expected JSON"),
        ("[]", "expected a JSON object"),
        (json.dumps({**facts, "classes": ["samwhj1"]}), "was changed since it was written"),
        (json.dumps(sealed({**facts, "complete": False})), "interrupted, run `cache` again"),
        (json.dumps(sealed({**facts, "classes": None})), "expected the index of a cache"),
    ]:
        (tmp_path / "c" / "cache.json").write_text(content)
        with pytest.raises(StoreError, match=message):
            open_cache(tmp_path / "c")
    (tmp_path / "c" / "cache.json").write_text(json.dumps(facts))
    index = tmp_path / "c" / "index.csv"
    index.write_text(index.read_text().replace("Sample author", "Simple author", 1))
    with pytest.raises(StoreError, match="index.csv: was changed since it was written; run `cache` again"):
        open_cache(tmp_path / "c")


def test_a_picture_of_another_configuration_is_refused(sample_folder, tmp_path):
    make_cache(sample_folder, tmp_path / "a", labels="1")
    make_cache(sample_folder, tmp_path / "b", labels="1", preset="mel16")
    cache = open_cache(tmp_path / "a")
    name = f"{cache.rows[0].recording}.png"
    (tmp_path / "b" / name).replace(tmp_path / "a" / name)
    with pytest.raises(StoreError, match="expected fingerprint"):
        cache.pictures(cache.rows)


@pytest.mark.slow
def test_packed_it_is_the_same_cache(sample_folder, cache_folder, tmp_path):
    out = tmp_path / "c"
    report = make_cache(sample_folder, out, pack=True)
    names = open_cache(cache_folder).classes.names
    kept = sorted(path.name for path in out.iterdir())
    assert kept == sorted([*(f"{name}.zip" for name in names), ".birdclef_mind", "cache.json", "index.csv"])
    assert (out / "index.csv").read_bytes() == (cache_folder / "index.csv").read_bytes()
    packed, loose = open_cache(out), open_cache(cache_folder)
    assert np.array_equal(packed.pictures(packed.rows).pixels, loose.pictures(loose.rows).pixels)
    before = tree(out)
    again = make_cache(sample_folder, out, pack=True)
    assert (again.made, again.kept) == (0, report.made)
    assert tree(out) == before
    make_cache(sample_folder, out)
    assert tree(out) == tree(cache_folder)


def test_a_strangers_archive_leads_nowhere(sample_folder, tmp_path):
    out = tmp_path / "c"
    make_cache(sample_folder, out, pack=True)
    archive = next(out.glob("*.zip"))
    for name in ("../../hurt.png", None):
        archive.write_bytes(b"nothing")
        if name:
            with zipfile.ZipFile(archive, "w") as written:
                written.writestr(name, b"x")
        strange = archive.read_bytes()
        cache = open_cache(out)
        with pytest.raises(StoreError):
            cache.pictures(cache.rows)
        with pytest.raises(StoreError, match="expected nothing there, or an archive of pictures, found another file"):
            make_cache(sample_folder, out, pack=True)
        # The pictures are made anew beside it, and it stays.
        make_cache(sample_folder, out)
        open_cache(out).pictures(cache.rows)
        assert archive.read_bytes() == strange
        shutil.rmtree(archive.with_suffix(""))
    assert not (tmp_path.parent / "hurt.png").exists()


def test_a_recording_that_is_a_link_in_a_circle_costs_itself_alone(competition_folder, tmp_path):
    path = next((competition_folder / "train_audio").glob("*/*.ogg"))
    path.unlink()
    path.symlink_to(path.name)
    report = make_cache(competition_folder, tmp_path / "c")
    assert [(failure.recording, failure.reason) for failure in report.failures] == [
        (f"{path.parent.name}/{path.name}", "missing")
    ]


def test_pictures_with_a_wrong_bit_are_made_anew(sample_folder, cache_folder, tmp_path):
    """Their facts can be read, and what is told who trains on them is to give the command again."""
    out = shutil.copytree(cache_folder, tmp_path / "c")
    path = next(out.glob("*/*.png"))
    content = bytearray(path.read_bytes())
    content[-len(content) // 3] ^= 1
    path.write_bytes(content)
    cache = open_cache(out)
    with pytest.raises(StoreError, match="run `cache` again"):
        cache.pictures(cache.rows)
    assert make_cache(sample_folder, out).made == 1
    assert tree(out) == tree(cache_folder)
