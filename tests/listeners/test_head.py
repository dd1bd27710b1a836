"""A head's joining with the listener, against the definition in loops; a head's folder, whole or refused."""

import json
import math
import shutil

import numpy as np
import pytest

from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.listeners.embeddings import open_embeddings
from birdclef_mind.listeners.head import HeadShape, Joining, build_head, logits_of
from birdclef_mind.listeners.head_bundle import is_head, load_head
from birdclef_mind.networks.bundle import load


def joined(joining, head, opinion, known):
    """The definition, a segment and a class at a time."""
    scores = np.zeros(head.shape)
    for row in range(len(head)):
        shares = [math.exp(value) / sum(math.exp(other) for other in head[row]) for value in head[row]]
        most = [max(opinion[row, :, place]) for place in range(len(known))]
        among = [math.exp(value) / sum(math.exp(other) for other in most) for value in most]
        for number, share in enumerate(shares):
            power, constant = joining.unknown
            logit = power * math.log(share) + constant
            if number in known:
                place = known.index(number)
                one, two, three, constant = joining.known
                alone = 1 / (1 + math.exp(-most[place]))
                logit = one * math.log(share) + two * math.log(alone) + three * math.log(among[place]) + constant
            scores[row, number] = 1 / (1 + math.exp(-logit))
    return scores


@pytest.mark.parametrize("known", [(), (1,), (0, 3), (0, 1, 2, 3)])
def test_scores_follow_their_definition(rng, known):
    joining = Joining(known=(0.4, 0.7, 0.2, 1.1), unknown=(0.9, -0.3))
    head, opinion = rng.normal(size=(5, 4)), 3 * rng.normal(size=(5, 2, len(known)))
    np.testing.assert_allclose(joining.scores(head, opinion, known), joined(joining, head, opinion, known), rtol=1e-5)


def test_a_listener_that_is_surer_is_believed_more(rng):
    joining, head = Joining(known=(0.5, 0.5, 0.0, 0.0)), rng.normal(size=(1, 3))
    low, high = (joining.scores(head, np.full((1, 1, 3), value), (0, 1, 2)) for value in (-2.0, 2.0))
    assert (high > low).all()


@pytest.mark.parametrize("kind", ["logistic", "attention"])
def test_a_head_answers_for_each_segment_alone(kind, rng):
    model = build_head(HeadShape(kind=kind, windows=2, numbers=6), 3)
    given = rng.normal(size=(7, 2, 6)).astype(np.float32)
    whole = logits_of(model, given)
    assert whole.shape == (7, 3)
    np.testing.assert_allclose(
        whole, np.concatenate([logits_of(model, one[None]) for one in given]), rtol=1e-4, atol=1e-5
    )
    # The order of a segment's windows says nothing.
    np.testing.assert_allclose(whole, logits_of(model, given[:, ::-1].copy()), rtol=1e-4, atol=1e-5)
    assert logits_of(model, given[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"kind": "forest"}, "kind: expected one of logistic, attention"), ({"windows": 0}, "windows: expected a whole"),
     ({"decay": -1}, "decay: expected a number from 0 on")],
)  # fmt: skip
def test_heads_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        HeadShape(**wrong)


def test_joinings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="known: expected 4 numbers"):
        Joining(known=(1.0, 2.0))


def test_a_head_comes_back_as_it_was_written(headed, sample_embeddings):
    folder, report = headed
    again, embeddings = load_head(folder), open_embeddings(sample_embeddings)
    heard = embeddings.arrays(embeddings.rows)
    np.testing.assert_array_equal(again.scores(heard), report.bundle.scores(heard))
    assert again.heard_by == embeddings.heard_by == report.bundle.heard_by
    assert (again.classes, again.record) == (report.bundle.classes, report.bundle.record)
    assert is_head(folder)


def test_a_head_is_no_network_and_a_network_no_head(headed, little):
    with pytest.raises(BundleError, match="expected a network that reads pictures, found a head on the listener"):
        load(headed[0])
    with pytest.raises(BundleError, match="expected a head on a listener, found a network that reads pictures"):
        load_head(little.bundle)
    assert not is_head(little.bundle)
    assert not is_head(little.cache)


def test_a_head_that_was_changed_is_refused(headed, tmp_path):
    folder = shutil.copytree(headed[0], tmp_path / "h")
    facts = json.loads((folder / "bundle.json").read_text())
    facts["priors"][0] = 0.9
    (folder / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(BundleError, match="was changed since it was written"):
        load_head(folder)
