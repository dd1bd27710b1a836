"""The audit: one ranked list of what may be wrong with what a network learned from, each with the reason in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.audit import suspicion
from birdclef_mind.audit.confused import confusion, shared
from birdclef_mind.audit.contradicted import Contradicted, contradicted
from birdclef_mind.audit.copied import Copied, across_labels
from birdclef_mind.audit.measured import Measured
from birdclef_mind.audit.opinions import held_out_groups, joined, out_of_fold
from birdclef_mind.audit.suspicion import Suspicion
from birdclef_mind.data.index import IndexRow
from birdclef_mind.data.labels import Classes
from birdclef_mind.data.override import DROP, RELABEL

# Hum that stands so many decibels above what is usual in the species is as likely as not a fault, and so many more make
# it likely. Rotors and wings hum a little; more than that is usual where most recordings have the fault.
_HUM_DB, _HUM_WIDTH_DB, _USUAL_HUM_DB = 17.0, 4.0, 12.0
# A voice is foreign that is heard three times as long as is usual in the species, of so much of the time and more.
_USUAL, _LEAST_VOICED, _TIMES = 0.7, 0.03, 3.0
# What a listener takes for people with less than this chance is often none.
_PEOPLE = 0.8
# A label is mended where it is that likely to be wrong: named anew where another is said with confidence, else dropped.
_NAMED_ANEW, _DROPPED = 0.75, 0.9
_SHOWN = 3
# Who shares fewer of the labels doubts nearly every one.
_AGREED = 0.6


@dataclass(frozen=True)
class Audit:
    """Segments as they are labelled, and what is measured of them whatever their labels are.

    Attributes
    ----------
    rows : those of `measured` that are labelled, as they are labelled now. name_of : what to call a label.
    """

    measured: Measured
    rows: tuple[IndexRow, ...]
    classes: Classes
    name_of: Callable[[str], str]

    @cached_property
    def places(self) -> Array:
        """Where in what is measured each segment stands, (n,)."""
        own = {(row.recording, row.segment): place for place, row in enumerate(self.measured.rows)}
        return np.array([own[row.recording, row.segment] for row in self.rows], int)

    @cached_property
    def heard(self) -> Array:
        """Which segments have any sound, (heard,)."""
        return np.flatnonzero([not row.silent for row in self.rows])

    @cached_property
    def units(self) -> tuple[tuple[int, ...], ...]:
        """What has one label: the heard segments of a recording that do, or one window of a soundscape."""
        found: dict[tuple[str, int | str], list[int]] = {}
        for place in self.heard.tolist():
            row = self.rows[place]
            found.setdefault((row.recording, row.segment if row.soundscape else row.label), []).append(place)
        return tuple(map(tuple, found.values()))

    @cached_property
    def labels(self) -> Array:
        """The class of each unit, (units,)."""
        return self.classes.indices([self.rows[own[0]].label for own in self.units])

    @cached_property
    def opinion(self) -> Array:
        """Log chances of the classes in each unit by those that never heard it, (units, classes)."""
        rows, places = [self.rows[place] for place in self.heard], self.places[self.heard]
        labels = self.classes.indices([row.label for row in rows])
        recordings = np.array([row.recording for row in rows], str)
        groups = held_out_groups(labels, np.array([row.author for row in rows], str), recordings)
        heads = [out_of_fold(own[places], labels, groups, len(self.classes)) for own in self.measured.vectors]
        number = {place: unit for unit, own in enumerate(self.units) for place in own}
        nobody = np.full((len(rows), len(self.classes)), np.nan)
        opinions = [nobody, *heads, *(own[places] for own in self.measured.opinions)]
        return joined(opinions, np.array([number[one] for one in self.heard], int))

    @cached_property
    def said(self) -> Contradicted:
        """Units that are named otherwise."""
        also = self.classes.targets(
            [""] * len(self.units), [()] * len(self.units), 0.0,
            [[name for name in (*row.also, *row.secondary_labels) if name in set(self.classes.names)]
             for row in (self.rows[own[0]] for own in self.units)],
        ) > 0  # fmt: skip
        return contradicted(self.opinion, self.labels, also)

    @cached_property
    def copies(self) -> list[Copied]:
        """Recordings that stand under two labels."""
        labels: dict[str, frozenset[str]] = {}
        for row in self.rows:
            labels[row.recording] = labels.get(row.recording, frozenset()) | {row.label, *row.also}
        chances = np.exp(self.opinion[np.arange(len(self.units)), self.labels])
        own = {self.rows[one[0]].recording: float(chance) for one, chance in zip(self.units, chances, strict=True)}
        known = own if self.is_told_apart else {}
        return across_labels(self.measured.copies, labels, {**dict.fromkeys(labels, np.nan), **known})

    @cached_property
    def agreement(self) -> float | None:
        """Share of labels that those share who never heard them; None where nobody can say."""
        known = ~np.isnan(self.opinion[np.arange(len(self.units)), self.labels])
        if not known.any():
            return None
        surest = np.where(np.isnan(self.opinion), -np.inf, self.opinion).argmax(axis=1)
        return float((surest == self.labels)[known].mean())

    @property
    def is_told_apart(self) -> bool:
        """Whether those who were asked know the species well enough to doubt a label."""
        return self.agreement is not None and self.agreement >= _AGREED

    @property
    def notes(self) -> list[str]:
        """A sentence where labels cannot be doubted."""
        if self.is_told_apart:
            return []
        if self.agreement is None:
            return ["Nobody could be asked who did not learn from these labels, so that none is doubted"]
        return [
            f"Those who did not learn from a recording share {self.agreement:.0%} of the labels, less than "
            f"{_AGREED:.0%}: they know the species too badly to doubt a label; a listener that knows them may be asked"
        ]

    def suspicions(self) -> list[Suspicion]:
        """All that may be wrong with single recordings and with pairs of species, the likeliest first."""
        found = [*self._copied(), *self._hum(), *self._voice(), *self._faults()]
        if self.is_told_apart:
            found += [*self._contradicted(), *self._shared()]
        return suspicion.ranked(found)

    def _contradicted(self) -> Iterator[Suspicion]:
        copied = {one.wrong for one in self.copies if one.told}
        said = self.said
        each = zip(said.places, said.said, said.chances, said.confident, strict=True)
        for unit, other, chance, confident in each:
            rows, name = self._rows(self.units[unit]), self.classes.names[other]
            if rows[0].recording in copied:
                continue
            label = self.name_of(rows[0].label)
            reason = (
                f"told to be {label}; those who did not learn from it give {label} {1 - chance:.0%} and "
                f"{self.name_of(name)} {np.exp(self.opinion[unit, other]):.0%}"
            )
            action, value = _mending(float(chance), bool(confident), name)
            yield Suspicion(
                kind=suspicion.LABEL, rows=rows, chance=float(chance), reason=reason, action=action, value=value
            )

    def _copied(self) -> Iterator[Suspicion]:
        of: dict[str, list[IndexRow]] = {}
        for row in self.rows:
            of.setdefault(row.recording, []).append(row)
        for one in self.copies:
            wrong, other = of[one.wrong], of[one.other][0]
            reason = f"the same sound as {one.other}, which is told to be {self.name_of(other.label)}" + (
                f"; others hear {self.name_of(other.label)} rather than {self.name_of(wrong[0].label)}"
                if one.told
                else "; nobody knows which of both is right"
            )
            yield Suspicion(
                kind=suspicion.COPY, rows=tuple(wrong), chance=one.chance, reason=reason,
                action=DROP if one.told else "",
            )  # fmt: skip

    def _hum(self) -> Iterator[Suspicion]:
        levels = np.nan_to_num(self.measured.hum_db[self.places])
        above = levels - np.minimum(self._usual(levels), _USUAL_HUM_DB)
        chances = 1 / (1 + np.exp(-(above - _HUM_DB) / _HUM_WIDTH_DB))
        yield from self._by_recording(
            suspicion.HUM, chances, lambda place: f"a steady hum, {levels[place]:.0f} dB above what is beside it"
        )

    def _voice(self) -> Iterator[Suspicion]:
        voiced, human = np.nan_to_num(self.measured.voiced[self.places]), self.measured.human[self.places]
        times = voiced / (self._usual(voiced) + _LEAST_VOICED)
        people = np.where(human >= _PEOPLE, human * (1 - self._usual(human)), 0)

        def reason(place: int) -> str:
            if times[place] < _TIMES:
                return f"a listener hears people ({human[place]:.0%}), which is not usual with this species"
            return f"a throat is heard in {voiced[place]:.0%} of it, {times[place]:.0f} times as much as is usual here"

        chances = np.maximum(times**2 / (times**2 + _TIMES**2), people)
        yield from self._by_recording(suspicion.VOICE, chances, reason)

    def _usual(self, values: Array) -> Array:
        """What is usual of values (n,) with what is in each segment, as it is labelled or named by others, (n,)."""
        highest = np.array([values[list(own)].max() for own in self.units])
        usual = {label: float(np.quantile(highest[self.labels == label], _USUAL)) for label in np.unique(self.labels)}
        expected = np.array([usual[label] for label in self.labels])
        for unit, other in zip(self.said.places.tolist(), self.said.said.tolist(), strict=True):
            expected[unit] = max(expected[unit], usual.get(other, 0.0))
        found = np.zeros(len(self.rows))
        for own, value in zip(self.units, expected, strict=True):
            found[list(own)] = value
        return found

    def _faults(self) -> Iterator[Suspicion]:
        silent = np.array([float(row.silent) for row in self.rows])
        clipped = np.array([row.clipped for row in self.rows])
        yield from self._by_recording(suspicion.SILENT, silent, lambda place: "nothing can be heard in it")
        yield from self._by_recording(
            suspicion.CLIPPED, np.where(clipped > suspicion.MOST_CLIPPED, 0.5 + np.minimum(clipped, 0.5), 0),
            lambda place: f"{clipped[place]:.1%} of it is as loud as the recorder could take: it crackles",
        )  # fmt: skip

    def _shared(self) -> Iterator[Suspicion]:
        for one, other, share in shared(confusion(self.opinion, self.labels)):
            units = [*np.flatnonzero(self.labels == one)[:_SHOWN], *np.flatnonzero(self.labels == other)[:_SHOWN]]
            names = [self.name_of(self.classes.names[number]) for number in (one, other)]
            reason = (
                f"{names[0]} and {names[1]} are taken for each other {share:.0%} as often as for themselves by those "
                "who learned from other recordings: listen whether they are told apart by their labels at all"
            )
            rows = tuple(self.rows[self.units[unit][0]] for unit in units)
            yield Suspicion(kind=suspicion.SHARED, rows=rows, chance=share, reason=reason)

    def _by_recording(
        self, kind: str, chances: Array, reason: Callable[[int], str], action: str = DROP
    ) -> Iterator[Suspicion]:
        """A suspicion of each recording with segments of which chances (n,) say that they are likelier than not so."""
        found: dict[str, list[int]] = {}
        for place in np.flatnonzero(chances >= suspicion.LEAST).tolist():
            found.setdefault(self.rows[place].recording, []).append(place)
        for own in found.values():
            own.sort(key=lambda place: -chances[place])
            yield Suspicion(
                kind=kind, rows=self._rows(own), chance=float(chances[own[0]]), reason=reason(own[0]), action=action
            )

    def _rows(self, places: Sequence[int]) -> tuple[IndexRow, ...]:
        return tuple(self.rows[place] for place in places)


def _mending(chance: float, confident: bool, name: str) -> tuple[str, str]:
    """The correction of a label that is wrong with a chance, where another is said: action and value."""
    if confident and chance >= _NAMED_ANEW:
        return RELABEL, name
    return (DROP, "") if chance >= _DROPPED else ("", "")


def counts(found: Sequence[Suspicion]) -> Mapping[str, int]:
    """How many suspicions there are of each kind."""
    return {kind: sum(one.kind == kind for one in found) for kind in suspicion.KINDS}
