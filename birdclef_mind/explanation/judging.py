"""A listener that judges an explanation's sounds, and what it made of those that were written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from birdclef_mind.data.competition import open_competition
from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ConfigError, TableError
from birdclef_mind.explanation.judge_facts import JudgedSound
from birdclef_mind.listeners.judge import Judge, Judgement, joined, match_classes
from birdclef_mind.listeners.open_listener import open_listener
from birdclef_mind.listeners.species_match import Match, require_any
from birdclef_mind.networks.bundle import FACTS, Bundle
from birdclef_mind.sound.audio import read_audio
from birdclef_mind.storage import files
from birdclef_mind.storage.progress import Say, Track, untracked

# Sounds that are decoded at a time.
_SOME = 16


@dataclass(frozen=True, kw_only=True)
class Judging:
    """A judge, and which of its species the network's classes are; sounds are heard for `length_s`, a segment."""

    judge: Judge
    match: Match
    length_s: float

    def hear(self, root: Path, sounds: Sequence[str], track: Track = untracked) -> "HeardSounds":
        """Hear sounds as they are written, by their paths below `root`; each once."""
        rate_hz = self.judge.listener.rate_hz
        # The format adds silence at the end.
        length = round(self.length_s * rate_hz)
        own, parts = tuple(dict.fromkeys(sounds)), list[Judgement]()
        for start in track(range(0, len(own), _SOME), -(-len(own) // _SOME), "sounds judged"):
            samples = [read_audio(root / path, rate_hz)[:length] for path in own[start : start + _SOME]]
            parts.append(self.judge.judge(self.judge.logits(samples, rate_hz), self.match))
        return HeardSounds(own, self.match, joined(parts))


@dataclass(frozen=True)
class HeardSounds:
    """What a judge says of some sounds, by their paths: what the classes are matched with in `match`, asked for all."""

    sounds: tuple[str, ...]
    match: Match
    judgement: Judgement

    @cached_property
    def known(self) -> dict[str, int]:
        """Labels that the judge knows, and their place in the judgement."""
        return {self.match.labels[number]: place for place, number in enumerate(self.match.known)}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {sound: place for place, sound in enumerate(self.sounds)}

    def verdict(self, sound: str, label: str) -> JudgedSound:
        """What it says of a sound, and at which place it names a label; the judge may know none of that name."""
        place, known = self._places[sound], self.known.get(label)
        called = self.judgement.species[int(self.judgement.called[place])]
        said: JudgedSound = {
            "called": called.common_name or called.scientific_name or called.label,
            "called_score": round(float(self.judgement.called_scores[place]), 4),
            "rank": None,
            "score": None,
            "logit": None,
        }
        if known is not None:
            own = self.judgement.verdict(place, known)
            said.update({"rank": own.rank, "score": round(own.score, 4), "logit": round(own.logit, 3)})
        return said

    def choice(self, sound: str, offered: Sequence[str]) -> str | None:
        """Which of the labels on offer it is surest of; None where it knows fewer than two of them."""
        own = [label for label in offered if label in self.known]
        logits = self.judgement.logits[self._places[sound]]
        return max(own, key=lambda label: float(logits[self.known[label]])) if len(own) > 1 else None


def open_judge(
    path: Path | None, bundle_folder: Path, bundle: Bundle, competition: Path, *, say: Say = lambda line: None
) -> Judging | None:
    """Open a judge of a bundle's birds; None without one.

    Parameters
    ----------
    competition : folder whose tables tell scientific names, where it is there.

    ListenerError for what is no listener, TableError for one that knows none of the birds, ConfigError for the network
    that is explained.
    """
    if path is None:
        return None
    judging = judging_by(path, _species(bundle, competition), bundle.features.windowing.length_s, say=say)
    if judging.judge.listener.digest == files.sha256(bundle_folder / FACTS):
        raise ConfigError(f"judge: expected another model than the network that is explained, got {path}")
    return judging


def judging_by(path: Path, species: Sequence[Species], length_s: float, *, say: Say = lambda line: None) -> Judging:
    """Open a judge of some species, whose sounds are heard for `length_s` seconds.

    ListenerError for what is no listener, TableError for one that knows none of the species.
    """
    listener = open_listener(path, say=say)
    match = match_classes(species, listener.species)
    require_any(match, listener.name)
    return Judging(judge=Judge(listener), match=match, length_s=length_s)


def _species(bundle: Bundle, competition: Path) -> list[Species]:
    """What the classes are, as the competition's tables tell it, and else by the names in the bundle."""
    try:
        told = open_competition(competition).species
    except (TableError, ConfigError):
        told = {}
    own = [Species(label, bundle.common_names.get(label, "")) for label in bundle.classes.names]
    return [
        replace(one, common_name=one.common_name or told[one.label].common_name,
                scientific_name=told[one.label].scientific_name)
        if one.label in told else one
        for one in own
    ]  # fmt: skip
