"""Where sound is missing in the midst of an Ogg file, and what is made of what follows."""

import csv
import io
import shutil

import numpy as np
import pytest
import soundfile

from birdclef_mind.commands.cli import main
from birdclef_mind.data.scoring import read_scores
from birdclef_mind.sound.audio import duration_s, ogg_bytes, read_audio
from birdclef_mind.sound.ogg_pages import hole_s, with_stream

RATE_HZ = 32_000


@pytest.fixture
def noise(rng):
    return 0.1 * rng.normal(size=60 * RATE_HZ).astype(np.float32)


def spoil(path, length=9_000):
    """Zeros in the middle of a file, as of a disk that forgot them."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + length] = bytes(length)
    path.write_bytes(content)


@pytest.mark.parametrize("length", [1, 9_000])
def test_a_hole_is_where_the_decoder_loses_samples(noise, tmp_path, length):
    path = tmp_path / "x.ogg"
    path.write_bytes(ogg_bytes(noise, RATE_HZ))
    whole = read_audio(path, RATE_HZ)
    assert hole_s(path) is None
    spoil(path, length)
    assert duration_s(path) == 60
    hurt = read_audio(path, RATE_HZ)
    assert hurt.size < whole.size
    first = np.flatnonzero(np.abs(hurt - whole[: hurt.size]) > 1e-4)[0] / RATE_HZ
    # Up to the last page before it all is as it was; the decoder may have a little more of it.
    assert hole_s(path) <= first < hole_s(path) + 2
    assert 25 < hole_s(path) < 31


def test_opus_has_its_own_clock(noise, tmp_path):
    path = tmp_path / "x.ogg"
    with soundfile.SoundFile(path, "w", 48_000, 1, format="OGG", subtype="OPUS") as file:
        for start in range(0, noise.size, 48_000):
            file.write(noise[start : start + 48_000])
    assert hole_s(path) is None
    spoil(path)
    assert 15 < hole_s(path) < 21


def test_what_has_no_hole(noise, tmp_path):
    short = ogg_bytes(noise[: 5 * RATE_HZ], RATE_HZ)
    for name, content in {
        "chained": short + short, "cut": short[: len(short) // 2], "tagged": short + b"TAG" + bytes(125), "empty": b"",
        "wave": b"RIFF" + bytes(100), "sign": b"OggS",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
        assert hole_s(tmp_path / name) is None
    assert hole_s(tmp_path / "missing") is None
    (tmp_path / "second").write_bytes(short + short)
    content = bytearray(short + short)
    content[len(short) * 3 // 2] ^= 1
    (tmp_path / "second").write_bytes(content)
    assert 5 <= hole_s(tmp_path / "second") <= 8


def test_real_recordings_have_none(birds):
    assert [path.name for path in sorted(birds.rglob("*.ogg")) if hole_s(path) is not None] == []


@pytest.fixture
def folder(competition_folder, noise):
    """A competition with a soundscape of a minute and a recording, each of which has a hole."""
    for path in (competition_folder / "test_soundscapes" / "soundscape_90001.ogg", recording_in(competition_folder)):
        path.write_bytes(ogg_bytes(noise, RATE_HZ))
        spoil(path)
    return competition_folder


def recording_in(folder):
    return sorted((folder / "train_audio").rglob("*.ogg"))[0]


def test_rows_from_a_hole_on_keep_their_priors(trained, folder, tmp_path, capsys):
    hole = hole_s(folder / "test_soundscapes" / "soundscape_90001.ogg")
    assert main(["infer", str(trained[0]), str(folder), str(tmp_path / "s.csv")]) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "sound is missing" in line)
    good = int(hole // 5)
    first = f"soundscape_90001_{5 * good + 5}"
    assert line == (
        f"kept its priors: soundscape_90001.ogg: sound is missing at {hole:.1f} s; {12 - good} rows from there on, such as {first}"
    )
    table = read_scores(tmp_path / "s.csv")
    own = table.values[[row.startswith("soundscape_90001_") for row in table.row_ids]]
    assert len(own) == 12
    assert len(np.unique(own[good:], axis=0)) == 1
    assert len(np.unique(own[:good], axis=0)) == good


def test_a_recording_with_a_hole_is_listed(folder, tmp_path):
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert main(["cache", str(folder), str(tmp_path / "cache"), "--jobs", "1", "--quiet"]) == 1
    with (tmp_path / "cache" / "failures.csv").open(newline="") as file:
        ((name, reason),) = list(csv.reader(file))[1:]
    assert (folder / "train_audio" / name) == recording_in(folder)
    assert reason == f"lacks sound in its midst, at {hole_s(recording_in(folder)):.1f} s"


def test_the_same_samples_give_the_same_file_and_others_another_stream(noise):
    one, again, other = (ogg_bytes(samples, 32_000) for samples in (noise, noise, noise[:-1]))
    assert one == again
    assert one[14:18] == one[one.index(b"OggS", 4) :][14:18] != other[14:18]


def test_another_number_of_a_stream_changes_no_sound_and_its_checksums_hold(noise, tmp_path):
    path, content = tmp_path / "s.ogg", ogg_bytes(noise, 32_000)
    path.write_bytes(with_stream(content, 7))
    assert path.read_bytes() != content and hole_s(path) is None
    np.testing.assert_array_equal(soundfile.read(path)[0], soundfile.read(io.BytesIO(content))[0])
    assert with_stream(path.read_bytes(), int.from_bytes(content[14:18], "little")) == content
