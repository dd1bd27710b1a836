"""Making embeddings: what they hold, and that a second run makes what is missing or stale, and nothing else."""

import csv
import json
import re
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import embed, put_bundle, tree
from small_listener import SPECIES, describe, write_listener

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.override import Override
from birdclef_mind.errors import ConfigError, ListenerError, StoreError, TableError
from birdclef_mind.listeners import embedding_files
from birdclef_mind.listeners.embeddings import HeardBy, open_embeddings
from birdclef_mind.listeners.hearing import Hearing
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.species_match import Match
from birdclef_mind.listeners.write_embeddings import write_embeddings
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.sound.settings import Windowing


def counts(report):
    return report.made, report.kept, report.removed


def digests(folder):
    """Every recording's file and its bytes."""
    return {name: content for name, content in tree(folder).items() if name.endswith(".npz")}


def test_a_bundle_hears_in_recordings_what_its_network_sees_in_their_pictures(little, tmp_path):
    report = embed(little.bundle, little.competition, tmp_path / "e")
    assert counts(report) == (6, 0, 0)
    cache, found = open_cache(little.cache), open_embeddings(tmp_path / "e")
    assert found.rows == cache.rows
    assert (found.classes, found.common_names, found.metric) == (cache.classes, cache.common_names, cache.metric)
    model = bundles.load(little.bundle).model
    last = model.get_layer("classes")
    both = keras.Model(model.inputs[0], [last.input, model.output])
    embeddings, scores = both.predict(cache.pictures(cache.rows).pixels[..., None], verbose=0)
    arrays = found.arrays(found.rows)
    np.testing.assert_allclose(arrays.embeddings[:, 0], embeddings, rtol=1e-3, atol=1e-3)
    listener = open_listener(little.bundle)
    np.testing.assert_allclose(listener.chances(arrays.opinion[:, 0]), scores, atol=2e-3)


def test_a_second_run_keeps_what_is_right(listener, little, tmp_path):
    embed(listener, little.competition, tmp_path / "e")
    before = tree(tmp_path / "e")
    assert counts(embed(listener, little.competition, tmp_path / "e")) == (0, 6, 0)
    assert tree(tmp_path / "e") == before


def test_what_is_missing_or_broken_is_made_again(listener, little, tmp_path):
    out = tmp_path / "e"
    embed(listener, little.competition, out)
    before = tree(out)
    first, second, third, *_ = sorted(out.glob("*/*.npz"))
    first.unlink()
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 4
    second.write_bytes(content)
    third.write_bytes(third.read_bytes()[:100])
    (out / "index.csv").unlink()
    assert counts(embed(listener, little.competition, out)) == (3, 3, 0)
    assert tree(out) == before


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_as_one_and_say_nothing(listener, little, tmp_path, capfd):
    assert counts(embed(listener, little.competition, tmp_path / "one")) == (6, 0, 0)
    words = ["embed", str(listener), str(little.competition), str(tmp_path / "two"), "--jobs", "2"]
    capfd.readouterr()
    assert main(words) == 0
    shown = capfd.readouterr()
    # Progress, where it takes long.
    assert [line for line in re.split(r"[\r\n]+", shown.err) if line and not line.startswith("recordings:")] == []
    assert shown.out.startswith("model: CC0 1.0; yes\n6 recordings, ")
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


def test_a_changed_recording_is_heard_anew(competition_folder, listener, tmp_path):
    embed(listener, competition_folder, tmp_path / "e")
    first, second = sorted((competition_folder / "train_audio").glob("*/*.ogg"))[:2]
    first.write_bytes(second.read_bytes())
    assert counts(embed(listener, competition_folder, tmp_path / "e")) == (1, 14, 0)


@pytest.mark.parametrize(
    "said",
    [
        {"embedding": "squared"}, {"peak": 0.25}, {"rate_hz": 4001, "window_s": 12_000 / 4001},
        {"are": "chances"}, {"answer": "softmax"}, {"hop_s": 0.5},
    ],
)  # fmt: skip
def test_other_words_about_the_same_model_are_another_listener(listener, little, tmp_path, said):
    """Its file is the same, and what it hears is not."""
    embed(listener, little.competition, tmp_path / "e", shifts=2)
    before = open_embeddings(tmp_path / "e").heard_by
    describe(listener.parent, **said)
    assert counts(embed(listener, little.competition, tmp_path / "e", shifts=2)) == (6, 0, 0)
    with pytest.raises(ListenerError, match="expected the model that the embeddings were made with"):
        before.require(open_listener(listener))


