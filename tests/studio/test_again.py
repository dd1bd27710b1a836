"""Which commands train anew, and write the report."""

import tomllib

import pytest

from birdclef_mind.errors import ConfigError
from birdclef_mind.studio.again import improved, report_anew, report_of, training_anew
from birdclef_mind.studio.marks import Mark


def test_training_anew_takes_the_same_settings_and_moves_windows_first(taught, tmp_path):
    lessons, work = taught.studio.lessons, tmp_path / "work"
    with pytest.raises(ConfigError, match="expected at least one correction"):
        training_anew(lessons, work)
    lessons.marks.say(lessons.key(0), Mark(drop=True))
    (train,) = training_anew(lessons, work)
    assert train[:3] == ["train", str(lessons.cache.root.resolve()), str(work / "bundle")]
    settings = tomllib.loads((work / "settings.toml").read_text())
    assert settings["training"]["model"] == "small" and settings["features"]["n_mels"] == lessons.cache.features.n_mels
    lessons.marks.say(lessons.key(1), Mark(start_s=0.5))
    cache, train = training_anew(lessons, work)
    assert cache[:3] == ["cache", str(lessons.competition.resolve()), str(work / "cache")] and train[1] == cache[2]
    lessons.competition = None
    with pytest.raises(ConfigError, match="--competition"):
        training_anew(lessons, work)


def test_what_was_not_made_is_none(taught, tmp_path):
    lessons, work = taught.studio.lessons, tmp_path / "work"
    assert improved(work) is None and report_of(work) is None
    ((command, *_),) = report_anew(lessons, work)
    assert command == "explain"
