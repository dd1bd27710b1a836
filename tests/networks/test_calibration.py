import numpy as np
import pytest

from birdclef_mind.networks.calibration import (
    Calibration,
    calibrate,
    calibration_error,
    join_bins,
    measured,
    reliability,
)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


@pytest.fixture
def overconfident(rng):
    """Truth drawn from honest chances, and scores whose logits are three times too large."""
    logits = rng.normal(-1, 1.2, (4000, 3))
    return (rng.random(logits.shape) < sigmoid(logits)).astype(float), sigmoid(3 * logits), sigmoid(logits)


def test_the_temperature_undoes_what_was_multiplied(overconfident):
    truth, scores, honest = overconfident
    found = calibrate(truth, scores, "sigmoid")
    assert found.temperature == pytest.approx(3, rel=0.08)
    np.testing.assert_allclose(found.chances(scores), honest, atol=0.03)


def test_a_softmax_stays_one_whole(rng):
    logits = rng.normal(0, 1, (3000, 4))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.eye(4)[[rng.choice(4, p=row) for row in honest]]
    sharp = np.exp(2 * logits) / np.exp(2 * logits).sum(axis=1, keepdims=True)
    found = calibrate(truth, sharp, "softmax")
    assert found.temperature == pytest.approx(2, rel=0.1)
    np.testing.assert_allclose(found.chances(sharp).sum(axis=1), 1)
    np.testing.assert_allclose(found.chances(sharp), honest, atol=0.03)


def best_f1(truth, chances):
    """Over every threshold that can make a difference: the definition."""
    best = 0.0
    for threshold in np.unique(chances):
        said = chances >= threshold
        if said.any():
            best = max(best, 2 * (said & (truth > 0)).sum() / (said.sum() + (truth > 0).sum()))
    return best


def test_thresholds_are_those_of_the_best_f1(rng):
    chances = rng.random((80, 3)).round(2)
    truth = (rng.random((80, 3)) < chances).astype(float)
    found = calibrate(truth, chances, "sigmoid")
    calibrated = found.chances(chances)
    for bird, threshold in enumerate(found.thresholds):
        said = calibrated[:, bird] >= threshold
        f1 = 2 * (said & (truth[:, bird] > 0)).sum() / (said.sum() + truth[:, bird].sum())
        assert f1 == pytest.approx(best_f1(truth[:, bird], calibrated[:, bird]))


def test_a_bird_with_few_segments_has_the_threshold_of_all(rng):
    chances = rng.random((60, 3))
    truth = (rng.random((60, 3)) < chances).astype(float)
    truth[:, 2] = 0
    truth[0, 2] = 1
    found = calibrate(truth, chances, "sigmoid")
    everything = calibrate(truth.reshape(-1, 1), chances.reshape(-1, 1), "sigmoid")
    assert found.thresholds[2] == pytest.approx(everything.thresholds[0], abs=1e-4)


def test_reliability_counts_what_was_said_and_what_was():
    bins = reliability(np.array([[1.0, 0, 1, 0]]), np.array([[0.95, 0.91, 0.15, 1.0]]))
    assert bins[0] == {"from": 0.1, "count": 1, "said": 0.15, "was": 1.0}
    assert bins[1]["count"] == 3
    assert bins[1]["was"] == pytest.approx(1 / 3)
    assert calibration_error(np.array([[1.0, 0, 1, 0]]), np.array([[0.95, 0.91, 0.15, 1.0]])) == pytest.approx(
        (1 * 0.85 + 3 * abs(2.86 / 3 - 1 / 3)) / 4
    )


def test_the_error_is_measured_on_recordings_that_took_no_part(overconfident):
    truth, scores, _ = overconfident
    found = measured(truth, scores, [f"r{place // 40}" for place in range(len(truth))], "sigmoid")
    assert found["error_before"] > 0.08
    assert found["error_after"] < 0.02
    assert measured(truth, scores, ["one"] * len(truth), "sigmoid") is None


def test_nothing_changes_at_temperature_one(rng):
    scores = rng.random((5, 3))
    np.testing.assert_allclose(Calibration("sigmoid").chances(scores), scores, atol=1e-5)


def test_bins_of_parts_are_joined_to_those_of_all(rng):
    truth, chances = rng.integers(0, 2, (60, 3)), rng.uniform(0, 1, (60, 3))
    parts = [reliability(truth[part], chances[part]) for part in (slice(0, 10), slice(10, 35), slice(35, 60))]
    joined, whole = join_bins(parts), reliability(truth, chances)
    assert [one["count"] for one in joined] == [one["count"] for one in whole]
    for name in ("from", "said", "was"):
        np.testing.assert_allclose([one[name] for one in joined], [one[name] for one in whole])
