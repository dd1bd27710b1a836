"""An explanation folder as one web page for somebody who knows birds and has never seen a neural network.

The page works from disk and offline; its pictures and sounds stand in a folder beside it, or inside it. Every measure
on it is in the explanation's JSON; every word that came from a table is escaped.
"""

import base64
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, TypeGuard, cast
from urllib.parse import quote

from birdclef_mind.errors import BundleError, ConfigError
from birdclef_mind.explanation import comparison
from birdclef_mind.explanation.card_facts import ExampleCard
from birdclef_mind.explanation.facts import AuditFacts, Explanation
from birdclef_mind.explanation.folder import FACTS, FORMAT, PARTS, check_files
from birdclef_mind.explanation.report.audit_page import render_audit
from birdclef_mind.explanation.report.client import client_facts
from birdclef_mind.explanation.report.environment import axes as axes_of
from birdclef_mind.explanation.report.environment import environment as environment_of
from birdclef_mind.explanation.report.environment import with_ticks
from birdclef_mind.explanation.report.findings import findings_of
from birdclef_mind.explanation.report.judged import ways_of, words_of
from birdclef_mind.explanation.report.story import insisted_on, story_of
from birdclef_mind.explanation.report.ways import ANSWER_WORDS, EVIDENCE_MEASURES, EVIDENCE_WORDS, TYPICAL, WAY_WORDS
from birdclef_mind.explanation.report.wording import BIRDS, in_words
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.song import TERMS
from birdclef_mind.storage import files, folders, locks
from birdclef_mind.storage.folder_kinds import AUDIT, files_of
from birdclef_mind.storage.ledger import refuse_others, write_own

_MIME = {
    ".png": "image/png",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}
# Browsers look at the content of what has no kind.
_ANY_MIME = "application/octet-stream"


def write_report(explanation: Path, out: Path, *, single_file: bool = False) -> None:
    """Render an explanation's or an audit's folder as the page `out`.

    Its pictures and sounds are copied to `<name>_files` beside it, unless the page stands in the explanation folder
    itself; with `single_file` they are inside the page. ConfigError for a page that cannot stand at `out`, BundleError
    as of `read_explanation`.
    """
    facts = read_audit(explanation) if (explanation / AUDIT).is_file() else read_explanation(explanation)
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{out}: expected a file name that ends in .html")
    refuse_others([out], ConfigError)
    out.parent.mkdir(parents=True, exist_ok=True)
    with locks.held(out, ConfigError):
        if single_file:
            page = render(facts, lambda path: _embedded(explanation / path), embed_sounds=True)
        elif out.parent.resolve() == explanation.resolve():
            page = render(facts, quote)
        else:
            folder = out.with_name(f"{out.stem}_files")
            page = render(facts, lambda path: quote(f"{folder.name}/{path}"))
            _copy(explanation, folder, out)
        write_own(out, page.encode("utf-8"))


def write_comparison(folder: Path) -> None:
    """Render a comparison of features as a page in its own folder; BundleError for a folder that holds none."""
    facts = files.read_facts(folder, comparison.FACTS, "a comparison", BundleError, FORMAT)
    template = environment_of(quote, facts["common_names"], facts.get("are", BIRDS)).get_template("compare.html")
    first = Features.from_dict(facts["setups"][0]["features"])
    files.write_text(
        folder / comparison.PAGE, template.render(comparison=with_ticks(facts), own=None, **axes_of(first))
    )


def read_explanation(folder: Path) -> Explanation:
    """The facts of a complete explanation folder; BundleError when it is none, or a fact or a file was changed."""
    folders.settled(folder)
    facts = files.read_facts(folder, FACTS, "an explanation", BundleError, FORMAT)
    check_files(folder, facts)
    return cast(Explanation, facts)


def read_audit(folder: Path) -> AuditFacts:
    """The facts of a complete audit's folder; BundleError as of `read_explanation`."""
    folders.settled(folder)
    facts = files.read_facts(folder, AUDIT, "an audit", BundleError, FORMAT)
    check_files(folder, facts)
    return cast(AuditFacts, facts)


def _is_whole(facts: Explanation | AuditFacts) -> TypeGuard[Explanation]:
    """Whether it is an explanation, of which an audit is a part."""
    return "examples" in facts


