"""Sound that is broken in every way: a picture or a line in the list of failures, never a crash, nor much memory."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from conftest import SHARED, tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from birdclef_mind.commands.cli import main
from birdclef_mind.data.sample import Sample, write_sample
from birdclef_mind.errors import AudioError
from birdclef_mind.sound import audio

KINDS = [("OGG", "VORBIS"), ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")]


def sound_file(kind, subtype, samples, rate_hz=32_000):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
    return buffer.getvalue()


def whole_files():
    """Short real recordings where there are some, synthetic ones of every format, and odd ones."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.1, 24_000).astype(np.float32)
    found = [sound_file(*kind, noise) for kind in KINDS]
    found += [path.read_bytes() for path in sorted(SHARED.glob("esc10/train_audio/*/*-A.ogg"))[::60]]
    eight = np.stack([noise] * 8, axis=1)
    found += [
        sound_file("WAV", "PCM_U8", noise),
        sound_file("WAV", "PCM_24", noise, 192_000),
        sound_file("WAV", "PCM_16", eight, 48_000),
        sound_file("WAV", "PCM_16", noise[:1]),
        sound_file("WAV", "FLOAT", np.array([0, np.nan, np.inf, 1e30], np.float32)),
        b"",
        b"\0" * 5000,
        b"OggS" + bytes(range(256)) * 4,
    ]
    return found


def mutations(count):
    """`count` files made from whole ones: cut short, with bits turned over, with parts gone, doubled or swapped."""
    rng, whole = np.random.default_rng(11), whole_files()
    yield from whole
    # A header that promises fourteen hours.
    header = bytearray(sound_file("WAV", "PCM_16", np.zeros(100, np.float32)))
    header[40:44] = (2**31 - 100).to_bytes(4, "little")
    yield bytes(header)
    for number in range(count - len(whole) - 1):
        content = bytearray(whole[number % len(whole)])
        if len(content) > 50:
            for _ in range(1 + number % 3):
                way, at = rng.integers(5), int(rng.integers(len(content)))
                # Headers are short and matter most.
                at = at % 120 if rng.random() < 0.5 else at
                if way == 0:
                    content = content[: max(at, 1)]
                elif way == 1:
                    for place in rng.integers(0, len(content), 8):
                        content[place] ^= 1 << int(rng.integers(8))
                elif way == 2:
                    content[at : at + 4] = rng.bytes(4)
                elif way == 3:
                    del content[at : at + int(rng.integers(1, 500))]
                else:
                    content[at:at] = content[: int(rng.integers(1, 500))]
        yield bytes(content)


def test_five_hundred_broken_files_give_a_picture_or_a_reason(tmp_path):
    folder, rng = tmp_path / "competition", np.random.default_rng(1)
    write_sample(folder, Sample(species=2, recordings=1, soundscapes=0))
    with (folder / "train_metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, content in enumerate(mutations(500)):
        # Also under another format's name.
        name = f"{rows[0]['primary_label']}/broken{number}{audio.SUFFIXES[rng.integers(len(audio.SUFFIXES))]}"
        (folder / "train_audio" / name).write_bytes(content)
        rows.append({**rows[0], "filename": name})
    with (folder / "train_metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    code = """
import re, sys
from pathlib import Path
from birdclef_mind.commands.cli import main
status = main(["cache", sys.argv[1], sys.argv[2], "--jobs", "1"])
# What a process inherits from the one that started it does not count here.
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024, file=sys.stderr)
sys.exit(status)
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(tmp_path / "c")], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert int(result.stderr.split()[-1]) < 1000, "megabytes"
    with (tmp_path / "c" / "failures.csv").open(newline="") as file:
        failures = {row["recording"]: row["reason"] for row in csv.DictReader(file)}
    with (tmp_path / "c" / "index.csv").open(newline="") as file:
        pictured = {row["recording"] for row in csv.DictReader(file)}
    assert set(failures) | pictured == {row["filename"] for row in rows}
    assert not set(failures) & pictured
    assert min(len(failures), len(pictured)) > 50, "both kinds must be there"
    assert all(reason and "\n" not in reason for reason in failures.values())
    assert json.loads((tmp_path / "c" / "cache.json").read_text())["complete"]
    assert not [name for name in tree(tmp_path / "c") if ".part-" in name]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    return tmp_path_factory.mktemp("broken") / "x.wav"


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(kind=st.sampled_from(range(len(KINDS))), data=st.data())
def test_any_cut_or_change_is_read_or_refused(broken, kind, data):
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        samples = audio.read_audio(broken, 32_000)
    except AudioError as error:
        assert str(error)
    else:
        assert samples.ndim == 1
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()


WHOLE = [sound_file(*kind, np.sin(np.arange(4000, dtype=np.float32))) for kind in KINDS]


def test_a_sound_that_is_named_and_cannot_be_used_is_refused_before_anything_is_computed(
    little, tmp_path, capsys, monkeypatch
):
    def computed(*_, **__):
        raise AssertionError("something was computed")

    monkeypatch.setattr("birdclef_mind.explanation.explain._second", computed)
    soundfile.write(tmp_path / "nan.wav", np.full(320_000, np.nan, np.float32), 32_000, subtype="FLOAT")
    words = ["explain", little.decoded, little.cache, tmp_path / "x", "--audio", tmp_path / "nan.wav", "--quiet"]
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}/nan.wav: " in said
    assert said.count("\n") == 1
    assert not (tmp_path / "x").exists()
