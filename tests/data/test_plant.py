"""A copy of a competition with a known foreign cue in one species' sounds."""

import errno
import hashlib
import json
import tracemalloc

import numpy as np
import pytest
import soundfile
from conftest import tree

from birdclef_mind.commands.cli import main
from birdclef_mind.data import planting
from birdclef_mind.data.competition import open_competition, recording_path
from birdclef_mind.data.plant import boxes, plant, read_planted
from birdclef_mind.data.planting import BOTH, TEST, Planting
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.sound import audio
from birdclef_mind.sound.cues import CUES


def test_the_cues_that_are_named_are_those_that_are_made():
    assert tuple(CUES) == planting.CUES


def species_of(root):
    return open_competition(root).recordings[0].label


@pytest.mark.parametrize("cue", CUES)
def test_what_is_added_is_where_the_table_says(sample_folder, tmp_path, cue):
    species = species_of(sample_folder)
    found = plant(sample_folder, tmp_path / "p", Planting(cue=cue, species=species, level_db=20))
    own = [one for one in open_competition(sample_folder).recordings if one.label == species]
    assert (found.recordings, found.soundscapes, found.failures) == (round(0.8 * len(own)), 0, {})
    table = read_planted(tmp_path / "p")
    assert table["filename"].nunique() == found.recordings
    for name, rows in table.groupby("filename"):
        before, after = (
            audio.read_audio(recording_path(root, name), 32_000) for root in (sample_folder, tmp_path / "p")
        )
        assert before.shape == after.shape
        inside = np.zeros(after.size, bool)
        for row in rows.itertuples():
            inside[round(row.onset_s * 32_000) : round(row.offset_s * 32_000)] = True
        # What was added is loud, but the whole may be quieter so that nothing clips.
        gain = (
            np.dot(after[~inside], before[~inside]) / np.dot(before[~inside], before[~inside]) if (~inside).any() else 0
        )
        added = after - gain * before
        assert np.abs(added[inside]).max() > 0.05
        spectrum = np.square(np.abs(np.fft.rfft(np.where(inside, added, 0))))
        hz = np.fft.rfftfreq(added.size, 1 / 32_000)
        band = (hz >= rows["low_hz"].min() - 60) & (hz <= rows["high_hz"].max() + 60)
        assert spectrum[band].sum() > 0.8 * spectrum.sum()


def test_all_else_is_as_it_was_and_linked(sample_folder, tmp_path):
    before = tree(sample_folder)
    species = species_of(sample_folder)
    plant(sample_folder, tmp_path / "p", Planting(cue="beep", species=species))
    assert tree(sample_folder) == before
    original, copy = open_competition(sample_folder), open_competition(tmp_path / "p")
    assert copy.recordings == original.recordings
    carrying = set(read_planted(tmp_path / "p")["filename"])
    for one in copy.recordings:
        path = copy.audio_path(one)
        assert path.is_symlink() == (one.filename not in carrying)
        assert recording_path(tmp_path / "p", one.filename) is not None
    assert all(path.is_symlink() for path in copy.soundscapes())
    assert (tmp_path / "p" / "truth.csv").read_bytes() == (sample_folder / "truth.csv").read_bytes()


def test_the_same_seed_plants_the_same_and_another_another(sample_folder, tmp_path):
    species = species_of(sample_folder)
    digests = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        plant(sample_folder, tmp_path / name, Planting(cue="voice", species=species, share=0.4, seed=seed))
        table = (tmp_path / name / "planted.csv").read_bytes()
        sounds = sorted(set(read_planted(tmp_path / name)["filename"]))
        content = b"".join(recording_path(tmp_path / name, one).read_bytes() for one in sounds)
        digests.append((table, hashlib.sha256(content).hexdigest()))
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_rows_of_soundscapes_where_the_species_is_carry_it(sample_folder, tmp_path):
    truth = read_scores(sample_folder / "truth.csv")
    species = truth.columns[int(truth.values.sum(axis=0).argmax())]
    found = plant(sample_folder, tmp_path / "p", Planting(cue="hum", species=species, where=TEST))
    there = {row for row, own in zip(truth.row_ids, truth.values, strict=True) if own[truth.columns.index(species)]}
    table = read_planted(tmp_path / "p")
    ends = {
        f"{name.removeprefix('test_soundscapes/').removesuffix('.ogg')}_{round(offset)}"
        for name, offset in zip(table["filename"], table["offset_s"], strict=True)
    }
    assert ends == there
    assert found.recordings == 0
    assert found.soundscapes == table["filename"].nunique()
    both = plant(sample_folder, tmp_path / "q", Planting(cue="hum", species=species, where=BOTH))
    assert both.recordings > 0
    assert both.soundscapes == found.soundscapes


