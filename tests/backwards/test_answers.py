import keras
import numpy as np
import pytest

from birdclef_mind.backwards.anatomy import read_anatomy
from birdclef_mind.backwards.answers import (
    EmbeddingRange,
    drawn_answers,
    optimised_noise,
    recognised,
    searched_answers,
    stamped_answers,
)
from birdclef_mind.backwards.decoders import DecoderTraining, train_decoders
from birdclef_mind.backwards.nearest import make_library
from birdclef_mind.backwards.reconstruction import answer_of
from birdclef_mind.backwards.settings import Decoding
from birdclef_mind.backwards.stamps import read_chain
from birdclef_mind.networks import build as networks
from birdclef_mind.networks.settings import Network

CLASSES = np.arange(3)


@pytest.fixture(scope="module")
def mind():
    """A network that tells bars low, in the middle and high apart, with decoders: (anatomy, decoders, range, pixels)."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    truth = np.arange(90) % 3
    pixels = rng.integers(0, 40, (90, 12, 20)).astype(np.uint8)
    for picture, place in zip(pixels, truth, strict=True):
        start = rng.integers(2, 8)
        picture[4 * place : 4 * place + 3, start : start + 10] += 180
    model = networks.build(Network(), 12, 20, 3)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(pixels[..., None].astype("float32"), truth, batch_size=10, epochs=8, verbose=0)
    anatomy = read_anatomy(model)
    training = DecoderTraining(anatomy, anatomy.taps(), pixels[:60], Decoding(epochs=12, steps=8, batch_size=8))
    decoders = train_decoders(training, pixels[:60], pixels[60:])
    embeddings, scores = anatomy.activations([anatomy.embedding, anatomy.classes], pixels)
    assert (scores.argmax(axis=1) == truth).mean() > 0.95
    return anatomy, decoders, EmbeddingRange.of(embeddings, scores.argmax(axis=1), 3), pixels


def test_searched_answers_are_recognised_and_look_like_their_class(mind):
    anatomy, decoders, within, _ = mind
    (found,) = searched_answers(anatomy, decoders, CLASSES, within)
    pictures, embeddings = found.pictures, found.embeddings
    assert recognised(answer_of(anatomy), pictures, CLASSES).all()
    bands = pictures.reshape(3, 3, 4, 20).mean(axis=(2, 3))
    assert (bands.argmax(axis=1) == CLASSES).all()
    # They stay where the class's real embeddings lie.
    distance = np.abs(embeddings - within.mean) / np.maximum(within.deviation, 1e-3)
    assert np.sqrt(np.square(distance).mean(axis=1)).max() < 3
    assert embeddings.min() >= 0


def test_draws_of_a_name_are_made_of_its_own_recordings(mind):
    anatomy, _, within, pixels = mind
    library = make_library(anatomy, [anatomy.embedding], pixels, [f"r{place}" for place in range(len(pixels))])
    one, other = drawn_answers(anatomy, library, CLASSES, within, seeds=(0, 1))
    assert [(found.way, found.seed, found.classes.tolist()) for found in (one, other)] == [
        ("drawn", 0, [0, 1, 2]), ("drawn", 1, [0, 1, 2]),
    ]  # fmt: skip
    bands = one.pictures.reshape(3, 3, 4, 20).mean(axis=(2, 3))
    assert (bands.argmax(axis=1) == CLASSES).all()
    assert np.abs(one.pictures - other.pictures).max() > 1


def test_an_answer_depends_on_its_seed_and_on_nothing_else(mind):
    anatomy, decoders, within, _ = mind

    def answers(classes, *seeds):
        found = searched_answers(anatomy, decoders, classes, within, seeds)
        assert [(one.way, one.seed) for one in found] == [("search", seed) for seed in seeds]
        return [one.pictures for one in found]

    (together,), (again,), (alone,) = answers(CLASSES, 1), answers(CLASSES, 1), answers(CLASSES[2:], 1)
    other, beside = answers(CLASSES, 2, 1)
    np.testing.assert_array_equal(again, together)
    # Rounding differs with the size of a batch, and sixty steps let it grow a little.
    np.testing.assert_allclose(alone[0], together[2], atol=2)
    np.testing.assert_allclose(beside, together, atol=2)
    assert np.abs(other - together).max() > 1


def test_answers_by_the_weights_have_no_input(mind):
    anatomy, _, _, _ = mind
    pictures = stamped_answers(anatomy, read_chain(anatomy), CLASSES).pictures
    assert pictures.shape == (3, 12, 20)
    alone = stamped_answers(anatomy, read_chain(anatomy), CLASSES[1:2]).pictures
    np.testing.assert_allclose(pictures[1], alone[0], atol=1e-3)
    np.testing.assert_allclose(pictures.max(axis=(1, 2)), 255, rtol=1e-5)


def test_noise_can_be_pushed_to_any_class(mind):
    anatomy, _, _, _ = mind
    pictures = optimised_noise(anatomy, CLASSES).pictures
    assert recognised(answer_of(anatomy), pictures, CLASSES).all()
    assert 0 <= pictures.min() <= pictures.max() <= 255


def test_a_class_never_answered_gets_the_range_of_all(rng):
    embeddings = rng.uniform(size=(20, 5))
    within = EmbeddingRange.of(embeddings, np.arange(20) % 2, 3)
    assert within.counts.tolist() == [10, 10, 0]
    np.testing.assert_allclose(within.mean[2], embeddings.mean(axis=0))
    np.testing.assert_allclose(within.deviation[1], embeddings[1::2].std(axis=0))
