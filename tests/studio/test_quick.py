"""The best of the quick ways back: a decoder's picture where there is one, else what the weights tell."""

import numpy as np
import pytest

from birdclef_mind.data.cache import open_cache
from birdclef_mind.explanation.reading import both_ways
from birdclef_mind.networks import bundle as bundles
from birdclef_mind.studio.quick import Quick


@pytest.mark.parametrize(("decoders", "methods"), [(True, {"decoder"}), (False, {"weights", "transposed"})])
def test_the_best_way_is_taken(little, decoders, methods):
    folder = little.decoded if decoders else little.bundle
    cache = open_cache(little.cache)
    pixels = cache.pictures(cache.rows[:2]).pixels.astype(np.float32)
    for backwards in both_ways(folder, bundles.load(folder)):
        quick, made = Quick(backwards, pixels), backwards.pictures(pixels)
        for place, tap in enumerate(backwards.taps):
            method, picture = quick.best(place)
            assert method in methods and method == list(made[tap.name])[-1 if decoders else 0]
            np.testing.assert_allclose(picture, made[tap.name][method], atol=1e-3)