def render(facts: Explanation | AuditFacts, asset: Callable[[str], str], *, embed_sounds: bool = False) -> str:
    """The page's HTML, of an explanation or an audit; `asset` gives the address of a file of its folder.

    With `embed_sounds` a sound is named by its path and stands once in the page's data, however many players it has.
    """
    embedded: dict[str, str] = {}

    def address(path: str) -> str:
        if not embed_sounds or Path(path).suffix == ".png":
            return asset(path)
        if path not in embedded:
            embedded[path] = asset(path)
        return path

    if not _is_whole(facts):
        return render_audit(facts, address, embedded)
    are = facts["bundle"]["record"].get("are", BIRDS)
    environment = environment_of(address, facts["bundle"]["common_names"], are)
    environment.filters["place"] = partial(
        _place_of,
        {
            (facts["data"]["recordings"][segment["recording"]]["recording"], segment["window_s"]): place
            for place, segment in enumerate(facts["data"]["segments"])
        },
    )
    environment.filters["judged"] = partial(words_of, facts.get("judge"))
    axes = axes_of(Features.from_dict(facts["bundle"]["features"]))
    template = environment.get_template("page.html")
    shares, compared = _shares(facts), facts["comparison"]
    return template.render(
        facts={
            "listener": None,
            "rested": None,
            "suspects": None,
            **facts,
            "comparison": compared and with_ticks(compared),
        },
        own=facts["bundle"]["fingerprint"],
        findings=[one._replace(words=in_words(one.words, are)) for one in findings_of(facts)],
        client=client_facts(facts, axes, address, embedded),
        judge=facts.get("judge"),
        scripts=("player", "tables", "blind")
        if facts.get("listener")
        else ("player", "tables", "marks", "cells", "sheets", *(["suspects"] if "suspects" in facts else []), "blind"),
        shares=shares,
        columns=("correlation", "picture_error", *shares),
        judged_ways=ways_of(facts),
        curves=fidelity_curves(facts),
        methods=_methods_used(facts),
        first_shown=_first_shown(facts),
        story=story_of(facts),
        insisted=insisted_on(facts),
        terms=TERMS,
        taps=[layer["tap"] for layer in facts["fidelity"]["layers"]],
        way_words={way: in_words(words, are) for way, words in WAY_WORDS.items()},
        answer_words={way: in_words(words, are) for way, words in ANSWER_WORDS.items()},
        evidence_words=EVIDENCE_WORDS,
        evidence_measures=EVIDENCE_MEASURES,
        typical_words=in_words(TYPICAL, are),
        **axes,
    )


class Curve(TypedDict):
    """A measure of one method over the layers, of the network or of its control: values 0 to 1, or None."""

    measure: str
    method: str
    control: bool
    values: list[float | None]


def fidelity_curves(facts: Explanation) -> list[Curve]:
    """Per method the correlation and the recognised share over the layers, beside the twin's: values 0 to 1 or None."""
    curves: list[Curve] = []
    layers = facts["fidelity"]["layers"]
    for measure in ("correlation", "recognised"):
        for method in facts["methods"]:
            for control in ("measures", "twin"):
                values = [_mean(layer["methods"].get(method, {}), control, measure) for layer in layers]
                curves.append({"measure": measure, "method": method, "control": control == "twin", "values": values})
    return curves


def _mean(of_method: Mapping[str, Any], control: str, measure: str) -> float | None:
    found = of_method.get(control, {}).get(measure)
    return None if found is None else float(found["mean"])


def _methods_used(facts: Explanation) -> dict[str, str]:
    """The ways back that some layer has, and what to call them."""
    used = {method for layer in facts["fidelity"]["layers"] for method in layer["methods"]}
    return {method: words for method, words in facts["methods"].items() if method in used}


def _first_shown(facts: Explanation) -> str:
    """The way back that is switched on at first: the last one that every layer has; "" for no layers."""
    layers = [set(layer["methods"]) for layer in facts["fidelity"]["layers"]]
    used = list(_methods_used(facts))
    everywhere = [method for method in used if all(method in own for own in layers)]
    return next(iter([*reversed(everywhere), *reversed(used)]), "")


def _shares(facts: Explanation) -> dict[str, str]:
    """The shares in the table of measures, by name, and what to call them; of a listener those that were measured."""
    listener = facts.get("listener")
    if listener is None:
        return {"recognised": "still called the same", "recognised_by_second": "independent network agrees"}
    shares = {"recognised": "still called the same", "named": "named right"}
    if listener["second"] is not None:
        name = listener["second"]
        shares |= {"recognised_by_second": f"{name}: called the same", "named_by_second": f"{name}: named right"}
    return shares


def _place_of(places: dict[tuple[str, float], int], card: ExampleCard) -> int | None:
    """Place of an example among the segments of the data sheets; None for a sound that is not of the training data."""
    return None if card["window_s"] is None else places.get((card["recording"], card["window_s"]))


def _embedded(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{_MIME.get(path.suffix.lower(), _ANY_MIME)};base64,{content}"


def _copy(explanation: Path, folder: Path, out: Path) -> None:
    # Pages that differ in their ending alone do not share one.
    with folders.claimed(folder, files_of(out.name), ConfigError) as ledger, folders.renewed(ledger) as stage:
        for part in PARTS:
            # Networks that are no plain chain have no patches, for one.
            if (explanation / part).is_dir():
                shutil.copytree(
                    explanation / part, stage / part, ignore=shutil.ignore_patterns("*.npy", f"{files.PART_PREFIX}*")
                )
