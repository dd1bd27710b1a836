"""Which of a listener's species each class is: by scientific name, since other names differ from model to model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.checks import some_of
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import TableError
from birdclef_mind.storage.tables import table_rows

_CODE, _SCIENTIFIC, _COMMON = "SPECIES_CODE", "SCI_NAME", "PRIMARY_COM_NAME"


@dataclass(frozen=True)
class Match:
    """Classes and their counterparts among a listener's species.

    Attributes
    ----------
    labels : of the classes. places : for each class, which of the listener's species stand for it; none, one, or those
        of its genus. by_genus : labels for which others of their genus stand in.
    """

    labels: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    by_genus: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[int, ...]:
        """Classes that have a counterpart, by their number."""
        return tuple(number for number, own in enumerate(self.places) if own)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels without a counterpart."""
        return tuple(label for label, own in zip(self.labels, self.places, strict=True) if not own)

    def opinion(self, logits: Array) -> Array:
        """What a listener says of the classes that it knows: of logits (…, species) the largest each, (…, known)."""
        if not self.known:
            return np.zeros((*logits.shape[:-1], 0), np.float32)
        own = [self.places[number] for number in self.known]
        begins = np.cumsum([0, *map(len, own[:-1])])
        return np.maximum.reduceat(logits[..., [place for places in own for place in places]], begins, axis=-1)

    def note(self, name: str) -> str:
        """A line for what has no counterpart; "" where all have one."""
        parts = []
        if self.unknown:
            parts.append(
                f"{name} knows {len(self.known)} of {len(self.labels)} classes by their scientific name; "
                f"not {some_of(self.unknown)}"
            )
        if self.by_genus:
            parts.append(f"others of the genus stand in for {some_of(self.by_genus)}")
        return "; ".join(parts)


def match_species(
    classes: Sequence[Species], heard: Sequence[Species], synonyms: Mapping[str, Species] | None = None,
    *, genus: bool = False,
) -> Match:  # fmt: skip
    """Find each class among the species of a listener.

    A class is known by its scientific name; else by the name that the eBird table has for its label; else by its label,
    where the listener's own words are such; else by its common name, where the second part of the scientific name is
    the same: then only the genus was renamed. With `genus` others of its genus stand in for one that is not found.

    Parameters
    ----------
    synonyms : species of the eBird table by label, from `read_ebird`.
    """
    by_scientific, by_label = (_places(heard, key) for key in (_scientific, lambda one: one.label.casefold()))
    by_common = _places(heard, lambda one: one.common_name.casefold(), every=True)
    by_genus = _places(heard, _genus, every=True)
    found: list[tuple[int, ...]] = []
    standing_in = []
    for one in classes:
        other = (synonyms or {}).get(one.label, Species(one.label))
        own = (
            by_scientific.get(_scientific(one))
            or by_scientific.get(_scientific(other))
            or by_label.get(one.label.casefold())
        )
        for name in (one, other):
            alike = by_common.get(name.common_name.casefold(), ())
            own = own or tuple(place for place in alike if _epithet(heard[place]) == _epithet(name))[:1]
        if not own and genus:
            own = by_genus.get(_genus(one)) or by_genus.get(_genus(other))
            standing_in += [one.label] if own else []
        found.append(tuple(own or ()))
    return Match(tuple(one.label for one in classes), tuple(found), tuple(standing_in))


def read_ebird(path: Path) -> dict[str, Species]:
    """Species of an eBird taxonomy by their code; TableError for a table without its columns."""
    return {
        cells[_CODE]: Species(cells[_CODE], cells[_COMMON], cells[_SCIENTIFIC])
        for _, cells in table_rows(path, (_CODE, _COMMON, _SCIENTIFIC))
    }


def require_any(match: Match, name: str) -> None:
    """Raise TableError where a listener knows none of the classes."""
    if not match.known:
        raise TableError(
            f"{name}: expected at least one of the {len(match.labels)} classes among its species, found none of "
            f"{some_of(match.labels)}"
        )


def _places(heard: Sequence[Species], key: Callable[[Species], str], every: bool = False) -> dict[str, tuple[int, ...]]:
    """Places of species by a name; the first of several, or all of them. What has no name is nowhere."""
    found: dict[str, tuple[int, ...]] = {}
    for place, one in enumerate(heard):
        name = key(one)
        if name and (every or name not in found):
            found[name] = (*found.get(name, ()), place)
    return found


def _scientific(one: Species) -> str:
    """Genus and species, without a subspecies and however they are spaced."""
    return " ".join(one.scientific_name.casefold().split()[:2])


def _genus(one: Species) -> str:
    return _scientific(one).partition(" ")[0]


def _epithet(one: Species) -> str:
    return _scientific(one).partition(" ")[2]
