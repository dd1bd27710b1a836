"""The nearest real recordings: against brute force, of other recordings, and wherever in time a bird sings."""

import numpy as np
import pytest

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.nearest import Library, make_library, outline
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.settings import Network
from birdclef_mind.sound.pictures import roll_frames


@pytest.fixture(scope="module")
def anatomy():
    return read_anatomy(networks.build(Network(), 12, 20, 3))


def test_they_are_those_that_brute_force_finds(rng, anatomy):
    pictures = rng.integers(0, 255, (150, 12, 20)).astype(np.float32)
    names = [f"r{place // 3}" for place in range(150)]
    library = make_library(anatomy, anatomy.taps(), pictures, names)
    wanted, own = pictures[:7] + rng.normal(size=(7, 12, 20)) * 40, names[:7]
    for tap in anatomy.taps():
        (activation,), (others,) = anatomy.activations([tap], wanted), anatomy.activations([tap], pictures)
        found = library.nearest(tap.name, activation, own, 5)
        for place in range(7):
            values = {}
            for name, other in zip(names, others, strict=True):
                if name != own[place]:
                    one, two = (
                        np.concatenate([v.mean(axis=1).ravel(), v.max(axis=1).ravel()]) if v.ndim == 3 else v
                        for v in (activation[place], other)
                    )
                    cosine = one @ two / max(np.linalg.norm(one) * np.linalg.norm(two), 1e-12)
                    values[name] = max(values.get(name, -1), cosine)
            best = sorted(values.values(), reverse=True)[:5]
            np.testing.assert_allclose(found.cosines[place], best, atol=1e-5)
            assert len({names[at] for at in found.places[place]}) == 5
            assert own[place] not in {names[at] for at in found.places[place]}


def test_when_a_bird_sings_does_not_matter(rng):
    maps = rng.normal(size=(3, 4, 20, 6)).astype(np.float32)
    turned = np.stack([np.roll(one, by, axis=1) for one, by in zip(maps, (3, 7, 11), strict=True)])
    np.testing.assert_allclose(outline(maps), outline(turned), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(outline(maps), axis=1), 1, atol=1e-6)


def test_a_vector_laid_out_as_a_map_of_one_place_is_that_vector(rng):
    vectors = rng.normal(size=(3, 5))
    np.testing.assert_array_equal(outline(vectors.reshape(3, 1, 1, 5)), outline(vectors))


def test_a_picture_finds_itself_turned(rng, anatomy):
    pictures = rng.integers(0, 255, (40, 12, 20)).astype(np.uint8)
    library = make_library(anatomy, anatomy.taps()[:1], pictures, [f"r{place}" for place in range(40)])
    turned = roll_frames(pictures, np.full(40, 6))
    (activation,) = anatomy.activations(anatomy.taps()[:1], turned)
    found = library.nearest(anatomy.taps()[0].name, activation, [""] * 40, 1)
    assert (found.places[:, 0] == np.arange(40)).mean() > 0.9


def test_where_there_are_fewer_the_rest_is_empty():
    library = Library(("a", "a", "b"), np.zeros((3, 1, 1)), {"tap": np.eye(3, dtype=np.float32)})
    found = library.nearest("tap", np.array([[1.0, 0.5, 0.2]]), ["a"], 3)
    assert found.places.tolist() == [[2, -1, -1]]
    assert np.isnan(found.cosines[0, 1:]).all()


def test_a_silent_activation_is_like_nothing():
    library = Library(("a", "b"), np.zeros((2, 1, 1)), {"tap": np.eye(2, dtype=np.float32)})
    assert library.nearest("tap", np.zeros((1, 2)), [""], 2).cosines.tolist() == [[0.0, 0.0]]
