from itertools import pairwise

import numpy as np
import pytest

from birdclef_mind.backwards import drawn
from birdclef_mind.backwards.drawn import draw, draw_several
from birdclef_mind.backwards.nearest import Library, most_typical, outline

STRIPS, WIDTH, ROWS = 40, 3, 8


def draw_once(*given, seed=0):
    found = draw_several(*given, seeds=[seed])
    return None if found is None else found[0]


def rows(pictures):
    return pictures.mean(axis=2)


def a_library(rng, recordings, frames=STRIPS * WIDTH):
    pixels = rng.integers(0, 256, (len(recordings), ROWS, frames)).astype(np.uint8)
    return Library(tuple(recordings), pixels, {"tap": outline(rng.normal(size=(len(recordings), 5)))})


def strips_of(pictures):
    cut = pictures.reshape(len(pictures), ROWS, STRIPS, WIDTH)
    return np.moveaxis(cut, 1, 2).reshape(-1, ROWS * WIDTH)


def test_from_a_single_recording_comes_that_recording_turned_in_time(rng):
    # As many strips as are settled together.
    library = a_library(rng, ["a"], 11)
    (found,) = draw_once(library, "tap", rng.normal(size=(1, 5)), ["b"])
    turned = [np.roll(library.pixels[0].astype(float), step, axis=1) for step in range(11)]
    assert min(np.abs(found - one).max() for one in turned) < 1e-3


def test_every_strip_is_one_of_other_recordings(rng):
    library = a_library(rng, ["a", "b", "c", "d"])
    found = draw_once(library, "tap", rng.normal(size=(3, 5)), ["a", "b", "z"])
    assert found.shape == (3, ROWS, STRIPS * WIDTH)
    for picture, own in zip(found, ["a", "b", "z"], strict=True):
        others = strips_of(library.pixels[[name != own for name in library.recordings]].astype(np.float32))
        apart = np.abs(strips_of(picture[None])[:, None] - others[None]).max(axis=2)
        assert apart.min(axis=1).max() < 0.5


def test_a_draw_follows_from_its_seed_alone(rng):
    library = a_library(rng, list("abcdefgh"))
    wanted, names = rng.normal(size=(20, 5)), ["z"] * 20
    one = draw_once(library, "tap", wanted, names, seed=1)
    np.testing.assert_array_equal(draw_once(library, "tap", wanted, names, seed=1), one)
    np.testing.assert_allclose(draw_once(library, "tap", wanted[18:], names[18:], seed=1), one[18:], atol=1e-2)
    assert np.abs(draw_once(library, "tap", wanted, names, seed=2) - one).max() > 10


def test_nothing_is_drawn_where_there_is_no_other_recording(rng):
    assert draw_once(a_library(rng, ["a", "a"]), "tap", rng.normal(size=(2, 5)), ["b", "a"]) is None


def test_a_rest_of_frames_keeps_the_size_of_the_picture(rng):
    assert draw_once(a_library(rng, ["a"], 2 * STRIPS + 3), "tap", rng.normal(size=(1, 5)), ["b"]).shape == (
        1,
        ROWS,
        83,
    )
    assert draw_once(a_library(rng, ["a"], 7), "tap", rng.normal(size=(1, 5)), ["b"]).shape == (1, ROWS, 7)


