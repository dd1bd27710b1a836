"""Recordings that may be opened: those below the folders that were given, and no file elsewhere."""

import shutil

import pytest

from birdclef_mind.errors import ConfigError
from birdclef_mind.studio.at_hand import AtHand


@pytest.fixture
def folders(little, tmp_path):
    """A competition, a folder of further recordings, and one that was not given."""
    (sound,) = sorted((little.competition / "train_audio").rglob("*.ogg"))[:1]
    for name in ("more/deep", "secret"):
        (tmp_path / name).mkdir(parents=True)
        shutil.copy(sound, tmp_path / name / "song.ogg")
    (tmp_path / "more/words.txt").write_text("no sound")
    return little.competition, tmp_path / "more", tmp_path / "secret"


def test_soundscapes_come_first_and_each_once(folders):
    competition, more, _ = folders
    own = AtHand([competition, competition, more])
    assert "soundscapes" in str(own.paths[0].parent) and own.names[-1] == "deep/song.ogg"
    assert len(own.paths) == len(set(own.paths)) == len(list(competition.rglob("*.ogg"))) + 1


@pytest.mark.parametrize("way", ["{}", "  {}\n", '"{}"', "file://{}", "{}/", "{}/../more"])
def test_a_pasted_folder_is_opened_as_file_managers_write_it(folders, way):
    competition, more, _ = folders
    own = AtHand([competition, more])
    before = list(own.paths)
    assert [own.paths[place] for place in own.pasted(way.format(more))] == [more / "deep/song.ogg"]
    assert own.paths == before


def test_what_was_not_listed_is_added_at_the_end_once(folders, monkeypatch):
    from birdclef_mind.studio import at_hand

    competition, more, _ = folders
    monkeypatch.setattr(at_hand, "_MOST_LISTED", 1)
    own = AtHand([competition, more])
    assert len(own.paths) == 1
    file = f"file://{str(more / 'deep/song.ogg').replace('/song', '/%73ong')}"
    assert own.pasted(file) == own.pasted(str(more)) == [1]
    assert own.names[1] == "deep/song.ogg"


def test_nothing_outside_is_opened_nor_told_to_be_there(folders, tmp_path):
    competition, more, secret = folders
    own = AtHand([competition, more])
    (more / "way_out").symlink_to(secret)
    told = set()
    for path in (secret, secret / "song.ogg", tmp_path / "nothing", more / "../secret", more / "way_out", more.parent):
        with pytest.raises(
            ConfigError, match="path: expected one inside a folder that the studio was given"
        ) as refused:
            own.pasted(str(path))
        told.add(str(refused.value).replace(f"got {str(path)!r}", "got PATH"))
    assert len(told) == 1
    for text in ("more", "", "\0", "~", "file://", "/" + "x" * 4000):
        with pytest.raises(ConfigError, match="path: expected one inside"):
            own.pasted(text)


def test_a_link_that_leads_out_is_not_listed(tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    (tmp_path / "given" / "own.wav").write_bytes(b"x")
    (tmp_path / "given" / "link.wav").symlink_to(tmp_path / "secret.wav")
    (tmp_path / "given" / "other.wav").symlink_to(tmp_path / "given" / "own.wav")
    at_hand = AtHand([tmp_path / "given"])
    assert at_hand.names == ["given/other.wav", "given/own.wav"]
    with pytest.raises(ConfigError):
        at_hand.pasted(str(tmp_path / "given" / "link.wav"))


def test_a_folder_that_is_not_there_is_refused(folders, tmp_path):
    with pytest.raises(ConfigError, match="sounds: expected a folder with recordings, found .* at"):
        AtHand([folders[0], tmp_path / "nowhere"])


def test_a_folder_without_sound_and_a_file_that_is_none_are_told(folders):
    _, more, _ = folders
    (more / "empty").mkdir()
    own = AtHand([more])
    for path in (more / "empty", more / "words.txt", more / "nowhere"):
        with pytest.raises(ConfigError, match="expected a folder with recordings, or one of them, found none at"):
            own.pasted(str(path))
