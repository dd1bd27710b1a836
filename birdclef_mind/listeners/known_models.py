"""SavedModels that are known by name, described by what stands in their folder."""

from pathlib import Path

from birdclef_mind.errors import ListenerError
from birdclef_mind.listeners.description import Description, lines_for
from birdclef_mind.listeners.species_lists import birdnet_lists
from birdclef_mind.listeners.terms import BIRDNET, PERCH
from birdclef_mind.storage.tables import header_of

# Perch lists eBird codes, and from its second version on scientific names.
CODES, SCIENTIFIC = "assets/label.csv", "assets/labels.csv"
_SURF = "surfperch"


def describe_saved_model(folder: Path) -> Description:
    """What is known of a SavedModel by its list of labels; ListenerError for one that has none of a known name."""
    if (folder / SCIENTIFIC).is_file():
        return _perch(folder, SCIENTIFIC, "Perch v2", "serving_default")
    if (folder / CODES).is_file():
        name = "SurfPerch" if _SURF in str(folder.resolve()).lower() else "Perch v1"
        return _perch(folder, CODES, name, "infer_tf")
    lists = birdnet_lists(folder)
    if lists:
        return Description(
            kind="savedmodel", model=folder, labels=lists[0], rate_hz=48_000, window_s=3.0, hop_s=278 / 48_000,
            scores="scores", are="chances", embedding="embeddings", signature="basic,embeddings", name="BirdNET v2.4",
            licence=BIRDNET.licence, prize=BIRDNET.prize,
        )  # fmt: skip
    raise ListenerError(
        f"{folder}: expected {CODES} or {SCIENTIFIC} in it, as Perch has them, or a list of BirdNET's beside it, got a "
        "SavedModel that is not known by name; describe it in a TOML file beside it:\n"
        f"{lines_for('savedmodel', folder.name)}"
    )


def _perch(folder: Path, labels: str, name: str, signature: str) -> Description:
    return Description(
        kind="savedmodel", model=folder, labels=folder / labels, rate_hz=32_000, window_s=5.0, hop_s=0.01, peak=0.25,
        scores="label", embedding="embedding", signature=signature, name=name,
        # Its only column is called after whoever named the species.
        column=next(iter(header_of(folder / labels)), ""),
        licence=PERCH.licence, prize=PERCH.prize,
    )  # fmt: skip
