"""Soft labels: how likely networks, and a listener, think each bird is in windows of soundscapes, to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special

from birdclef_mind.arrays import Array
from birdclef_mind.data.cache import Cache
from birdclef_mind.data.index import IndexRow
from birdclef_mind.errors import StoreError
from birdclef_mind.listeners.embeddings import Embeddings
from birdclef_mind.networks.bundle import Bundle
from birdclef_mind.networks.predictor import Predictor
from birdclef_mind.storage import files
from birdclef_mind.storage.progress import Track, untracked
from birdclef_mind.storage.tables import csv_text
from birdclef_mind.training.draws import Beside
from birdclef_mind.training.teacher import lessons_for
from birdclef_mind.training.unlabelled import refuse_others_ears, refuse_unlike, rows_besides

# What is less likely is taken not to be there, and is no line of the table.
_LEAST = 0.01
_DIGITS = 4
# Pictures that are in memory at a time while a network hears them.
_CHUNK = 2048
# Nobody is surer than that.
_SUREST = 1e-6


@dataclass(frozen=True)
class UnlabelledSoundscapes:
    """A cache of soundscapes that nobody labelled, and what a listener made of them, where one did."""

    cache: Cache
    heard: Embeddings | None = None

    def refuse_unfit(self, cache: Cache, teacher: Embeddings | None) -> None:
        """StoreError for pictures or labels unlike a cache's, or where somebody else heard than the teacher."""
        refuse_unlike(self.cache, cache, any_step=True)
        if self.cache.classes.names != cache.classes.names:
            raise StoreError(
                f"{self.cache.root}: expected soundscapes cached with the same {len(cache.classes)} labels as "
                f"{cache.root}, in the same order"
            )
        if teacher and not self.heard:
            raise StoreError(
                f"{teacher.root}: expected what the same listener makes of the soundscapes too; run "
                "`embed --unlabelled` and give it as --heard"
            )
        if teacher and self.heard:
            refuse_others_ears(self.heard, teacher, any_step=True)

    def rows(self, others: Cache) -> tuple[IndexRow, ...]:
        """Its windows that are not silent, but for those of recordings that another cache has, labelled or held out."""
        return rows_besides(self.cache, {row.recording for row in others.rows})


@dataclass(frozen=True)
class SoftLabels:
    """Windows of soundscapes, and how likely each bird is in them, (windows, classes), float32, 0 to 1."""

    soundscapes: UnlabelledSoundscapes
    rows: tuple[IndexRow, ...]
    chances: Array

    @property
    def digest(self) -> str:
        """Changes with every label, and every picture."""
        return f"{self.soundscapes.cache.index_sha256}, {files.digest_of(self.chances)}"

    def table(self) -> str:
        """A line for each bird of each window that is likely enough: recording, start_s, end_s, label, chance."""
        names = self.soundscapes.cache.classes.names
        length_s = self.soundscapes.cache.features.windowing.length_s
        lines = []
        for row, chances in zip(self.rows, self.chances, strict=True):
            window = (row.recording, f"{row.start_s:.9g}", f"{row.start_s + length_s:.9g}")
            lines += [(*window, names[place], f"{chances[place]:.{_DIGITS}f}") for place in np.flatnonzero(chances)]
        return csv_text(["recording", "start_s", "end_s", "label", "chance"], lines)

    def beside(self, taught: bool) -> Beside:
        """Windows to be laid over training segments, each drawn by the sum of its labels.

        StoreError where no bird is likely in any. `taught` where a listener's lessons are learned beside labels.
        """
        sums = self.chances.sum(axis=1, dtype=float)
        some = np.flatnonzero(sums)
        if not some.size:
            raise StoreError(f"{self.soundscapes.cache.root}: expected windows in which a bird is likely, found none")
        rows, wanted = [self.rows[place] for place in some], self.chances[some]
        if taught and self.soundscapes.heard:
            lessons = lessons_for(rows, self.soundscapes.cache.classes.names, self.soundscapes.heard)
            wanted = np.concatenate([wanted, lessons], axis=1)
        return Beside(self.soundscapes.cache.pictures(rows), wanted, sums[some] / sums.sum())


def soft_labels(
    soundscapes: UnlabelledSoundscapes,
    rows: Sequence[IndexRow],
    bundles: Sequence[Bundle],
    power: float,
    track: Track = untracked,
) -> SoftLabels:
    """What networks make of windows of soundscapes, the mean of them all, to a power; what is unlikely is 0.

    Where a listener has heard them, its chances and those of all networks are `pooled`, for the birds it knows. A power
    above 1 makes what is unlikely more so, and leaves what is sure. StoreError where it has heard other sounds.
    """
    names = soundscapes.cache.classes.names
    chances = np.zeros((len(rows), len(names)))
    predictors = [Predictor(bundle) for bundle in bundles]
    starts = range(0, len(rows), _CHUNK)
    for start in track(starts, len(starts), "thousands of windows"):
        pixels = soundscapes.cache.pictures(rows[start : start + _CHUNK]).pixels
        chances[start : start + _CHUNK] = np.mean([one.scores(pixels) for one in predictors], axis=0)
    if soundscapes.heard:
        soundscapes.heard.require_same_sounds(soundscapes.cache)
        told = lessons_for(rows, names, soundscapes.heard, track)[:, 1 : 1 + len(names)]
        chances = np.where(told >= 0, pooled(chances, told), chances)
    chances = np.round(chances**power, _DIGITS)
    return SoftLabels(soundscapes, tuple(rows), np.where(chances >= _LEAST, chances, 0).astype(np.float32))


def pooled(one: Array, other: Array) -> Array:
    """Chances of two who heard the same sounds, each without the other's help, as those of one, (n, classes).

    Odds are multiplied, and divided by those that both were given beforehand, as Bayes' rule asks: Bordley 1982, "A
    multiplicative formula for aggregating probability assessments". Whoever is sure is believed, where a mean is never
    surer than half. Beforehand a class is as likely as both find it over all sounds. A network that the listener taught
    has not heard without its help; measured, what becomes of both is nearer to the truth all the same.

    Parameters
    ----------
    one, other : of each, (n, classes), 0 to 1.
    """
    beforehand = (one + other).mean(axis=0) / 2
    logs = [scipy.special.logit(np.clip(each, _SUREST, 1 - _SUREST)) for each in (one, other, beforehand)]
    return np.asarray(scipy.special.expit(logs[0] + logs[1] - logs[2]))