@pytest.mark.parametrize("said", [{"licence": "MIT"}, {"prize": "no"}, {"name": "Little Ears"}, {"taps": ("maps",)}])
def test_what_changes_nothing_that_is_heard_keeps_everything(listener, little, tmp_path, said):
    embed(listener, little.competition, tmp_path / "e")
    before = digests(tmp_path / "e")
    describe(listener.parent, **{name: list(value) if name == "taps" else value for name, value in said.items()})
    assert counts(embed(listener, little.competition, tmp_path / "e")) == (0, 6, 0)
    assert digests(tmp_path / "e") == before
    assert open_embeddings(tmp_path / "e").heard_by.name == said.get("name", "model")


def test_a_bundle_that_was_moved_is_the_same_listener_and_one_that_was_trained_anew_is_not(little, tmp_path):
    embed(little.bundle, little.competition, tmp_path / "e")
    moved = shutil.copytree(little.bundle, tmp_path / "moved")
    assert counts(embed(moved, little.competition, tmp_path / "e")) == (0, 6, 0)
    own = bundles.load(moved)
    own.model.set_weights([-value for value in own.model.get_weights()])
    shutil.rmtree(moved)
    put_bundle(own, moved)
    before = digests(tmp_path / "e")
    assert counts(embed(moved, little.competition, tmp_path / "e")) == (6, 0, 0)
    assert not set(digests(tmp_path / "e").values()) & set(before.values())


@pytest.mark.parametrize(
    "changed",
    [
        {"shifts": 3}, {"windowing": Windowing(step_s=2.5)}, {"labels": ["samwhi1"]},
        {"match": Match(("samwhi1", "samtri1"), ((0,), ()))}, {"match": Match(("samwhi1", "samtri1"), ((0,), (1, 3)))},
    ],
)  # fmt: skip
def test_another_way_to_hear_is_made_anew(listener, little, tmp_path, changed):
    embed(listener, little.competition, tmp_path / "e")
    report = embed(listener, little.competition, tmp_path / "e", **changed)
    wanted = 3 if "labels" in changed else 6
    assert counts(report) == (wanted, 0, 6 - wanted)
    found = open_embeddings(tmp_path / "e")
    assert {embedding_files.read_facts(path).fingerprint for path in (tmp_path / "e").glob("*/*.npz")} == {
        found.heard_by.fingerprint()
    }
    found.arrays(found.rows)


def test_shifts_hear_the_same_a_little_later(listener, little, tmp_path):
    """Their mean is near what is heard once, and not the same."""
    found = {}
    for shifts in (1, 4):
        embed(listener, little.competition, tmp_path / str(shifts), shifts=shifts)
        opened = open_embeddings(tmp_path / str(shifts))
        found[shifts] = opened.arrays(opened.rows).embeddings
    apart = np.abs(found[4] - found[1])
    assert 0 < apart.max() < 0.5 * np.abs(found[1]).max()


def test_bad_recordings_are_listed_and_do_not_stop_the_rest(competition_folder, listener, tmp_path, capsys):
    paths = sorted((competition_folder / "train_audio").glob("*/*.ogg"))
    whole = paths[0].read_bytes()
    paths[0].unlink()
    paths[1].write_bytes(b"")
    paths[2].write_bytes(b"no sound")
    words = ["embed", str(listener), str(competition_folder), str(tmp_path / "e")]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "15 recordings, " in said
    assert ", 3 recordings failed\n" in said
    assert "failures.csv   (3: 1 missing, 1 empty file, 1 cannot be decoded)" in said
    with (tmp_path / "e" / "failures.csv").open() as file:
        failures = {row["recording"].split("/")[1]: row["reason"] for row in csv.DictReader(file)}
    assert failures.keys() == {path.name for path in paths[:3]}
    found = open_embeddings(tmp_path / "e")
    assert len({row.recording for row in found.rows}) == 12
    assert len(found.arrays(found.rows).embeddings) == len(found.rows)
    paths[0].write_bytes(whole)
    assert main(words) == 1
    assert ", 12 were there already, 2 recordings failed\n" in capsys.readouterr().out


