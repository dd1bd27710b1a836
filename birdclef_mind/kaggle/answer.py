"""What is known of an answer beforehand, and an answer for one soundscape."""

from collections.abc import Sequence
from dataclasses import dataclass

from birdclef_mind.arrays import Array
from birdclef_mind.data.labels import Classes
from birdclef_mind.networks.calibration import Calibration
from birdclef_mind.networks.habits import NO_HABITS, Habits


@dataclass(frozen=True)
class Known:
    """What is known of an answer before any soundscape is heard.

    Attributes
    ----------
    priors : share of the training segments with each class. are : what to call the classes.
    made_of : what it reads, for the log. sample_rate_hz : that it learned from, None where any will do.
    length_s : of the windows that it answers for. habits : where and when its classes were heard.
    """

    classes: Classes
    priors: Sequence[float]
    calibration: Calibration
    are: str
    made_of: str
    sample_rate_hz: int | None
    length_s: float
    habits: Habits = NO_HABITS


@dataclass(frozen=True)
class Answer:
    """Windows of a soundscape: their starts in seconds, and their scores (windows, classes).

    `members` are the scores of each where several answer together, (members, windows, classes).
    """

    starts_s: tuple[float, ...]
    scores: Array
    members: Array | None = None