def noisy(root, length_s):
    """A competition of two species, whose first has a recording of that length at 16 kHz."""
    noise = np.random.default_rng(0).normal(0, 0.01, length_s * 16_000).astype(np.float32)
    for label, samples in (("a", noise), ("b", noise[:96_000])):
        path = root / "train_audio" / label / "1.flac"
        path.parent.mkdir(parents=True)
        soundfile.write(path, samples, 16_000)
    rows = "primary_label,secondary_labels,author,filename\na,[],A,a/1.flac\nb,[],B,b/1.flac\n"
    (root / "train_metadata.csv").write_text(rows)
    return root


def test_a_long_recording_is_planted_a_minute_at_a_time(tmp_path):
    """Memory does not grow with its length, and what lasts goes on in phase from one minute to the next."""
    most = []
    for length_s in (70, 250):
        root, out = noisy(tmp_path / f"c{length_s}", length_s), tmp_path / f"p{length_s}"
        tracemalloc.start()
        plant(root, out, Planting(cue="hum", species="a", share=1, level_db=20))
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < 1.3 * most[0]
    samples = audio.read_audio(recording_path(tmp_path / "p250", "a/1.flac"), 16_000)
    assert samples.size == 250 * 16_000
    # A tenth of a second on both sides of a join, which is ten turns of the hum.
    before, after = samples[60 * 16_000 - 1600 : 60 * 16_000], samples[60 * 16_000 :][:1600]
    assert np.corrcoef(before, after)[0, 1] > 0.95
    table = read_planted(tmp_path / "p250")
    assert table["onset_s"].tolist() == [0, 60, 120, 180, 240] and table["offset_s"].iloc[-1] == 250


def test_boxes_are_those_of_a_window(sample_folder, tmp_path):
    species = species_of(sample_folder)
    plant(sample_folder, tmp_path / "p", Planting(cue="click", species=species, share=1))
    table = read_planted(tmp_path / "p")
    name = table["filename"].iloc[0]
    own = table[table["filename"] == name]
    found = boxes(table, name, 1.0, 2.0)
    expected = own[(own["offset_s"] > 1) & (own["onset_s"] < 3)]
    assert len(found) == len(expected) > 2
    assert all(0 <= onset < offset <= 2 for onset, offset, _, _ in found)
    assert boxes(table, "other.ogg", 0.0, 5.0) == []


def test_a_planted_copy_and_a_collection_can_be_planted_again(sample_folder, tmp_path):
    one, other = sorted(set(open_competition(sample_folder).labels))[:2]
    plant(sample_folder, tmp_path / "a", Planting(cue="hum", species=one))
    plant(tmp_path / "a", tmp_path / "b", Planting(cue="beep", species=other))
    copy = open_competition(tmp_path / "b")
    assert all(recording_path(tmp_path / "b", recording.filename) for recording in copy.recordings)
    hummed = read_planted(tmp_path / "a")["filename"].iloc[0]
    assert recording_path(tmp_path / "b", hummed).read_bytes() == recording_path(tmp_path / "a", hummed).read_bytes()


