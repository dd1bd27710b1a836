"""What a judge says, in words for the page; nothing of it where nobody judged."""

from collections.abc import Mapping
from typing import Any

from birdclef_mind.explanation.facts import Explanation
from birdclef_mind.explanation.judge_facts import JudgedSound, JudgedWay, JudgeFacts


def ordinal(number: int) -> str:
    """A place in a row, as people write it.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 112, 1203)]
    ['1st', '2nd', '3rd', '4th', '11th', '112th', '1,203rd']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def verdict_words(judge: JudgeFacts | None, said: JudgedSound | None) -> str:
    """What the judge says of a sound: its place and score for the wanted species, and what it hears in its place."""
    if judge is None or said is None:
        return ""
    hears = f"{said['called']} ({said['called_score']:.2f})"
    if said["rank"] is None:
        return f"{judge['name']} hears {hears}"
    words = f"{judge['name']}: {ordinal(said['rank'])} of {judge['species']:,}, {said['score']:.2f}"
    return words if said["rank"] == 1 else f"{words}; it hears {hears}"


def words_of(judge: JudgeFacts | None, card: Mapping[str, Any], sound: str = "") -> str:
    """The same of what is judged beside a card's sound, or of the one so called in an example: "" where nothing is."""
    judged = card.get("judged")
    return verdict_words(judge, judged[sound] if judged and sound else judged)


def ways_of(facts: Explanation) -> dict[tuple[str, str], JudgedWay]:
    """What the judge says of reconstructions, by tap and method; nothing where nobody judged."""
    judge = facts.get("judge")
    return {} if judge is None else {(way["tap"], way["method"]): way for way in judge["layers"]}
