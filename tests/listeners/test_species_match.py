"""Which of a listener's species each class is, by every name that may tell; and what it then says of them."""

import csv

import numpy as np
import pytest

from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import TableError
from birdclef_mind.listeners.species_lists import read_birdnet_labels
from birdclef_mind.listeners.species_match import Match, match_species, read_ebird, require_any

HEARD = (
    Species("Hirundo rustica_Barn Swallow", "Barn Swallow", "Hirundo rustica"),
    Species("gretit1", "Great Tit"),
    Species("Corvus corax", scientific_name="Corvus corax"),
    Species("x", "White-eye", "Zosterops palpebrosus"),
    Species("y", "White-eye", "Zosterops senegalensis"),
    Species("z", "Red-cheeked Cordonbleu", "Uraeginthus bengalus"),
    Species("noise"),
    Species("again", "Swallow", "Hirundo rustica"),
)


def place(one, synonyms=None, **options):
    """Where a class is found among `HEARD`."""
    return match_species([one], HEARD, synonyms, **options).places[0]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (Species("a", "Swallow of barns", "Hirundo rustica"), (0,)),
        (Species("a", "", "  HIRUNDO   Rustica "), (0,)),
        (Species("a", "", "Hirundo rustica erythrogaster"), (0,)),
        (Species("a", "", "Corvus corax [tibetanus Group]"), (2,)),
        (Species("gretit1", "Great Tit", "Parus major"), (1,)),
        (Species("GRETIT1"), (1,)),
        # Only the genus was renamed.
        (Species("a", "Barn Swallow", "Cecropis rustica"), (0,)),
        (Species("a", "White-eye", "Heleia senegalensis"), (4,)),
        # The same common name for another species.
        (Species("a", "White-eye", "Heleia javanica"), ()),
        (Species("a", "Barn Swallow", "Hirundo neoxena"), ()),
        (Species("a", "Barn Swallow"), ()),
        (Species("a", "", "Hirundo"), ()),
        (Species("noise"), (6,)),
        (Species("b"), ()),
        (Species(""), ()),
    ],
)
def test_a_class_is_found_by_its_names(one, expected):
    assert place(one) == expected


def test_ebird_knows_other_names_by_a_label():
    synonyms = {
        "a": Species("a", "Swallow", "Hirundo rustica"),
        "b": Species("b", "Red-cheeked Cordonbleu", "Estrilda bengalus"),
        "c": Species("c", "", "Zosterops japonicus"),
    }
    assert place(Species("a", "Schwalbe", "Hirundo domestica"), synonyms) == (0,)
    assert place(Species("b", "Schmetterlingsfink", "Granatina bengala"), synonyms) == (5,)
    # Where a class has no scientific name its genus is that of the table.
    assert place(Species("c"), synonyms, genus=True) == (3, 4)
    # Its own name is asked first.
    assert place(Species("a", "", "Corvus corax"), synonyms) == (2,)


def test_others_of_a_genus_stand_in_where_that_is_asked_and_are_named_even_if_there_is_only_one():
    classes = [
        Species("a", "", "Zosterops kikuyuensis"), Species("b", "", "Corvus albus"), Species("c", "", "Corvus corax"),
        Species("d", "", "Passer domesticus"),
    ]  # fmt: skip
    without, found = match_species(classes, HEARD), match_species(classes, HEARD, genus=True)
    assert without.places == ((), (), (2,), ())
    assert without.by_genus == ()
    assert found.places == ((3, 4), (2,), (2,), ())
    assert (found.by_genus, found.known, found.unknown) == (("a", "b"), (0, 1, 2), ("d",))
    assert found.note("Ears") == (
        "Ears knows 3 of 4 classes by their scientific name; not d; others of the genus stand in for a, b"
    )
    assert match_species(classes[2:3], HEARD).note("Ears") == ""


def test_a_listener_that_knows_no_class_is_refused():
    found = match_species([Species("a", "", "Passer domesticus"), Species("b")], HEARD)
    with pytest.raises(TableError, match="Ears: expected at least one of the 2 classes among its species, .* a, b"):
        require_any(found, "Ears")
    require_any(match_species([Species("noise")], HEARD), "Ears")


def opinions(places, logits):
    """The largest logit of each known class, in loops."""
    known = [own for own in places if own]
    found = np.zeros((*logits.shape[:-1], len(known)), np.float32)
    for where in np.ndindex(logits.shape[:-1]):
        for number, own in enumerate(known):
            found[(*where, number)] = max(float(logits[(*where, place)]) for place in own)
    return found


@pytest.mark.parametrize("shape", [(7,), (1, 7), (3, 2, 7), (0, 2, 7)])
@pytest.mark.parametrize("places", [((6,),), ((), (2, 5, 0), (), (3,), (3,)), ((0, 1, 2, 3, 4, 5, 6), (6, 0), ())])
def test_its_opinion_is_the_largest_logit_of_each_class_that_it_knows(rng, shape, places):
    logits = rng.normal(size=shape).astype(np.float32)
    found = Match(tuple("abcde"[: len(places)]), places).opinion(logits)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, opinions(places, logits))


def test_who_knows_nothing_has_no_opinion():
    assert Match(("a",), ((),)).opinion(np.zeros((4, 2, 7), np.float32)).shape == (4, 2, 0)


def test_a_table_that_is_not_ebirds_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("code,name\na,b\n")
    with pytest.raises(TableError, match=r"t\.csv.*SPECIES_CODE"):
        read_ebird(tmp_path / "t.csv")


def test_birdnets_list_and_the_classes_of_2023(birdnet_model, bird_corner):
    """Nobody but the genus or the spelling of a name differs, so what is not found is not in the list."""
    heard = read_birdnet_labels(birdnet_model, None, 6522)
    with (bird_corner / "train_metadata_full.csv").open(newline="", encoding="utf-8") as file:
        named = {
            row["primary_label"]: Species(row["primary_label"], row["common_name"], row["scientific_name"])
            for row in csv.DictReader(file)
        }
    classes, ebird = list(named.values()), read_ebird(bird_corner / "eBird_Taxonomy_v2021.csv")
    assert len(classes) == 264
    assert ebird.keys() >= named.keys()
    alone, found = match_species(classes, heard), match_species(classes, heard, ebird)
    assert (len(alone.unknown), len(found.unknown)) == (34, 33)
    assert set(found.unknown) < set(alone.unknown)
    common = {one.common_name.casefold() for one in heard}
    assert not [label for label in found.unknown if named[label].common_name.casefold() in common]
    # Each counterpart has the name that it was found by.
    for label, own in zip(found.labels, found.places, strict=True):
        if own:
            names = {_bare(named[label].scientific_name), _bare(ebird[label].scientific_name)}
            other = heard[own[0]]
            assert _bare(other.scientific_name) in names or other.common_name == named[label].common_name
    by_genus = match_species(classes, heard, ebird, genus=True)
    assert (len(by_genus.unknown), len(by_genus.by_genus)) == (5, 28)


def _bare(name):
    return " ".join(name.split()[:2]).casefold()
