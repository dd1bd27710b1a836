"""Masks on a network of which it is known what it hears; controls."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from some_ears import FEATURES, attentive, ear, some_pictures, sounds
from test_maps import asked_of

from birdclef_mind.errors import Obstacle
from birdclef_mind.evidence import controls
from birdclef_mind.evidence.masks import Wanted, as_heard, find_masks, losses
from birdclef_mind.evidence.measures import faithfulness, points_inside
from birdclef_mind.sound.pictures import samples_to_pictures
from birdclef_mind.sound.split import split_samples

FINE = Wanted(cells=(16, 8))


def test_the_mask_keeps_the_band_that_is_heard_and_little_else():
    samples, pictures = sounds(2000, 2000, 2000)
    band = int(pictures.pixels[0, 6:, 30].argmax()) + 6
    model = ear(band)
    asked, _ = asked_of(model, pictures)
    masks = find_masks(asked, FINE)
    assert masks.shape == asked.bands.shape
    assert masks[:, band].mean() > 0.5
    assert masks[:, :4].mean() < 0.1
    boxes = np.zeros(masks.shape, bool)
    boxes[:, band - 1 : band + 2] = True
    assert points_inside(masks, boxes).all()

    kept, removed = split_samples(samples, masks, FEATURES)
    scores = [model(samples_to_pictures(part, FEATURES).pixels[..., None]).numpy() for part in (samples, kept, removed)]
    found = faithfulness(*scores, called=np.ones(3, int))
    assert found["same"].all()
    assert found["removed"].min() > 0.5
    assert found["drop"].max() < 0.05


def test_an_answer_that_is_as_sure_as_can_be_rests_on_something_too():
    _, pictures = sounds(2000, 2000)
    band = int(pictures.pixels[0, 6:, 30].argmax()) + 6
    asked, _ = asked_of(ear(band, scale=100.0), pictures)
    there, _ = asked.odds(np.ones_like(asked.bands))
    assert (there.numpy() == 0).all()
    masks = find_masks(asked, FINE)
    assert masks[:, band].mean() > 0.5
    assert masks[:, :4].mean() < 0.1


def test_the_search_goes_down():
    asked, _ = asked_of(attentive(), some_pictures(3))
    wanted = Wanted(cells=(8, 16))
    before = losses(asked, wanted, np.full(asked.bands.shape, 0.5, np.float32)).numpy()
    after = losses(asked, wanted, find_masks(asked, wanted)).numpy()
    assert (after < before).all()


def test_a_mask_does_not_depend_on_what_is_sought_beside_it_and_comes_again():
    asked, _ = asked_of(attentive(), some_pictures(3))
    together = find_masks(asked, FINE)
    np.testing.assert_array_equal(together, find_masks(asked, FINE))
    np.testing.assert_allclose(together[1], find_masks(asked.some(slice(1, 2)), FINE)[0], atol=5e-3)


def test_where_it_begins_is_an_argument():
    asked, _ = asked_of(ear(), some_pictures(1))
    begin = np.zeros(asked.bands.shape, np.float32)
    begin[:, 5] = 1
    found = find_masks(asked, Wanted(cells=(16, 8), steps=0), begin)
    assert found[:, 5].min() > 0.9
    assert found[:, 8].max() < 0.1


def test_another_ones_map_is_of_another_recording():
    maps = np.arange(4.0)[:, None, None] * np.ones((4, 2, 2))
    found = controls.anothers(maps, ["a", "a", "b", "b"])
    assert found[:, 0, 0].tolist() == [2, 2, 0, 0]
    assert controls.anothers(maps[:2], ["a", "a"])[:, 0, 0].tolist() == [0, 1]


def test_random_maps_come_again_and_differ():
    found = controls.random_maps((3, 16, 40))
    np.testing.assert_array_equal(found, controls.random_maps((3, 16, 40)))
    np.testing.assert_array_equal(found[:2], controls.random_maps((2, 16, 40)))
    assert not np.array_equal(found[0], found[1])


def test_loudness_is_the_magnitude():
    bands = np.array([[[4.0, 9.0]]])
    np.testing.assert_allclose(controls.loudness_maps(bands, FEATURES), [[[2, 3]]])


def test_weights_are_put_out_of_order_from_the_last_layer_on():
    model = attentive()
    before = [np.array(weight) for weight in model.get_weights()]
    found = controls.cascading(model)
    assert [name.partition("_")[0] for name, _ in found] == ["classes", "embedding", "conv2d"]
    for one, weight in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, weight)
    first, last = found[0][1], found[-1][1]
    changed = [
        sum(not np.array_equal(a, b) for a, b in zip(model.get_weights(), each.get_weights(), strict=True))
        for each in (first, last)
    ]
    assert changed[0] == 1
    assert changed[1] >= 3
    for own, mixed in zip(model.get_weights(), last.get_weights(), strict=True):
        np.testing.assert_allclose(np.sort(own.ravel()), np.sort(mixed.ravel()))


def test_no_recordings_have_no_masks():
    asked, _ = asked_of(ear(), some_pictures(1))
    assert find_masks(asked.some(slice(0, 0))).shape == (0, *asked.bands.shape[1:])


def test_many_are_sought_a_few_at_a_time():
    asked, _ = asked_of(ear(), some_pictures(3))
    together = find_masks(asked, FINE)
    asked = replace(asked, together=2)
    np.testing.assert_allclose(find_masks(asked, FINE), together, atol=5e-3)


def test_where_no_gradient_reaches_the_picture_there_is_none():
    picture = keras.Input((FEATURES.rows, FEATURES.frames, 1))
    whole = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(keras.ops.round(picture)))
    whole = keras.ops.stop_gradient(whole)
    model = keras.Model(picture, keras.layers.Dense(2, activation="softmax")(whole))
    asked, _ = asked_of(model, some_pictures(1))
    with pytest.raises(Obstacle, match="no gradient reaches the picture"):
        find_masks(asked)


def test_a_mask_is_weighed_by_how_loud_each_place_is_heard(rng):
    bands, masks = rng.uniform(size=(2, 3, 4, 5)).astype(np.float32)
    found = as_heard(masks, bands)
    for place in np.ndindex(bands.shape):
        assert found[place] == pytest.approx(masks[place] * bands[place] ** 0.25, rel=1e-4)
