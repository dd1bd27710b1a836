"""Which recordings of a collection are held out: of whole authors, so that nobody is heard on both sides."""

from collections import Counter
from collections.abc import Collection, Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from birdclef_mind.checks import some_of


def held_back(labels: Sequence[str], authors: Sequence[str], wanted: int, rng: np.random.Generator) -> set[int]:
    """Places of recordings to hold out: of whole authors, until each species has enough, and never all of a species.

    Of authors the one goes first of whose recordings most are wanted; chance decides among equals. Of each recording
    its label and author are given, "" for nobody.
    """
    groups: dict[str, list[int]] = {}
    for place, author in enumerate(authors):
        groups.setdefault(f"author {author}" if author else f"recording {place}", []).append(place)
    counts = {name: Counter(labels[place] for place in own) for name, own in groups.items()}
    left = Counter(labels)
    needed = Counter(dict.fromkeys(left, wanted))

    def waste(name: str) -> float:
        """The share of an author's recordings that nobody needs."""
        return 1 - sum(min(number, needed[label]) for label, number in counts[name].items()) / counts[name].total()

    waiting = [(waste(str(name)), int(turn), str(name)) for turn, name in enumerate(rng.permutation(sorted(groups)))]
    heapify(waiting)
    chosen: list[str] = []
    while waiting:
        before, turn, name = heappop(waiting)
        now = waste(name)
        if now >= 1 or any(left[label] <= number for label, number in counts[name].items()):
            continue
        if now > before:
            heappush(waiting, (now, turn, name))
            continue
        chosen.append(name)
        left -= counts[name]
        needed -= counts[name]
    spare = sum((counts[name] for name in chosen), Counter[str]())
    for label in spare:
        spare[label] -= min(wanted, spare[label])
    # Some may have become needless through those after them; the largest are given back first.
    for name in sorted(chosen, key=lambda name: -counts[name].total()):
        if counts[name] <= spare:
            spare -= counts[name]
            chosen.remove(name)
    return {place for name in chosen for place in groups[name]}


def short_of(labels: Sequence[str], held_out: Collection[int], wanted: int) -> list[str]:
    """A line on species of which fewer recordings are held out than were asked for; none where all have enough."""
    found = Counter(labels[place] for place in held_out)
    names = [label for label in dict.fromkeys(labels) if found[label] < wanted]
    if not names:
        return []
    return [
        f"fewer than {wanted} recordings are held out of {some_of(names)} ({len(names)} species): the others are left "
        "to learn from"
    ]
