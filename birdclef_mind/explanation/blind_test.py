"""Clips of a blind listening test: what somebody hears, what it truly is, and what the network makes of the same."""

from collections.abc import Sequence

from birdclef_mind.explanation.card_facts import AnswerCard, Called, ExampleCard
from birdclef_mind.explanation.facts import Blind, BlindClip

ORIGINAL, FEATURES, ANSWER = "original", "features", "answer"
# More names than this on offer make a test of memory.
_OFFERED = 10


def blind_clips(cards: Sequence[ExampleCard], answers: Sequence[AnswerCard], names: Sequence[str]) -> Blind:
    """Clips from originals, features, every layer's best way back, and answers to a bird's bare name.

    Returns
    -------
    "offered" : birds to choose from. "stages" : in the order of the network. "clips" : dicts with stage, sound, truth,
    and what the network calls the same picture, "network".
    """
    known = [card for card in cards if card["label"] in names]
    offered = _offered([card["label"] for card in known], names)
    clips = [clip for card in known if card["label"] in offered for clip in _of_example(card)]
    clips += [clip for card in answers if card["label"] in offered for clip in _of_answer(card)]
    stages = list(dict.fromkeys(clip["stage"] for clip in clips))
    order = [stage for stage in stages if stage not in (ORIGINAL, FEATURES, ANSWER)]
    wanted = [ORIGINAL, FEATURES, *order, ANSWER]
    return {"offered": offered, "stages": [stage for stage in wanted if stage in stages], "clips": clips}


def _offered(truths: Sequence[str], names: Sequence[str]) -> list[str]:
    first = list(dict.fromkeys([*truths, *names]))[:_OFFERED]
    return [name for name in names if name in first]


def _of_example(card: ExampleCard) -> list[BlindClip]:
    def clip(network: Called, stage: str, sound: str) -> BlindClip:
        return {
            "recording": card["recording"], "start_s": card["start_s"], "truth": card["label"],
            "network": network["label"], "stage": stage, "sound": sound,
        }  # fmt: skip

    clips = [clip(card["answer"], FEATURES, card["features_sound"])]
    if card["original_sound"]:
        clips.append(clip(card["answer"], ORIGINAL, card["original_sound"]))
    # The methods come in the order of how much they know: the last one that a layer has is its best.
    best = {layer["tap"]: layer for layer in card["layers"]}
    return clips + [clip(layer["answer"], tap, layer["sound"]) for tap, layer in best.items()]


def _of_answer(card: AnswerCard) -> list[BlindClip]:
    ways = {answer["way"]: answer for answer in reversed(card["answers"])}
    answer = ways.get("search") or ways.get("weights")
    if answer is None:
        return []
    return [
        {
            "recording": "", "start_s": 0.0, "truth": card["label"], "network": answer["called"],
            "stage": ANSWER, "sound": answer["sound"],
        }
    ]  # fmt: skip
