"""A listener's ears on a cache's segments."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from birdclef_mind.audit.ears import HUMAN, ears_of, hear, open_ears
from birdclef_mind.data.cache import open_cache
from birdclef_mind.data.competition import open_competition
from birdclef_mind.errors import BirdclefMindError, ListenerError


@pytest.fixture
def cache(little):
    return open_cache(little.cache)


def heard_by(model, cache, competition, out):
    return hear(model, open_ears(model), cache, competition=competition, out=out)


def test_what_was_heard_is_kept_and_not_heard_again(little, cache, fake_birdnet, tmp_path):
    competition = open_competition(little.competition)
    heard = heard_by(fake_birdnet / "model.tflite", cache, competition, tmp_path / "heard")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "heard").rglob("*.npz")}
    again = heard_by(fake_birdnet / "model.tflite", cache, competition, tmp_path / "heard")
    assert before
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "heard").rglob("*.npz")} == before
    first, second = (ears_of(one, cache.rows, cache.classes.names) for one in (heard, again))
    assert_array_equal(first.vectors, second.vectors)
    assert first.vectors.shape[0] == len(cache.rows)
    # These ears know no people, and none of the invented birds.
    assert first.opinion is None
    assert_array_equal(first.human, np.zeros(len(cache.rows)))


def test_people_are_known_by_the_listeners_own_label(little, cache, listener, tmp_path):
    folder = listener.parent
    labels = (folder / "labels.txt").read_text().splitlines()
    (folder / "labels.txt").write_text("\n".join([*labels[:-1], "Human vocal", ""]))
    heard = heard_by(listener, cache, open_competition(little.competition), tmp_path / "heard")
    assert heard.heard_by.match.labels[-1] == HUMAN
    found = ears_of(heard, cache.rows, cache.classes.names)
    assert ((found.human > 0) & (found.human < 1)).all()


def test_what_could_not_be_heard_is_nothing_and_no_obstacle(little, cache, embedded):
    from birdclef_mind.listeners.embeddings import open_embeddings

    heard = open_embeddings(embedded.folder)
    missing = cache.rows[0].recording
    fewer = replace(heard, rows=tuple(row for row in heard.rows if row.recording != missing))
    found = ears_of(fewer, cache.rows, cache.classes.names)
    lost = np.array([row.recording == missing for row in cache.rows])
    assert np.isnan(found.vectors[lost]).all()
    assert not np.isnan(found.vectors[~lost]).any()
    assert_array_equal(found.human, np.zeros(len(cache.rows)))


def test_a_listener_without_an_embedding_is_refused(listener):
    text = "\n".join(line for line in listener.read_text().splitlines() if not line.startswith("embedding"))
    listener.write_text(text)
    with pytest.raises((ListenerError, BirdclefMindError), match="embedding"):
        open_ears(listener)
