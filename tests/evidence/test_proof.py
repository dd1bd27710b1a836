"""Where a cue stands in a picture, and who points there."""

import numpy as np
import pytest
from some_ears import FEATURES, sounds

from birdclef_mind.evidence.proof import boxes_to_map, evidence_inside, pointing
from birdclef_mind.sound.cues import make_cue
from birdclef_mind.sound.pictures import samples_to_levels


def test_a_box_covers_what_a_cue_adds_to_the_picture():
    cue = make_cue("beep", FEATURES.segment_samples, FEATURES.sample_rate_hz, np.random.default_rng(0))
    boxes = [(onset, offset, *cue.band_hz) for onset, offset in cue.spans_s]
    inside = boxes_to_map(boxes, FEATURES)
    (levels,) = samples_to_levels(cue.samples[None].astype(np.float32), FEATURES)
    power = 10 ** (levels / 10)
    assert power[inside].sum() > 0.9 * power.sum()
    assert inside.mean() < 0.1


def test_no_box_covers_nothing_and_a_whole_one_all():
    assert not boxes_to_map([], FEATURES).any()
    assert boxes_to_map([(0, 1, 0, 4000)], FEATURES).all()


def test_a_tone_lies_in_its_own_box():
    _, pictures = sounds(2000)
    inside = boxes_to_map([(0, 1, 1950, 2050)], FEATURES)
    assert 1 <= inside.any(axis=1).sum() <= 2
    loudest = int(pictures.pixels[0, 6:].mean(axis=1).argmax()) + 6
    assert inside[loudest].all()
    found = pointing(inside[None].astype(float), inside[None])
    assert found.pointed.tolist() == [1]
    np.testing.assert_allclose(found.energy, 1 / inside.mean())


def test_evidence_inside_events_is_counted_as_slowly_as_can_be(rng):
    adds = rng.normal(size=(5, 10))
    boxes = np.zeros((5, 4, 40), bool)
    boxes[0, 2, :8] = boxes[1, :, 10:30] = boxes[2, 0, 39] = True
    boxes[3] = True
    found = evidence_inside(adds, boxes)
    for place in range(3):
        inside = total = 0.0
        for moment in range(10):
            value = max(adds[place, moment], 0)
            times = [boxes[place, :, frame].any() for frame in range(4 * moment, 4 * moment + 4)]
            inside, total = inside + value * sum(times) / 4, total + value
        share = sum(boxes[place, :, frame].any() for frame in range(40)) / 40
        assert found[place] == pytest.approx(inside / total / share)
    assert np.isnan(found[3:]).all()
    # Of moments that all speak alike none is better.
    assert evidence_inside(np.ones((1, 10)), boxes[:1])[0] == pytest.approx(1)
