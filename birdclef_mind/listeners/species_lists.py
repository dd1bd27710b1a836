"""Lists of what a model knows, as their makers write them."""

from pathlib import Path

from birdclef_mind.data.taxonomy import Species
from birdclef_mind.errors import ListenerError


def read_birdnet_labels(model: Path, labels: Path | None, count: int) -> tuple[Species, ...]:
    """BirdNET's list: a line `Scientific name_Common name` for each logit, in their order.

    Where no list is given, the one beside the model, or in a folder `labels` there, that has so many lines is taken;
    English ones first. ListenerError for one of another length, a line of another form, and where there is none.
    """
    if labels is not None:
        return _birdnet(labels, count)
    found = [path for pattern in ("*abels*.txt", "labels/*.txt") for path in sorted(model.parent.glob(pattern))]
    english = sorted(found, key=lambda path: "en" not in path.stem.lower().split("_"))
    for path in english:
        if len(_lines(path)) == count:
            return _birdnet(path, count)
    there = f"found {', '.join(path.name for path in found)}" if found else "found none"
    raise ListenerError(f"{model}: expected beside it a list of its {count} species, such as *Labels.txt, {there}")


def _birdnet(path: Path, count: int) -> tuple[Species, ...]:
    lines = _lines(path)
    if len(lines) != count:
        raise ListenerError(f"{path}: expected {count} species, as many as the model has, got {len(lines)}")
    pairs = [line.split("_") for line in lines]
    for number, (line, pair) in enumerate(zip(lines, pairs, strict=True), start=1):
        if len(pair) != 2:
            raise ListenerError(f"{path}, line {number}: expected 'Scientific name_Common name', got {line[:60]!r}")
    return tuple(Species(line, common, scientific) for line, (scientific, common) in zip(lines, pairs, strict=True))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ListenerError(f"{path}: expected a list of species, got a file that is no text ({error})") from error
