"""How long work reports where it is: lines it says, and a function that passes items through and counts them."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

# Takes one line for whoever waits.
Say = Callable[[str], None]


class Track(Protocol):
    """Pass `items` through, showing how many of `total` are done, in a word what they are, and the rate."""

    def __call__(self, items: Iterable[Any], total: int, what: str) -> Iterable[Any]:
        """Yield the items, in order."""
        ...


def untracked(items: Iterable[Any], total: int, what: str) -> Iterable[Any]:
    """Pass items through and show nothing: what library calls do unless told otherwise."""
    return items
