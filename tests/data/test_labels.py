import numpy as np
import pytest

from birdclef_mind.commands.cli import main
from birdclef_mind.data import answers
from birdclef_mind.data.form import ANSWERS, NAMES, SCORES
from birdclef_mind.data.labels import Classes, choose_labels, is_label
from birdclef_mind.errors import ConfigError
from birdclef_mind.networks.bundle import load

IN_ORDER = ["b", "a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [("all", ("b", "a", "c")), ("2", ("b", "a")), ("c,b", ("c", "b")), (" a , c", ("a", "c"))],
)
def test_labels_are_chosen_by_order_number_or_name(wanted, names):
    assert choose_labels(IN_ORDER, wanted).names == names


@pytest.mark.parametrize("wanted", ["0", "4", "a,z", "", "a,a"])
def test_labels_that_cannot_be_are_refused(wanted):
    with pytest.raises(ConfigError, match=r"labels?|classes"):
        choose_labels(IN_ORDER, wanted)


TAKEN = ["row_id", "label", "recording", "segment", "start_s", "also", "secondary_labels", "nocall", "birds", "target"]


@pytest.mark.parametrize("name", [*TAKEN, "Label"])
def test_words_of_tables_are_no_labels(name):
    assert not is_label(name)
    with pytest.raises(ConfigError, match=f"got '{name}', which tables have for something else than a bird"):
        Classes(("barswa", name))


def test_every_column_of_tables_with_labels_is_such_a_word(trained, tmp_path):
    """Beside columns of labels stand those of a submission, and of the table of what was held out."""
    bundle = load(trained[0])
    for table in (trained[0] / "validation.csv", *(table_of(form, tmp_path) for form in (SCORES, NAMES, ANSWERS))):
        header = table.read_text(encoding="utf-8").splitlines()[0].split(",")
        beside = [name for name in header if name not in bundle.classes.names]
        assert beside
        assert not list(filter(is_label, beside))


def table_of(form, folder):
    path = folder / f"{form}.csv"
    path.write_text(",".join(answers.answer_header(form, ())))
    return path


@pytest.mark.parametrize("name", TAKEN)
def test_a_table_with_such_a_label_is_refused_with_its_row(competition_folder, tmp_path, capsys, name):
    table = competition_folder / "train_metadata.csv"
    table.write_text(table.read_text().replace("samwhi1", name))
    assert main(["cache", str(competition_folder), str(tmp_path / "c")]) == 2
    said = capsys.readouterr().err
    assert f"row 2, column primary_label: expected a label, got '{name}', which tables have" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "c").exists()


def test_targets_hold_the_primary_label_and_weighted_others():
    classes = Classes(("a", "b", "c"))
    targets = classes.targets(["c", "a"], [["a", "unknown"], ["a"]], secondary_weight=0.5)
    np.testing.assert_array_equal(targets, [[0.5, 0, 1], [1, 0, 0]])


def test_an_unknown_primary_label_is_refused():
    with pytest.raises(ConfigError, match="expected one of the 1 classes, got 'b'"):
        Classes(("a",)).targets(["b"], [[]])
