"""What does the network think each bird sounds like: a card a class, and how its answers are judged."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.answers import (
    Answered,
    EmbeddingRange,
    optimised_noise,
    searched_answers,
    stamped_answers,
)
from birdclef_mind.backwards.reconstruction import Backwards, rounded
from birdclef_mind.errors import Obstacle
from birdclef_mind.explanation.card_facts import AnswerCard, Answers, AnswerSummary
from birdclef_mind.explanation.folder import safe_names
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.sound.pictures import Pictures


def write_answers(
    reading: Reading, learned: Pictures, labels: Sequence[str], seeds: int, skipped: dict[str, str]
) -> Answers:
    """Answers of every class, as cards and a summary; pictures are written and sounds asked for.

    Parameters
    ----------
    learned, labels : training segments and their birds: the range of real embeddings, and each class's mean scale.
    """
    backwards, folder, bundle, answer = reading.backwards, reading.folder, reading.bundle, reading.answer
    count = len(bundle.classes)
    classes = np.arange(count)
    truth = bundle.classes.indices(labels)
    answered = answer(learned.pixels).argmax(axis=1)
    (embeddings,) = backwards.anatomy.activations([backwards.anatomy.embedding], learned.pixels)
    within = EmbeddingRange.of(embeddings.reshape(len(embeddings), -1), answered, count)
    low, width = _mean_scales(learned, truth, count)
    found = _answers(backwards, classes, within, seeds, skipped)
    cards: list[AnswerCard] = []
    for index, name in enumerate(safe_names(count, "answer")):
        label = bundle.classes.names[index]
        examples = int((truth == index).sum())
        right = int(((truth == index) & (answered == index)).sum())
        cards.append(
            {
                "label": label,
                "name": name,
                "training_segments": examples,
                "learned": right > 0,
                "note": ""
                if right
                else f"The network never learned {label}: it names it in none of its {examples} training segments.",
                "answers": [],
            }
        )
    summary: list[AnswerSummary] = []
    for one in found:
        scores, witness = answer(one.pictures), reading.second(one.pictures)
        for index, card in enumerate(cards):
            stem = f"{card['name']}-{one.way}" + ("" if one.seed is None else f"-{one.seed}")
            card["answers"].append(
                {
                    "way": one.way,
                    "seed": one.seed,
                    "picture": folder.picture(stem, one.pictures[index]),
                    "sound": folder.sound_later(stem, one.pictures[index], float(low[index]), float(width[index])),
                    "score": round(float(scores[index, index]), 4),
                    "recognised": bool(scores[index].argmax() == index),
                    "recognised_by_second": bool(witness[index].argmax() == index),
                    "called": bundle.classes.names[int(scores[index].argmax())],
                    "called_by_second": bundle.classes.names[int(witness[index].argmax())],
                    "scores": rounded(scores[index]) if count <= 40 else None,
                }
            )
        summary.append(
            {
                "way": one.way,
                "seed": one.seed,
                "classes": count,
                "recognised": int((scores.argmax(axis=1) == classes).sum()),
                "recognised_by_second": int((witness.argmax(axis=1) == classes).sum()),
            }
        )
    return {"cards": cards, "summary": summary}


def _answers(
    backwards: Backwards, classes: Array, within: EmbeddingRange, seeds: int, skipped: dict[str, str]
) -> list[Answered]:
    anatomy, found = backwards.anatomy, list[Answered]()
    # Where a layer stands in the way, the explanation already says which.
    with suppress(Obstacle):
        found.append(stamped_answers(anatomy, backwards.chain, classes))
    if backwards.decoders is not None:
        found += searched_answers(anatomy, backwards.decoders, classes, within, range(seeds))
    try:
        found.append(optimised_noise(anatomy, classes))
    except Obstacle as error:
        skipped["noise"] = f"noise is not pushed towards a name, the control of its answers: {error}"
    return found


def _mean_scales(learned: Pictures, truth: Array, count: int) -> tuple[Array, Array]:
    """Mean scale of each class's training pictures; of all of them for a class without any."""
    low = np.full(count, learned.scale.low.mean())
    width = np.full(count, learned.scale.width.mean())
    for index in np.unique(truth):
        low[index], width[index] = learned.scale.low[truth == index].mean(), learned.scale.width[truth == index].mean()
    return low, width
