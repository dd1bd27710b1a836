"""Lists of species, as makers of models write them."""

import pytest

from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.species_lists import read_birdnet_labels, read_species_list, require_count


def listed(folder, text, column=""):
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return read_species_list(folder / "labels.csv", column)


def test_a_name_a_line(tmp_path):
    found = listed(tmp_path, "barswa\nHirundo rustica\nParus major_Great Tit\nAcoustic_guitar\nSpeech\n\n")
    assert found == (
        Species("barswa"),
        Species("Hirundo rustica", "", "Hirundo rustica"),
        Species("Parus major_Great Tit", "Great Tit", "Parus major"),
        Species("Acoustic_guitar"),
        Species("Speech"),
    )


def test_a_table_by_a_column(tmp_path):
    text = "code,common_name,scientific_name\nbarswa,Barn Swallow,Hirundo rustica\n"
    assert listed(tmp_path, text, "code") == (Species("barswa", "Barn Swallow", "Hirundo rustica"),)
    (found,) = listed(tmp_path, text, "scientific_name")
    assert (found.label, found.scientific_name, found.common_name) == ("Hirundo rustica",) * 2 + ("Barn Swallow",)


def test_a_single_column_is_a_table_too(tmp_path):
    assert listed(tmp_path, "inat2024_fsd50k\nHirundo rustica\nSpeech\n", "inat2024_fsd50k") == (
        Species("Hirundo rustica", "", "Hirundo rustica"),
        Species("Speech"),
    )


def test_a_table_without_its_column_is_refused(tmp_path):
    with pytest.raises(ListenerError, match='say `column = "…"` with one of its columns: code,name'):
        listed(tmp_path, "code,name\nbarswa,Barn Swallow\n")
    with pytest.raises(ListenerError, match="expected a table of labels, got another .*expected the column label once"):
        listed(tmp_path, "code,name\nbarswa,Barn Swallow\n", "label")


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(ListenerError, match="expected a list of species, got a file that is no text"):
        read_species_list(tmp_path / "labels.csv")
    with pytest.raises(ListenerError, match="expected a list of species"):
        read_species_list(tmp_path / "none.csv")


def test_a_list_is_as_long_as_the_model_has_outputs(tmp_path):
    species = listed(tmp_path, "ebird2021\nbarswa\ncomsan\n")
    require_count(species, 3, tmp_path)
    with pytest.raises(ListenerError, match="expected 5 labels, as many as the model has outputs, got 3$"):
        require_count(species, 5, tmp_path)
    with pytest.raises(
        ListenerError, match='got 3; where the first line is the column.s name, say `column = "ebird2021"`'
    ):
        require_count(species, 2, tmp_path)


def test_birdnets_list_is_looked_for_beside_it(tmp_path):
    model = tmp_path / "model.tflite"
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/de.txt").write_text("Parus major_Kohlmeise\n", encoding="utf-8")
    (tmp_path / "labels/en_us.txt").write_text("Parus major_Great Tit\n", encoding="utf-8")
    assert read_birdnet_labels(model, None, 1)[0].common_name == "Great Tit"
    assert read_birdnet_labels(model, tmp_path / "labels/de.txt", 1)[0].common_name == "Kohlmeise"
    with pytest.raises(ListenerError, match=r"expected beside it a list of its 2 species.* found en_us\.txt, de\.txt"):
        read_birdnet_labels(model, None, 2)
    with pytest.raises(ListenerError, match=r"de\.txt: expected 2 species, as many as the model has, got 1"):
        read_birdnet_labels(model, tmp_path / "labels/de.txt", 2)
    (tmp_path / "labels/en_us.txt").write_text("Parus major Great Tit\n", encoding="utf-8")
    with pytest.raises(
        ListenerError, match="line 1: expected 'Scientific name_Common name', got 'Parus major Great Tit'"
    ):
        read_birdnet_labels(model, None, 1)


def test_a_mark_of_byte_order_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfcomsan\nbarswa\n")
    assert [one.label for one in read_species_list(path)] == ["comsan", "barswa"]
