"""What does the network think each bird sounds like: a card a class, and how its answers are judged."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from birdclef_mind.arrays import Array
from birdclef_mind.backwards.answers import (
    Answered,
    EmbeddingRange,
    drawn_answers,
    optimised_noise,
    searched_answers,
    stamped_answers,
)
from birdclef_mind.backwards.metamers import make_metamers
from birdclef_mind.backwards.nearest import most_typical, outline
from birdclef_mind.backwards.reconstruction import rounded
from birdclef_mind.errors import ConfigError, Obstacle
from birdclef_mind.explanation.bounds import Real, some_others
from birdclef_mind.explanation.card_facts import Answer, AnswerCard, Answers, AnswerSummary
from birdclef_mind.explanation.folder import safe_names
from birdclef_mind.explanation.reading import Reading
from birdclef_mind.explanation.real_segments import write_real_segments
from birdclef_mind.sound.pictures import Pictures

_TYPICAL_SHOWN = 3


@dataclass(frozen=True)
class _Known:
    """The training segments as the network knows them: birds, what it calls each, and the most typical of each bird."""

    real: Real
    truth: Array
    answered: Array
    within: EmbeddingRange
    typical: list[list[int]]

    @classmethod
    def of(cls, reading: Reading, real: Real) -> "_Known":
        anatomy, count, pixels = reading.backwards.anatomy, len(reading.bundle.classes), real.pictures.pixels
        truth = reading.bundle.classes.indices([row.label for row in real.rows])
        embeddings, scores = anatomy.activations([anatomy.embedding, anatomy.classes], pixels)
        answered, recordings = scores.argmax(axis=1), [row.recording for row in real.rows]
        within = EmbeddingRange.of(embeddings.reshape(len(embeddings), -1), answered, count)
        typical = most_typical(outline(embeddings), truth, answered, recordings, count)
        return cls(real, truth, answered, within, typical)

    def right(self, index: int) -> int:
        """How many of a class's segments the network names."""
        return int(((self.truth == index) & (self.answered == index)).sum())


def write_answers(
    reading: Reading, real: Real, *, seeds: int, metamers: bool = True, skipped: dict[str, str]
) -> Answers:
    """Answers of every class, as cards and a summary; pictures are written and sounds asked for.

    Parameters
    ----------
    real : the training segments: the range of real embeddings, each class's mean scale, and what draws are made of.
    metamers : whether noise is changed until the network takes it for each class's most typical segment.
    """
    known = _Known.of(reading, real)
    count = len(reading.bundle.classes)
    scales = _mean_scales(real.pictures, known.truth, count)
    cards = _cards(reading, known)
    summary = [
        _add(reading, cards, one, scales) for one in _answers(reading, known, seeds, metamers=metamers, skipped=skipped)
    ]
    return {"cards": cards, "summary": summary}


def _cards(reading: Reading, known: _Known) -> list[AnswerCard]:
    """A card a class, without answers yet, with the real segments that are most typical of it."""
    shown = [places[:_TYPICAL_SHOWN] for places in known.typical]
    written = write_real_segments(
        reading, known.real.rows, known.real.pictures, {place for places in shown for place in places}, kind="typical"
    )
    cards: list[AnswerCard] = []
    for index, name in enumerate(safe_names(len(shown), "answer")):
        label, right = reading.bundle.classes.names[index], known.right(index)
        examples = int((known.truth == index).sum())
        cards.append(
            {
                "label": label,
                "name": name,
                "training_segments": examples,
                "learned": right > 0,
                "note": ""
                if right
                else f"The network never learned {label}: it names it in none of its {examples} training segments.",
                "typical": [written[place] for place in shown[index]],
                "answers": [],
            }
        )
    return cards


def _add(reading: Reading, cards: list[AnswerCard], one: Answered, scales: tuple[Array, Array]) -> AnswerSummary:
    """Write the answers found in one way into the cards; how often they are recognised."""
    folder, names = reading.folder, reading.bundle.classes.names
    scores, witness = reading.answer(one.pictures), reading.second(one.pictures)
    for pixels, own, other, index in zip(one.pictures, scores, witness, one.classes.tolist(), strict=True):
        stem = f"{cards[index]['name']}-{one.way}" + ("" if one.seed is None else f"-{one.seed}")
        answer: Answer = {
            "way": one.way,
            "seed": one.seed,
            "picture": folder.picture(stem, pixels),
            "sound": folder.sound_later(stem, pixels, float(scales[0][index]), float(scales[1][index])),
            "score": round(float(own[index]), 4),
            "recognised": bool(own.argmax() == index),
            "recognised_by_second": bool(other.argmax() == index),
            "called": names[int(own.argmax())],
            "called_by_second": names[int(other.argmax())],
            "scores": rounded(own) if len(names) <= 40 else None,
        }
        cards[index]["answers"].append(answer)
    return {
        "way": one.way,
        "seed": one.seed,
        "classes": len(one.classes),
        "recognised": int((scores.argmax(axis=1) == one.classes).sum()),
        "recognised_by_second": int((witness.argmax(axis=1) == one.classes).sum()),
    }


def _answers(reading: Reading, known: _Known, seeds: int, *, metamers: bool, skipped: dict[str, str]) -> list[Answered]:
    """Answers of every class in every way, the controls last."""
    backwards = reading.backwards
    anatomy, found = backwards.anatomy, list[Answered]()
    classes = np.arange(len(reading.bundle.classes))
    if backwards.library is not None:
        found += drawn_answers(anatomy, backwards.library, classes, known.within, range(seeds))
    if metamers:
        found += _class_metamers(reading, known, skipped)
    if backwards.decoders is not None:
        # Other seeds are told as often: what is uncertain is heard in the draws.
        found += searched_answers(anatomy, backwards.decoders, classes, known.within)
    # Where a layer stands in the way, the explanation already says which.
    with suppress(Obstacle):
        found.append(stamped_answers(anatomy, backwards.chain, classes))
    try:
        found.append(optimised_noise(anatomy, classes))
    except Obstacle as error:
        skipped["noise"] = f"noise is not pushed towards a name, the control of its answers: {error}"
    return found


def _class_metamers(reading: Reading, known: _Known, skipped: dict[str, str]) -> list[Answered]:
    """Noise changed until the network answers it as it answers the most typical segment of each class."""
    anatomy, pixels = reading.backwards.anatomy, known.real.pictures.pixels
    classes = np.array([index for index, places in enumerate(known.typical) if places], int)
    typical = pixels[[known.typical[index][0] for index in classes]].astype(np.float32)
    try:
        made = make_metamers(anatomy, anatomy.classes, typical, some_others(known.real), seeds=(0,))
    except (ConfigError, Obstacle) as error:
        skipped["class metamer"] = f"noise is not changed until the network takes it for a name: {error}"
        return []
    return [Answered(way="metamer", seed=0, classes=classes, pictures=made.pictures[0])]


def _mean_scales(learned: Pictures, truth: Array, count: int) -> tuple[Array, Array]:
    """Mean scale of each class's training pictures; of all of them for a class without any."""
    low = np.full(count, learned.scale.low.mean())
    width = np.full(count, learned.scale.width.mean())
    for index in np.unique(truth):
        low[index], width[index] = learned.scale.low[truth == index].mean(), learned.scale.width[truth == index].mean()
    return low, width
