"""What an explanation says of its bundle, of corrections, and of what could not be done, in words for people."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from birdclef_mind.data.overrides import CorrectedCache, summary, to_record
from birdclef_mind.explanation import folder as explanation
from birdclef_mind.explanation.facts import BundleFacts, Corrections
from birdclef_mind.networks.bundle import Bundle


def bundle_facts(bundle: Bundle, digest: str) -> BundleFacts:
    """What a bundle is: its network with the digest of its weights, its features, birds, and how it was trained."""
    return {
        "sha256": digest,
        "network": bundle.network.name,
        "members": len(bundle.members),
        "fingerprint": bundle.features.fingerprint(),
        "features": asdict(bundle.features),
        "classes": list(bundle.classes.names),
        "common_names": dict(bundle.common_names),
        "record": bundle.record.to_dict(),
    }


def corrections(cache: CorrectedCache, bundle: Bundle) -> Corrections | None:
    """What was corrected before training, a line a window and what is said of it; None when nothing was."""
    found = cache.corrections
    return {"summary": summary(found), "lines": to_record(found)} if bundle.record.overrides else None


def notes(competition: Path | None, held_out: bool, second_saw: frozenset[str]) -> list[str]:
    """Sentences on what the measures rest on.

    Parameters
    ----------
    competition : folder of the real sound, where it is at hand. held_out : whether any recording was.
    second_saw : held-out recordings that the independent network was trained on.
    """
    found = [
        explanation.PHASE,
        "A reconstruction shows what a layer still holds, never why the network decided: weights only and the "
        "transposed pass partly copy the input whatever the weights are, as the random twin beside them shows.",
    ]
    if competition is None:
        found.append("The competition folder is not at hand: originals are heard as their pictures' own sound.")
    if not held_out:
        found.append("No recording was held out in training, so the measures are of recordings the network has seen.")
    if second_saw:
        found.append(
            f"{len(second_saw)} held-out recordings are not measured: the independent network was trained on them."
        )
    return found


def heard_notes(failed: Mapping[str, str]) -> list[str]:
    """A sentence on recordings that cannot be heard, and why; none where all can."""
    if not failed:
        return []
    name, reason = next(iter(failed.items()))
    return [f"{len(failed)} recordings cannot be heard, such as {name}: {reason}."]