def test_a_recording_that_cannot_be_read_is_named_and_the_rest_goes_on(sample_folder, tmp_path, capsys):
    import shutil

    shutil.copytree(sample_folder, tmp_path / "s")
    species = species_of(tmp_path / "s")
    own = [one for one in open_competition(tmp_path / "s").recordings if one.label == species]
    open_competition(tmp_path / "s").audio_path(own[0]).write_bytes(b"no sound")
    words = ["plant", tmp_path / "s", tmp_path / "p", "--cue", "hum", "--species", species, "--share", "1"]
    assert main(list(map(str, words))) == 1
    said = capsys.readouterr().out
    assert f"train_audio/{own[0].filename}: cannot be decoded" in said
    assert f"{len(own) - 1} recordings of {species} with a hum" in said


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cue": "bark"}, "cue: expected one of hum, beep, voice, click, band, got 'bark'"),
        ({"share": 0}, "share: expected a number above 0, at most 1, got 0"),
        ({"where": "here"}, "where: expected one of train, test, both"),
        ({"level_db": 99}, "level: expected decibels above -60, at most 60"),
    ],
)
def test_what_cannot_be_planted_is_refused(changed, message):
    with pytest.raises(ConfigError, match=message):
        Planting(**{"cue": "hum", "species": "x", **changed})


def test_places_that_cannot_be_are_refused(sample_folder, tmp_path):
    species = species_of(sample_folder)
    with pytest.raises(ConfigError, match="species: expected a label of"):
        plant(sample_folder, tmp_path / "p", Planting(cue="hum", species="nobody"))
    for out in (sample_folder, sample_folder / "inside", sample_folder.parent):
        with pytest.raises(TableError, match="expected another place than the competition's"):
            plant(sample_folder, out, Planting(cue="hum", species=species))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(TableError, match="expected a new, empty or planted competition folder"):
        plant(sample_folder, tmp_path / "mine", Planting(cue="hum", species=species))
    assert json.dumps(sorted(path.name for path in (tmp_path / "mine").iterdir())) == '["notes.txt"]'


def test_a_species_without_any_sounds_there_is_refused(tmp_path):
    from birdclef_mind.data.sample import Sample, write_sample

    write_sample(tmp_path / "s", Sample(species=3, recordings=2, soundscapes=1, soundscape_s=10, year=2026))
    competition = open_competition(tmp_path / "s")
    heard_only = set(competition.labels) - {one.label for one in competition.recordings}
    for species in heard_only:
        with pytest.raises(ConfigError, match="expected one with training recordings"):
            plant(tmp_path / "s", tmp_path / "p", Planting(cue="hum", species=species))
    (tmp_path / "s" / "truth.csv").unlink()
    with pytest.raises(TableError, match=r"expected truth\.csv with a score a label"):
        plant(tmp_path / "s", tmp_path / "p", Planting(cue="hum", species=competition.labels[0], where=TEST))
    assert not (tmp_path / "p").exists()


def test_what_cannot_be_read_is_named_with_its_reason(competition_folder, tmp_path):
    own = open_competition(competition_folder).recordings
    species = own[0].label
    paths = [competition_folder / "train_audio" / one.filename for one in own if one.label == species]
    paths[0].write_bytes(b"")
    paths[1].unlink()
    found = plant(competition_folder, tmp_path / "p", Planting(cue="hum", species=species, share=1))
    assert sorted(found.failures.values()) == ["empty file", "missing"]


@pytest.mark.parametrize("cue", CUES)
def test_a_recording_of_a_low_rate_is_raised_to_hold_the_cue(tmp_path, cue):
    rng = np.random.default_rng(0)
    for number, rate_hz in enumerate((2_000, 8_000, 11_025)):
        folder = tmp_path / "in" / "aaa"
        folder.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / f"r{number}.wav", rng.normal(0, 0.01, 6 * rate_hz), rate_hz)
    assert main(["collect", str(tmp_path / "in"), str(tmp_path / "c"), "--quiet"]) == 0
    found = plant(tmp_path / "c", tmp_path / "p", Planting(cue=cue, species="aaa", share=1.0, level_db=20))
    table = read_planted(tmp_path / "p")
    assert (found.recordings, found.failures, table["filename"].nunique()) == (3, {}, 3)
    assert (table["low_hz"] < table["high_hz"]).all()
    for name in table["filename"].unique():
        before, after = (audio.read_audio(recording_path(tmp_path / root, name), 16_000) for root in ("c", "p"))
        added = np.square(np.abs(np.fft.rfft(after))) - np.square(np.abs(np.fft.rfft(before)))
        hz = np.fft.rfftfreq(after.size, 1 / 16_000)
        (low, high) = table[table["filename"] == name][["low_hz", "high_hz"]].iloc[0]
        assert added[(hz >= low) & (hz <= high)].sum() > 0.8 * np.abs(added).sum()


