import pytest

from birdclef_mind.data.training_table import Recording, read_training_table
from birdclef_mind.training.folds import split_recordings


def recordings(*rows):
    return [Recording(f"{label}/{number}.ogg", label, (), author) for number, (label, author) in enumerate(rows)]


def many(rng, labels=6, authors=12, count=200):
    return recordings(*((f"b{rng.integers(labels)}", f"a{rng.integers(authors)}") for _ in range(count)))


@pytest.mark.parametrize("seed", range(5))
def test_no_author_is_on_both_sides_and_every_label_on_both(rng, seed):
    table = many(rng)
    split = split_recordings(table, 0.2, seed)
    sides = {name: {r.author for r in table if r.filename in part} for name, part in
             (("training", split.training), ("validation", split.validation))}  # fmt: skip
    assert not sides["training"] & sides["validation"]
    assert split.training | split.validation == {r.filename for r in table}
    for part in (split.training, split.validation):
        assert {r.label for r in table if r.filename in part} == {r.label for r in table}
    assert 0.1 < len(split.validation) / len(table) < 0.35


def test_the_same_seed_gives_the_same_split(rng):
    table = many(rng)
    assert split_recordings(table, 0.2, 3) == split_recordings(table, 0.2, 3)
    assert split_recordings(table, 0.2, 3) != split_recordings(table, 0.2, 4)


@pytest.mark.parametrize("author", ["", "one author"])
def test_without_authors_to_tell_apart_recordings_are_the_groups(author):
    table = recordings(*(("a", author), ("b", author)) * 20)
    split = split_recordings(table, 0.25, 0)
    assert split.grouped_by == "recording"
    assert len(split.validation) == 10
    assert split.only_training == ()


def test_a_label_of_one_author_stays_in_training_with_all_he_recorded():
    table = recordings(
        *[("rare", "x")], *[("a", author) for author in "xyzxyzxyz"], *[("b", author) for author in "xyz"]
    )
    split = split_recordings(table, 0.2, 0)
    assert "rare" in split.only_training
    assert not any(r.author == "x" for r in table if r.filename in split.validation)


def test_no_label_loses_all_its_training(rng):
    for seed in range(10):
        table = recordings(*((f"b{index % 7}", f"a{rng.integers(4)}") for index in range(15)))
        split = split_recordings(table, 0.5, seed)
        trained = {r.label for r in table if r.filename in split.training}
        assert trained == {r.label for r in table}


def test_single_recordings_are_all_trained_on():
    split = split_recordings(recordings(("a", "x"), ("b", "y")), 0.2, 0)
    assert (len(split.training), len(split.validation), split.only_training) == (2, 0, ("a", "b"))


def test_the_real_table_splits_by_author(bird_corner):
    table = read_training_table(bird_corner / "train_metadata_full.csv").recordings
    split = split_recordings(table, 0.2, 111)
    authors = [{r.author for r in table if r.filename in part} for part in (split.training, split.validation)]
    assert not authors[0] & authors[1]
    assert {r.label for r in table if r.filename in split.training} == {r.label for r in table}
    assert 0.1 < len(split.validation) / len(table) < 0.3
