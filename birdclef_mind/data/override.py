"""One correction of one window, or of all windows that a span reaches into."""

from dataclasses import dataclass

DROP, NONE, RELABEL, ALSO, START = ACTIONS = ("drop", "none", "relabel", "also", "start")


@dataclass(frozen=True)
class Override:
    """One correction.

    Attributes
    ----------
    place : "overrides.csv, row 3", for messages. recording, start_s : the window, by its regular start; of a span where
        it begins, and the recording by its file's name.
    action : one of `ACTIONS`. value : the bird for "relabel" and "also", the new start in seconds for "start".
    end_s : where a span ends; None for a window.
    """

    place: str
    recording: str
    start_s: float
    action: str
    value: str = ""
    end_s: float | None = None
