import csv
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from conftest import make_cache

from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.form import METADATA, TRAIN_AUDIO
from birdclef_mind.explanation import explain
from birdclef_mind.explanation.data_sheets import choose_segments, size_of, write_sheets
from birdclef_mind.explanation.explain import Explaining
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.networks.record import Record
from birdclef_mind.sound import audio
from birdclef_mind.storage.progress import untracked

RATE_HZ = 32_000


@pytest.fixture
def spoiled(competition_folder, tmp_path):
    """(cache, names) of a sample with a silent, a clipped and a copied recording."""
    opened = open_competition(competition_folder)
    first, second, third = (recording.filename for recording in opened.recordings[:3])
    home = competition_folder / TRAIN_AUDIO
    soundfile.write(home / second, np.zeros(5 * RATE_HZ), RATE_HZ)
    loud = audio.read_audio(home / third, RATE_HZ)
    (home / third).write_bytes(audio.ogg_bytes(np.clip(loud * 30, -1, 1), RATE_HZ))
    copied = f"{opened.recordings[-1].label}/copied.mp3"
    (home / copied).write_bytes(audio.mp3_bytes(audio.read_audio(home / first, RATE_HZ) * 0.4, RATE_HZ))
    with (competition_folder / METADATA).open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows.append({**rows[-1], "filename": copied})
    with (competition_folder / METADATA).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    make_cache(competition_folder, tmp_path / "c")
    return open_cache(tmp_path / "c"), {"first": first, "silent": second, "clipped": third, "copied": copied}


def sheets(cache, tmp_path, scores=None, competition=True, held_out=()):
    pixels = cache.pictures(cache.rows).pixels
    scores = np.full((len(cache.rows), len(cache.classes)), 0.3) if scores is None else scores
    return write_sheets(reading(cache, tmp_path, scores, held_out, competition), cache.rows, pixels)


def reading(cache, tmp_path, scores, held_out=(), competition=True):
    """A network that gives these scores, whatever it is shown."""
    return Reading(
        bundle=SimpleNamespace(record=Record(validation_recordings=tuple(held_out))), cache=cache,
        folder=Folder(tmp_path / "x", cache.features), backwards=None, answer=lambda pixels: scores, second=None,
        competition=cache.competition if competition else None, failed={},
    )  # fmt: skip


def test_what_is_wrong_is_flagged(spoiled, tmp_path):
    cache, names = spoiled
    data = sheets(cache, tmp_path)
    of = {}
    for segment in data["segments"]:
        of.setdefault(data["recordings"][segment["recording"]]["recording"], segment)
    assert of[names["silent"]]["flags"] == ["silent"]
    assert "clipped" in of[names["clipped"]]["flags"]
    for one, other in [("first", "copied"), ("copied", "first")]:
        segment = of[names[one]]
        assert "copy" in segment["flags"]
        twin = data["segments"][segment["copy_of"]]
        assert data["recordings"][twin["recording"]]["recording"] == names[other]
        assert segment["copy_likeness"] >= 0.9
    flagged = [name for name, segment in of.items() if {"silent", "clipped", "copy"} & set(segment["flags"])]
    assert sorted(flagged) == sorted(names.values())


