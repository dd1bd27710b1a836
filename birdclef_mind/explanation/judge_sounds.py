"""What a judge says of every sound of an explanation: beside each verdict its ceiling and its floor."""

from collections.abc import Iterator, Sequence

import numpy as np

from birdclef_mind.backwards.fidelity import Interval, with_interval
from birdclef_mind.explanation.card_facts import Answers, ExampleCard
from birdclef_mind.explanation.facts import Blind, Explanation
from birdclef_mind.explanation.folder import Folder
from birdclef_mind.explanation.judge_facts import (
    JudgedPair,
    JudgedSounds,
    JudgedWay,
    JudgeFacts,
    MeanPicture,
    OtherSound,
)
from birdclef_mind.explanation.judging import HeardSounds, Judging
from birdclef_mind.listeners.terms import what_it_heard
from birdclef_mind.sound.pictures import Pictures
from birdclef_mind.storage.progress import Track, untracked

_MEAN = "mean-picture"


def judge_sounds(
    judging: Judging, folder: Folder, facts: Explanation, learned: Pictures, *, track: Track = untracked
) -> JudgeFacts:
    """Judge the sounds of examples and answers, write what is said beside each, and give what holds of all.

    Parameters
    ----------
    folder : with every sound of the facts. learned : training pictures, whose mean is a floor.
    """
    cards, listener = facts["examples"], judging.judge.listener
    mean = _mean_picture(folder, learned, track)
    heard = judging.hear(folder.root, [mean["sound"], *_sounds(cards, facts["answers"])], track)
    others = [_other(cards, place) for place in range(len(cards))]
    _judge_examples(heard, cards, others, mean["sound"])
    _judge_answers(heard, facts["answers"])
    _judge_clips(heard, facts["blind"])
    mean["judged"] = _together(heard, cards, [mean["sound"]] * len(cards))
    return {
        "name": listener.name,
        "kind": listener.kind,
        "sha256": listener.digest,
        "licence": listener.terms.licence,
        "heard": what_it_heard(listener),
        "species": len(listener.species),
        "shifts": judging.judge.shifts,
        "sounds": len(heard.sounds),
        "unknown": list(judging.match.unknown),
        "recording": _pair(heard, cards, [card["original_sound"] for card in cards], others),
        "features": _pair(heard, cards, [card["features_sound"] for card in cards], others),
        "mean_picture": mean,
        "layers": _ways(heard, cards, others),
    }


def _sounds(cards: Sequence[ExampleCard], answers: Answers) -> Iterator[str]:
    for card in cards:
        yield from filter(None, (card["original_sound"], card["features_sound"]))
        yield from (layer["sound"] for layer in card["layers"])
    for of_bird in answers["cards"]:
        yield from (answer["sound"] for answer in of_bird["answers"])


def _mean_picture(folder: Folder, learned: Pictures, track: Track) -> MeanPicture:
    """The mean of the training pictures, and its sound on their mean scale."""
    pixels, scale = learned.pixels.mean(axis=0), learned.scale
    picture = folder.picture(_MEAN, pixels)
    sound = folder.sound_later(_MEAN, pixels, float(scale.low.mean()), float(scale.width.mean()))
    folder.sounds_made(track)
    return {"picture": picture, "sound": sound, "judged": None}


def _other(cards: Sequence[ExampleCard], place: int) -> int | None:
    """The next example, in a circle, of another species; None where there is none."""
    turned = [*range(place + 1, len(cards)), *range(place)]
    label = cards[place]["label"]
    return next((other for other in turned if label and cards[other]["label"] not in ("", label)), None)


def _judge_examples(heard: HeardSounds, cards: Sequence[ExampleCard], others: Sequence[int | None], mean: str) -> None:
    for card, place in zip(cards, others, strict=True):
        label, recording = card["label"], card["original_sound"]
        card["judged"] = {
            "recording": None if recording is None else heard.verdict(recording, label),
            "features": heard.verdict(card["features_sound"], label),
            "mean_picture": heard.verdict(mean, label),
            "other": None if place is None else _of_other(heard, cards[place], label),
        }
        for layer in card["layers"]:
            layer["judged"] = heard.verdict(layer["sound"], label)


def _of_other(heard: HeardSounds, card: ExampleCard, label: str) -> OtherSound:
    return {
        **heard.verdict(card["features_sound"], label), "label": card["label"], "recording": card["recording"],
    }  # fmt: skip


def _judge_answers(heard: HeardSounds, answers: Answers) -> None:
    for card in answers["cards"]:
        for answer in card["answers"]:
            answer["judged"] = heard.verdict(answer["sound"], card["label"])
    for summary in answers["summary"]:
        own = [
            answer["judged"]["rank"] for card in answers["cards"] for answer in card["answers"]
            if (answer["way"], answer["seed"]) == (summary["way"], summary["seed"])
        ]  # fmt: skip
        summary["judged"] = sum(rank is not None for rank in own)
        summary["named_by_judge"] = sum(rank == 1 for rank in own)


def _judge_clips(heard: HeardSounds, blind: Blind) -> None:
    """The judge as one more who listens blind, of clips whose species it knows."""
    for clip in blind["clips"]:
        clip["judge"] = heard.choice(clip["sound"], blind["offered"]) if clip["truth"] in heard.known else None


def _ways(heard: HeardSounds, cards: Sequence[ExampleCard], others: Sequence[int | None]) -> list[JudgedWay]:
    sounds: dict[tuple[str, str], list[str]] = {}
    for card in cards:
        for layer in card["layers"]:
            sounds.setdefault((layer["tap"], layer["method"]), []).append(layer["sound"])
    return [{"tap": tap, "method": method, **_pair(heard, cards, own, others)} for (tap, method), own in sounds.items()]


def _pair(
    heard: HeardSounds, cards: Sequence[ExampleCard], sounds: Sequence[str | None], others: Sequence[int | None]
) -> JudgedPair:
    """The examples' sounds asked for their own species, and those of others asked for it."""
    of_others = [None if place is None else sounds[place] for place in others]
    return {"own": _together(heard, cards, sounds), "other": _together(heard, cards, of_others)}


def _together(heard: HeardSounds, cards: Sequence[ExampleCard], sounds: Sequence[str | None]) -> JudgedSounds | None:
    """Of a sound for each example, asked for that example's species; those that the judge knows, or None of none."""
    own = [(card, sound) for card, sound in zip(cards, sounds, strict=True) if sound and card["label"] in heard.known]
    if not own:
        return None
    groups = [card["recording"] for card, _ in own]
    said = [heard.verdict(sound, card["label"]) for card, sound in own]
    ranks = np.array([one["rank"] for one in said])
    scores = np.array([one["score"] for one in said])
    return {
        "sounds": len(own),
        "named": _rounded(with_interval(ranks == 1, groups)),
        "score": _rounded(with_interval(scores, groups)),
        "median_rank": float(np.median(ranks)),
    }


def _rounded(value: Interval) -> Interval:
    return {"mean": round(value["mean"], 4), "low": round(value["low"], 4), "high": round(value["high"], 4)}
