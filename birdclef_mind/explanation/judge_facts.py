"""What a listener that judges sounds says, in `explanation.json`, name by name; it is there only with a judge."""

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    # TensorFlow stands behind it, which a page does without.
    from birdclef_mind.backwards.fidelity import Interval


class JudgedSound(TypedDict):
    """What it says of one sound: the species it is surest of, in its own words.

    And at which place it names the one that was asked for, with its score; None for one that it does not know.
    """

    called: str
    called_score: float
    rank: int | None
    score: float | None
    logit: float | None


class OtherSound(JudgedSound):
    """What it says of another species' sound when it is asked for this one's."""

    label: str
    recording: str


class JudgedExample(TypedDict):
    """The borders of an example's verdicts.

    Ceiling: its recording (None where that is not at hand) and its features. Floor: the mean picture, and the features
    of another species, None where there is none.
    """

    recording: JudgedSound | None
    features: JudgedSound
    mean_picture: JudgedSound
    other: OtherSound | None


class JudgedSounds(TypedDict):
    """What it says of several sounds, each asked for its species: share named first, and mean score."""

    sounds: int
    named: "Interval"
    score: "Interval"
    median_rank: float


class JudgedPair(TypedDict):
    """Sounds asked for their own species, and for another one's; None where there is none that it knows."""

    own: JudgedSounds | None
    other: JudgedSounds | None


class JudgedWay(JudgedPair):
    """Reconstructions of all examples from one layer by one method."""

    tap: str
    method: str


class MeanPicture(TypedDict):
    """The mean of the training pictures, as a floor that can be seen and heard, asked for each example's species."""

    picture: str
    sound: str
    judged: JudgedSounds | None


class JudgeFacts(TypedDict):
    """Who judged, what it knows, and what it says of the examples' sounds.

    `heard` is a sentence on what it was trained on, `unknown` are labels that it does not know, `sounds` how many it
    was asked about.
    """

    name: str
    kind: str
    sha256: str
    licence: str
    heard: str
    species: int
    shifts: int
    sounds: int
    unknown: list[str]
    recording: JudgedPair
    features: JudgedPair
    mean_picture: MeanPicture
    layers: list[JudgedWay]
