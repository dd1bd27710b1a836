"""A listener as a judge: what it says of whole sounds, against the definition in loops."""

import itertools
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ConfigError
from birdclef_mind.listeners.judge import Judge, match_classes
from birdclef_mind.listeners.listener import Heard, Listener, Terms
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.sound.audio import read_audio, resampled

NAMES = ("Parus major", "Turdus merula", "Corvus corax", "Pica pica", "Strix aluco")


class Bands:
    """Ears that weigh what they hear at five pitches; they count how many windows come at once."""

    taps = MappingProxyType({})

    def __init__(self, samples):
        self.at_once = []
        angles = np.outer(np.arange(samples), np.array([0.02, 0.1, 0.3, 0.7, 1.5]))
        self.waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def hear(self, samples, taps):
        self.at_once.append(len(samples))
        found = samples.astype(np.float64) @ self.waves
        return Heard(np.log1p(found[:, :5] ** 2 + found[:, 5:] ** 2).astype(np.float32) - 2)


def ears(*, answer="sigmoid", rate_hz=1000, window_s=0.3, hop_s=0.01, names=NAMES):
    species = tuple(Species(name, f"bird {number}", name) for number, name in enumerate(names))
    return Listener(
        name="Bands", kind="none", rate_hz=rate_hz, window_s=window_s, hop_s=hop_s, species=species, digest="",
        terms=Terms(), ears=Bands(round(window_s * rate_hz)), answer=answer,
    )  # fmt: skip


def slowly(listener, sound, shifts):
    """What is said of one sound at the listener's rate, by the definition, a window at a time."""
    sound = np.asarray(sound, np.float32) - np.mean(sound, dtype=np.float64).astype(np.float32)
    rate, length = listener.rate_hz, listener.window_samples
    reach_s = max(listener.window_s, len(sound) / rate - listener.hop_s)
    count = int(np.ceil(reach_s / listener.window_s - 1e-9))
    best = np.full(len(listener.species), -np.inf)
    for window in range(count):
        start = 0 if count == 1 else round(window / (count - 1) * (reach_s - listener.window_s) * rate)
        summed = np.zeros(len(listener.species))
        for shift in range(shifts):
            begin = start + round(shift / shifts * listener.hop_s * rate)
            own = np.zeros(length, np.float32)
            for place in range(length):
                if begin + place < len(sound):
                    own[place] = sound[begin + place]
            summed += listener.hear(own[None]).logits[0]
        mean = summed / shifts
        if listener.answer == "softmax":
            mean = np.log(np.exp(mean) / np.exp(mean).sum())
        best = np.maximum(best, mean)
    return best


@pytest.fixture
def sounds(rng):
    """Of awkward lengths: a single sample, just below, at and above a window and its hop, several windows."""
    return [rng.normal(size=size).astype(np.float32) for size in (1, 7, 299, 300, 309, 310, 311, 612, 612, 1500)]


@pytest.mark.parametrize("answer", ["sigmoid", "softmax"])
@pytest.mark.parametrize("shifts", [1, 3, 4])
def test_it_follows_its_definition(sounds, answer, shifts):
    listener = ears(answer=answer)
    said = Judge(listener, shifts).logits(sounds, 1000)
    expected = [slowly(listener, sound, shifts) for sound in sounds]
    np.testing.assert_allclose(said, expected, atol=1e-4)
    chances = Judge(listener, shifts).scores(said)
    if answer == "sigmoid":
        np.testing.assert_allclose(chances, 1 / (1 + np.exp(-np.array(expected))), atol=1e-5)
    else:
        # A single window shares one chance among all species; several windows are not less sure than each.
        np.testing.assert_allclose(chances[:5].sum(axis=1), 1, atol=1e-5)
        assert (chances.sum(axis=1) > 1 - 1e-5).all()


def test_the_answer_depends_on_no_other_sound(sounds, rng):
    judge = Judge(ears())
    together = judge.logits(sounds, 1000)
    order = rng.permutation(len(sounds))
    np.testing.assert_allclose(judge.logits([sounds[place] for place in order], 1000), together[order], atol=1e-5)
    alone = np.concatenate([judge.logits([sound], 1000) for sound in sounds])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert judge.logits([], 1000).shape == (0, 5)


