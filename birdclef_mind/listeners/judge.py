"""A listener as a judge of sounds: what it calls each, and at which place it names a wanted species."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import require
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.listeners.hearing import Hearing
from birdclef_mind.listeners.listener import BATCH, Listener
from birdclef_mind.listeners.species_match import Match, match_species
from birdclef_mind.sound.audio import resampled
from birdclef_mind.sound.settings import Windowing

# One place among its frames moves a logit of BirdNET's by up to a quarter.
SHIFTS = 4


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a judge says of one sound, asked for one species.

    Attributes
    ----------
    rank : the species' place among all `of` that the judge knows, from 1; others that score the same come before it.
    logit, score : of the species; the score is a chance, 0 to 1.
    called, called_score : the species that the judge is surest of, and its score.
    """

    rank: int
    of: int
    logit: float
    score: float
    called: Species
    called_score: float

    @property
    def named(self) -> bool:
        """Whether the species is named first."""
        return self.rank == 1


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a judge says of sounds, asked for every class that it knows, in the order of `Match.known`.

    Attributes
    ----------
    species : that the judge knows.
    ranks, logits, scores : of each class in each sound, (sounds, known), as in `Verdict`.
    called, called_scores : place among the judge's species of the one it is surest of, and its score, (sounds,).
    """

    species: tuple[Species, ...]
    ranks: Array
    logits: Array
    scores: Array
    called: Array
    called_scores: Array

    def __len__(self) -> int:
        return len(self.ranks)

    def verdict(self, sound: int, known: int) -> Verdict:
        """Of one sound, for the class at place `known` among those that the judge knows."""
        return Verdict(
            rank=int(self.ranks[sound, known]), of=len(self.species), logit=float(self.logits[sound, known]),
            score=float(self.scores[sound, known]), called=self.species[int(self.called[sound])],
            called_score=float(self.called_scores[sound]),
        )  # fmt: skip


@dataclass(frozen=True)
class Judge:
    """Ears that were trained elsewhere, asked what they hear in whole sounds.

    Attributes
    ----------
    shifts : how often each window is heard, every time a little later within a hop of the listener's own frames.
        ConfigError for none, or more than sixteen.
    """

    listener: Listener
    shifts: int = SHIFTS

    def __post_init__(self) -> None:
        Hearing(shifts=self.shifts)

    def logits(self, sounds: Sequence[Array], rate_hz: int) -> Array:
        """Logits of all species in each sound, (sounds, species), float32.

        Windows of the listener are laid over a sound evenly from its start to its end, one that is longer than the
        sound with silence behind it. Of each window the mean over the shifts is taken, and for each species the
        window in which it is heard best. Chances of a softmax are compared as their logarithms, since its logits mean
        nothing from window to window.

        Parameters
        ----------
        sounds : (samples,) each, of any length up to ten minutes; ConfigError for one that is longer, or empty. What
            they stand off zero on average is no sound and is taken away.
        rate_hz : of all of them; they are resampled to the listener's.
        """
        own = (self._own(sound, rate_hz) for sound in sounds)
        found = [
            self._heard(some) for some in _alike(own, lambda samples: max(1, BATCH // self._offsets(samples).size))
        ]
        return np.concatenate(found) if found else np.zeros((0, len(self.listener.species)), np.float32)

    def scores(self, logits: Array) -> Array:
        """Logits (…, species) of `logits` as chances of the same shape, 0 to 1."""
        return self.listener.chances(logits) if self.listener.answer == "sigmoid" else np.exp(logits)

    def judge(self, logits: Array, match: Match) -> Judgement:
        """What logits (sounds, species) say of the classes that the listener knows."""
        opinion, own = match.opinion(logits), [list(match.places[number]) for number in match.known]
        # A judge that cannot tell names nobody first.
        ahead = [
            (logits >= wanted[:, None]).sum(axis=1) - (logits[:, places] >= wanted[:, None]).sum(axis=1)
            for places, wanted in zip(own, opinion.T, strict=True)
        ]
        ranks = 1 + np.stack(ahead, axis=1) if ahead else np.zeros(opinion.shape, int)
        called = logits.argmax(axis=1)
        surest = np.take_along_axis(logits, called[:, None], axis=1)[:, 0]
        return Judgement(
            species=self.listener.species, ranks=ranks, logits=opinion, scores=self.scores(opinion), called=called,
            called_scores=self.scores(surest),
        )  # fmt: skip

    def _own(self, sound: Array, rate_hz: int) -> Array:
        """A sound (samples,) at the listener's rate and about zero."""
        samples = np.asarray(sound, np.float32)
        require(samples.ndim == 1 and samples.size > 0, "sounds", "samples in a row", samples.shape)
        level = np.float32(samples.mean(dtype=np.float64))
        return np.concatenate(list(resampled([samples - level], rate_hz, self.listener.rate_hz)))

    def _offsets(self, samples: int) -> Array:
        """Where windows begin in a sound of so many samples, (windows, shifts); shifts end with the sound."""
        listener = self.listener
        length_s = max(listener.window_s, samples / listener.rate_hz - listener.hop_s)
        windowing = Windowing(length_s=length_s, step_s=length_s, shortest_tail_s=0.0)
        return Hearing(windowing=windowing, shifts=self.shifts).offsets(listener)

    def _heard(self, sounds: Array) -> Array:
        """Logits (sounds, species) of sounds (sounds, samples) of one length."""
        offsets, length = self._offsets(sounds.shape[1]), self.listener.window_samples
        padded = np.pad(sounds, ((0, 0), (0, max(0, int(offsets.max()) + length - sounds.shape[1]))))
        cut = np.stack([padded[:, begin : begin + length] for begin in offsets.ravel().tolist()], axis=1)
        logits = self.listener.hear(cut.reshape(-1, length)).logits.reshape(len(sounds), *offsets.shape, -1)
        mean = logits.mean(axis=2)
        if self.listener.answer == "softmax":
            mean = mean - np.logaddexp.reduce(mean, axis=-1, keepdims=True)
        return mean.max(axis=1)


def joined(parts: Sequence[Judgement]) -> Judgement:
    """Judgements by one judge of one match, one after the other, as one; ValueError for none."""
    if not parts:
        raise ValueError("expected at least one judgement, got none")
    names = ("ranks", "logits", "scores", "called", "called_scores")
    together = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Judgement(species=parts[0].species, **together)


def match_classes(classes: Sequence[Species], heard: Sequence[Species]) -> Match:
    """Find each class among a judge's species, as `match_species` does; by common name where one side has no other."""
    found = match_species(classes, heard)
    by_name: dict[str, int] = {}
    for place, one in enumerate(heard):
        for name in filter(None, (one.common_name.casefold(), one.label.casefold())):
            by_name.setdefault(name, place)
    places = []
    for one, own in zip(classes, found.places, strict=True):
        alike = by_name.get(one.common_name.casefold())
        nameless = alike is not None and not (one.scientific_name and heard[alike].scientific_name)
        places.append((alike,) if not own and alike is not None and nameless else own)
    return Match(found.labels, tuple(places))


def _alike(sounds: Iterable[Array], most: Callable[[int], int]) -> Iterator[Array]:
    """Sounds (samples,) that follow each other in one length, together, (sounds, samples), at most so many of it."""
    for samples, some in groupby(sounds, len):
        while together := list(islice(some, most(samples))):
            yield np.stack(together)
