"""What the page's scripts need, as one JSON value: the training data's segments, the blind test, the corrections."""

from collections.abc import Callable, Mapping
from typing import Any

from birdclef_mind.explanation.report.wording import BIRDS, in_words


def client_facts(
    facts: Mapping[str, Any], axes: Mapping[str, Any], address: Callable[[str], str], embedded: Mapping[str, str]
) -> dict[str, Any]:
    """Facts for the scripts.

    Parameters
    ----------
    axes : ticks and seconds beside a picture. address : of a file of the explanation folder. embedded : content of
        sounds by address, filled as addresses are asked for.
    """
    bundle, data, blind = facts["bundle"], facts["data"], facts["blind"]
    features, are = bundle["features"], bundle["record"].get("are", BIRDS)
    return {
        "ticks": axes["ticks"],
        "seconds": axes["seconds"],
        "network": bundle["sha256"],
        "nothing": in_words("no bird", are),
        # Somebody who listened may have heard others.
        "none_known": in_words("none of the birds it knows", are),
        "birds": [[label, bundle["common_names"].get(label) or label] for label in bundle["classes"]],
        "length_s": features["windowing"]["length_s"],
        "recordings": [{**item, "sound": item["sound"] and address(item["sound"])} for item in data["recordings"]],
        "segments": [
            {**item, "picture": address(item["picture"]), "sound": item["sound"] and address(item["sound"])}
            for item in data["segments"]
        ],
        "flag_words": data["flag_words"],
        "suspects": _suspects(facts, are),
        # Of explanations that older programs wrote no way and no independent network is told.
        "blind": {
            "ways": [],
            **blind,
            "clips": [{"way": "", "second": None, **clip, "sound": address(clip["sound"])} for clip in blind["clips"]],
        },
        "corrected": facts["corrections"]["lines"] if facts["corrections"] else [],
        "embedded": embedded,
    }


def _suspects(facts: Mapping[str, Any], are: str) -> dict[str, Any] | None:
    """What may be wrong, in words for what the classes are; None where nobody looked."""
    found = facts.get("suspects")
    if found is None:
        return None
    return {**found, "kind_words": {kind: in_words(words, are) for kind, words in found["kind_words"].items()}}