def test_sounds_of_one_length_are_heard_together(rng):
    listener = ears()
    Judge(listener, 2).logits([rng.normal(size=600) for _ in range(6)], 1000)
    assert listener.ears.at_once == [8, 8, 8]


def test_what_a_sound_stands_off_zero_is_not_heard(sounds):
    judge = Judge(ears())
    np.testing.assert_allclose(
        judge.logits([sound + 3 for sound in sounds], 1000), judge.logits(sounds, 1000), atol=1e-3
    )


def test_a_sound_of_another_rate_is_resampled(rng):
    sound = rng.normal(size=4000).astype(np.float32)
    judge = Judge(ears())
    own = np.concatenate(list(resampled([sound - np.float32(sound.mean(dtype=np.float64))], 2500, 1000)))
    np.testing.assert_allclose(judge.logits([sound], 2500), judge.logits([own], 1000), atol=1e-3)


def test_a_bird_in_one_window_is_in_the_sound(rng):
    """A pitch that is heard in the last of five windows alone."""
    sound = 0.001 * rng.normal(size=1500)
    sound[1200:] += np.sin(0.7 * np.arange(300))
    said = Judge(ears()).logits([sound], 1000)
    assert said.argmax() == 3


def ranked(logits, places):
    """The definition: how many others score as high, and one."""
    wanted = max(logits[place] for place in places)
    return 1 + sum(value >= wanted for place, value in enumerate(logits) if place not in places)


def test_ranks_and_scores_follow_their_definition(rng):
    listener = ears()
    judge = Judge(listener)
    classes = [Species("a", "", "Pica pica"), Species("b", "", "Nemo nemo"), Species("c", "", "Parus major")]
    match = match_classes(classes, listener.species)
    assert match.unknown == ("b",)
    match = replace(match, places=((3,), (), (0, 2)))
    logits = rng.integers(-3, 3, (40, 5)).astype(np.float32)
    said = judge.judge(logits, match)
    assert len(said) == 40
    for sound, (known, places) in itertools.product(range(40), enumerate([(3,), (0, 2)])):
        verdict = said.verdict(sound, known)
        assert verdict.rank == ranked(logits[sound], places)
        assert verdict.named == all(
            max(logits[sound][list(places)]) > logits[sound][other] for other in range(5) if other not in places
        )
        assert verdict.logit == max(logits[sound][place] for place in places)
        assert verdict.score == pytest.approx(1 / (1 + np.exp(-verdict.logit)))
        assert verdict.called == listener.species[int(np.argmax(logits[sound]))]
        assert verdict.called_score == pytest.approx(1 / (1 + np.exp(-max(logits[sound]))))
        assert verdict.of == 5


def test_who_cannot_tell_names_nobody_first():
    listener = ears()
    match = match_classes([Species("a", "", "Parus major")], listener.species)
    said = Judge(listener).judge(np.zeros((1, 5), np.float32), match)
    assert (said.verdict(0, 0).rank, said.verdict(0, 0).named) == (5, False)


def test_a_judge_that_knows_none_has_no_verdicts():
    listener = ears()
    match = match_classes([Species("a", "Unheard Bird", "Nemo nemo")], listener.species)
    said = Judge(listener).judge(np.zeros((3, 5), np.float32), match)
    assert said.ranks.shape == said.logits.shape == said.scores.shape == (3, 0)
    assert len(said.called) == 3


def places_of(classes, heard):
    return match_classes(classes, heard).places