def test_numbers_that_are_not_finite_are_a_failure_of_their_recording(
    competition_folder, listener, tmp_path, monkeypatch
):
    from birdclef_mind.listeners.outputs import NamedEars

    real, calls = NamedEars.hear, []

    def hear(ears, samples, taps):
        calls.append(1)
        found = real(ears, samples, taps)
        return replace(found, logits=found.logits * np.nan) if len(calls) == 4 else found

    monkeypatch.setattr(NamedEars, "hear", hear)
    report = embed(listener, competition_folder, tmp_path / "e")
    (failure,) = report.failures
    assert "the listener gave numbers that are not finite" in failure.reason
    assert not (tmp_path / "e" / f"{failure.recording}.npz").exists()
    assert counts(embed(listener, competition_folder, tmp_path / "e")) == (1, 14, 0)


def test_a_model_that_is_gone_is_no_fault_of_the_recordings(competition_folder, listener, tmp_path, monkeypatch):
    def gone(*words):
        raise ListenerError("model.keras: expected a model, found nothing")

    monkeypatch.setattr("birdclef_mind.listeners.write_embeddings.hear_windows", gone)
    with pytest.raises(ListenerError, match="found nothing"):
        embed(listener, competition_folder, tmp_path / "e")
    assert not digests(tmp_path / "e")
    assert not (tmp_path / "e" / "failures.csv").exists()


def test_files_that_no_longer_belong_are_removed_and_strangers_kept(listener, little, tmp_path):
    out = tmp_path / "e"
    embed(listener, little.competition, out)
    strange = {"samwhi1/holiday.png": b"mine", "samtri1/numbers.npz": b"also mine", "notes.txt": b"x"}
    for name, content in strange.items():
        (out / name).write_bytes(content)
    # A copy that somebody keeps.
    kept = next(out.glob("samtri1/*.ogg.npz"))
    shutil.copy(kept, out / "samtri1" / "copy.npz")
    report = embed(listener, little.competition, out, labels=["samwhi1"])
    assert report.removed == 3
    assert {path.name for path in (out / "samtri1").iterdir()} == {"numbers.npz", "copy.npz"}
    assert all((out / name).read_bytes() == content for name, content in strange.items())
    assert open_embeddings(out).classes.names == ("samwhi1",)


def test_somebody_elses_file_in_the_place_of_embeddings_stays(listener, little, tmp_path):
    out = tmp_path / "e"
    embed(listener, little.competition, out, labels=["samwhi1"])
    name = next(one.filename for one in open_competition(little.competition).recordings if one.label == "samtri1")
    (out / "samtri1").mkdir()
    (out / f"{name}.npz").write_bytes(b"mine")
    report = embed(listener, little.competition, out)
    (failure,) = report.failures
    assert (failure.recording, "somebody else's file stands in" in failure.reason) == (name, True)
    assert (out / f"{name}.npz").read_bytes() == b"mine"


def test_moved_windows_are_heard_where_they_were_moved_to(listener, little, tmp_path):
    embed(listener, little.competition, tmp_path / "e")
    name = open_embeddings(tmp_path / "e").rows[0].recording
    moved = (Override("x", name, 0.0, "start", "1.25"), Override("x", name, 5.0, "drop"))
    assert counts(embed(listener, little.competition, tmp_path / "e", overrides=moved)) == (1, 5, 0)
    found = open_embeddings(tmp_path / "e")
    row = next(row for row in found.rows if (row.recording, row.segment) == (name, 0))
    assert row.start_s == 1.25
    assert json.loads((tmp_path / "e" / "embeddings.json").read_text())["moved"] == {name: {"0": 1.25}}
    assert counts(embed(listener, little.competition, tmp_path / "e", overrides=moved)) == (0, 6, 0)
    assert counts(embed(listener, little.competition, tmp_path / "e")) == (1, 5, 0)


