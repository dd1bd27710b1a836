"""How much of the input a reconstruction holds: measures with intervals, beside controls.

Pictures are (n, rows, frames), 0–255. A network here is a function from pictures to scores (n, classes). None of the
measures says why a network decided; a low activation error does not imply a low picture error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.sound.song import Songs, kept

Answer = Callable[[Array], Array]
Listening = Callable[[Array], Songs]


class Interval(TypedDict):
    """A mean, and the 95 % interval around it."""

    mean: float
    low: float
    high: float


_RESAMPLES = 1000


@dataclass(frozen=True)
class Verdicts:
    """Reconstructions, and what the network and an independent one (None without) call them.

    Attributes
    ----------
    rebuilt : (n, rows, frames). called, called_by_second : (n,), places of classes. songs : what stands out in them.
    """

    rebuilt: Array
    called: Array
    called_by_second: Array | None
    songs: Songs | None = None

    def __getitem__(self, places: Array) -> "Verdicts":
        second = None if self.called_by_second is None else self.called_by_second[places]
        songs = None if self.songs is None else self.songs[places]
        return Verdicts(self.rebuilt[places], self.called[places], second, songs)


class Judges:
    """The input, and those who judge reconstructions of it."""

    def __init__(
        self,
        pictures: Array,
        groups: Sequence[str],
        distance: float,
        answer: Answer,
        second: Answer | None,
        *,
        songs: Listening | None = None,
    ) -> None:
        """Ask the network once what it calls the input.

        Parameters
        ----------
        pictures : the inputs, (n, rows, frames). groups : the recording of each.
        distance : `mean_distance` of pictures to compare with.
        answer, second : the network and an independent one (None when there is none).
        songs : what stands out in as many pictures, each with the scale of its input; None to measure nothing of it.
        """
        self._listen, self._songs = songs, None if songs is None else songs(pictures)
        self.pictures, self.groups, self.distance = pictures, groups, distance
        self._answer, self._second = answer, second
        self._called = answer(pictures).argmax(axis=1)

    def ask(self, rebuilt: Array, scores: Array | None = None) -> Verdicts:
        """What the networks call some reconstructions.

        Parameters
        ----------
        rebuilt : (n, rows, frames). scores : the network's own for them, (n, classes), where they are known already.
        """
        second = None if self._second is None else self._second(rebuilt).argmax(axis=1)
        own = self._answer(rebuilt) if scores is None else scores
        return Verdicts(rebuilt, own.argmax(axis=1), second, None if self._listen is None else self._listen(rebuilt))

    def shuffled(self, verdicts: Verdicts) -> dict[str, Interval]:
        """Measures of others' reconstructions taken for one's own, a control; none of one alone."""
        if len(self.pictures) < 2:
            return {}
        return self.measures(verdicts[shuffled(len(self.pictures), self.groups)])

    def measures(
        self, verdicts: Verdicts, activation: Array | None = None, again: Array | None = None
    ) -> dict[str, Interval]:
        """All measures of some reconstructions, and how much of each of `TERMS` they keep, as mean and 95 % interval.

        "Recognised" is the share that is called what the network calls the input.

        Parameters
        ----------
        activation, again : the tap's activation for the inputs and for the reconstructions, (n, …) each.
        """
        values = {
            "correlation": correlations(verdicts.rebuilt, self.pictures),
            "picture_error": picture_errors(verdicts.rebuilt, self.pictures, self.distance),
            **sharpness(verdicts.rebuilt, self.pictures),
            "recognised": verdicts.called == self._called,
        }
        if verdicts.called_by_second is not None:
            values["recognised_by_second"] = verdicts.called_by_second == self._called
        if verdicts.songs is not None and self._songs is not None:
            values |= kept(verdicts.songs, self._songs)
        if activation is not None and again is not None:
            values["activation_error"] = activation_errors(again, activation)
        # Where nothing stands out in any of the inputs, nothing of it can be kept.
        return {name: with_interval(value, self.groups) for name, value in values.items() if np.isfinite(value).any()}


def correlations(rebuilt: Array, pictures: Array) -> Array:
    """Pearson correlation of each two of rebuilt and real pictures, (n, rows, frames): (n,); 0 where one is flat."""
    one = _centred(rebuilt)
    other = _centred(pictures)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.divide((one * other).sum(axis=1), lengths, out=np.zeros(len(one)), where=lengths > 0)


def picture_errors(rebuilt: Array, pictures: Array, distance: float) -> Array:
    """|x − x̂| / N for each two of rebuilt and real pictures, (n, rows, frames): (n,).

    N is `distance`, the mean distance of two different pictures (Dosovitskiy & Brox 2016).
    """
    difference = np.asarray(rebuilt, np.float64) - pictures
    return np.linalg.norm(difference.reshape(len(difference), -1), axis=1) / distance


def sharpness(rebuilt: Array, pictures: Array) -> dict[str, Array]:
    """How sharp rebuilt pictures (n, rows, frames) are beside the real ones, (n,) each; 1 for as sharp.

    "spread" is the ratio of their deviations, "detail" that of the root mean squares of differences of neighbours,
    which weigh the spectrum by the square of its frequency. NaN for a real picture of a single shade.
    """
    own, real = _sharp(rebuilt), _sharp(pictures)
    return {
        name: np.divide(own[name], real[name], out=np.full(len(rebuilt), np.nan), where=real[name] > 0) for name in own
    }


def _sharp(pictures: Array) -> dict[str, Array]:
    whole = np.asarray(pictures, np.float64)
    up, on = np.square(np.diff(whole, axis=1)).mean(axis=(1, 2)), np.square(np.diff(whole, axis=2)).mean(axis=(1, 2))
    return {"spread": whole.std(axis=(1, 2)), "detail": np.sqrt(up + on)}


def mean_distance(pictures: Array) -> float:
    """Mean Euclidean distance of two different pictures (n, rows, frames); 1 where there are fewer than two."""
    flat = np.asarray(pictures, np.float64).reshape(len(pictures), -1)
    if len(flat) < 2:
        return 1.0
    squares = (flat**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0))
    return max(float(distances[~np.eye(len(flat), dtype=bool)].mean()), 1e-9)


def activation_errors(again: Array, activation: Array) -> Array:
    """|φ(x̂) − φ(x)| / |φ(x)|, (n,), of activations `again` and `activation`, (n, …) each; 0 where both are nothing."""
    one, other = (np.asarray(value, np.float64).reshape(len(value), -1) for value in (again, activation))
    return np.linalg.norm(one - other, axis=1) / np.maximum(np.linalg.norm(other, axis=1), 1e-9)


def with_interval(values: Array, groups: Sequence[str], *, seed: int = 0) -> Interval:
    """Mean of values (n,) and its 95 % bootstrap interval.

    Whole `groups`, the recording of each value, are resampled: segments of one recording are not independent. Values
    that are NaN have no part in it.
    """
    values = np.asarray(values, np.float64)
    there = np.isfinite(values)
    values = values[there]
    names, members = np.unique(np.asarray(groups)[there], return_inverse=True)
    sums = np.bincount(members, values, len(names))
    counts = np.bincount(members, minlength=len(names))
    drawn = np.random.default_rng(seed).integers(0, len(names), (_RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def shuffled(count: int, groups: Sequence[str]) -> Array:
    """For each row the place of another one, (count,): the first of the next recording in order of appearance.

    Where there is one recording alone, it is the row before.
    """
    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        return np.roll(np.arange(count), 1)
    first = {name: list(groups).index(name) for name in names}
    return np.array([first[names[(names.index(group) + 1) % len(names)]] for group in groups])


def _centred(pictures: Array) -> Array:
    flat = np.asarray(pictures, np.float64).reshape(len(pictures), -1)
    return flat - flat.mean(axis=1, keepdims=True)
