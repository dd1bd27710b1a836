"""What version 0.1.0 wrote before its modules had rooms still opens: a cache, a bundle with decoders, an explanation.

`tests/kept/before_rooms.zip` was made of a sample cut to two seconds a recording, with pictures of 4 rows and 4 frames.
"""

import zipfile
from pathlib import Path

import numpy as np
import pytest

import birdclef_mind as bm
from birdclef_mind.networks.bundle import require_cache

KEPT = Path(__file__).parents[1] / "kept" / "before_rooms.zip"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    with zipfile.ZipFile(KEPT) as archive:
        archive.extractall(folder)
    return folder


def test_a_network_says_of_a_cache_what_it_said_then(kept):
    cache, bundle = bm.open_cache(kept / "cache"), bm.load(kept / "bundle")
    require_cache(bundle, cache)
    then = bm.read_validation(kept / "bundle")
    rows = {(row.recording, row.segment): row for row in cache.rows}
    wanted = [rows[place] for place in zip(then["recording"], then["segment"], strict=True)]
    now = bm.Predictor(bundle).scores(cache.pictures(wanted).pixels)
    np.testing.assert_allclose(now, then[list(bundle.classes.names)], atol=1e-5)
    assert set(then["recording"]) == set(bundle.record.validation_recordings)


def test_decoders_redraw_what_its_layers_hold(kept):
    cache, bundle = bm.open_cache(kept / "cache"), bm.load(kept / "bundle")
    anatomy = bm.read_anatomy(bundle.model)
    backwards = bm.read_backwards(anatomy, bm.load_decoders(kept / "bundle", bundle, anatomy))
    pixels = cache.pictures(cache.rows[:3]).pixels
    found = backwards.pictures(pixels.astype(np.float32))
    assert list(found) == [tap.name for tap in anatomy.taps()]
    assert all(ways["decoder"].shape == pixels.shape for ways in found.values())


def test_an_explanation_becomes_a_page(kept, tmp_path):
    bm.write_report(kept / "explanation", tmp_path / "report.html", single_file=True)
    assert "<h2>What is left after each layer?</h2>" in (tmp_path / "report.html").read_text(encoding="utf-8")
