"""A listener as teacher: its lessons, how they are mixed and moved, and that a network learns them."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from conftest import embed

from birdclef_mind.commands.cli import main
from birdclef_mind.data.cache import open_cache
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners.embeddings import open_embeddings
from birdclef_mind.networks.build import build
from birdclef_mind.networks.bundle import load
from birdclef_mind.networks.settings import Network
from birdclef_mind.training.origin import Extras
from birdclef_mind.training.recipe import Training
from birdclef_mind.training.teacher import Teacher, between, lessons_for
from birdclef_mind.training.train import train


def test_lessons_are_what_the_listener_made_of_each_segment(little, embedded):
    cache, embeddings = open_cache(little.cache), open_embeddings(embedded.folder)
    rows = cache.heard[::-1]
    lessons = lessons_for(rows, cache.classes.names, embeddings)
    known, classes = embeddings.heard_by.match.known, len(cache.classes)
    assert not lessons[:, 0].any()
    lessons = lessons[:, 1:]
    own = {(row.recording, row.segment): row for row in embeddings.rows}
    for row, lesson in zip(rows, lessons, strict=True):
        heard = embeddings.arrays([own[row.recording, row.segment]])
        np.testing.assert_allclose(lesson[classes:], heard.embeddings[0].mean(axis=0), rtol=1e-5)
        for place, number in enumerate(known):
            assert lesson[number] == pytest.approx(1 / (1 + np.exp(-heard.opinion[0, :, place].max())), rel=1e-5)
        assert all(lesson[number] == -1 for number in range(classes) if number not in known)


def test_segments_that_it_has_not_heard_are_named(little, embedded):
    cache, embeddings = open_cache(little.cache), open_embeddings(embedded.folder)
    few = replace(embeddings, rows=embeddings.rows[1:])
    with pytest.raises(
        StoreError, match="expected every segment of the cache, found none of .* run `embed` with the same"
    ):
        lessons_for(cache.heard, cache.classes.names, few)
    with pytest.raises(StoreError, match="expected embeddings of the same 1 classes"):
        lessons_for(cache.heard, cache.classes.names[:1], embeddings)


def test_what_was_heard_of_other_sounds_teaches_nobody(little, embedded, tmp_path):
    """Of recordings that were changed since, or of another competition with the same names."""
    cache = open_cache(little.cache)
    open_embeddings(embedded.folder).require_same_sounds(cache)
    other = shutil.copytree(little.competition, tmp_path / "other")
    one, two = sorted((other / "train_audio").rglob("*.ogg"))[:2]
    shutil.copy(one, two)
    embed(embedded.listener, other, tmp_path / "heard")
    found = open_embeddings(tmp_path / "heard")
    with pytest.raises(StoreError, match="expected what was heard in the sounds of .*, found another .*; run `embed`"):
        found.require_same_sounds(cache)
    with pytest.raises(StoreError, match=r"expected (what was heard in|every segment)"):
        train(cache, tmp_path / "b", Training(model="small", epochs=1, batch_size=8), extras=Extras(teacher=found))
    words = ["audit", little.decoded, little.cache, tmp_path / "a", "--listener", tmp_path / "heard"]
    assert main(list(map(str, words))) == 2


def test_a_window_between_two_has_a_lesson_between_theirs():
    lessons = np.array([[0.0, 1.0], [2.0, 3.0], [10.0, 10.0]], np.float32)
    found = between(lessons, np.array([0, 0, 1]), np.array([1, 1, -1]), np.array([0.0, 0.5, 0.0]))
    np.testing.assert_allclose(found, [[0, 1], [1, 2], [2, 3]])


def test_the_loss_follows_its_definition(rng):
    network = build(Network(name="classic"), 32, 313, 3)
    lessons = np.concatenate([rng.uniform(size=(6, 3)), rng.normal(size=(6, 5))], axis=1).astype(np.float32)
    lessons[:, 1] = -1
    training = Training(teacher_embedding=0.7, teacher_opinion=0.3)
    lessons = np.concatenate([np.zeros((6, 1), np.float32), lessons], axis=1)
    teacher = Teacher(network, lessons, 3, training)
    answers = np.concatenate([rng.uniform(0.1, 0.9, size=(6, 3)), rng.normal(size=(6, 5))], axis=1).astype(np.float32)
    opinion, cosine = [], []
    for wanted, said in zip(lessons[:, 1:], answers, strict=True):
        opinion += [-(wanted[c] * np.log(said[c]) + (1 - wanted[c]) * np.log(1 - said[c])) for c in (0, 2)]
        one, other = wanted[3:] - lessons[:, 4:].mean(axis=0), said[3:]
        cosine.append(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
    expected = 0.3 * np.mean(opinion) + 0.7 * (1 - np.mean(cosine))
    assert float(teacher.loss(tf.constant(lessons), tf.constant(answers))) == pytest.approx(expected, rel=1e-4)


def test_a_network_learns_from_its_teacher_and_needs_it_no_more(little, embedded, tmp_path):
    cache, said = open_cache(little.cache), []
    settings = Training(model="small", epochs=2, batch_size=4)
    plain = train(cache, tmp_path / "plain", settings)
    taught = train(
        cache, tmp_path / "taught", settings, Extras(teacher=open_embeddings(embedded.folder)), say=said.append
    )
    again = load(tmp_path / "taught")
    assert [value.shape for value in again.model.get_weights()] == [
        value.shape for value in plain.bundle.model.get_weights()
    ]
    assert any((a != b).any() for a, b in zip(again.model.get_weights(), plain.bundle.model.get_weights(), strict=True))
    assert open_embeddings(embedded.folder).heard_by.digest in taught.bundle.record.made_from["teacher"]
    assert "teacher" not in plain.bundle.record.made_from
    assert taught.history[0]["loss"] > plain.history[0]["loss"]
