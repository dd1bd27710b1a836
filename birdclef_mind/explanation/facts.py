"""What stands in `explanation.json` and `comparison.json`, name by name: what the page is made of.

Paths of pictures and sounds are below the explanation's folder. Scores and shares are 0 to 1.
"""

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from birdclef_mind.explanation.card_facts import Answers, Called, ExampleCard
from birdclef_mind.explanation.evidence_facts import Rested
from birdclef_mind.explanation.judge_facts import JudgeFacts
from birdclef_mind.explanation.suspect_facts import Suspects

if TYPE_CHECKING:
    # TensorFlow stands behind them, which a page does without.
    from birdclef_mind.backwards.fidelity import Interval
    from birdclef_mind.backwards.reconstruction import OfLayer


class Segment(TypedDict):
    """A segment of the training data; `recording` is its place among the recordings."""

    recording: int
    start_s: float
    window_s: float
    label: str
    also: list[str]
    birdless: bool
    held_out: bool
    loudness_dbfs: float
    clipped: float
    picture: str
    sound: str | None
    answer: Called
    likeness: float | None
    copy_of: int | None
    copy_likeness: float | None
    flags: list[str]


class Heard(TypedDict):
    """A recording of the training data; no sound where it is not at hand."""

    recording: str
    author: str
    sound: str | None


class Sheets(TypedDict):
    """The training data; `right` and `wrong` are places of held-out segments to play."""

    in_cache: int
    flag_words: dict[str, str]
    flagged: dict[str, int]
    recordings: list[Heard]
    segments: list[Segment]
    right: list[int]
    wrong: list[int]


class BlindClip(TypedDict):
    """What somebody hears, what it truly is, and what the network and an independent one call it.

    `second` is None without an independent one. `way` is how the sound was come by from a layer or a name, "" where it
    was not. `judge` is what a judge chooses among the birds on offer, None of a bird that it does not know.
    """

    recording: str
    start_s: float
    truth: str
    network: str
    second: str | None
    stage: str
    way: str
    sound: str
    judge: NotRequired[str | None]


class Blind(TypedDict):
    """A blind test: birds to choose from, stages in the order of the network, ways there and clips."""

    offered: list[str]
    stages: list[str]
    ways: list[str]
    clips: list[BlindClip]


class Filters(TypedDict):
    """A convolution's patches, as a picture and as numbers, with those that repeat or never answer."""

    tap: str
    place: int
    side: list[int]
    sheet: str
    array: str
    filters: int
    dead: list[int]
    most_like: list[int]
    similarity: list[float]
    repeats: list[int]
    adds: list[float] | None
    adds_mean: float | None


class StageFacts(TypedDict):
    """A stage of the network, and whether it is read."""

    place: int
    name: str
    kind: str
    scale: int
    shape: list[int]
    stride: list[int] | None
    receptive_field: list[int] | None
    tapped: bool


class Performance(TypedDict):
    """How the network did in training: `scores.json`, and its history an epoch a row."""

    scores: Any
    history: list[dict[str, float]]


class BundleFacts(TypedDict):
    """What was explained: its network with the digest of its weights, its features, birds, and how it was trained."""

    sha256: str
    network: str
    members: int
    fingerprint: str
    features: dict[str, Any]
    classes: list[str]
    common_names: dict[str, str]
    record: dict[str, Any]


class LearnedFrom(TypedDict):
    """How many windows of how many recordings decoders learned from."""

    segments: int
    recordings: int


class ListenerFacts(TypedDict):
    """A listener that is explained in the place of a bundle: what it is and knows.

    `heard` is a sentence on what it was trained on, `unknown` are labels of the competition that it does not know,
    `second` is the name of the listener that heard what was measured beside it.
    """

    name: str
    kind: str
    licence: str
    heard: str
    species: int
    rate_hz: int
    window_s: float
    unknown: list[str]
    learned: LearnedFrom
    second: str | None


class Corrections(TypedDict):
    """What was corrected before training."""

    summary: str
    lines: list[dict[str, Any]]


class Fidelity(TypedDict):
    """How much of the input each layer holds, measured on held-out segments.

    `mean_picture` is a control, a floor; `input` is the ceiling, what is measured of the pictures themselves. Of a
    listener, which hears sounds, that is of the pictures' sounds, and `recording` of the recordings.
    """

    segments: int
    recordings: int
    mean_distance: float
    layers: "list[OfLayer]"
    mean_picture: "dict[str, Interval]"
    input: "NotRequired[dict[str, Interval]]"
    recording: "NotRequired[dict[str, Interval]]"


class Place(TypedDict):
    """A clip that is shown."""

    recording: str
    label: str
    start_s: float


class Original(Place):
    """A clip that is heard, with its waveform's lowest and highest samples."""

    sound: str
    waveform: list[list[float]]


class Rebuilt(TypedDict):
    """A clip's sound from its picture."""

    sound: str
    picture: str
    waveform: list[list[float]]
    error: float


class Likenesses(TypedDict):
    """How alike pictures of one bird are, against those of different birds; None where there are no pairs."""

    same_pairs: int
    different_pairs: int
    same_likeness: float | None
    different_likeness: float | None
    told_apart: float | None


class Setup(Likenesses):
    """One kind of features, measured."""

    name: str
    fingerprint: str
    features: dict[str, Any]
    rows: int
    frames: int
    same_pictures: list[str]
    different_pictures: list[str]
    rebuilt: list[Rebuilt]
    sound_error: float
    bytes: int
    share_of_samples: float


class Measured(TypedDict):
    """What a comparison was measured on."""

    segments: int
    birds: int


class Comparison(TypedDict):
    """Features side by side on the same segments: `comparison.json`. `are` is what to call those compared."""

    bird: str
    are: NotRequired[str]
    common_names: dict[str, str]
    same: list[Place]
    different: list[Place]
    originals: list[Original]
    measured: Measured
    setups: list[Setup]
    failures: dict[str, str]


class Explanation(TypedDict):
    """The whole of `explanation.json`; `failures` names recordings that cannot be heard, and why."""

    bundle: BundleFacts
    performance: Performance | None
    real_sound: str | None
    notes: list[str]
    failures: dict[str, str]
    methods: dict[str, str]
    skipped: dict[str, str]
    anatomy: list[StageFacts]
    filters: list[Filters]
    fidelity: Fidelity
    examples: list[ExampleCard]
    answers: Answers
    comparison: Comparison | None
    data: Sheets
    blind: Blind
    corrections: Corrections | None
    judge: NotRequired[JudgeFacts]
    rested: NotRequired[Rested]
    suspects: NotRequired[Suspects]
    listener: NotRequired[ListenerFacts]


class AuditFacts(TypedDict):
    """The whole of `audit.json`; `failures` names recordings that cannot be heard, and why."""

    bundle: BundleFacts
    real_sound: str | None
    notes: list[str]
    failures: dict[str, str]
    data: Sheets
    suspects: Suspects
    corrections: Corrections | None
