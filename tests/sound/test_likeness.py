import numpy as np
import pytest

from birdclef_mind.sound.likeness import likeness


def alike(one, other):
    """The definition, in loops: frames by fours, means out, the best correlation over all turns."""

    def plain(picture):
        count = picture.shape[1] // 4
        pooled = np.array([[row[4 * i : 4 * i + 4].mean() for i in range(count)] for row in picture])
        pooled = pooled - pooled.mean(axis=1, keepdims=True)
        return pooled - pooled.mean(axis=0, keepdims=True)

    one, other = plain(one), plain(other)
    lengths = np.linalg.norm(one) * np.linalg.norm(other)
    return max((one * np.roll(other, turn, axis=1)).sum() / lengths for turn in range(one.shape[1]))


@pytest.mark.parametrize("frames", [12, 17, 40])
def test_it_follows_its_definition(rng, frames):
    ones, others = rng.integers(0, 256, (3, 5, frames), np.uint8), rng.integers(0, 256, (2, 5, frames), np.uint8)
    expected = [[alike(one.astype(float), other.astype(float)) for other in others] for one in ones]
    np.testing.assert_allclose(likeness(ones, others), expected, atol=1e-5)


def test_turned_in_time_a_picture_stays_like_itself(rng):
    pictures = rng.integers(0, 256, (100, 6, 40), np.uint8)
    values = likeness(pictures, np.roll(pictures, 8, axis=2))
    np.testing.assert_allclose(np.diag(values), 1, atol=1e-5)
    assert (values - np.eye(100)).max() < 0.9


def test_what_shows_nothing_is_like_nothing(rng):
    flat = np.full((1, 6, 40), 9, np.uint8)
    humming = np.repeat(rng.integers(0, 256, (1, 6, 1), np.uint8), 40, axis=2)
    song = rng.integers(0, 256, (1, 6, 40), np.uint8)
    for nothing in (flat, humming):
        assert np.abs(likeness(nothing, song)).max() < 1e-3
        assert np.abs(likeness(nothing, nothing)).max() < 1e-3


def test_silence_after_the_end_makes_nothing_alike(rng):
    pictures = rng.integers(100, 256, (2, 16, 160), np.uint8)
    pictures[:, :, 60:] = 0
    assert likeness(pictures[:1], pictures[1:])[0, 0] < 0.5
