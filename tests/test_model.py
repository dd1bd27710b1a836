import numpy as np
import pytest

from birdclef_mind import model as networks
from birdclef_mind.errors import ConfigError


def test_classic_has_the_published_parameters():
    network = networks.build("classic", 32, 313, 9)
    assert network.count_params() == 1_316_009
    counts = [layer.count_params() for layer in network.layers if layer.count_params()]
    assert counts == [160, 2_320, 12_832, 4_624, 2_320, 2_320, 12_832, 1_278_016, 585]


def test_classic_has_its_layers_where_they_were_published():
    kinds = [type(layer).__name__ for layer in networks.build("classic", 32, 313, 9).layers]
    assert [place for place, kind in enumerate(kinds) if kind == "Conv2D"] == [2, 3, 5, 7, 9, 10, 12]
    assert (kinds[13], kinds[14], kinds[15]) == ("Flatten", "Dense", "Dense")


def test_scores_are_probabilities(rng):
    network = networks.build("classic", 16, 100, 5)
    scores = network(rng.integers(0, 256, (3, 16, 100, 1)).astype("float32")).numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert (scores >= 0).all()


@pytest.mark.parametrize(
    ("name", "rows", "message"), [("alexnet", 32, "expected one of classic"), ("classic", 2, "at least 4")]
)
def test_what_cannot_be_built_is_refused(name, rows, message):
    with pytest.raises(ConfigError, match=message):
        networks.build(name, rows, 313, 9)
