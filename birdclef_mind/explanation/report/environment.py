"""What all pages are made with: templates, words for labels, and the axes beside a picture."""

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypedDict

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from birdclef_mind.data.metrics import OF_YEARS
from birdclef_mind.explanation.report.wording import BIRDS, OfSpecies, in_words
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import hz_to_height

_TICKS_HZ = (500, 1000, 2000, 4000, 8000, 12000)
# Nearer, their numbers would touch on the smallest pictures.
_TICKS_APART = 0.13


class Tick(TypedDict):
    """A round frequency on a picture's height: share from the bottom, and kHz."""

    share: float
    khz: str


def environment(address: Callable[[str], str], common_names: dict[str, str], are: str) -> Environment:
    """The templates; `address` gives the address of a file, and `are` is what to call the classes."""
    made = Environment(
        loader=PackageLoader("birdclef_mind.explanation", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        extensions=[] if are == BIRDS else [OfSpecies],
    )
    made.globals["measures"] = OF_YEARS
    made.filters.update(
        asset=address,
        percent=_percent,
        best=_best,
        shell=shlex.quote,
        bird=partial(_bird, common_names),
        worded=partial(in_words, are=are),
    )
    return made


def axes(features: Features) -> dict[str, Any]:
    """What is drawn beside every picture."""
    return {
        "features": features,
        "ticks": frequency_ticks(features),
        "up": lambda hz: float(hz_to_height(np.array(hz), features)),
        "seconds": np.arange(0, features.windowing.length_s + 0.01).tolist(),
    }


def with_ticks(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A comparison whose set-ups have their frequencies' places."""
    setups = [{**setup, "ticks": frequency_ticks(Features.from_dict(setup["features"]))} for setup in facts["setups"]]
    return {**facts, "setups": setups}


def frequency_ticks(features: Features) -> list[Tick]:
    """Where round frequencies stand on a picture's height: share from the bottom, and kHz; none for cepstra."""
    if features.kind == "mfcc":
        return []
    places = hz_to_height(np.array(_TICKS_HZ), features)
    ticks: list[Tick] = []
    for place, hz in zip(places, _TICKS_HZ, strict=True):
        if 0.02 <= place <= 0.98 and (not ticks or place - ticks[-1]["share"] >= _TICKS_APART):
            ticks.append({"share": round(float(place), 4), "khz": f"{hz / 1000:g}"})
    return ticks


def _bird(common_names: dict[str, str], label: str) -> str:
    return common_names.get(label) or label or "not known"


def _best(scores: list[float]) -> list[int]:
    """Places of the five highest scores, the highest first."""
    return sorted(range(len(scores)), key=lambda place: -scores[place])[:5]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
