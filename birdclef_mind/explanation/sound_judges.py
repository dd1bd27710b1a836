"""Those who judge what a listener's taps give back: all of it is heard as sound, by the listener and by another."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.fidelity import (
    Interval,
    activation_errors,
    correlations,
    picture_errors,
    sharpness,
    shuffled,
    with_interval,
)
from birdclef_mind.explanation.folder import QUICK_ROUNDS
from birdclef_mind.explanation.judging import Judging
from birdclef_mind.explanation.listener_reading import ListenerReading
from birdclef_mind.sound.pictures import Pictures, pictures_to_samples
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.song import Songs, kept, songs_in

# Sounds that are heard at a time, so that of a tap's activations few are held.
_AT_A_TIME = 16


@dataclass(frozen=True)
class Sounded:
    """What is seen and heard: pictures, and samples (n, segment_samples), in the same order."""

    pictures: Pictures
    samples: Array


def sound_of(pictures: Pictures, features: Features) -> Sounded:
    """Pictures, whose pixels may be fractions, with their sound; its phase is invented."""
    threads = os.cpu_count() or 1
    return Sounded(pictures, pictures_to_samples(pictures, features, threads=threads, rounds=QUICK_ROUNDS))


@dataclass(frozen=True)
class SoundVerdicts:
    """What is said of some sounds.

    Attributes
    ----------
    pixels : (n, rows, frames). songs : what stands out in them.
    called, called_by_second : the surest species of the listener, and of the other one (None without), (n,).
    named, named_by_second : whether the label's own species is that, (n,), NaN where it is not known.
    errors : of the tap's activation, (n,); None where no tap was asked about.
    """

    pixels: Array
    songs: Songs
    called: Array
    named: Array
    called_by_second: Array | None
    named_by_second: Array | None
    errors: Array | None = None

    def __getitem__(self, places: Array) -> "SoundVerdicts":
        """Those of some sounds, by their places (n,)."""
        second = None if self.called_by_second is None else self.called_by_second[places]
        named = None if self.named_by_second is None else self.named_by_second[places]
        return SoundVerdicts(
            self.pixels[places], self.songs[places], self.called[places], self.named[places], second, named,
            None if self.errors is None else self.errors[places],
        )  # fmt: skip


class SoundJudges:
    """Recordings, and those who judge what is made of them.

    Attributes
    ----------
    own : the recordings. groups : the recording of each. distance : `mean_distance` of pictures to compare with.
    recording : what is said of the recordings themselves.
    """

    def __init__(
        self,
        reading: ListenerReading,
        own: Sounded,
        labels: Sequence[str],
        groups: Sequence[str],
        distance: float,
        *,
        second: Judging | None = None,
    ) -> None:
        self._reading, self._second, self._labels = reading, second, tuple(labels)
        self.own, self.groups, self.distance = own, tuple(groups), distance
        self._wanted = reading.wanted(labels)
        self.recording = self.ask(own)

    def ask(self, sounded: Sounded, tap: str = "", activation: Array | None = None) -> SoundVerdicts:
        """What is said of as many sounds as there are recordings.

        Parameters
        ----------
        tap, activation : where asked for, a tap and what stood there of the recordings, (n, …), to compare with.
        """
        called: list[Array] = []
        errors: list[Array] = []
        for start in range(0, len(sounded.samples), _AT_A_TIME):
            part = slice(start, start + _AT_A_TIME)
            heard = self._reading.listener.hear(sounded.samples[part], [tap] if tap else [])
            called.append(heard.logits.argmax(axis=1))
            if activation is not None:
                again = heard.activations[tap]
                errors.append(activation_errors(again, activation[part].reshape(again.shape)))
        surest = np.concatenate(called)
        by_second, named_by_second = self._asked_second(sounded.samples)
        return SoundVerdicts(
            np.asarray(sounded.pictures.pixels, np.float32),
            songs_in(sounded.pictures, self._reading.features),
            surest,
            np.array([place in own if own else np.nan for place, own in zip(surest, self._wanted, strict=True)], float),
            by_second,
            named_by_second,
            np.concatenate(errors) if errors else None,
        )

    def shuffled(self, verdicts: SoundVerdicts) -> dict[str, Interval]:
        """Measures of others' reconstructions taken for one's own, whose label is asked for; none of one alone."""
        if len(self.groups) < 2:
            return {}
        turned = verdicts[shuffled(len(self.groups), self.groups)]
        wanted = [place in own if own else np.nan for place, own in zip(turned.called, self._wanted, strict=True)]
        turned = replace(turned, named=np.array(wanted, float), named_by_second=None, errors=None)
        return self.measures(turned)

    def measures(self, verdicts: SoundVerdicts) -> dict[str, Interval]:
        """All measures of what was judged, and how much of each of `TERMS` it keeps, as mean and 95 % interval.

        "Recognised" is the share that is called as the recording is, by the same ears; "named" the share whose surest
        species is the label's.
        """
        own, pixels = self.recording, np.asarray(self.own.pictures.pixels, np.float32)
        values = {
            "correlation": correlations(verdicts.pixels, pixels),
            "picture_error": picture_errors(verdicts.pixels, pixels, self.distance),
            **sharpness(verdicts.pixels, pixels),
            "recognised": verdicts.called == own.called,
            "named": verdicts.named,
        }
        if verdicts.called_by_second is not None:
            values["recognised_by_second"] = verdicts.called_by_second == own.called_by_second
        if verdicts.named_by_second is not None:
            values["named_by_second"] = verdicts.named_by_second
        values |= kept(verdicts.songs, own.songs)
        if verdicts.errors is not None:
            values["activation_error"] = verdicts.errors
        # Where nothing stands out in any of the recordings, nothing of it can be kept.
        return {name: with_interval(value, self.groups) for name, value in values.items() if np.isfinite(value).any()}

    def _asked_second(self, samples: Array) -> tuple[Array | None, Array | None]:
        if self._second is None:
            return None, None
        judge, match = self._second.judge, self._second.match
        judgement = judge.judge(judge.logits(list(samples), self._reading.features.sample_rate_hz), match)
        known = {match.labels[number]: place for place, number in enumerate(match.known)}
        ranks = [
            judgement.ranks[row, known[label]] if label in known else np.nan for row, label in enumerate(self._labels)
        ]
        named = np.array([rank == 1 if np.isfinite(rank) else np.nan for rank in ranks], float)
        return judgement.called, named
