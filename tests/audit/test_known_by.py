"""By what a network knows a species, where it is known what it listens to."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from some_ears import FEATURES, ear, sounds

from birdclef_mind.audit.known_by import by_what
from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.labels import Classes

COUNT = 24


@pytest.fixture
def heard():
    """Segments of one species: a low tone, which the network listens to, in half of them; nothing it knows in others."""
    low = np.arange(COUNT) < COUNT // 2
    _, pictures = sounds(*np.where(low, 150, 2000), seed=1)
    rows = [
        IndexRow("x", "x", (), f"x/{place}.ogg", f"author {place // 12}", 0, 0.0, -30.0, 0.0, False)
        for place in range(COUNT)
    ]
    places = {row.recording: place for place, row in enumerate(rows)}

    def chosen(some):
        own = [places[row.recording] for row in some]
        return type(pictures)(
            pictures.pixels[own], type(pictures.scale)(pictures.scale.low[own], pictures.scale.width[own])
        )

    cache = SimpleNamespace(features=FEATURES, classes=Classes(("y", "x")), pictures=chosen)
    # It knows the species by the lowest band, and by that of the other tone.
    model = ear(0)
    kernel = model.get_layer("only_band").kernel
    both = np.array(kernel)
    both[int(pictures.pixels[-1, 6:, 30].argmax()) + 6] = both[0]
    kernel.assign(both)
    return rows, cache, read_anatomy(model)


def test_segments_that_are_known_by_a_hum_are_told_with_the_frequencies(heard):
    rows, cache, anatomy = heard
    hummed = frozenset(f"x/{place}.ogg" for place in range(COUNT // 2))
    (found, *_) = by_what(rows, {"hum": hummed}, anatomy, cache)
    assert found.kind == "strategy"
    assert {row.recording for row in found.rows} <= hummed
    assert len(found.rows) >= 8
    assert found.action == ""
    assert "what sounds at" in found.reason
    low, high = (float(one) for one in found.reason.split("sounds at ")[1].split(" kHz")[0].split(" to "))
    assert low < 0.15 < high < 0.6
    assert found.reason.endswith("these have a hum")


def test_one_recordist_is_a_trait_and_two_who_share_all_are_none(heard):
    rows, cache, anatomy = heard
    (found, *_) = by_what(rows, {}, anatomy, cache)
    assert found.reason.endswith("these are recorded by author 0")
    alone = [replace(row, author="one") for row in rows]
    assert by_what(alone, {}, anatomy, cache) == []
    assert by_what(rows[:8], {}, anatomy, cache) == []


def test_a_place_is_where_it_was_whatever_the_day(heard):
    rows, cache, anatomy = heard
    there = [
        replace(row, author="", session=f"{46.1 if number < COUNT // 2 else number} 7.5 2021-05-{number % 28 + 1:02}")
        for number, row in enumerate(rows)
    ]
    (found, *_) = by_what(there, {}, anatomy, cache)
    assert found.reason.endswith("these are from one place, 46.1 7.5")
    sites = [replace(row, author="", session=f"SITE{number // 12}") for number, row in enumerate(rows)]
    assert by_what(sites, {}, anatomy, cache)[0].reason.endswith("these are from one place, SITE0")