def test_soundscapes_that_are_labelled_are_heard_with_their_labels(listener, year_folder, tmp_path):
    root, out = year_folder(2026), tmp_path / "e"
    competition = open_competition(root)
    embed(listener, root, out)
    found = open_embeddings(out)
    soundscapes = {one.filename for one in competition.labelled.soundscapes}
    rows = [row for row in found.rows if row.soundscape]
    assert {row.recording for row in rows} == soundscapes != set()
    assert any(row.label for row in rows)
    arrays = found.arrays(rows)
    assert arrays.opinion.shape == (len(rows), 2, 2)
    assert found.targets(rows).shape == (len(rows), len(found.classes.names))


def test_soundscapes_that_nobody_labelled_are_heard_alone(listener, year_folder, tmp_path, capsys):
    root, out = year_folder(2024), tmp_path / "e"
    assert main(["embed", str(listener), str(root), str(out), "--unlabelled"]) == 0
    assert "next" not in capsys.readouterr().out
    found = open_embeddings(out)
    assert {row.recording for row in found.rows} == {one.filename for one in open_competition(root).unlabelled()}
    assert not any(row.told for row in found.rows)
    found.arrays(found.rows)


def matched(out):
    own = open_embeddings(out).heard_by.match
    return dict(zip(own.labels, own.places, strict=True)), own.by_genus


def test_others_of_a_genus_and_other_names_are_taken_where_that_is_asked(listener, year_folder, tmp_path, capsys):
    words = ["embed", str(listener), str(year_folder(2023)), str(tmp_path / "e")]
    assert main(words) == 0
    assert "model knows 2 of 4 classes by their scientific name; not samchi1, sambuz1" in capsys.readouterr().out
    assert matched(tmp_path / "e") == ({"samwhi1": (0,), "samtri1": (1,), "samchi1": (), "sambuz1": ()}, ())
    ebird = tmp_path / "ebird.csv"
    ebird.write_text(f"SPECIES_CODE,PRIMARY_COM_NAME,SCI_NAME\nsamchi1,Chirper,{SPECIES[2]}\n")
    assert main([*words, "--ebird", str(ebird)]) == 0
    assert matched(tmp_path / "e")[0]["samchi1"] == (2,)
    capsys.readouterr()
    assert main([*words, "--ebird", str(ebird), "--genus"]) == 0
    assert "others of the genus stand in for sambuz1" in capsys.readouterr().out
    assert matched(tmp_path / "e") == (
        {"samwhi1": (0,), "samtri1": (1,), "samchi1": (2,), "sambuz1": (0, 1, 3)}, ("sambuz1",)
    )  # fmt: skip
    found = open_embeddings(tmp_path / "e")
    opinion = found.arrays(found.rows).opinion
    np.testing.assert_array_equal(
        opinion[..., 3], np.maximum(opinion[..., 0], np.maximum(opinion[..., 1], opinion[..., 3]))
    )


def test_a_listener_without_an_embedding_is_refused(little, tmp_path):
    path = write_listener(tmp_path / "ears", embedding="", taps=["maps"])
    with pytest.raises(ConfigError, match="model: expected a listener with a tap embedding, got one with maps"):
        embed(path, little.competition, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_another_listener_than_the_one_that_is_said_is_refused(listener, little, tmp_path):
    other = open_listener(write_listener(tmp_path / "other", seed=2))
    competition = open_competition(little.competition)
    heard_by = HeardBy.of(other, Hearing(), Match(("samwhi1",), ((0,),)))
    with pytest.raises(ListenerError, match="expected the model that the embeddings were made with"):
        write_embeddings(listener, heard_by, competition, open_cache(little.cache).classes, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_without_recordings_nothing_is_made(listener, little, tmp_path):
    with pytest.raises(TableError, match="expected recordings to make embeddings of, found none"):
        embed(listener, little.competition, tmp_path / "e", unlabelled=True)
    assert not (tmp_path / "e").exists()


def test_where_no_recording_can_be_read_any_more_what_stood_there_stays(competition_folder, listener, tmp_path):
    embed(listener, competition_folder, tmp_path / "e")
    before = tree(tmp_path / "e")
    shutil.rmtree(competition_folder / "train_audio")
    (competition_folder / "train_audio").mkdir()
    with pytest.raises(StoreError, match="expected recordings that can be read, found none among 15"):
        embed(listener, competition_folder, tmp_path / "e")
    assert tree(tmp_path / "e") == before
