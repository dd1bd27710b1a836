"""What an answer rests on, as it stands in `explanation.json`, name by name."""

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    # TensorFlow stands behind it, which a page does without.
    from birdclef_mind.backwards.fidelity import Interval


class Said(TypedDict):
    """What a part of a sound is called, and its score for the bird that is asked about."""

    called: str
    called_score: float
    score: float


class Part(Said):
    """A part of an example's sound; `second` is what an independent network calls it, None without one."""

    picture: str
    sound: str
    second: str | None


class When(TypedDict):
    """What each moment adds to an answer; `total` is the sum where it is exact, before softmax or sigmoid."""

    moments: list[float]
    exact: bool
    total: NotRequired[float]


class Highest(TypedDict):
    """The one place that an answer points at most: seconds from the picture's start, and a mel band's middle."""

    at_s: float
    hz: float


class Decided(TypedDict):
    """What an example's answer rests on.

    `label` is the bird that is asked about, what the network calls the example. `mask` is a picture, white where all is
    kept, and `share` the share of the picture that is. `real` tells whether the parts are the recording's own sound.
    `highest` is told of networks of this program whose last map tells where something was.
    """

    label: str
    when: When
    mask: str
    share: float
    real: bool
    highest: NotRequired[Highest]
    kept: Part
    removed: Part


class Rested(TypedDict):
    """How well methods, and controls, say what answers rest on, by name.

    `share` is the share of a picture that each keeps, its highest places; the first, `mask`, keeps its own, softly.
    Measures: see `evidence.measures`; "same_by_second" is the share of kept parts that an independent network calls as
    it called the whole; "deletion" and "insertion" are areas under curves; "stability" is told of methods
    alone that are asked again, and of networks of this program. "where" has the places that `highest` is one of.
    """

    segments: int
    share: float
    methods: "dict[str, dict[str, Interval]]"
    controls: "dict[str, dict[str, Interval]]"
    notes: list[str]
