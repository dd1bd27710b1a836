import csv

import numpy as np
import pytest
from conftest import SMALL, tree

from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.data.sample_sounds import invent_place, invent_species
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.data.soundscapes import expected_rows, find_soundscapes, names_in
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.sound import audio
from birdclef_mind.sound.pictures import samples_to_levels
from birdclef_mind.sound.settings import PRESETS


def test_the_same_seed_gives_the_same_folder(sample_folder, tmp_path):
    write_sample(tmp_path / "again", SMALL)
    assert tree(sample_folder) == tree(tmp_path / "again")


def test_the_folder_has_the_competitions_shape(sample_folder):
    recordings = open_competition(sample_folder).recordings
    lengths = [audio.duration_s(sample_folder / "train_audio" / r.filename) for r in recordings]
    assert min(lengths) < 5 < max(lengths)
    assert len({recording.author for recording in recordings}) > 1
    with (sample_folder / "truth.csv").open() as file:
        truth = list(csv.reader(file))
    assert [row[0] for row in truth[1:4]] == [f"soundscape_90001_{end}" for end in (5, 10, 15)]
    assert len(truth) == 7


def test_truth_says_where_the_songs_are(tmp_path):
    """At a bird's pitch there is more energy in the windows it sings in than in the others."""
    write_sample(tmp_path / "s", Sample(species=2, recordings=1, soundscapes=1, soundscape_s=100, seed=3))
    with (tmp_path / "s" / "truth.csv").open() as file:
        header, *rows = csv.reader(file)
    features = PRESETS["logmel128"]
    samples = audio.read_audio(tmp_path / "s" / "test_soundscapes" / "soundscape_90001.ogg", 32_000)
    loudest = samples_to_levels(audio.cut(samples, features).samples, features).max(axis=2)
    from birdclef_mind.sound.spectrum import mel_filters

    for column, bird in [(header.index(bird.code), bird) for bird in invent_species(2)]:
        band = mel_filters(features).toarray()[:, round(bird.pitch_hz / 32_000 * 2048)].argmax()
        level = loudest[:, band - 3 : band + 4].max(axis=1)
        sings = [row[column] == "1" for row in rows]
        assert level[sings].min() > level[[not one for one in sings]].max() + 10


def test_birds_differ_and_do_not_change_with_their_number():
    assert invent_species(12)[:5] == invent_species(5)
    assert len({(bird.song, round(bird.pitch_hz)) for bird in invent_species(40)}) == 40
    assert len({bird.code for bird in invent_species(40)}) == 40


@pytest.mark.parametrize("values", [{"species": 1}, {"recordings": 0}, {"soundscape_s": 3}, {"seed": -1}])
def test_bad_sizes_are_refused(values):
    with pytest.raises(ConfigError, match="expected a whole number from"):
        Sample(**values)


def test_a_folder_in_use_is_refused(sample_folder):
    with pytest.raises(TableError, match="expected a new"):
        write_sample(sample_folder)


def test_a_hard_sample_is_hard(tmp_path):
    """Songs stand less far above the noise."""
    features, standing_out = PRESETS["logmel128"], {}
    for noise in (False, True):
        folder = tmp_path / str(noise)
        write_sample(folder, Sample(species=4, recordings=3, soundscapes=0, noise=noise))
        paths = sorted((folder / "train_audio").rglob("*.ogg"))
        cuts = [audio.cut(audio.read_audio(path, 32_000), features).samples[:1] for path in paths]
        levels = samples_to_levels(np.concatenate(cuts), features)
        standing_out[noise] = (levels.max(axis=(1, 2)) - np.median(levels, axis=(1, 2))).mean()
    assert standing_out[True] < standing_out[False] - 5


def test_places_of_a_hard_sample_colour_the_same_sound_differently(rng):
    sound = rng.normal(0, 0.1, 64_000)
    tilts = {}
    for hard in (False, True):
        spectra = [np.abs(np.fft.rfft(invent_place(rng, hard).record(sound))) for _ in range(12)]
        tilts[hard] = np.std([20 * np.log10(one[20_000:].mean() / one[200:2000].mean()) for one in spectra])
    assert tilts[False] < 1e-9
    assert tilts[True] > 3


def test_a_hard_sample_keeps_its_truth(tmp_path):
    """Only how it sounds is harder: the tables have the same shape, and birds are named that sing plainly."""
    easy, hard = (tmp_path / name for name in ("easy", "hard"))
    for folder, noise in ((easy, False), (hard, True)):
        write_sample(folder, Sample(species=3, recordings=4, soundscapes=1, soundscape_s=10, noise=noise))
    headers = [(folder / "truth.csv").read_text().splitlines()[0] for folder in (easy, hard)]
    assert headers[0] == headers[1]
    assert len(open_competition(hard).recordings) == 12


@pytest.mark.parametrize("soundscape_s", [5, 10, 15, 20, 25, 30, 35, 60])
def test_the_tables_fit_each_other(tmp_path, soundscape_s):
    """The rows that a submission has, by what the sample lists of each soundscape, are those of the truth."""
    sample = Sample(species=2, recordings=1, soundscapes=2, soundscape_s=soundscape_s)
    write_sample(tmp_path / "s", sample)
    listed = open_competition(tmp_path / "s").sample.row_ids
    rows, counts = dict.fromkeys(listed), names_in(listed)
    for one in find_soundscapes(tmp_path / "s", listed).found:
        rows.update(dict.fromkeys(expected_rows(one, rows, counts[one.name])))
    assert sorted(rows) == sorted(read_scores(tmp_path / "s" / "truth.csv").row_ids)
    of_first = soundscape_s // 5
    assert len(listed) == of_first or len(listed) < of_first / 2