def test_the_network_may_disagree_and_is_heard_when_it_is_sure(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    truth = cache.classes.indices([row.label for row in cache.rows])
    scores = np.full((len(truth), len(cache.classes)), 0.01)
    scores[np.arange(len(truth)), truth] = 0.9
    scores[0] = np.roll(scores[0], 1)
    scores[1] = np.roll(scores[1], 1) * 0.8
    held_out = [row.recording for row in cache.rows[:2]]
    data = sheets(cache, tmp_path, scores, held_out=held_out)
    flags = [segment["flags"] for segment in data["segments"]]
    assert "called_other" in flags[0]
    assert sum("called_other" in found for found in flags) == 1
    assert data["flagged"]["called_other"] == 1
    assert data["wrong"][0] == 0
    for kind in ("right", "wrong"):
        for place in data[kind]:
            segment = data["segments"][place]
            assert segment["held_out"] and (segment["answer"]["label"] == segment["label"]) == (kind == "right")


def test_the_odd_one_of_its_bird_is_flagged(cache_folder, tmp_path, rng):
    cache = open_cache(cache_folder)
    label = cache.classes.names[0]
    own = [place for place, row in enumerate(cache.rows) if row.label == label]
    song = rng.integers(0, 256, (16, 40)).astype(float)
    pixels = np.repeat(rng.integers(0, 256, (1, 16, 40)), len(cache.rows), axis=0).astype(np.uint8)
    for place in range(len(cache.rows)):
        pixels[place] = np.clip(song / 2 + rng.normal(60, 25, song.shape), 0, 255)
    odd = own[3]
    pixels[odd] = rng.integers(0, 256, song.shape)
    assert len(own) >= 8
    scores = np.full((len(cache.rows), len(cache.classes)), 0.3)
    data = write_sheets(reading(cache, tmp_path, scores, competition=False), cache.rows, pixels)
    assert [place for place in own if "unlike" in data["segments"][place]["flags"]] == [odd]


def test_sound_is_copied_whole_and_only_from_the_competition(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    data = sheets(cache, tmp_path)
    for recording in data["recordings"]:
        source = cache.competition / TRAIN_AUDIO / recording["recording"]
        assert (tmp_path / "x" / recording["sound"]).read_bytes() == source.read_bytes()
    assert all(item["sound"] is None for item in sheets(cache, tmp_path, competition=False)["recordings"])
    stolen = tmp_path / "stolen"
    (stolen / TRAIN_AUDIO).mkdir(parents=True)
    shutil.copyfile(cache.competition / TRAIN_AUDIO / cache.rows[0].recording, tmp_path / "secret.ogg")
    from birdclef_mind.data.competition import recording_path

    assert recording_path(stolen, "../../secret.ogg") is None
    assert recording_path(stolen, str(tmp_path / "secret.ogg")) is None


def test_each_segment_may_have_a_sound_of_its_own(cache_folder, tmp_path):
    cache = open_cache(cache_folder)
    rows = cache.rows[:3]
    scores = np.full((3, len(cache.classes)), 0.3)
    read = reading(cache, tmp_path, scores)
    data = write_sheets(read, rows, cache.pictures(rows).pixels, whole=False)
    read.folder.sounds_made()
    assert not (tmp_path / "x" / "recordings").exists()
    for segment in data["segments"]:
        assert audio.duration_s(tmp_path / "x" / segment["sound"]) == pytest.approx(5, abs=0.2)


def test_recordings_that_take_much_are_not_copied(cache_folder, tmp_path, monkeypatch):
    cache, said = open_cache(cache_folder), []
    own = {row.recording for row in cache.rows}
    size = sum((cache.competition / TRAIN_AUDIO / name).stat().st_size for name in own)
    assert size_of([*own, "nobody/XC1.ogg"], cache.competition) == size
    scores = np.full((len(cache.rows), len(cache.classes)), 0.3)
    monkeypatch.setattr(explain, "_MOST_COPIED", size - 1)
    wanted = Explaining(sheets=10_000)
    rows = [row for row in cache.rows if row.label]
    data = explain._data(reading(cache, tmp_path, scores), rows, wanted, say=said.append, track=untracked)
    assert said == [
        f"the recordings of these segments take {size / 1e6:.0f} MB: each segment gets a sound of its own instead"
    ]
    assert all(segment["sound"] for segment in data["segments"])
    assert not any(recording["sound"] for recording in data["recordings"])


def test_at_most_so_many_are_shown_and_some_always(cache_folder):
    rows = open_cache(cache_folder).rows
    assert choose_segments(rows, 10_000, []) == list(rows)
    chosen = choose_segments(rows, 5, [rows[1]])
    assert 5 <= len(chosen) <= 6
    assert rows[1] in chosen
    assert chosen == [row for row in rows if row in chosen]