def test_the_silence_behind_short_recordings_is_not_drawn(rng):
    library = a_library(rng, ["a", "b"])
    library.pixels[:, :, STRIPS * WIDTH // 2 :] = 0
    found = draw_once(library, "tap", rng.normal(size=(2, 5)), ["z", "z"])
    assert strips_of(found).max(axis=1).min() > 0
    library.pixels[:] = 7
    np.testing.assert_allclose(draw_once(library, "tap", rng.normal(size=(1, 5)), ["z"]), 7, rtol=1e-5)


def test_the_draw_that_the_layer_finds_most_alike_is_taken(rng):
    library = a_library(rng, list("abcdefgh"))
    # A layer that hears in which row a picture is loud.
    library.pixels[:] = rng.permuted(np.linspace(0, 255, ROWS), axis=0).astype(np.uint8)[:, None]
    library.pixels[:] = library.pixels * rng.uniform(0.2, 1, library.pixels.shape)
    library = Library(library.recordings, library.pixels, {"tap": outline(rows(library.pixels))})
    wanted, names = rows(library.pixels[:3]), ["a", "b", "c"]
    found = draw(library, "tap", wanted, names, read=rows, seed=2)
    draws = np.stack(
        [draw_once(library, "tap", wanted, names, seed=2 * drawn._DRAWS + one) for one in range(drawn._DRAWS)]
    )
    for place, picture in enumerate(found):
        alike = [float(outline(rows(one[place][None]))[0] @ outline(wanted[place : place + 1])[0]) for one in draws]
        np.testing.assert_array_equal(picture, draws[int(np.argmax(alike))][place])


def test_as_many_count_as_if_six_counted_alike(rng):
    cosines = -np.sort(-rng.uniform(size=(5, 24)), axis=1)
    shares = drawn._chances(cosines)
    np.testing.assert_allclose(-(shares * np.log(shares)).sum(axis=1), np.log(6), rtol=1e-3)
    assert (np.diff(shares, axis=1) <= 0).all()
    few = np.concatenate([cosines[:, :3], np.full((5, 21), np.nan)], axis=1)
    np.testing.assert_allclose(drawn._chances(few)[:, :3], 1 / 3, atol=1e-2)
    assert (drawn._chances(few)[:, 3:] == 0).all()


def test_settling_equals_a_slow_reference(rng, monkeypatch):
    monkeypatch.setattr(drawn, "_STEPS", 3)
    count, sources, numbers, begin = 12, 2, 4, 0.02
    looks = rng.normal(size=(1, sources * count, numbers)).astype(np.float32)
    chances = np.log(rng.uniform(0.1, 1, (1, sources * count)))
    found = drawn._settled(looks, chances, count, 5)[0]

    source = looks[0].reshape(sources, count, numbers).astype(float)
    values = np.random.default_rng(5).normal(size=(count, numbers))
    times = np.linspace(begin, 1, 4)
    for now, then in pairwise(times):
        mean, shares = np.zeros_like(values), np.zeros((count, sources * count))
        for strip in range(count):
            # The logarithm of how likely this noise hides each source's neighbourhood, for a straight path.
            likely = np.array([
                chances[0, which * count + at] - sum(
                    np.square(values[(strip + step) % count] - now * source[which, (at + step) % count]).sum()
                    for step in range(-5, 6)
                ) / (2 * (1 - now) ** 2)
                for which in range(sources) for at in range(count)
            ])  # fmt: skip
            shares[strip] = np.exp(likely - likely.max())
            shares[strip] /= shares[strip].sum()
            mean[strip] = shares[strip] @ looks[0]
        values = values + (then - now) * (mean - values) / (1 - now)
    np.testing.assert_allclose(found, shares, atol=1e-3)


def test_segments_are_those_of_brute_force(rng):
    library = a_library(rng, list("aabbc"))
    wanted = rng.normal(size=(2, 5))
    found = library.segments("tap", wanted, ["a", "z"], 4)
    for row, own in enumerate(["a", "z"]):
        cosines = {
            place: float(outline(wanted[row : row + 1])[0] @ library.outlines["tap"][place])
            for place in range(5) if library.recordings[place] != own
        }  # fmt: skip
        best = sorted(cosines, key=cosines.get, reverse=True)[:4]
        best += [-1] * (4 - len(best))
        assert found.places[row].tolist() == best


def test_the_most_typical_come_first_and_each_recording_once():
    outlines = outline(np.array([[1, 0], [1, 0.1], [0, 1], [1, 0.2], [0.2, 1]]))
    truth, named = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 0, 0])
    assert most_typical(outlines, truth, named, ["a", "b", "c", "a", "d"], 3) == [[1, 3, 2], [4], []]


@pytest.mark.parametrize("rows", [5, 32, 128])
def test_what_strips_look_like_keeps_what_differs(rng, rows):
    strips = rng.normal(size=(2, 6, rows * 7)).astype(np.float32)
    looks = drawn._looks(strips, rows)
    assert looks.shape == (2, 6, min(rows, 32) * 4)
    np.testing.assert_allclose(looks.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(looks.std(axis=(1, 2)), 1, rtol=1e-3)
