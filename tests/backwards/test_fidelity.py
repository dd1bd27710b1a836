import numpy as np
import pytest

from birdclef_mind.backwards import fidelity


@pytest.fixture
def pictures(rng):
    return rng.uniform(0, 255, (6, 4, 5))


def test_correlation_is_pearsons(pictures, rng):
    other = pictures + rng.normal(size=pictures.shape) * 60
    wanted = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(pictures, other, strict=True)]
    np.testing.assert_allclose(fidelity.correlations(other, pictures), wanted, rtol=1e-9)
    assert not fidelity.correlations(np.zeros_like(pictures), pictures).any()


def test_picture_error_is_one_for_just_another_picture(pictures):
    distances = [np.linalg.norm(a - b) for i, a in enumerate(pictures) for j, b in enumerate(pictures) if i != j]
    distance = fidelity.mean_distance(pictures)
    assert distance == pytest.approx(np.mean(distances))
    errors = fidelity.picture_errors(pictures[[1, 0]], pictures[:2], distance)
    np.testing.assert_allclose(errors, np.linalg.norm(pictures[0] - pictures[1]) / distance)
    assert fidelity.mean_distance(pictures[:1]) == 1


def test_activation_error_is_relative(pictures):
    np.testing.assert_allclose(fidelity.activation_errors(1.1 * pictures, pictures), 0.1)
    assert fidelity.activation_errors(np.zeros((1, 3)), np.zeros((1, 3)))[0] == 0


def test_recognised_compares_the_surest_class(pictures):
    def brightest_row(those):
        return those.mean(axis=2)

    judges = fidelity.Judges(pictures, list("abcdef"), 100.0, brightest_row, None)
    verdicts = judges.ask(pictures[:, ::-1])
    rows = pictures.mean(axis=2).argmax(axis=1)
    np.testing.assert_array_equal(verdicts.called, 3 - rows)
    assert judges.measures(verdicts)["recognised"]["mean"] == pytest.approx((rows == 3 - rows).mean())
    others = np.array([1, 2, 3, 4, 5, 0])
    turned = judges.measures(verdicts[others])
    assert turned == judges.measures(judges.ask(pictures[others][:, ::-1]))


def test_intervals_hold_the_mean_and_shrink_with_more_recordings(rng):
    values = rng.normal(size=400)
    many = fidelity.with_interval(values, [str(i) for i in range(400)])
    few = fidelity.with_interval(values, [str(i % 8) for i in range(400)])
    for found in (many, few):
        assert found["low"] < found["mean"] < found["high"]
        assert found["mean"] == pytest.approx(values.mean())
    # The classical interval of a mean of independent values.
    assert many["high"] - many["low"] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)


def test_segments_of_one_recording_are_not_counted_as_independent():
    values = np.repeat([0.0, 1.0] * 5, 40)
    groups = np.repeat([f"r{i}" for i in range(10)], 40)
    alone = fidelity.with_interval(values, [str(i) for i in range(400)])
    together = fidelity.with_interval(values, groups)
    assert together["high"] - together["low"] > 4 * (alone["high"] - alone["low"])


def test_shuffling_pairs_with_another_recording():
    groups = ["a", "a", "b", "c", "c"]
    others = fidelity.shuffled(5, groups)
    assert all(groups[other] != group for other, group in zip(others, groups, strict=True))
    np.testing.assert_array_equal(fidelity.shuffled(3, ["a"] * 3), [2, 0, 1])


def test_a_segment_alone_is_no_control_of_itself(pictures):
    def answer(those):
        return those.mean(axis=2)

    for count, empty in ((1, True), (2, False)):
        judges = fidelity.Judges(pictures[:count], list("ab"[:count]), 100.0, answer, None)
        assert (judges.shuffled(judges.ask(pictures[:count])) == {}) == empty


def test_all_measures_are_given_with_and_without_a_second_network(pictures):
    def answer(those):
        return those.mean(axis=2)

    groups = list("aabbcc")
    judges = fidelity.Judges(pictures, groups, 100.0, answer, None)
    alone = judges.measures(judges.ask(pictures))
    assert set(alone) == {"correlation", "picture_error", "spread", "detail", "recognised"}
    assert alone["correlation"]["mean"] == pytest.approx(1)
    assert alone["picture_error"]["mean"] == 0
    judges = fidelity.Judges(pictures, groups, 100.0, answer, lambda those: -answer(those))
    both = judges.measures(judges.ask(pictures), pictures, pictures)
    assert both["recognised_by_second"]["mean"] == 0
    assert both["activation_error"]["mean"] == 0
    assert judges.measures(judges.ask(pictures)[np.arange(6)])["recognised_by_second"]["mean"] == 0


def test_sharpness_is_beside_the_real_picture(rng):
    real = rng.uniform(0, 255, (3, 6, 8))
    real[2] = 7
    blurred = (real + np.roll(real, 1, axis=2)) / 2
    found = fidelity.sharpness(blurred, real)
    for place in range(2):
        differences = [
            sum(np.mean(np.diff(one[place], axis=axis) ** 2) for axis in (0, 1)) ** 0.5 for one in (blurred, real)
        ]
        np.testing.assert_allclose(found["detail"][place], differences[0] / differences[1])
        np.testing.assert_allclose(found["spread"][place], blurred[place].std() / real[place].std())
    assert np.isnan(found["detail"][2])
    assert np.isnan(found["spread"][2])
    np.testing.assert_allclose(fidelity.sharpness(real, real)["detail"][:2], 1)
