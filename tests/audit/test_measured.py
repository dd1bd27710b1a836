"""What is measured of segments, beside what it is made of."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from birdclef_mind.audit.foreign import hum_db, voiced_share
from birdclef_mind.audit.measured import foreign_sounds, held_out_opinion, own_vectors
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.real_sounds import real_sounds
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.networks.bundle_tables import read_validation


@pytest.fixture(scope="module")
def own(little):
    return open_cache(little.cache), bundles.load(little.bundle)


def test_vectors_are_means_and_deviations_of_the_last_map(own):
    cache, bundle = own
    anatomy, pixels = read_anatomy(bundle.model), cache.pictures(cache.rows).pixels
    tap = anatomy.of_kind("convolution")[-1]
    (maps,) = anatomy.activations([tap], pixels)
    slowly = [[*one.reshape(-1, one.shape[-1]).mean(0), *one.reshape(-1, one.shape[-1]).std(0)] for one in maps]
    assert_allclose(own_vectors(anatomy, pixels), slowly, rtol=1e-4, atol=1e-4)
    assert own_vectors(anatomy, pixels[:0]).shape == (0, 0)


def test_held_out_scores_are_an_opinion_on_those_segments_alone(trained, cache_folder, tmp_path):
    cache, bundle = open_cache(cache_folder), bundles.load(trained[0])
    logs = held_out_opinion(trained[0], cache.rows, bundle.classes)
    table = read_validation(trained[0])
    held_out = {(row.recording, int(row.segment)) for row in table.itertuples()}
    known = np.array([(row.recording, row.segment) in held_out for row in cache.rows])
    assert 0 < known.sum() < len(known)
    assert np.isnan(logs[~known]).all()
    assert_allclose(np.exp(logs[known]).sum(axis=1), 1, rtol=1e-6)
    assert held_out_opinion(tmp_path, cache.rows, bundle.classes) is None


def test_foreign_sounds_are_those_of_each_segment_whatever_the_order(own, little, rng):
    cache, _ = own
    rows = [cache.rows[place] for place in rng.permutation(len(cache.rows))]
    failed = {}
    hum, voiced = foreign_sounds(rows, little.competition, cache, failed)
    assert failed == {}
    samples = np.stack(real_sounds(rows, little.competition, cache.features, failed))
    rate_hz = cache.features.sample_rate_hz
    assert_allclose(hum, [hum_db(one[None], rate_hz)[0] for one in samples], rtol=1e-4, atol=1e-3)
    assert_allclose(voiced, [voiced_share(one[None], rate_hz)[0] for one in samples], rtol=1e-4, atol=1e-3)


def test_a_recording_that_cannot_be_heard_is_named_and_stops_none(own, competition_folder, cache_folder):
    cache = open_cache(cache_folder)
    recording = cache.rows[0].recording
    (competition_folder / "train_audio" / recording).write_bytes(b"no sound")
    failed = {}
    hum, voiced = foreign_sounds(cache.rows, competition_folder, cache, failed)
    lost = np.array([row.recording == recording for row in cache.rows])
    assert list(failed) == [recording]
    assert np.isnan(hum[lost]).all()
    assert np.isnan(voiced[lost]).all()
    assert not np.isnan(hum[~lost]).any()
