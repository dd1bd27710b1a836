"""Folders by level: what is near comes first, and large folders are not walked through."""

from birdclef_mind.storage.levels import folders_by_level, holds, listing


def test_the_nearest_come_first_and_large_ones_not_at_all(tmp_path):
    for place in ("b/c/d", "a/x", "sounds/y", "wide/1", "wide/2", "wide/3"):
        (tmp_path / place).mkdir(parents=True)
    found = [path.relative_to(tmp_path).as_posix() for path in folders_by_level(tmp_path, 2, {"sounds"}, widest=4)]
    assert found == [".", "a", "b", "wide", "a/x", "b/c", "wide/1", "wide/2", "wide/3"]
    narrow = [path.name for path in folders_by_level(tmp_path / "wide", 2, frozenset(), widest=2)]
    assert narrow == ["wide"]
    assert list(folders_by_level(tmp_path / "none", 2, frozenset())) == [tmp_path / "none"]


def test_a_folder_holds_files(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").touch()
    assert not holds(tmp_path, "a")
    assert holds(tmp_path, "b")
    assert not holds(tmp_path, "c" * 500)


def test_what_is_there_is_listed(tmp_path):
    assert listing(tmp_path) == "an empty folder"
    assert listing(tmp_path / "none") == "nothing"
    (tmp_path / "b/c").mkdir(parents=True)
    (tmp_path / "a").touch()
    assert listing(tmp_path) == "a, b, b/c"