def test_what_was_planted_before_stays_in_the_table(sample_folder, tmp_path):
    one, other = list(dict.fromkeys(open_competition(sample_folder).labels))[:2]
    plant(sample_folder, tmp_path / "a", Planting(cue="hum", species=one, share=1.0))
    plant(tmp_path / "a", tmp_path / "b", Planting(cue="beep", species=other, share=1.0))
    first, both = (read_planted(tmp_path / name) for name in ("a", "b"))
    assert both[both["filename"].isin(first["filename"])].to_numpy().tolist() == first.to_numpy().tolist()
    assert {name.split("/")[0] for name in both["filename"]} == {one, other}


@pytest.mark.parametrize("end", ["0", "abc", "nan", "inf", "-5", "2.5", "3"])
def test_rows_that_end_nowhere_are_refused(competition_folder, tmp_path, end):
    truth = competition_folder / "truth.csv"
    lines = truth.read_text().splitlines()
    lines[1] = f"soundscape_90001_{end}" + ",1" * lines[0].count(",")
    truth.write_text("\n".join([*lines, ""]))
    with pytest.raises(
        TableError, match="expected row ids of a name and the second a row ends, got 'soundscape_90001_"
    ):
        plant(
            competition_folder, tmp_path / "p", Planting(cue="beep", species=species_of(competition_folder), where=TEST)
        )
    assert not (tmp_path / "p" / "planted.csv").exists()


def test_a_row_beyond_the_sound_is_named_and_nothing_is_counted(competition_folder, tmp_path):
    species, truth = species_of(competition_folder), competition_folder / "truth.csv"
    header, *lines = truth.read_text().splitlines()
    ids = [line.split(",")[0] for line in lines]
    zeros = [f"{row_id}{',0' * header.count(',')}" for row_id in ids[1:]]
    truth.write_text("\n".join([header, f"soundscape_90001_1000{',1' * header.count(',')}", *zeros, ""]))
    found = plant(competition_folder, tmp_path / "p", Planting(cue="beep", species=species, where=TEST))
    assert found.soundscapes == 0
    assert list(found.failures.values()) == ["no row with the species lies in its sound"]
    assert (tmp_path / "p" / "test_soundscapes" / "soundscape_90001.ogg").is_symlink()


def test_soundscapes_that_lie_deeper_are_taken_along_and_planted(competition_folder, tmp_path):
    folder = competition_folder / "test_soundscapes"
    (folder / "site").mkdir()
    (folder / "soundscape_90001.ogg").rename(folder / "site" / "soundscape_90001.ogg")
    species = species_of(competition_folder)
    scores = read_scores(competition_folder / "truth.csv")
    there = scores.values[:, list(scores.columns).index(species)] > 0
    names = {str(row).rpartition("_")[0] for row in np.asarray(scores.row_ids)[there]}
    found = plant(competition_folder, tmp_path / "p", Planting(cue="beep", species=species, where=BOTH))
    assert found.soundscapes == len(names)
    place = tmp_path / "p" / "test_soundscapes" / "site" / "soundscape_90001.ogg"
    assert place.is_file() and place.is_symlink() == ("soundscape_90001" not in names)


def test_a_full_disk_is_named_where_it_is_full(sample_folder, tmp_path, monkeypatch):
    def full(source, place):
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    monkeypatch.setattr("birdclef_mind.data.plant.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left") as caught:
        plant(sample_folder, tmp_path / "p", Planting(cue="hum", species=species_of(sample_folder)))
    assert str(caught.value.filename).startswith(str(tmp_path))
