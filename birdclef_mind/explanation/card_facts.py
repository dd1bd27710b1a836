"""What an example, and a bird's bare name, worked backwards are in `explanation.json`, name by name."""

from typing import NotRequired, TypedDict

from birdclef_mind.explanation.evidence_facts import Decided, When
from birdclef_mind.explanation.judge_facts import JudgedExample, JudgedSound


class Called(TypedDict):
    """What a network calls a picture: its surest bird."""

    label: str
    score: float


class Scale(TypedDict):
    """What 0 and the step to 255 stand for in a picture."""

    low: float
    width: float


class Moments(TypedDict):
    """When a bird is heard in an example: its chance every moment, and events as [onset, offset] in seconds."""

    label: str
    chances: list[float]
    events: list[list[float]]


class WrittenSegment(TypedDict):
    """A segment of the training data that is shown; `real` tells whether its sound is the recording's own."""

    recording: str
    start_s: float
    label: str
    picture: str
    sound: str
    real: bool


class RealSegment(WrittenSegment):
    """A real segment that a layer finds like an example, and how much."""

    cosine: float


class Again(TypedDict):
    """A metamer, or a draw, from another seed: what differs from the first the layer does not pin down."""

    picture: str
    sound: str


class LayerCard(TypedDict):
    """An example worked backwards from one layer by one method.

    `near` are the real segments that the layer finds most alike, the first of which is shown. Of a metamer `apart` is
    how far it is from the recording in the layer, and `nearest_other` the nearest other recording: squared distances, 1
    for the usual other one. `again` are those of other seeds.
    """

    tap: str
    method: str
    picture: str
    sound: str
    answer: Called
    second_answer: Called
    same_answer: bool
    correlation: float
    picture_error: float
    sound_error: NotRequired[float]
    judged: NotRequired[JudgedSound]
    near: NotRequired[list[RealSegment]]
    apart: NotRequired[float]
    nearest_other: NotRequired[float]
    again: NotRequired[list[Again]]


class ExampleCard(TypedDict):
    """A segment that is worked through; `window_s` is None for a sound that is not of the training data."""

    name: str
    recording: str
    start_s: float
    window_s: float | None
    label: str
    author: str
    why: str
    picture: str
    scale: Scale
    original_sound: str | None
    features_sound: str
    features_sound_error: NotRequired[float]
    answer: Called
    second_answer: Called
    embedding: list[float]
    scores: list[float]
    moments: list[Moments]
    layers: list[LayerCard]
    decided: NotRequired[Decided]
    when: NotRequired[When]
    judged: NotRequired[JudgedExample]


class Answer(TypedDict):
    """A picture that makes the network say a bird's name, found in one way from one seed."""

    way: str
    seed: int | None
    picture: str
    sound: str
    score: float
    recognised: bool
    recognised_by_second: bool
    called: str
    called_by_second: str
    scores: list[float] | None
    judged: NotRequired[JudgedSound]


class AnswerCard(TypedDict):
    """A bird's bare name, worked backwards; `typical` are real segments, the most typical of it to the network."""

    label: str
    name: str
    training_segments: int
    learned: bool
    note: str
    typical: list[WrittenSegment]
    answers: list[Answer]


class AnswerSummary(TypedDict):
    """How many birds' answers are recognised, of one way and seed, and named by a judge, of those that it knows."""

    way: str
    seed: int | None
    classes: int
    recognised: int
    recognised_by_second: int
    judged: NotRequired[int]
    named_by_judge: NotRequired[int]


class Answers(TypedDict):
    """Answers of all birds."""

    cards: list[AnswerCard]
    summary: list[AnswerSummary]
