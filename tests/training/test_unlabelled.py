"""Sounds without labels: how they are drawn, that they teach the teacher's opinion and no label, and what is refused."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import ConfigError, StoreError
from birdclef_mind.listeners.embeddings import open_embeddings
from birdclef_mind.networks.build import build
from birdclef_mind.networks.bundle import load
from birdclef_mind.networks.settings import Network
from birdclef_mind.training.draws import gather_material, plan_epoch
from birdclef_mind.training.learner import Learner, compile_learner
from birdclef_mind.training.origin import Extras
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.teacher import lessons_for
from birdclef_mind.training.train import train
from birdclef_mind.training.unlabelled import Unlabelled, with_unlabelled

QUICK = Training(model="small", epochs=1, batch_size=4)


@pytest.fixture(scope="module")
def heard(heard_2024):
    """Caches and embeddings of the invented 2024: with labels, and of the soundscapes that nobody labelled."""
    stores = {
        name: (open_cache(heard_2024 / f"{name}_cache"), open_embeddings(heard_2024 / name))
        for name in ("told", "untold")
    }
    return SimpleNamespace(
        root=heard_2024, cache=stores["told"][0], teacher=stores["told"][1], unlabelled=Unlabelled(*stores["untold"])
    )


def material_of(heard, training):
    cache = heard.cache
    rows = [row for row in cache.heard if row.told]
    lessons = lessons_for(rows, cache.classes.names, heard.teacher)
    return gather_material(
        rows, cache.pictures(rows), np.arange(len(rows)), cache.targets(rows, 0),
        features=cache.features, training=training, lessons=lessons,
    )  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_they_make_a_share_of_the_draws_beside_all_labelled_ones(heard, share):
    training = replace(QUICK, unlabelled_share=share)
    alone, rows = material_of(heard, training), heard.unlabelled.rows(())
    both = with_unlabelled(alone, heard.unlabelled, rows, training)
    more = min(len(rows), round(alone.draws * share / (1 - share)))
    assert both.draws == alone.draws + more
    assert both.odds.sum() == pytest.approx(1)
    drawn = np.bincount(plan_epoch(both, training, 3).places, minlength=len(both.own))
    assert drawn[len(alone.own) :].sum() == pytest.approx(more, abs=1)
    # Each labelled segment is drawn as often as without the others, but for where the ladder's rungs fall.
    before = np.bincount(plan_epoch(alone, training, 3).places, minlength=len(alone.own))
    assert np.abs(drawn[: len(alone.own)] - before).max() <= 1
    assert not both.lessons[: len(alone.own), 0].any()
    assert both.lessons[len(alone.own) :, 0].all()
    assert (both.birdless < len(alone.own)).all()


def test_their_pictures_and_lessons_are_theirs(heard):
    alone, rows = material_of(heard, QUICK), heard.unlabelled.rows(())
    both = with_unlabelled(alone, heard.unlabelled, rows, QUICK)
    places = len(alone.own) + np.arange(len(rows))
    np.testing.assert_array_equal(both.pixels(places), heard.unlabelled.cache.pictures(rows).pixels)
    np.testing.assert_array_equal(both.pixels(np.arange(len(alone.own))), alone.pixels(np.arange(len(alone.own))))
    wanted = lessons_for(rows, heard.cache.classes.names, heard.unlabelled.embeddings)
    np.testing.assert_array_equal(both.lessons[places, 1:], wanted[:, 1:])
    assert not both.targets[places].any()


def test_windows_without_labels_move_as_others_do(heard, tmp_path):
    features = replace(heard.cache.features, windowing=replace(heard.cache.features.windowing, step_s=2.5))
    alone = material_of(heard, QUICK)
    material = replace(alone, features=features)
    rows = heard.unlabelled.rows(())
    # Rows as a step of half a window would have them.
    own = tuple(replace(row, start_s=2.5 * row.segment) for row in rows)
    pictures = heard.unlabelled.cache.pictures
    unlabelled = SimpleNamespace(
        cache=SimpleNamespace(root=tmp_path, rows=(), source=None, pictures=lambda _: pictures(rows))
    )
    unlabelled.embeddings = replace(
        heard.unlabelled.embeddings,
        rows=tuple(replace(row, start_s=2.5 * row.segment) for row in heard.unlabelled.embeddings.rows),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("birdclef_mind.training.unlabelled.lessons_for", lambda rows, *_, **__: np.ones((len(rows), 4)))
        both = with_unlabelled(replace(material, lessons=alone.lessons[:, :4]), unlabelled, own, QUICK)
    after = both.following[len(alone.own) :]
    for place, row in enumerate(own):
        last = place + 1 == len(own) or own[place + 1].recording != row.recording
        assert after[place] == (-1 if last else len(alone.own) + place + 1)


def test_labels_of_what_nobody_labelled_change_nothing(rng):
    network = build(Network(name="small"), 32, 313, 3)
    training = replace(QUICK, teacher_embedding=0.0, teacher_opinion=0.0)
    lessons = np.concatenate([np.array([[0], [0], [1], [1]]), rng.uniform(size=(4, 8))], axis=1).astype(np.float32)
    learner = Learner(network, training, 80.0, lessons)
    compile_learner(learner, training, 1)
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    said = tf.constant(np.concatenate([rng.dirichlet(np.ones(3), 4), rng.normal(size=(4, 5))], axis=1), tf.float32)

    def loss(labels):
        return float(learner.compute_loss(None, tf.constant(np.concatenate([labels, lessons], axis=1)), said))

    expected = -np.mean(np.log(said.numpy()[[0, 1], [0, 1]]))
    assert loss(targets) == pytest.approx(expected, rel=1e-5)
    assert loss(np.concatenate([targets[:2], np.zeros((2, 3), np.float32)])) == pytest.approx(expected, rel=1e-5)
    lessons[:] = 1
    assert loss(targets) == 0


def test_a_training_learns_from_them_and_says_so(heard, tmp_path):
    said = []
    report = train(
        heard.cache, tmp_path / "b", QUICK, Extras(teacher=heard.teacher, unlabelled=heard.unlabelled), say=said.append
    )
    own = heard.unlabelled.cache
    recordings = len({row.recording for row in own.heard})
    assert f"{len(own.heard)} segments of {recordings} recordings without labels beside them" in said
    assert report.bundle.record.made_from["unlabelled"].startswith(own.index_sha256)
    plain = train(heard.cache, tmp_path / "plain", QUICK, Extras(teacher=heard.teacher))
    assert "unlabelled" not in plain.bundle.record.made_from
    np.testing.assert_allclose(report.bundle.priors, plain.bundle.priors)
    pairs = zip(report.bundle.model.get_weights(), plain.bundle.model.get_weights(), strict=True)
    assert any((one != other).any() for one, other in pairs)
    again = train(heard.cache, tmp_path / "again", QUICK, Extras(teacher=heard.teacher, unlabelled=heard.unlabelled))
    for one, other in zip(report.bundle.model.get_weights(), again.bundle.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_labelled_never_comes_in_by_a_side_door(heard):
    own = {row.recording for row in heard.cache.rows}
    both = Unlabelled(
        replace(heard.unlabelled.cache, rows=(*heard.cache.rows, *heard.unlabelled.cache.rows)),
        heard.unlabelled.embeddings,
    )
    assert not own & {row.recording for row in both.rows(own)}
    with pytest.raises(StoreError, match="expected sounds that the other cache does not hold, found none"):
        Unlabelled(heard.cache, heard.teacher).rows(own)


def test_the_command_takes_them(heard, tmp_path, capsys):
    root = heard.root
    words = ["train", str(root / "told_cache"), str(tmp_path / "b"), "--epochs", "1"]
    stores = ["--unlabelled", str(root / "untold_cache"), str(root / "untold")]
    assert main([*words, *stores]) == 2
    assert "--unlabelled: expected --teacher beside it" in capsys.readouterr().err
    assert main([*words, "--teacher", str(root / "told"), *stores]) in (0, 1)
    assert "without labels beside them" in capsys.readouterr().out
    assert load(tmp_path / "b").record.made_from["unlabelled"]


def test_sounds_of_another_kind_are_refused(heard):
    cache, unlabelled = heard.cache, heard.unlabelled
    others = replace(cache.features, fmax_hz=9000.0)
    with pytest.raises(StoreError, match="expected pictures of the features"):
        unlabelled.refuse_unlike(replace(cache, features=others), heard.teacher)
    deaf = replace(heard.teacher, heard_by=replace(heard.teacher.heard_by, digest="0" * 64))
    with pytest.raises(StoreError, match="expected what .* heard, as in .* with the same shifts and species"):
        unlabelled.refuse_unlike(cache, deaf)
    with pytest.raises(ConfigError, match="expected a teacher beside sounds without labels"):
        train(cache, heard.root / "no", QUICK, Extras(unlabelled=unlabelled))
