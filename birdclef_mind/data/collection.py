"""What makes a competition folder a collection: its sounds are links to where somebody keeps them.

    collection.json   where the sounds are, and which folder on which disk was made of them

A link that leads out of a competition folder is not followed, since tables and links may come from strangers. Those of
a collection are, where the folder is the very one that was made here: its number on the disk stands in the facts.
"""

from pathlib import Path

from birdclef_mind.errors import StoreError
from birdclef_mind.storage import files

FACTS = "collection.json"
FORMAT = 1


def write_facts(folder: Path, root: Path, sounds: Path) -> None:
    """Write the facts into `folder`, for a collection that will stand at `root` and was made of the folder `sounds`."""
    place = root.stat()
    facts = {"sounds": str(sounds.resolve()), "device": place.st_dev, "number": place.st_ino}
    files.write_facts(folder / FACTS, facts, FORMAT)


def sounds_of(root: Path) -> Path | None:
    """Where links of a competition folder may lead; None for one that is no collection, or was made elsewhere."""
    path = root / FACTS
    try:
        # A kernel's mount is a folder of links to what stands in the collection itself.
        home = path.resolve(strict=True).parent
        facts = files.read_object(home, FACTS, "a collection", StoreError)
        place = home.stat()
        if not files.is_sealed(path) or (facts["device"], facts["number"]) != (place.st_dev, place.st_ino):
            return None
        return Path(str(facts["sounds"]))
    except (OSError, RuntimeError, KeyError, StoreError):
        return None
