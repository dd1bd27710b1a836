import json

import numpy as np
import pytest
import sklearn.metrics

from birdclef_mind.data import metrics


def average_precision(truth, scores):
    """Mean of the precision over the steps of recall, from the definition: thresholds from high to low."""
    total, positives = 0.0, sum(truth)
    recall_before = 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = [wanted for wanted, score in zip(truth, scores, strict=True) if score >= threshold]
        recall = sum(chosen) / positives
        total += (recall - recall_before) * sum(chosen) / len(chosen)
        recall_before = recall
    return total


def padded(truth, scores):
    values = []
    for index in range(truth.shape[1]):
        column = [*truth[:, index], *[1] * 5], [*scores[:, index], *[1.0] * 5]
        values.append(average_precision(*column))
    return np.mean(values)


@pytest.fixture
def table(rng):
    truth = (rng.random((37, 5)) < [0.5, 0.2, 0.05, 0.0, 1.0]).astype(int)
    return truth, rng.integers(0, 20, (37, 5)) / 20


def test_padded_cmap_follows_its_definition(table):
    truth, scores = table
    assert metrics.padded_cmap(truth, scores) == pytest.approx(padded(truth, scores), abs=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 0.999])
def test_floor_is_what_a_constant_scores(table, constant):
    truth, _ = table
    floor = metrics.padded_cmap_of_constant(truth)
    assert metrics.padded_cmap(truth, np.full(truth.shape, constant)) == pytest.approx(floor, abs=1e-12)


def test_mean_average_precision_skips_birds_never_heard(table):
    truth, scores = table
    heard = [average_precision(truth[:, i], scores[:, i]) for i in range(5) if truth[:, i].any()]
    assert metrics.mean_average_precision(truth, scores) == pytest.approx(np.mean(heard), abs=1e-12)
    assert metrics.mean_average_precision(np.zeros((3, 2)), np.zeros((3, 2))) == 0


def row_f1(truth, decided):
    """The organisers' words of 2020 and 2021, row by row: `nocall` is a name like any other."""
    values = []
    for wanted, said in zip(truth, decided, strict=True):
        names = [{str(place) for place, one in enumerate(row) if one} or {"nocall"} for row in (wanted, said)]
        hits = len(names[0] & names[1])
        precision, recall = hits / len(names[1]), hits / len(names[0])
        values.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(values) / len(values)


def balanced_accuracy(truth, decided):
    """The organisers' words of 2022: each species the same weight, and in it its positives and its negatives."""
    values = []
    for place in range(truth.shape[1]):
        right = [[], []]
        for wanted, said in zip(truth[:, place], decided[:, place], strict=True):
            right[int(wanted)].append(wanted == said)
        if all(right):
            values.append(sum(sum(one) / len(one) for one in right) / 2)
    return sum(values) / len(values)


@pytest.mark.parametrize("kind", ["random", "tied", "constant"])
def test_roc_auc_is_scikit_learns(rng, kind):
    truth = (rng.random((200, 6)) < [0.5, 0.1, 0.01, 0.3, 0.0, 1.0]).astype(int)
    truth[0, 2] = 1
    scores = {
        "random": rng.random((200, 6)),
        "tied": rng.integers(0, 4, (200, 6)) / 4,
        "constant": np.full((200, 6), 0.3),
    }
    found = metrics.roc_aucs(truth, scores[kind])
    assert np.isnan(found[4:]).all()
    wanted = [sklearn.metrics.roc_auc_score(truth[:, place], scores[kind][:, place]) for place in range(4)]
    assert np.abs(found[:4] - wanted).max() < 1e-12
    whole = metrics.measures(truth, scores[kind], list("abcdef"))
    several = sklearn.metrics.roc_auc_score(truth[:, :4], scores[kind][:, :4], average="macro")
    assert whole["roc_auc"] == pytest.approx(several, abs=1e-12)
    assert whole["roc_auc_classes"] == 4
    if kind == "constant":
        assert whole["roc_auc"] == whole["roc_auc_of_constant"] == 0.5


def test_no_class_is_both_there_and_not():
    found = metrics.measures(np.array([[1, 0], [1, 0]]), np.array([[0.1, 0.2], [0.3, 0.4]]), ["a", "b"])
    assert found["roc_auc"] is None
    assert found["balanced_accuracy"] is None
    assert found["roc_auc_classes"] == 0


def test_measures_of_names_follow_their_definitions(rng):
    truth, decided = (rng.random((80, 4)) < 0.25).astype(int), (rng.random((80, 4)) < 0.25).astype(int)
    assert not truth.any(axis=1).all()
    assert metrics.row_f1(truth, decided) == pytest.approx(row_f1(truth, decided), abs=1e-12)
    with_nocall = [np.column_stack([one, ~one.any(axis=1)]) for one in (truth, decided)]
    samples = sklearn.metrics.f1_score(*with_nocall, average="samples", zero_division=1)
    assert metrics.row_f1(truth, decided) == pytest.approx(samples, abs=1e-12)
    each = np.nanmean(metrics.balanced_accuracies(truth, decided))
    assert each == pytest.approx(balanced_accuracy(truth, decided), abs=1e-12)
    learned = [sklearn.metrics.balanced_accuracy_score(truth[:, place], decided[:, place]) for place in range(4)]
    assert each == pytest.approx(np.mean(learned), abs=1e-12)


