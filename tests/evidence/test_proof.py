"""Where a cue stands in a picture, and who points there."""

import numpy as np
from some_ears import FEATURES, sounds

from birdclef_mind.evidence.proof import boxes_to_map, pointing
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
