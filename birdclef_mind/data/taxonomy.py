"""What the classes are: common and scientific name, and the kind of animal, from the tables that tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from birdclef_mind.data.form import TAXONOMY
from birdclef_mind.data.training_table import TrainingTable
from birdclef_mind.storage.tables import table_rows

BIRDS = "Aves"


@dataclass(frozen=True)
class Species:
    """What a label stands for; "" for what no table tells. `animal` is a class, such as Aves or Insecta."""

    label: str
    common_name: str = ""
    scientific_name: str = ""
    animal: str = ""


def read_species(root: Path, table: TrainingTable) -> dict[str, Species]:
    """Species by label: from the training table, and what that lacks from `taxonomy.csv`, in the order of the latter.

    TableError for a taxonomy that cannot be read.
    """
    found = dict(_listed(root / TAXONOMY))
    for one in table.recordings:
        other = found.get(one.label, Species(one.label))
        scientific_name, animal = table.class_names[one.label]
        found[one.label] = Species(
            one.label,
            other.common_name or one.common_name,
            other.scientific_name or scientific_name,
            other.animal or animal,
        )
    return found


def word_for(species: Iterable[Species]) -> str:
    """What to call them: birds, where no table says that one is something else."""
    return "birds" if all(one.animal in ("", BIRDS) for one in species) else "species"


def _listed(path: Path) -> Iterable[tuple[str, Species]]:
    if not path.is_file():
        return
    for _, cells in table_rows(path, ("primary_label",)):
        label = cells["primary_label"]
        names = (cells.get(name) or "" for name in ("common_name", "scientific_name", "class_name"))
        yield label, Species(label, *names)
