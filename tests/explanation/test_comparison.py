import json

import numpy as np
import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data.competition import open_competition
from birdclef_mind.errors import ConfigError
from birdclef_mind.explanation import comparison
from birdclef_mind.explanation.comparison import Clip, _told_apart, compare_features, setups_named
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.sound.settings import PRESETS, Features


@pytest.fixture(scope="module")
def compared(sample_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "x"
    folder = Folder(out, PRESETS["mel32"])
    with pytest.MonkeyPatch.context() as patch:
        # As many as people hear.
        patch.setattr(comparison, "_HEARD", 3)
        facts = compare_features(open_competition(sample_folder), folder, setups_named(["logmel128"]))
    folder.sounds_made()
    return out, facts


def test_the_notebooks_set_ups_stand_beside_those_named(compared):
    _, facts = compared
    assert [setup["name"] for setup in facts["setups"]] == ["mel16", "mfcc16", "mel32", "logmel128"]
    assert [setup["rows"] for setup in facts["setups"]] == [16, 16, 32, 128]


def test_pictures_and_sounds_are_there(compared):
    out, facts = compared
    assert len(facts["same"]) == 9
    assert len(facts["originals"]) == 6
    assert {item["label"] for item in facts["same"]} == {facts["bird"]}
    labels = [item["label"] for item in facts["different"]]
    assert facts["bird"] not in labels
    assert len(set(labels[:2])) == 2
    paths = [item["sound"] for item in facts["originals"]]
    for setup in facts["setups"]:
        paths += [*setup["same_pictures"], *setup["different_pictures"]]
        paths += [item[kind] for item in setup["rebuilt"] for kind in ("sound", "picture")]
        assert len(setup["rebuilt"]) == len(facts["originals"])
    assert len(paths) == len(set(paths))
    assert all((out / path).stat().st_size > 100 for path in paths)


def test_measures_mean_what_they_say(compared):
    _, facts = compared
    for setup in facts["setups"]:
        assert setup["same_pairs"] > 0 and setup["different_pairs"] > 0
        assert setup["sound_error"] == pytest.approx(np.mean([item["error"] for item in setup["rebuilt"]]), abs=1e-3)
        assert setup["share_of_samples"] == pytest.approx(setup["bytes"] / 320_000, abs=1e-3)
    mel32 = facts["setups"][2]
    # Invented birds differ in pitch and rhythm, which 32 bands keep.
    assert mel32["told_apart"] > 0.7
    assert mel32["same_likeness"] > mel32["different_likeness"]


def test_telling_apart_is_the_share_of_pairs(rng):
    """By its definition: over all pairs of one bird and all of two birds, how often the first is more alike."""
    from birdclef_mind.sound.likeness import likeness

    pixels = rng.integers(0, 256, (7, 8, 40), np.uint8)
    clips = [Clip(f"r{n // 2}", "ab"[n % 3 == 0], 0.0, np.zeros(1)) for n in range(7)]
    values = likeness(pixels, pixels)
    same, different = [], []
    for i in range(7):
        for j in range(i + 1, 7):
            if clips[i].recording != clips[j].recording:
                (same if clips[i].label == clips[j].label else different).append(values[i, j])
    wins = [(s > d) + 0.5 * (s == d) for s in same for d in different]
    found = _told_apart(pixels, clips)
    assert found["told_apart"] == pytest.approx(np.mean(wins), abs=1e-4)
    assert (found["same_pairs"], found["different_pairs"]) == (len(same), len(different))


def test_a_networks_own_features_join(sample_folder):
    from dataclasses import replace

    assert list(setups_named((), PRESETS["mel32"])) == ["mel16", "mfcc16", "mel32"]
    assert list(setups_named((), PRESETS["logmel128"])) == ["mel16", "mfcc16", "mel32", "logmel128"]
    own = replace(PRESETS["mel32"], n_mels=48)
    assert setups_named((), own)["own"] == own
    windowing = replace(own.windowing, length_s=3.0, step_s=3.0)
    setups = setups_named((), replace(own, windowing=windowing))
    assert {features.windowing for features in setups.values()} == {windowing}
    slow = Features(kind="mel", n_mels=32, sample_rate_hz=16_000, fmax_hz=8000.0)
    assert setups_named((), slow) == {"own": slow}


def test_the_command_writes_a_page_and_refuses_what_it_cannot_do(sample_folder, tmp_path, capsys):
    out = tmp_path / "c"
    arguments = ["compare", str(sample_folder), str(out), "--quiet"]
    assert main([*arguments, "--presets", "mel16", "--bird", open_competition(sample_folder).recordings[-1].label]) == 0
    facts = json.loads((out / "comparison.json").read_text())
    page = (out / "compare.html").read_text()
    assert [setup["name"] for setup in facts["setups"]] == ["mel16", "mfcc16", "mel32"]
    for setup in facts["setups"]:
        assert f"{setup['bytes']}</td>" in page
    assert main(arguments[:-1]) == 0
    assert "told apart" in capsys.readouterr().out
    assert main([*arguments, "--bird", "dodo"]) == 2
    assert "expected a label of the training table, got 'dodo'" in capsys.readouterr().err
    assert main([*arguments, "--presets", "dodo"]) == 2
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.txt").write_text("")
    assert main(["compare", str(sample_folder), str(tmp_path / "d")]) == 2
    assert "found mine.txt" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="found a file"):
        from birdclef_mind.explanation.comparison import open_folder

        with open_folder(tmp_path / "d" / "mine.txt"):
            pass
