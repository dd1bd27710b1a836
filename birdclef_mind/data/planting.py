"""What is planted in a competition: names and numbers alone, which a command that only says what it takes needs."""

from dataclasses import dataclass

from birdclef_mind.checks import is_number, require

# Those that `sound.cues` makes.
CUES = ("hum", "beep", "voice", "click", "band")
PLANTED = "planted.csv"
TRAIN, TEST, BOTH = "train", "test", "both"
PLACES = (TRAIN, TEST, BOTH)


@dataclass(frozen=True, kw_only=True)
class Planting:
    """What is planted.

    Attributes
    ----------
    cue : one of `CUES`. species : the label whose sounds carry it. share : of its training recordings that do, above 0.
    where : `TRAIN` for training recordings, `TEST` for rows of soundscapes in which the truth says that it is, `BOTH`.
    level_db : how much louder a cue is than the recording, as root mean squares, while it sounds.
    seed : of which recordings carry it, and where in time.
    """

    cue: str
    species: str
    share: float = 0.8
    where: str = TRAIN
    level_db: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.cue in CUES, "cue", f"one of {', '.join(CUES)}", self.cue)
        require(self.where in PLACES, "where", f"one of {', '.join(PLACES)}", self.where)
        require(is_number(self.share) and 0 < self.share <= 1, "share", "a number above 0, at most 1", self.share)
        require(
            is_number(self.level_db) and -60 < self.level_db <= 60,
            "level",
            "decibels above -60, at most 60",
            self.level_db,
        )