def test_species_are_matched_by_scientific_name_then_label_then_common_name():
    heard = [
        Species("Parus major_Great Tit", "Great Tit", "Parus major"), Species("pica", "Magpie", ""),
        Species("Eurasian Jay"), Species("Corvus corone_Carrion Crow", "Carrion Crow", "Corvus corone"),
    ]  # fmt: skip
    # By scientific name, however the label and the common name are.
    assert places_of([Species("gretit1", "Kohlmeise", "Parus major")], heard) == ((0,),)
    # By label.
    assert places_of([Species("pica")], heard) == ((1,),)
    # By common name, where only one side has a scientific one, also where the listener's word is such a name.
    assert places_of([Species("carcro1", "carrion crow")], heard) == ((3,),)
    assert places_of([Species("eurmag1", "Magpie", "Pica pica")], heard) == ((1,),)
    assert places_of([Species("eurjay1", "Eurasian jay", "Garrulus glandarius")], heard) == ((2,),)
    # Two scientific names that differ are two species, whatever people call them.
    assert places_of([Species("x", "Great Tit", "Parus minor")], heard) == ((),)
    # What has no name is nobody.
    assert places_of([Species("x")], [*heard, Species("y")]) == ((),)


@pytest.mark.parametrize("shifts", [0, 17, 1.5, True])
def test_shifts_that_cannot_be(shifts):
    with pytest.raises(ConfigError, match="shifts: expected a whole number from 1 to 16"):
        Judge(ears(), shifts)


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (np.zeros(0), "sounds: expected samples in a row"),
        (np.zeros((2, 9)), "sounds: expected samples in a row"),
        (np.zeros(700_000), "length_s: expected seconds above 0 and at most 600"),
    ],
)
def test_sounds_that_cannot_be(sound, message):
    with pytest.raises(ConfigError, match=message):
        Judge(ears()).logits([sound], 1000)


def test_a_bundle_judges_as_it_scores(little):
    listener = open_listener(little.bundle)
    paths = sorted((little.competition / "train_audio").glob("*/*.ogg"))
    sounds = [read_audio(path, 32_000)[:160_000] for path in paths]
    sounds = [np.pad(sound, (0, 160_000 - len(sound))) for sound in sounds]
    judge = Judge(listener, 1)
    said = judge.scores(judge.logits(sounds, 32_000))
    np.testing.assert_allclose(said, listener.scores(np.stack(sounds)), atol=1e-4)
    classes = [Species(one.label) for one in listener.species]
    judgement = judge.judge(judge.logits(sounds, 32_000), match_classes(classes, listener.species))
    assert [judgement.verdict(place, known).score for place in range(2) for known in range(2)] == pytest.approx(
        said[:2].ravel().tolist(), abs=1e-4
    )


def test_birdnet_hears_pictures_of_five_seconds_in_two_windows(fake_birdnet, rng):
    listener = open_listener(fake_birdnet / "model.tflite")
    sound = rng.normal(scale=0.1, size=5 * 32_000).astype(np.float32)
    judge = Judge(listener, 2)
    own = np.concatenate(list(resampled([sound - np.float32(sound.mean(dtype=np.float64))], 32_000, 48_000)))
    np.testing.assert_allclose(judge.logits([sound], 32_000)[0], slowly(listener, own, 2), atol=1e-3)
    classes = [Species("bird7", "Bird 7", "")]
    said = judge.judge(judge.logits([sound], 32_000), match_classes(classes, listener.species))
    assert said.verdict(0, 0).of == 40


def test_the_real_birdnet_names_real_birds(birdnet_model, birds):
    """The first recording of some species, and the same as quiet as a tenth."""
    from birdclef_mind.data.competition import open_competition

    competition = open_competition(birds)
    labels = ("eurrob1", "eursta", "comcha", "grswoo")
    judge = Judge(open_listener(birdnet_model))
    match = match_classes([competition.species[label] for label in labels], judge.listener.species)
    assert match.unknown == ()
    first = {one.label: one for one in reversed(competition.recordings) if one.label in labels}
    sounds = [read_audio(competition.audio_path(first[label]), 32_000)[: 5 * 32_000] for label in labels]
    said = judge.judge(judge.logits(sounds, 32_000), match)
    named = [said.verdict(place, place).named for place in range(len(labels))]
    assert sum(named) >= 2
    quiet = judge.judge(judge.logits([0.1 * sound for sound in sounds], 32_000), match)
    np.testing.assert_allclose(quiet.logits, said.logits, atol=0.05)
