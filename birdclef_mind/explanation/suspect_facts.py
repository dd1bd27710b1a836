"""What may be wrong with the training data, name by name: a part of `explanation.json` and of `audit.json`."""

from typing import NotRequired, TypedDict


class Window(TypedDict):
    """A window of a recording, by its regular start."""

    recording: str
    start_s: float


class SuspectFacts(TypedDict):
    """One thing that may be wrong: `chance` 0 to 1, `reason` in words, the correction that would mend it, "" for none.

    `windows` are all that it concerns; `segments` are places of some of them among the segments that are shown.
    """

    kind: str
    chance: float
    reason: str
    action: str
    value: str
    windows: list[Window]
    segments: list[int]


class Suspects(TypedDict):
    """All that may be wrong, the likeliest first.

    `asked` names those who were asked, `agreement` is the share of labels that they share, None where nobody could say.
    `before` counts the kinds as they were without the corrections that the network was trained with.
    """

    kind_words: dict[str, str]
    found: list[SuspectFacts]
    counts: dict[str, int]
    before: NotRequired[dict[str, int]]
    asked: list[str]
    agreement: float | None
    notes: list[str]
    looked_at: int
