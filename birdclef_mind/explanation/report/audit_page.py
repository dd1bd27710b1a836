"""An audit as a page of its own: what may be wrong, to hear, and to correct."""

from collections.abc import Callable, Mapping
from typing import Any

from birdclef_mind.explanation.report.client import client_facts
from birdclef_mind.explanation.report.environment import axes, environment
from birdclef_mind.explanation.report.wording import BIRDS
from birdclef_mind.sound.settings import Features

_NO_TEST: dict[str, list[Any]] = {"offered": [], "stages": [], "ways": [], "clips": []}


def render_audit(facts: Mapping[str, Any], address: Callable[[str], str], embedded: Mapping[str, str]) -> str:
    """The page's HTML, from the facts of an audit.

    Parameters
    ----------
    address : of a file of the audit's folder. embedded : content of sounds by address, as `client_facts` takes it.
    """
    bundle = facts["bundle"]
    made = environment(address, bundle["common_names"], bundle["record"].get("are", BIRDS))
    beside = axes(Features.from_dict(bundle["features"]))
    return made.get_template("audit.html").render(
        facts={"listener": None, **facts},
        client=client_facts({**facts, "blind": _NO_TEST}, beside, address, embedded),
        scripts=("player", "marks", "cells", "suspects"),
        **beside,
    )
