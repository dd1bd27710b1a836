"""Metamers, where the answer is known: of invertible, linear and blind layers; seeds, batches, controls, refusals."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.ndimage import gaussian_filter

from birdclef_mind.backwards import metamers
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.metamers import TOLERANCE, bring_near, make_metamers
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.networks.build import build
from birdclef_mind.networks.settings import Network

ROWS, FRAMES = 6, 10


def network(*middle, first=None):
    """A network of one convolution, which a test sets, before its classes."""
    given = keras.Input((ROWS, FRAMES, 1))
    value = (first or layers.Conv2D(1, 1, use_bias=False, name="first"))(given)
    for layer in middle:
        value = layer(value)
    value = layers.Flatten()(value)
    value = layers.Dense(4, name="vector")(value)
    return read_anatomy(keras.Model(given, layers.Dense(3, activation="softmax", name="classes")(value)))


@pytest.fixture(autouse=True)
def finer(monkeypatch):
    """Steps stay large, and smoothness counts so little, that what is found can be compared with what is known."""
    monkeypatch.setattr(metamers, "_FALLING", 0.9)
    monkeypatch.setattr(metamers, "_SMOOTHNESS", 0.001)


@pytest.fixture
def pictures(rng):
    return rng.uniform(30, 220, (5, ROWS, FRAMES)).astype(np.float32)


def tap_named(anatomy, name):
    return next(tap for tap in anatomy.taps() if tap.name == name)


def test_of_an_invertible_layer_it_is_the_input(pictures):
    anatomy = network()
    anatomy.model.get_layer("first").set_weights([np.full((1, 1, 1, 1), 0.02)])
    found = make_metamers(anatomy, tap_named(anatomy, "first"), pictures, pictures, steps=600)
    assert found.reached.all()
    np.testing.assert_allclose(found.pictures[0], pictures, atol=10)
    np.testing.assert_allclose(found.pictures[0], found.pictures[1], atol=2)


def test_of_a_linear_layer_it_is_the_input_but_for_its_null_space(pictures, rng):
    anatomy = network()
    kernel = rng.normal(size=(ROWS * FRAMES, 4)) / 500
    anatomy.model.get_layer("first").set_weights([np.ones((1, 1, 1, 1))])
    anatomy.model.get_layer("vector").set_weights([kernel, np.zeros(4)])
    found = make_metamers(anatomy, tap_named(anatomy, "vector"), pictures, pictures, steps=900)
    assert found.reached.all()
    kept = np.linalg.qr(kernel)[0]
    own = pictures.reshape(5, -1)
    for seed in range(2):
        apart = found.pictures[seed].reshape(5, -1) - own
        within, all_ = np.linalg.norm(apart @ kept, axis=1), np.linalg.norm(apart, axis=1)
        # What the layer reads is the input's; what it does not read may be anything.
        assert (within < 0.2 * np.linalg.norm((own - own.mean(axis=0)) @ kept, axis=1)).all()
        assert (all_ > 5 * within).all()
    difference = found.pictures[0] - found.pictures[1]
    assert (
        np.abs(difference.reshape(5, -1) @ kept).max() < 0.1 * np.linalg.norm(difference.reshape(5, -1), axis=1).min()
    )


def test_what_a_layer_does_not_see_differs_between_seeds(pictures, monkeypatch):
    monkeypatch.setattr(metamers, "_SMOOTHNESS", 0.0)
    # Only the lower half of the bands gets through.
    anatomy = network(layers.Cropping2D(((0, ROWS // 2), (0, 0))), layers.Conv2D(1, 1, use_bias=False, name="second"))
    for name in ("first", "second"):
        anatomy.model.get_layer(name).set_weights([np.ones((1, 1, 1, 1)) * 0.1])
    found = make_metamers(anatomy, tap_named(anatomy, "second"), pictures, pictures, steps=600)
    low, high = (np.abs(found.pictures[0] - found.pictures[1])[:, rows].mean() for rows in (slice(3), slice(3, 6)))
    assert low < 10 < high


def test_errors_follow_their_definition(pictures):
    anatomy = network()
    tap = tap_named(anatomy, "vector")
    found = make_metamers(anatomy, tap, pictures[:2], pictures, steps=20)
    (wanted,), (others,) = anatomy.activations([tap], pictures[:2]), anatomy.activations([tap], pictures)
    for place in range(2):
        apart = np.square(others - wanted[place]).sum(axis=1)
        apart = apart[np.arange(5) != place]
        for seed in range(2):
            (again,) = anatomy.activations([tap], found.pictures[seed, place][None])
            expected = np.square(again[0] - wanted[place]).sum() / np.median(apart)
            assert found.errors[seed, place] == pytest.approx(expected, rel=1e-4)
        assert found.nearest_other[place] == pytest.approx(apart.min() / np.median(apart), rel=1e-4)
    assert (found.reached == (found.errors <= TOLERANCE)).all()


def test_one_does_not_depend_on_others_and_the_same_seed_gives_the_same(pictures):
    anatomy = network()
    tap = tap_named(anatomy, "vector")
    whole = make_metamers(anatomy, tap, pictures, pictures, steps=10)
    again = make_metamers(anatomy, tap, pictures, pictures, steps=10)
    np.testing.assert_array_equal(whole.pictures, again.pictures)
    few = make_metamers(anatomy, tap, pictures[:3], pictures, seeds=(1,), steps=10)
    np.testing.assert_allclose(few.pictures[0], whole.pictures[1, :3], atol=0.5)
    assert np.abs(whole.pictures[0] - whole.pictures[1]).mean() > 1
    assert whole.pictures.min() >= 0
    assert whole.pictures.max() <= 255


def test_what_has_not_reached_the_tolerance_goes_on(pictures, monkeypatch):
    anatomy = network()
    tap = tap_named(anatomy, "vector")
    shares = []
    for rounds in (1, 200):
        monkeypatch.setattr(metamers, "STEPS", 3)
        monkeypatch.setattr(metamers, "ROUNDS", rounds)
        shares.append(make_metamers(anatomy, tap, pictures, pictures).reached.mean())
    assert shares[0] < 1
    assert shares[-1] == 1


def test_each_ends_when_it_is_near_enough_whatever_is_made_beside_it(pictures, monkeypatch):
    monkeypatch.setattr(metamers, "STEPS", 200)
    anatomy = network()
    tap = tap_named(anatomy, "vector")
    together = make_metamers(anatomy, tap, pictures, pictures)
    assert together.reached.all()
    # A picture's noise is that of its place, so the first can be made alone.
    alone = make_metamers(anatomy, tap, pictures[:1], pictures, seeds=(0,))
    np.testing.assert_allclose(alone.pictures[0, 0], together.pictures[0, 0], atol=0.5)
    under_way = []
    made = metamers._step(metamers._reader(anatomy, tap), metamers._VECTOR_RATE)

    def step(number, state, goals):
        under_way.append(len(state[0]))
        return made(number, state, goals)

    monkeypatch.setattr(metamers, "_step", lambda *_: step)
    make_metamers(anatomy, tap, pictures, pictures)
    assert under_way[0] == 10
    assert under_way[-1] < 10
    assert sorted(under_way, reverse=True) == under_way


def test_of_a_saturated_answer_it_is_found_too(pictures):
    anatomy = network()
    # Scores that are 0 and 1 to the last digit.
    kernel, bias = anatomy.model.get_layer("classes").get_weights()
    anatomy.model.get_layer("classes").set_weights([kernel * 3, bias])
    found = make_metamers(anatomy, anatomy.classes, pictures, pictures, steps=600)
    assert found.reached.all()


def test_many_are_made_in_parts(rng):
    anatomy = network()
    many = rng.uniform(0, 255, (35, ROWS, FRAMES)).astype(np.float32)
    found = make_metamers(anatomy, tap_named(anatomy, "vector"), many, many, seeds=(0,), steps=5)
    assert found.pictures.shape == (1, 35, ROWS, FRAMES)
    assert found.errors.shape == (1, 35)


def test_a_layer_that_tells_nothing_apart_is_refused(pictures):
    anatomy = network()
    anatomy.model.get_layer("vector").set_weights([np.zeros((60, 4)), np.ones(4)])
    with pytest.raises(ConfigError, match="expected recordings that differ at vector, found the same activation"):
        make_metamers(anatomy, tap_named(anatomy, "vector"), pictures, pictures)


def test_where_no_gradient_passes_it_says_so(pictures):
    class Rounded(layers.Layer):
        def call(self, values):
            return keras.ops.round(values)

    given = keras.Input((ROWS, FRAMES, 1))
    value = layers.Conv2D(1, 1, name="first")(Rounded()(given))
    value = layers.Dense(4, name="vector")(layers.Flatten()(value))
    anatomy = read_anatomy(keras.Model(given, layers.Dense(3, activation="softmax", name="classes")(value)))
    with pytest.raises(Obstacle, match="no gradient reaches the picture from first"):
        make_metamers(anatomy, tap_named(anatomy, "first"), pictures, pictures, steps=2)


def smooth_pictures(rng, count):
    """Pictures (count, 16, 32), 0–255, without the detail that a search takes for noise of its own."""
    drawn = gaussian_filter(rng.normal(size=(count, 16, 32)), (0, 2, 3))
    return np.clip(127 + 127 * drawn / np.abs(drawn).max(), 0, 255).astype(np.float32)


def test_what_is_brought_near_agrees_better_and_stays_near_where_it_began(rng):
    anatomy = read_anatomy(build(Network(name="classic"), 16, 32, 3))
    tap = anatomy.of_kind("convolution")[2]
    pictures, others = (smooth_pictures(rng, count) for count in (3, 5))
    begun = np.broadcast_to(pictures.mean(axis=2, keepdims=True), pictures.shape)
    found = bring_near(anatomy, tap, begun, pictures, others, steps=40)
    assert found.shape == begun.shape
    assert found.min() >= 0
    assert found.max() <= 255

    def apart(some):
        (wanted,), (own,) = anatomy.activations([tap], pictures), anatomy.activations([tap], some)
        return np.square(own - wanted).reshape(3, -1).sum(axis=1)

    assert (apart(found) < 0.5 * apart(begun)).all()
    assert np.abs(found - begun).mean() < np.abs(found - others[:3]).mean()
    alone = bring_near(anatomy, tap, begun[1:2], pictures[1:2], others, steps=40)
    # Where neighbours are alike the slope of their difference hangs on rounding.
    assert np.abs(found[1] - alone[0]).mean() < 2
    np.testing.assert_array_equal(found, bring_near(anatomy, tap, begun, pictures, others, steps=40))
