"""One recording that is strange in any way never ends work on the others, and what can be read of it is."""

import base64
import csv
import errno
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_cache
from sounds import CONVERTED, COPIED, as_to_a_pipe, encoded, noise, written

from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import list_soundscapes
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.errors import BundleError, ConfigError, StoreError
from birdclef_mind.explanation import data_sheets
from birdclef_mind.explanation.examples import from_files
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.explanation.report import page as report
from birdclef_mind.kaggle.write_submission import write_submission
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.sound.audio import cut, read_audio
from birdclef_mind.sound.settings import FEATURES_VERSION, PRESETS
from birdclef_mind.storage.files import sealed


def spiked(value):
    samples = noise(6)
    samples[1000] = value
    return encoded(samples, subtype="FLOAT")


BAD = {
    "enormous": (spiked(3e38), "holds a value beyond any sound, at sample 1000"),
    "infinite": (spiked(np.inf), "holds a value that is not a number, at sample 1000"),
    "slow": (encoded(noise(1), 3), "has a sample rate of 3 Hz"),
    "fork": (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X" + bytes(200), "cannot be decoded"),
    "page": (b"<!DOCTYPE html><title>404 Not Found</title>", "cannot be decoded"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "cannot be decoded"),
    "empty": (encoded(noise(0)), "holds no samples"),
}
GOOD = {
    "one sample": encoded(noise(1)[:1]),
    "pipe": as_to_a_pipe(encoded(noise(7), kind="FLAC")),
    "chain": encoded(noise(3), kind="OGG", subtype="VORBIS") + encoded(noise(9, 44_100), 44_100, "OGG", "VORBIS"),
    "channels": encoded(noise(1, channels=255)),
    "rate": encoded(noise(6, 768_000), 768_000),
    **{f"{kind} {subtype} {rate}": encoded(noise(6, rate, channels), rate, kind, subtype)
       for kind, subtype, rate, channels, *_ in (*COPIED, *CONVERTED)},
}  # fmt: skip


def add_recordings(folder, contents):
    with (folder / "train_metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, content in contents.items():
        filename = f"{rows[0]['primary_label']}/{name}.ogg"
        (folder / "train_audio" / filename).write_bytes(content)
        rows.append({**rows[0], "filename": filename})
    with (folder / "train_metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_bad_are_listed_and_the_good_are_cached(competition_folder, tmp_path):
    add_recordings(competition_folder, {name: content for name, (content, _) in BAD.items()} | GOOD)
    found = make_cache(competition_folder, tmp_path / "c")
    reasons = {failure.recording.split("/")[1].removesuffix(".ogg"): failure.reason for failure in found.failures}
    assert set(reasons) == set(BAD)
    for name, (_, reason) in BAD.items():
        assert reasons[name].startswith(reason)
    rows = open_cache(tmp_path / "c").rows
    windows = {name: [row for row in rows if row.recording.endswith(f"/{name}.ogg")] for name in GOOD}
    assert {name: len(own) for name, own in windows.items()} == {
        name: {"one sample": 1, "channels": 1, "chain": 3}.get(name, 2) for name in GOOD
    }


@pytest.mark.parametrize(
    "fault", [ValueError("a\nfault"), KeyError("x"), RecursionError(), MemoryError(), OSError("y")]
)
@pytest.mark.parametrize(
    "where", ["birdclef_mind.sound.recordings.samples_to_pictures", "birdclef_mind.data.strips.grey_png"]
)
def test_what_a_library_raises_over_one_recording_is_listed(sample_folder, tmp_path, monkeypatch, where, fault):
    def fail(*_):
        raise fault

    monkeypatch.setattr(where, fail)
    found = make_cache(sample_folder, tmp_path / "c")
    assert len(found.failures) == 15
    for failure in found.failures:
        assert "\n" not in failure.reason
        assert type(fault).__name__ in failure.reason or failure.reason in ("not enough memory", "cannot be read (y)")


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_what_is_no_recordings_fault_ends_the_run(sample_folder, tmp_path, monkeypatch, fault):
    def fail(*_):
        raise fault

    monkeypatch.setattr("birdclef_mind.data.write_cache.picture", fail)
    with pytest.raises(type(fault)):
        make_cache(sample_folder, tmp_path / "c")


def test_a_target_that_cannot_be_written_to_ends_the_run(sample_folder, tmp_path, monkeypatch):
    def fail(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("birdclef_mind.data.write_store.files.whole", fail)
    with pytest.raises(PermissionError):
        make_cache(sample_folder, tmp_path / "c")


@pytest.fixture(scope="module")
def bundle(trained):
    return bundles.load(trained[0])


@pytest.fixture
def soundscapes(tmp_path, bundle):
    """A competition with one soundscape of which the sample lists the rows it is asked for."""

    def made(content, name, listed):
        folder = tmp_path / "competition"
        (folder / "test_soundscapes").mkdir(parents=True)
        (folder / "test_soundscapes" / name).write_bytes(content)
        names = sorted(bundle.classes.names)
        lines = [f"{row}{',0' * len(names)}" for row in listed]
        (folder / "sample_submission.csv").write_text("\n".join([",".join(["row_id", *names]), *lines, ""]))
        return folder

    return made


LENGTHLESS = {
    "pipe": as_to_a_pipe(encoded(noise(12), kind="FLAC")),
    "chain": encoded(noise(5), kind="OGG", subtype="VORBIS") + encoded(noise(7), kind="OGG", subtype="VORBIS"),
}


@pytest.mark.parametrize("kind", LENGTHLESS)
@pytest.mark.parametrize("listed", [(5, 10, 15), (5, 10), ()])
def test_a_header_without_a_length_gives_the_rows_that_are_asked_for(soundscapes, bundle, tmp_path, kind, listed):
    rows = [f"a_{end}" for end in listed]
    folder = soundscapes(LENGTHLESS[kind], "a.flac", [*rows, "other_5"])
    made = write_submission(bundle, folder, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="") as file:
        found = {row["row_id"] for row in csv.DictReader(file)}
    assert found == {*(rows or ["a_5", "a_10", "a_15"])}
    assert made.computed == len(found)
    assert made.problems == ("other: its rows are asked for, and there is no sound of that name",)


@pytest.mark.parametrize("name", ["a.aiff", "a.AIF", "a.opus", "a.oga", "a.caf", "a.w64", "a.au", "a.mp3"])
def test_soundscapes_of_any_ending_are_found(soundscapes, name):
    assert [path.name for path in list_soundscapes(soundscapes(b"", name, ()))] == [name]


def test_a_resource_fork_is_no_soundscape(soundscapes):
    assert list_soundscapes(soundscapes(b"", "._a.ogg", ())) == []


def test_a_soundscape_that_a_library_stumbles_over_is_listed(soundscapes, bundle, tmp_path, monkeypatch):
    def fail(*_):
        raise FloatingPointError("overflow")

    folder = soundscapes(encoded(noise(5)), "a.wav", ())
    monkeypatch.setattr("birdclef_mind.sound.recordings.samples_to_pictures", fail)
    assert write_submission(bundle, folder, tmp_path / "s.csv").problems == ("a.wav: FloatingPointError: overflow",)


def test_sound_of_ones_own_is_read_no_further_than_it_is_shown(tmp_path):
    samples = np.concatenate([noise(70), noise(70), [np.inf]]).astype(np.float32)
    path = written(tmp_path, encoded(samples, subtype="FLOAT"))
    (found,) = from_files([path], PRESETS["mel32"])
    assert len(found.each) == len(found.pictures) == 12
    with pytest.raises(ConfigError, match="sound: holds a value"):
        from_files([written(tmp_path, spiked(np.nan))], PRESETS["mel32"])


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".OGG", ".aiff", ".opus", ".w64", ""])
def test_sound_of_any_ending_is_put_into_a_page(tmp_path, suffix):
    path = written(tmp_path, b"sound", f"x{suffix}")
    kind, _, content = report._embedded(path).partition(";base64,")
    assert kind.startswith("data:a")
    assert base64.b64decode(content) == b"sound"


def test_a_bundle_of_an_earlier_version_says_what_to_do(trained, tmp_path):
    import shutil

    folder = shutil.copytree(trained[0], tmp_path / "b")
    facts = json.loads((folder / "bundle.json").read_text())
    facts["fingerprint"] = PRESETS["mel32"].fingerprint(1)
    (folder / "bundle.json").write_text(json.dumps(sealed(facts)))
    with pytest.raises(BundleError, match="pictures of an earlier version of this program; make the cache again and"):
        bundles.load(folder)


def test_a_cache_of_an_earlier_version_is_made_again(sample_folder, tmp_path):
    out = tmp_path / "c"
    made = make_cache(sample_folder, out).made
    facts = json.loads((out / "cache.json").read_text())
    facts["fingerprint"] = PRESETS["mel32"].fingerprint(1)
    (out / "cache.json").write_text(json.dumps(sealed(facts)))
    with pytest.raises(StoreError, match="pictures of another version of this program; run `cache` again"):
        open_cache(out)
    assert make_cache(sample_folder, out).made in (0, made)
    assert open_cache(out).rows


def test_each_version_has_fingerprints_of_its_own():
    features = PRESETS["mel32"]
    assert features.fingerprint() == features.fingerprint(FEATURES_VERSION) != features.fingerprint(1)
    assert features.is_of_earlier_version(features.fingerprint(1))
    assert not features.is_of_earlier_version(features.fingerprint())
    assert not features.is_of_earlier_version(replace(features, n_mels=40).fingerprint(1))


@pytest.mark.parametrize(
    "content", [b"", b"no sound any more" * 99, BAD["enormous"][0]], ids=["empty", "text", "enormous"]
)
def test_a_recording_that_broke_after_it_was_cached_has_no_player(competition_folder, tmp_path, content):
    name = next((competition_folder / "train_audio").glob("*/*.ogg"))
    name.write_bytes(content)
    folder = Folder(tmp_path / "x", PRESETS["mel32"])
    filename, failed = name.relative_to(competition_folder / "train_audio").as_posix(), {}
    reading = SimpleNamespace(folder=folder, competition=competition_folder, failed=failed)
    assert data_sheets._recording(reading, filename, 0) is None
    assert list(failed) == [filename]
    assert not list((tmp_path / "x").rglob("*.*"))


@pytest.mark.parametrize("content", [b"", BAD["enormous"][0]], ids=["empty", "enormous"])
def test_a_bad_recording_has_no_real_sound(competition_folder, tmp_path, content):
    make_cache(competition_folder, tmp_path / "c")
    row = open_cache(tmp_path / "c").rows[0]
    path, failed = competition_folder / "train_audio" / row.recording, {}
    assert real_sounds([row], competition_folder, PRESETS["mel32"], failed)[0].shape == (160_000,)
    path.write_bytes(content)
    assert real_sounds([row], competition_folder, PRESETS["mel32"], failed) == [None]
    assert failed


def test_a_recording_that_is_another_sound_by_now_is_none_of_the_caches(competition_folder, tmp_path):
    make_cache(competition_folder, tmp_path / "c")
    cache, failed = open_cache(tmp_path / "c"), {}
    first, other = cache.rows[0], next(row for row in cache.rows if row.recording != cache.rows[0].recording)
    folder = competition_folder / "train_audio"
    shutil.copy(folder / other.recording, folder / first.recording)
    found = real_sounds([first, other], competition_folder, cache.features, failed, cache=cache)
    assert found[0] is None and found[1] is not None
    assert failed == {first.recording: "is another sound than the one that the cache's pictures were made of"}


def test_real_sounds_are_those_of_the_cache(competition_folder, tmp_path):
    make_cache(competition_folder, tmp_path / "c")
    cache, failed = open_cache(tmp_path / "c"), {}
    rows = list(reversed(cache.rows[:7]))
    for row, samples in zip(rows, real_sounds(rows, competition_folder, cache.features, failed), strict=True):
        whole = read_audio(competition_folder / "train_audio" / row.recording, 32_000)
        np.testing.assert_array_equal(samples, cut(whole, cache.features).samples[row.segment])
    assert not failed
