"""Clips of a blind listening test: what somebody hears, what it truly is, and what the networks make of the same."""

from collections.abc import Sequence

from birdclef_mind.explanation.card_facts import AnswerCard, ExampleCard
from birdclef_mind.explanation.facts import Blind, BlindClip

ORIGINAL, FEATURES, ANSWER = "original", "features", "answer"
# More names than this on offer make a test of memory.
_OFFERED = 10


def blind_clips(cards: Sequence[ExampleCard], answers: Sequence[AnswerCard], names: Sequence[str]) -> Blind:
    """Clips from originals, features, every layer by every way back, and answers to a bird's bare name in every way.

    Returns
    -------
    "offered" : birds to choose from. "stages" : in the order of the network. "ways" : in the order of the cards.
    "clips" : dicts with stage, way, sound, truth, and what the network and the independent one call the same picture.
    """
    known = [card for card in cards if card["label"] in names]
    offered = _offered([card["label"] for card in known], names)
    clips = [clip for card in known if card["label"] in offered for clip in _of_example(card)]
    clips += [clip for card in answers if card["label"] in offered for clip in _of_answer(card)]
    stages = list(dict.fromkeys(clip["stage"] for clip in clips))
    order = [stage for stage in stages if stage not in (ORIGINAL, FEATURES, ANSWER)]
    wanted = [ORIGINAL, FEATURES, *order, ANSWER]
    ways = list(dict.fromkeys(clip["way"] for clip in clips if clip["way"]))
    return {"offered": offered, "stages": [stage for stage in wanted if stage in stages], "ways": ways, "clips": clips}


def _offered(truths: Sequence[str], names: Sequence[str]) -> list[str]:
    first = list(dict.fromkeys([*truths, *names]))[:_OFFERED]
    return [name for name in names if name in first]


def _of_example(card: ExampleCard) -> list[BlindClip]:
    def clip(stage: str, way: str, sound: str, network: str, second: str) -> BlindClip:
        return {
            "recording": card["recording"], "start_s": card["start_s"], "truth": card["label"],
            "network": network, "second": second or None, "stage": stage, "way": way, "sound": sound,
        }  # fmt: skip

    own, other = card["answer"]["label"], card["second_answer"]["label"]
    clips = [clip(FEATURES, "", card["features_sound"], own, other)]
    if card["original_sound"]:
        clips.append(clip(ORIGINAL, "", card["original_sound"], own, other))
    return clips + [
        clip(layer["tap"], layer["method"], layer["sound"], layer["answer"]["label"], layer["second_answer"]["label"])
        for layer in card["layers"]
    ]


def _of_answer(card: AnswerCard) -> list[BlindClip]:
    """The first answer of each way."""
    ways = {answer["way"]: answer for answer in reversed(card["answers"])}
    return [
        {
            "recording": "", "start_s": 0.0, "truth": card["label"], "network": answer["called"],
            "second": answer["called_by_second"], "stage": ANSWER, "way": answer["way"], "sound": answer["sound"],
        }
        for answer in reversed(ways.values())
    ]  # fmt: skip