def test_floors_are_what_constants_score(rng):
    truth = (rng.random((60, 3)) < 0.3).astype(int)
    for constant in (0.0, 0.9):
        found = metrics.measures(truth, np.full(truth.shape, constant), list("abc"))
        assert found["balanced_accuracy"] == found["balanced_accuracy_of_constant"]
        assert found["roc_auc"] == found["roc_auc_of_constant"]
        assert found["micro_f1"] <= found["micro_f1_of_constant"]
    alone = [row_f1(truth, np.full(truth.shape, said)) for said in (0, 1)]
    assert metrics.row_f1_of_constant(truth) == pytest.approx(max(alone), abs=1e-12)


def test_perfect_scores_are_perfect():
    truth = np.eye(4)[[0, 1, 2, 3, 0]]
    found = metrics.measures(truth, truth * 0.9, list("abcd"))
    assert found["top1"] == found["padded_cmap"] == found["mean_average_precision"] == 1
    assert found["confusion"] == np.diag([2, 1, 1, 1]).tolist()
    assert all(bird["precision"] == bird["recall"] == bird["f1"] == 1 for bird in found["per_class"])


def test_per_class_measures_count_by_hand():
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]])
    first, second = metrics.measures(truth, scores, ["a", "b"])["per_class"]
    assert (first["positives"], first["precision"], first["recall"]) == (2, 1.0, 0.5)
    assert (second["positives"], second["precision"], second["recall"]) == (3, 0.75, 1.0)
    assert second["f1"] == pytest.approx(6 / 7)


def test_rows_without_a_bird_do_not_count_for_top1_nor_in_the_confusion():
    truth = np.array([[0, 0], [1, 0], [1, 1]])
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    found = metrics.measures(truth, scores, ["a", "b"])
    assert found["top1"] == 1
    assert found["confusion"] == [[1, 0], [0, 0]]
    assert metrics.top1(np.zeros((2, 2)), scores[:2]) == 0


def test_every_measure_stands_under_its_name_as_a_plain_value(table):
    truth, scores = table
    found = metrics.measures(truth, scores, list("abcde"))
    assert list(found) == [
        "rows", "classes", "top1", "padded_cmap", "padded_cmap_of_constant", "roc_auc", "roc_auc_of_constant",
        "roc_auc_classes", "micro_f1", "micro_f1_of_constant", "balanced_accuracy", "balanced_accuracy_of_constant",
        "mean_average_precision", "per_class", "confusion",
    ]  # fmt: skip
    assert (found["rows"], found["classes"]) == (37, 5)
    assert found["padded_cmap_of_constant"] == metrics.padded_cmap_of_constant(truth)
    assert [bird["label"] for bird in found["per_class"]] == list("abcde")
    wanted = metrics.average_precisions(truth, scores).tolist()
    assert [bird["average_precision"] for bird in found["per_class"]] == [*wanted[:3], None, wanted[4]]
    assert all(type(count) is int for row in found["confusion"] for count in row)
    assert json.loads(json.dumps(found)) == found


def test_order_of_rows_changes_nothing(table, rng):
    truth, scores = table
    order = rng.permutation(len(truth))
    assert metrics.measures(truth, scores, list("abcde")) == metrics.measures(
        truth[order], scores[order], list("abcde")
    )


def test_recordings_take_the_maximum_of_their_segments():
    values = np.array([[0.1, 0.5], [0.7, 0.2], [0.3, 0.3]])
    np.testing.assert_array_equal(metrics.max_by_group(values, ["y", "x", "y"]), [[0.3, 0.5], [0.7, 0.2]])
    both = metrics.measures_by_level(np.array([[1, 0], [0, 1], [1, 0]]), values, ["a", "b"], ["y", "x", "y"])
    assert (both["segments"]["rows"], both["recordings"]["rows"]) == (3, 2)


@pytest.mark.parametrize("rows", [1, 2, 64])
@pytest.mark.parametrize("levels", [2, 7, 10_000])
def test_measures_agree_with_scikit_learn(rng, rows, levels):
    truth = (rng.random((rows, 6)) < [0.9, 0.5, 0.2, 0.05, 0, 1]).astype(int)
    scores = rng.integers(0, levels, (rows, 6)) / levels
    heard = truth.any(axis=0)
    wanted = [sklearn.metrics.average_precision_score(truth[:, i], scores[:, i]) for i in np.flatnonzero(heard)]
    values = metrics.average_precisions(truth, scores)
    np.testing.assert_allclose(values[heard], wanted, atol=1e-12)
    assert np.isnan(values[~heard]).all()
    decided = np.eye(6, dtype=int)[scores.argmax(axis=1)]
    theirs = sklearn.metrics.precision_recall_fscore_support(truth, decided, average=None, zero_division=0)
    found = metrics.measures(truth, scores, list("abcdef"))["per_class"]
    for name, values in zip(("precision", "recall", "f1", "positives"), theirs, strict=True):
        np.testing.assert_allclose([bird[name] for bird in found], values, atol=1e-12)
